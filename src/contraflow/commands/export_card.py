"""What an exported encoder tells of itself, for programs (`card.json`) and for people (`README.md`)."""

from contraflow.commands.trained import Trained
from contraflow.evaluation.results import Evaluation
from contraflow.pages.numbers import count, share

_TREATMENT = (
    "upright as EXIF says, transparent parts on white, 16 bit scaled to 8; the shorter side resized to `size` pixels "
    "(antialiased bilinear) and the middle square taken; then (value / 255 - mean) / std for each channel"
)


def make_card(trained: Trained, evaluation: Evaluation | None) -> dict:
    """The card as a JSON-able dict; `evaluation` is what the step evaluate wrote of this encoder, None without."""
    made_from = trained.made_from
    return {
        "encoder": made_from.params["model"]["encoder"],
        "features": trained.network.dimension,
        "weights": sum(parameter.numel() for parameter in trained.network.parameters()),
        "input": trained.image | trained.normalisation | {"treatment": _TREATMENT},
        "data": {"name": made_from.data, "digest": made_from.inputs["data"]},
        "training": {"seed": made_from.seed, "round": made_from.round, "parameters": made_from.params},
        "accuracy": evaluation.test if evaluation else {},
        "intervals": evaluation.intervals if evaluation else {},
        "protocol": evaluation.protocol if evaluation else {},
        "checkpoint": trained.digest,
        "code": made_from.code,
    }


def readme(card: dict, code: str) -> str:
    """The card in Markdown, with the `code` that loads the weights."""
    taken, training = card["input"], card["training"]
    size, channels = taken["size"], taken["channels"]
    method = training["parameters"]["method"]["name"]
    mean, std = ([round(value, 6) for value in taken[name]] for name in ("mean", "std"))
    onnx = ["`encoder.onnx` is the same from `images` to `features`, for any number of images.", ""]
    lines = [
        f"# {card['encoder']} trained by {method} on {card['data']['name']}",
        "",
        f"{count(card['weights'])} weights, from images (N, {channels}, {size}, {size}) to features "
        f"(N, {card['features']}), not normalised. Written by `contraflow export`, and loaded without it:",
        "",
        "```python",
        code.rstrip(),
        "```",
        "",
        *(onnx if "encoder.onnx" in card["files"] else []),
        f"**Input.** float32, {'grey' if channels == 1 else 'red, green, blue'}, {size} x {size} pixels. Pictures are "
        f"taken {taken['treatment'].replace('`size`', str(size))}. In torchvision, from a Pillow picture converted to "
        f"{'`L`' if channels == 1 else '`RGB`'}: `Resize({size})`, `CenterCrop({size})`, `ToTensor()`, "
        f"`Normalize({mean}, {std})`; where a picture is no square, this may cut a fraction of a pixel elsewhere.",
        "",
        f"**Training.** {method}, seed {training['seed']}, {_rounds(training['round'])}; all parameters are in "
        "`card.json`. The projection head is not part of this file.",
        "",
        *_accuracy(card),
        "",
        "**Made from.** SHA-256:",
        "",
        f"- data card of `{card['data']['name']}`: `{card['data']['digest']}`",
        f"- checkpoint: `{card['checkpoint']}`",
        f"- code: `{card['code']}`",
        *(f"- `{name}`: `{digest}`" for name, digest in card["files"].items()),
    ]
    return "\n".join(lines) + "\n"


def _rounds(number: int) -> str:
    return f"after mining round {number}" if number else "before any mining"


def _accuracy(card: dict) -> list[str]:
    if not card["accuracy"]:
        return ["**Accuracy.** Not measured for this encoder where it was exported."]
    figures = [f"- {name}: {share(value, 2)}{_interval(card, name)}" for name, value in card["accuracy"].items()]
    told = [f"- {name}: {words}" for name, words in card["protocol"].items()]
    head = "**Accuracy** on the test images, of this one training; spread over seeds and baselines are in the report:"
    return [head, "", *figures, "", "Measured so:", "", *told]


def _interval(card: dict, name: str) -> str:
    ends = [share(end, 2) for end in card["intervals"].get(name, [])]
    return f" ({' to '.join(ends)})" if ends else ""

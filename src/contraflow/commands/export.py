"""The command `export`: an encoder for use without contraflow."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from torch import nn

from contraflow.commands.model_card import readme
from contraflow.commands.onnx import require_onnx, write_int8, write_onnx
from contraflow.commands.options import PARAMS, CheckpointFile, DataCard, ParamsFile
from contraflow.commands.plain import plain_code, plain_weights
from contraflow.commands.plain_text import described, projection_code, text_code, text_weights, whitened_code
from contraflow.commands.quantised import cost
from contraflow.commands.records import differing, evaluation_of, over_seeds
from contraflow.commands.text_side import TextSide
from contraflow.commands.timm_config import NAME as TIMM
from contraflow.commands.timm_config import config_of
from contraflow.commands.trained import Trained, card_of, last_checkpoint
from contraflow.encoded.card import Card, EncodedData
from contraflow.encoded.names import DATA, TOKENIZER
from contraflow.encoded.tokens import filling_of
from contraflow.evaluation.results import Evaluation
from contraflow.foundations.artefacts import sha256, write_json, write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.models.normalisation import Normalisation, Renormalised, reached
from contraflow.models.settings import Model
from contraflow.models.weights import write_weights
from contraflow.models.whitening import Whitened, bare
from contraflow.params import load_params

WEIGHTS, ONNX, INT8, CARD, README = (
    *("encoder.safetensors", "encoder.onnx", "encoder-int8.onnx"),
    *("card.json", "README.md"),
)
TEXT, PROJECTION, WHITENING = "text.safetensors", "projection.safetensors", "whitening.safetensors"
FILES = (CARD, README, WEIGHTS, WHITENING, TIMM, TEXT, PROJECTION, TOKENIZER, ONNX, INT8)
TREATMENT = (
    "upright as EXIF says, transparent parts on white, 16 bit scaled to 8; the shorter side resized to `size` pixels "
    "(antialiased bilinear) and the middle square taken; then (value / 255 - mean) / std for each channel"
)


def export(
    checkpoint: CheckpointFile = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("results/export"),
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Write ONNX, too; needs the packages of the extra `onnx`.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Write ONNX of 32 and of 8 bits, and measure what these cost.")
    ] = False,
    data: DataCard = Path(DATA),
    params: ParamsFile = PARAMS,
) -> None:
    """Write an encoder for use without contraflow.

    The folder gets its weights, those of its whitening, `card.json`, a README that is its model card, with the code
    that loads it, of a network of timm the `config.json` by which timm makes it itself, and ONNX where wanted; of one
    that was trained beside texts also the encoder of these, its tokenizer, and the projection of images into the space
    of both. What an earlier export left there is replaced, the card last: it vouches for the others.

    The cards have the figures of `results/evaluate` where they are of this very encoder, and what `data` tells of its
    images where it was trained on these. What 8 bits cost is measured on them, by the `eval` of the parameters.

    Raises:
        UserError: the checkpoint is missing or damaged, `out` holds other files, which might have the same names,
            packages that ONNX needs are not installed, ONNX is asked for of texts alone, or the tokenizer of an encoder
            of texts is not beside `data`.
    """
    trained = Trained.open(checkpoint or last_checkpoint(params))
    if onnx or int8:
        if trained.alone:
            raise UserError(f"--onnx and --int8 are of encoders of images, and {trained.path} takes texts")
        require_onnx()
    if out.is_dir() and (other := sorted(path.name for path in out.iterdir() if path.name not in FILES)):
        raise UserError(
            f"{out} holds other files than an export, {other[0]} for one: name a folder of its own with --out"
        )
    of_data = card_of(trained, data)
    encoded, settings = (EncodedData.open(data), load_params(params).eval) if int8 and of_data else (None, None)
    side = TextSide.of(trained, data) if trained.alone or trained.towers else None
    for name in FILES:
        (out / name).unlink(missing_ok=True)
    network, normalisation = _bare(trained)
    told = {"checkpoint": trained.digest, "model": trained.made_from.params["model"]} | normalisation
    told["image_size"] = trained.made_from.image_size
    code = {}
    if isinstance(trained.network, Whitened):
        write_weights(out / WHITENING, plain_weights(trained.network.whitening), told)
    if not trained.alone:
        code["images"] = _write_images(out, trained, network, normalisation, told)
    if side:
        code["texts"] = _write_texts(out, side, trained, told)
    if onnx or int8:
        whitening = _whitening(trained)
        write_onnx(out / ONNX, Whitened(network, whitening[0]) if whitening else network, **trained.image)
    evaluation = evaluation_of(trained)
    card = _card(trained, side, normalisation, of_data, evaluation)
    if int8:
        write_int8(out / INT8, out / ONNX)
        if encoded:
            card["int8"] = cost(trained, out / INT8, normalisation, encoded, settings, evaluation)
    card["files"] = {name: sha256(out / name) for name in FILES if (out / name).exists()}
    write_text(out / README, readme(card, code, of_data))
    write_json(out / CARD, card)
    say(f"{out}: {', '.join([*card['files'], README, CARD])}")
    if int8:
        say(f"{INT8}: {_told(card, out) if encoded else f'not measured, since {data} is not what it was trained on'}")


def _write_images(
    out: Path, trained: Trained, network: nn.Module, normalisation: dict[str, list[float]], told: dict
) -> str:
    """The encoder of images; returns the code that loads it."""
    model = Model(**trained.made_from.params["model"])
    code = plain_code(network, model, WEIGHTS, _whitening(trained))
    write_weights(out / WEIGHTS, plain_weights(network), told)
    if config := config_of(network, model, trained.image, normalisation, WEIGHTS):
        write_json(out / TIMM, config)
    return code


def _write_texts(out: Path, side: TextSide, trained: Trained, told: dict) -> str:
    """The encoder of texts, and where it stands beside one of images the projection of these."""
    filling, network = filling_of(side.tokenizer), bare(side.network)
    code = text_code(network, file=TEXT, tokenizer=TOKENIZER, filling=filling, card=CARD)
    if whitening := _whitening(trained):
        code += f"\n{whitened_code(*whitening)}"
    write_weights(out / TEXT, text_weights(network, filling), told)
    write_text(out / TOKENIZER, side.tokenizer)
    projection = None if trained.alone else trained.towers.projection
    if isinstance(projection, nn.Linear):
        write_weights(out / PROJECTION, plain_weights(projection), told)
        code += f"\n{projection_code(projection, PROJECTION)}"
    return code


def _told(card: dict, out: Path) -> str:
    """What 8 bits cost, in a line."""
    of, sizes = card["int8"], [(out / name).stat().st_size for name in (INT8, ONNX)]
    figures = [
        f"{key} {100 * of['int8'][key]:.2f} (original {100 * value:.2f})" for key, value in of["original"].items()
    ]
    return "; ".join(
        [
            f"{100 * sizes[0] / sizes[1]:.0f} % of the bytes of {ONNX}",
            *([f"in per cent of {of['test_images']:,} test images {', '.join(figures)}"] if figures else []),
            f"cosine of features with the original's {of['cosine']['mean']:.4f}, at least {of['cosine']['least']:.4f}",
        ]
    )


def _whitening(trained: Trained) -> tuple[nn.Linear, str] | None:
    """That of the encoder, and the file that holds it; None where it has none."""
    return (trained.network.whitening, WHITENING) if isinstance(trained.network, Whitened) else None


def _bare(trained: Trained) -> tuple[nn.Module, dict[str, list[float]]]:
    """The network without its whitening and without a change of normalisation before it, and the `mean` and `std` of
    the images it then takes.
    """
    network, normalisation = bare(trained.network), trained.normalisation
    if isinstance(network, Renormalised):
        normalisation = asdict(reached(Normalisation(**normalisation), network.scale, network.shift))
        network = network.encoder
    return network, normalisation


def _card(
    trained: Trained,
    side: TextSide | None,
    normalisation: dict[str, list[float]],
    data: Card | None,
    evaluation: Evaluation | None,
) -> dict:
    """What the encoder tells of itself, but for its files; None for what is not at hand."""
    made_from = trained.made_from
    return {
        "encoder": "transformer" if trained.alone else made_from.params["model"]["encoder"],
        "features": trained.network.dimension,
        "weights": sum(parameter.numel() for parameter in trained.network.parameters()),
        **({} if trained.alone else {"input": trained.image | normalisation | {"treatment": TREATMENT}}),
        **({"text": described(bare(side.network))} if side else {}),
        "data": {"name": made_from.data, "digest": made_from.inputs["data"]} | (_amounts(data) if data else {}),
        "training": {
            "seed": made_from.seed,
            "round": made_from.round,
            "parameters": made_from.params,
            "differing": differing(trained),
            "made_from": {name: digest for name, digest in made_from.inputs.items() if name != "data"},
        },
        "accuracy": evaluation.test if evaluation else {},
        "intervals": evaluation.intervals if evaluation else {},
        "over_seeds": over_seeds(trained, evaluation) if evaluation else {},
        "protocol": evaluation.protocol if evaluation else {},
        "checkpoint": trained.digest,
        "code": made_from.code,
    }


def _amounts(data: Card) -> dict[str, int]:
    return {
        "training_images": data.train.images - data.validation.images,
        "validation_images": data.validation.images,
        "test_images": data.test.images,
        "classes": len(data.classes),
    }

"""The command `export`: an encoder for use without contraflow."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from safetensors.torch import save
from torch import nn

from contraflow.commands.onnx import require_onnx, write_onnx
from contraflow.commands.options import PARAMS, CheckpointFile, ParamsFile
from contraflow.commands.plain import plain_code, plain_weights
from contraflow.commands.trained import RESULTS, Trained, last_checkpoint
from contraflow.evaluation.results import Evaluation
from contraflow.foundations.artefacts import atomic, read_json, sha256, write_json, write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.models.normalisation import Normalisation, Renormalised, reached
from contraflow.models.settings import Model
from contraflow.models.weights import EXPORTED
from contraflow.pages.assets import template

WEIGHTS, ONNX, CARD, README = "encoder.safetensors", "encoder.onnx", "card.json", "README.md"
FILES = (WEIGHTS, ONNX, CARD, README)
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
    params: ParamsFile = PARAMS,
) -> None:
    """Write an encoder for use without contraflow.

    The folder gets its weights, `card.json`, a README with the code that loads it, and ONNX where wanted. What an
    earlier export left there is replaced, the card last: it vouches for the others.

    The card has the figures of `results/evaluate` where they are of this very encoder.

    Raises:
        UserError: the checkpoint is missing or damaged, `out` holds other files, which might have the same names, or
            packages that ONNX needs are not installed.
    """
    trained = Trained.open(checkpoint or last_checkpoint(params))
    if onnx:
        require_onnx()
    if out.is_dir() and (other := sorted(path.name for path in out.iterdir() if path.name not in FILES)):
        raise UserError(
            f"{out} holds other files than an export, {other[0]} for one: name a folder of its own with --out"
        )
    for name in (CARD, README, ONNX):
        (out / name).unlink(missing_ok=True)
    model, (network, normalisation) = Model(**trained.made_from.params["model"]), _bare(trained)
    told = {"checkpoint": trained.digest, "model": trained.made_from.params["model"]} | normalisation
    weights = plain_weights(network)
    written = [WEIGHTS]
    with atomic(out / WEIGHTS) as temporary:
        temporary.write_bytes(save(weights, metadata={EXPORTED: json.dumps(told)}))
    if onnx:
        write_onnx(out / ONNX, network, **trained.image)
        written.append(ONNX)
    card = _card(trained, normalisation, _evaluation(trained)) | {
        "files": {name: sha256(out / name) for name in written}
    }
    code = plain_code(network, model, WEIGHTS)
    write_text(out / README, template(Path(__file__).parent / "export_readme.md.j2").render(card=card, code=code))
    write_json(out / CARD, card)
    say(f"{out}: {', '.join([*written, README, CARD])}")


def _bare(trained: Trained) -> tuple[nn.Module, dict[str, list[float]]]:
    """The network without a change of normalisation before it, and the `mean` and `std` of the images it then takes."""
    network, normalisation = trained.network, trained.normalisation
    if isinstance(network, Renormalised):
        normalisation = asdict(reached(Normalisation(**normalisation), network.scale, network.shift))
        network = network.encoder
    return network, normalisation


def _card(trained: Trained, normalisation: dict[str, list[float]], evaluation: Evaluation | None) -> dict:
    """What the encoder tells of itself, but for its files; `evaluation` is of this very encoder, None without."""
    made_from = trained.made_from
    return {
        "encoder": made_from.params["model"]["encoder"],
        "features": trained.network.dimension,
        "weights": sum(parameter.numel() for parameter in trained.network.parameters()),
        "input": trained.image | normalisation | {"treatment": TREATMENT},
        "data": {"name": made_from.data, "digest": made_from.inputs["data"]},
        "training": {"seed": made_from.seed, "round": made_from.round, "parameters": made_from.params},
        "accuracy": evaluation.test if evaluation else {},
        "intervals": evaluation.intervals if evaluation else {},
        "protocol": evaluation.protocol if evaluation else {},
        "checkpoint": trained.digest,
        "code": made_from.code,
    }


def _evaluation(trained: Trained) -> Evaluation | None:
    path = RESULTS / "evaluate" / f"encoder-seed{trained.made_from.seed}.json"
    if not path.is_file():
        return None
    found = Evaluation.of_content(read_json(path), path)
    return found if found.provenance.inputs.get("encoder") == trained.digest else None

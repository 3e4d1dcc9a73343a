"""Steps of the workflow on a benchmark's own files, with as many threads as there are cores."""

from pathlib import Path

from contraflow.devices import cores
from contraflow.encoded.names import CARD
from contraflow.evaluation.results import Evaluation
from contraflow.foundations.artefacts import read_json
from contraflow.params import Params
from contraflow.steps.encode import Encoding, encode
from contraflow.steps.evaluate.evaluate import Evaluating, evaluate
from contraflow.steps.fetch import Fetching, fetch
from contraflow.steps.pretrain import Pretraining, pretrain


def encode_into(folder: Path, params: Params) -> Path:
    """Fetch and encode images; the card."""
    source, card = folder / "fetch" / "source.json", folder / "encode" / CARD
    fetch(Fetching.of(params), source=source)
    encode(Encoding.of(params), source=source, card=card)
    return card


def pretrain_into(folder: Path, params: Params, *, seed: int, data: Path) -> None:
    """Pretrain; the folder gets `encoder.safetensors` and `history.csv`."""
    files = {"encoder": folder / "encoder.safetensors", "history": folder / "history.csv", "state": folder / "state"}
    pretrain(Pretraining.of(params), seed=seed, data=data, threads=cores(), **files)


def evaluated(params: Params, representation: str, *, data: Path, checkpoint: Path | None, folder: Path) -> Evaluation:
    """What is found of a representation; the folder gets a file of it."""
    figures = folder / f"{representation}.json"
    named = {"representation": representation, "checkpoint": checkpoint, "figures": figures}
    evaluate(Evaluating.of(params), data=data, threads=cores(), **named)
    return Evaluation.of_content(read_json(figures), figures)

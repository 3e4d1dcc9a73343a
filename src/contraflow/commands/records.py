"""What the files of a run tell of one of its encoders."""

from pathlib import Path
from typing import Any

from contraflow.commands.trained import RESULTS, Trained
from contraflow.evaluation.over_seeds import summarise_evaluations
from contraflow.evaluation.results import Evaluation
from contraflow.foundations.artefacts import read_json, sha256
from contraflow.models.checkpoint import read_checkpoint
from contraflow.params import Params
from contraflow.settings.values import ABSENT, flat

EVALUATIONS = RESULTS / "evaluate"
BASELINES = ("untrained-seed*", "raw_pixels", "pca_pixels")


def evaluation_of(trained: Trained) -> Evaluation | None:
    """What `results/evaluate` has of this very encoder."""
    path = EVALUATIONS / f"encoder-seed{trained.made_from.seed}.json"
    if not path.is_file():
        return None
    found = Evaluation.of_content(read_json(path), path)
    return found if found.provenance.inputs.get("encoder") == trained.digest else None


def over_seeds(trained: Trained, own: Evaluation) -> dict[str, dict[str, dict]]:
    """The spread over seeds of every figure of the test images, by representation: of the trainings that differ from
    this one by their seed alone, and of what they are measured beside, all alike and on the same images."""
    paths = [path for name in ("encoder-seed*", *BASELINES) for path in sorted(EVALUATIONS.glob(f"{name}.json"))]
    found = [Evaluation.of_content(read_json(path), path) for path in paths]
    found = [each for each in found if _how(each) == _how(own)]
    summary = summarise_evaluations(
        each for each in found if each.representation != "encoder" or _trained_alike(each, trained)
    )
    return {name: figures for name, figures in summary.items() if name not in ("validation", "chance")}


def _how(of: Evaluation) -> tuple:
    return of.provenance.code, of.provenance.params, of.provenance.inputs.get("data")


def _trained_alike(one: Evaluation, trained: Trained) -> bool:
    """Whether the checkpoint of its seed, where it lies as this one does, is what was measured and trained alike."""
    seeds = {f"seed{trained.made_from.seed}": f"seed{one.seed}"}
    path = Path(*(seeds.get(part, part) for part in trained.path.parts))
    if not path.is_file() or sha256(path) != one.provenance.inputs.get("encoder"):
        return False
    made_from = read_checkpoint(path)[1]
    return all(
        getattr(made_from, name) == getattr(trained.made_from, name) for name in ("step", "code", "round", "params")
    )


def differing(trained: Trained) -> dict[str, dict[str, Any]]:
    """The parameters of the training that are not the default: by name `value`, and `default` where there is one."""
    defaults = dict(flat(Params().model_dump()))
    found = {}
    for name, value in flat(trained.made_from.params):
        default = defaults.get(name, ABSENT)
        if value != default:
            found[name] = {"value": value} | ({} if default is ABSENT else {"default": default})
    return found

"""The command `baseline`: pins the run in `results/`, so that later reports say what changed. No stage."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from contraflow.baseline.pinned import Pinned, PinnedFigures
from contraflow.commands.options import PARAMS, ParamsFile
from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import DATA
from contraflow.engines.circumstances import changed_files, commit
from contraflow.engines.dvc import Dvc
from contraflow.engines.repository import require_git
from contraflow.evaluation.results import Evaluation, Extra
from contraflow.evaluation.settings import STS
from contraflow.foundations.artefacts import write_json
from contraflow.foundations.errors import UserError
from contraflow.foundations.stages import Stages
from contraflow.pages.numbers import listing
from contraflow.params import Params, load_params
from contraflow.settings.values import flat

BASELINE = Path("baseline.json")
EVALUATIONS = Path("results/evaluate")
OF_PINNED = "report"  # the one stage that reads what is pinned
MOST = 3  # names of what changed that are told


def baseline(
    name: Annotated[
        str | None, typer.Option("--name", help="How reports shall call it; else the commit that is checked out.")
    ] = None,
    params: ParamsFile = PARAMS,
) -> None:
    """Pin the results: later reports say what changed against them.

    The present folder is the DVC repository, and `baseline.json` gets the figures of the encoder in its `results/`.

    Raises:
        UserError: there is no whole run, DVC says that it is not of the present parameters, code and data, it failed,
            the commit does not name it, or git does not work here.
    """
    loaded = load_params(params)
    paths = [EVALUATIONS / f"encoder-seed{seed}.json" for seed in loaded.seeds]
    for path in (Path(DATA), *paths):
        if not path.is_file():
            raise UserError(f"{path} is missing, and only a whole run can be a baseline: run `snakemake` first")
    require_git(Path())
    _require_up_to_date()
    name = name or _name_of_commit()
    write_json(BASELINE, read_results(loaded, name, data=Path(DATA), evaluations=paths).model_dump())
    print(f"{BASELINE} holds the figures of {name}: the next report says what changed")


def read_results(params: Params, name: str, *, data: Path, evaluations: list[Path]) -> Pinned:
    """What is pinned of a run: `data` is the card of its images, `evaluations` those of the encoder, one a seed.

    Raises:
        UserError: a file is missing or damaged, was made from other data, or has figures that are no numbers.
    """
    encoded = EncodedData.open(data)
    return Pinned(
        name=name,
        test_images=encoded.card.tested,
        params=dict(flat(params.model_dump())),
        evaluations=[_figures(path, encoded.digest, scored=params.eval.scored is not None) for path in evaluations],
    )


def _figures(path: Path, digest: str, *, scored: bool) -> PinnedFigures:
    try:
        found = PinnedFigures.model_validate(Evaluation.read(path, data=digest))
    except ValidationError:
        raise UserError(
            f"{path} has figures that are no numbers (a failed run, or a damaged file), so it cannot be a baseline"
        ) from None
    if not scored:
        return found
    pairs = Extra.read(path.parent / STS / path.name, data=digest)
    return found.beside(pairs.figures, pairs.provenance.inputs[STS])


def _require_up_to_date() -> None:
    changes = Dvc(Path()).changes()
    for stage in Stages(Path()).names:
        if stage in changes and stage != OF_PINNED:
            raise UserError(
                f"results/ was not made with the parameters, code and data that are here now ({stage}: "
                f"{_some(_changed(changes[stage]))}): run `snakemake` first, or put them back"
            )


def _changed(changes: list) -> list[str]:
    """Parameters and paths that `dvc status` finds changed in a stage."""
    found = []
    for change in changes:
        kinds = change.values() if isinstance(change, dict) else [{change: None}]  # such as `changed command`
        for path, how in (entry for kind in kinds for entry in kind.items()):
            found += how if isinstance(how, dict) else [path]
    return found


def _name_of_commit() -> str:
    """Raises UserError where there is no commit, or files that differ from it may have made the results."""
    changed = [path for path in changed_files(Path()) if path != BASELINE.name]
    if (found := commit(Path())) and not changed:
        return found
    why = f"{_some(changed)} changed since the commit" if found else "there is no commit to name it by"
    raise UserError(f"{why}: give the baseline a name, as in `contraflow baseline --name first`")


def _some(names: list[str]) -> str:
    return listing(names if len(names) <= MOST else [*names[:MOST], f"{len(names) - MOST} more"])

"""What is asked of Snakemake on its command line and would come to nothing, or to something else, in this workflow."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from contraflow.foundations.errors import UserError

# Of these Snakemake makes something that cannot run: jobs here take their code, the pipeline and DVC's records from the
# repository, and their programs from the Python that runs Snakemake.
_ELSEWHERE = {
    "--archive": "share the repository with `git clone` and `dvc pull`",
    "--containerize": "requirements.lock pins what is installed, and ./setup.sh installs it",
    "--export-cwl": "the stages are in dvc.yaml",
    "--generate-unit-tests": "the tests are in tests/",
}
_PICK = {"--forcerun": "-R", "--until": "-U", "--omit-from": "-O"}  # options that pick jobs by their rules


def require_possible(words: Sequence[str], home: Path) -> None:
    """Refuse what the workflow cannot do.

    Args:
        words: What was typed after `snakemake`.
        home: Where the Snakefile lies.

    Raises:
        UserError: an option asks for something to be run elsewhere, or this directory has not the code of the workflow.
    """
    for word in words:
        option = word.partition("=")[0]
        for name, instead in _ELSEWHERE.items():
            if len(option) > 2 and name.startswith(option):  # Snakemake takes it shortened, too
                raise UserError(f"{name} makes nothing that runs outside of this repository: {instead}")
    code = Path("src")
    if not code.is_dir() or not code.samefile(home / code):
        raise UserError(f"a run belongs where its Snakefile lies: type `cd {home.resolve()}` first, and no --directory")


def require_meant(words: Sequence[str], stages: Mapping[str, Sequence[str]]) -> None:
    """Refuse names that Snakemake would pass over in silence.

    Args:
        words: What was typed after `snakemake`.
        stages: For each stage its rules that make something.

    Raises:
        UserError: an option picks a stage, whose rule runs nothing, or a rule that there is not.
    """
    known = {rule for makers in stages.values() for rule in makers} | stages.keys() | {"all"}
    for option, name in _picked(words):
        batched = option == "--batch"
        if name not in known and "/" not in name:
            raise UserError(f"{option} {name}: there is no such rule; `snakemake --list-rules` names them all")
        if batched and name in stages and name not in words:
            raise UserError(f"--batch {name} divides nothing where `all` is made: type `snakemake {name} --batch …`")
        if not batched and name in stages:
            raise UserError(
                f"{option} takes rules, and {name} is a stage: name of its rules {', '.join(sorted(stages[name]))}, "
                f"or type `snakemake {name}` for this stage and what it needs"
            )


def _picked(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options that pick jobs, each with the names of rules and files that follow it."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    for option, short in _PICK.items():
        parser.add_argument(option, short, nargs="*", default=[], dest=option)
    parser.add_argument("--batch", action="append", default=[], dest="--batch")
    for option, names in vars(parser.parse_known_args(words)[0]).items():
        yield from ((option, name.partition("=")[0]) for name in names)

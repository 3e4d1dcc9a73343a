"""Keep the workflow's files in line: dvc.yaml and params.yaml say what rules, signatures of steps and settings say.

python workflow/sync.py          say what differs; exit 1 if anything does
python workflow/sync.py --fix    write dvc.yaml whole, and of params.yaml all but the values
"""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from drift import ROOT, parameters
from drift.pipeline import Pipeline
from drift.plan import rules_of_stages

from contraflow.commands.written import as_yaml
from contraflow.foundations.errors import UserError
from contraflow.params import parse_params


def wanted() -> tuple[dict[Path, str], list[str]]:
    """What the files should say, and what a person must change first.

    Raises:
        UserError: params.yaml has keys or values that cannot be, so Snakemake refuses to plan.
    """
    file = ROOT / "params.yaml"
    values = parse_params(yaml.safe_load(file.read_text(encoding="utf-8")), complete=False)
    params = as_yaml(values)  # what the file does not name has its default
    content, rules = yaml.safe_load(params), rules_of_stages(ROOT)
    stage_of = {rule: stage for stage, makers in rules.items() for rule in makers}
    pipeline = Pipeline(ROOT, rules, *parameters.plan_and_reads(ROOT, content, stage_of))
    problems = [*parameters.unread(content, pipeline.reads), *pipeline.problems()]
    return {file: params, ROOT / "dvc.yaml": pipeline.text()}, problems


def differences(files: dict[Path, str]) -> Iterator[str]:
    """The lines in which the files differ from what they should say."""
    for file, text in files.items():
        now = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        for line in difflib.unified_diff(now, text.splitlines(), n=0, lineterm=""):
            if not line.startswith(("---", "+++", "@@")):
                yield f"{file.name}: {line}"


def main() -> None:
    try:
        files, problems = wanted()
    except UserError as error:
        raise SystemExit(str(error)) from None
    differing = list(differences(files))
    print(*problems, *differing, sep="\n", end="\n" if problems or differing else "")
    if "--fix" in sys.argv:
        for file, text in files.items():
            file.write_text(text, encoding="utf-8")
        differing = []
    if problems or differing:
        raise SystemExit("`python workflow/sync.py --fix` writes what differs" if differing else 1)
    print("the workflow's files are in line")


if __name__ == "__main__":
    main()

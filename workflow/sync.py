"""Keep dvc.yaml in line with the code: the modules that a stage's steps import are dependencies of the stage.

python workflow/sync.py          say what differs, exit 1 if anything does
python workflow/sync.py --fix    write it into dvc.yaml
"""

import re
import sys
from importlib import import_module
from pathlib import Path

import grimp
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
sys.path.insert(0, str(SOURCE))


def steps_of(stage: str) -> list[str]:
    """Modules of the steps that the rules of a stage run: each rule names its own as the input `code`."""
    rules = (ROOT / "workflow" / "rules" / f"{stage}.smk").read_text(encoding="utf-8")
    return sorted({f"contraflow.steps.{name}" for name in re.findall(r'code="src/contraflow/steps/(\w+)\.py"', rules)})


def modules_of(steps: list[str], graph: grimp.ImportGraph) -> list[str]:
    """Paths of all modules that running the steps imports, with the packages that hold them and their data."""
    wanted, found = list(steps), set()
    while wanted:
        module = wanted.pop()
        if module and module not in found:
            found.add(module)
            wanted += [module.rpartition(".")[0], *graph.find_modules_directly_imported_by(module)]
    return sorted(path.relative_to(ROOT).as_posix() for module in found for path in _files(module))


def _files(module: str) -> list[Path]:
    """A module's own file; of a package also the templates and other data beside it."""
    place = SOURCE.joinpath(*module.split("."))
    if not place.is_dir():
        return [place.with_suffix(".py")]
    data = [file for file in place.iterdir() if file.is_file() and file.suffix not in {".py", ".pyc"}]
    return [place / "__init__.py", *data]


def differences(stages: dict, graph: grimp.ImportGraph) -> list[str]:
    """Bring `stages` in line, and return one sentence for each thing that was not."""
    said = []
    for name, stage in stages.items():
        steps = steps_of(name)
        expected, listed = modules_of(steps, graph), [dep for dep in stage["deps"] if dep.startswith("src/")]
        said += [
            f"dvc.yaml: stage {name} imports {path}, which is not among its deps"
            for path in expected
            if path not in listed
        ]
        said += [
            f"dvc.yaml: stage {name} does not import {path}, which is among its deps"
            for path in listed
            if path not in expected
        ]
        stage["deps"] = [dep for dep in stage["deps"] if dep not in listed] + expected
        reads = [key for step in steps for key in import_module(step).READS]
        said += [
            f"dvc.yaml: stage {name} reads {key}, which is not among its params"
            for key in reads
            if not _covered(key, stage["params"])
        ]
        stage["params"] += [key for key in reads if not _covered(key, stage["params"])]
    return said


def _covered(key: str, params: list[str]) -> bool:
    return key in params or key.partition(".")[0] in params


def main() -> None:
    yaml = YAML()
    yaml.width = 4096  # never fold a command
    file = ROOT / "dvc.yaml"
    content = yaml.load(file)
    said = differences(content["stages"], grimp.build_graph("contraflow", cache_dir=None))
    print("\n".join(said) or "dvc.yaml is in line with the code")
    if said and "--fix" in sys.argv:
        yaml.dump(content, file)
        print("dvc.yaml: written")
    elif said:
        raise SystemExit("run `python workflow/sync.py --fix`")


if __name__ == "__main__":
    main()

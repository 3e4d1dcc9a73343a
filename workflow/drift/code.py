"""What the code says of itself: the modules that a step imports, the parameters it reads, the command that runs it."""

import ast
from pathlib import Path

import grimp

from contraflow.mining.settings import MINING
from contraflow.params import Params

SOURCE = Path("src")
STEPS = "src/contraflow/steps/"


class Code:
    """The package in `root/src`."""

    def __init__(self, root: Path):
        self.root = root
        self.graph = grimp.build_graph("contraflow", cache_dir=None)
        self.command_line = self._parse("src/contraflow/cli.py")

    def _parse(self, path: str) -> ast.Module:
        return ast.parse((self.root / path).read_text(encoding="utf-8"))

    def imported_by(self, paths: set[str]) -> list[str]:
        """Paths of all modules that running modules imports, with the packages that hold them and their data."""
        wanted, found = [path.removeprefix("src/").removesuffix(".py").replace("/", ".") for path in paths], set()
        while wanted:
            module = wanted.pop()
            if module and module not in found:
                found.add(module)
                wanted += [module.rpartition(".")[0], *self.graph.find_modules_directly_imported_by(module)]
        return sorted(path for module in found for path in self._files(module))

    def _files(self, module: str) -> list[str]:
        """A module's own file; of a package also the templates and other data beside it and in its plain folders."""
        place = SOURCE.joinpath(*module.split("."))
        if not (self.root / place).is_dir():
            return [place.with_suffix(".py").as_posix()]
        return [(place / "__init__.py").as_posix(), *self._data(place)]

    def _data(self, place: Path) -> list[str]:
        found = []
        for path in (self.root / place).iterdir():
            if path.is_dir() and not (path / "__init__.py").exists():
                found += self._data(place / path.name)
            elif path.is_file() and path.suffix not in (".py", ".pyc"):
                found.append((place / path.name).as_posix())
        return found

    def reads(self, path: str) -> list[str]:
        """The parameters that a file names in its READS, if it is a step's; it is not run, for it may import torch."""
        for node in self._parse(path).body if path.startswith(STEPS) else ():
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "READS":
                return list(
                    eval(compile(ast.Expression(node.value), path, "eval"), {"MINING": MINING, "Params": Params})
                )
        return []

    def run_by(self, command: str) -> str | None:
        """Path of the step that `contraflow NAME` imports; None where there is no such command."""
        for node in self.command_line.body:
            if isinstance(node, ast.FunctionDef) and node.name == command.replace("-", "_"):
                for line in ast.walk(node):
                    if isinstance(line, ast.ImportFrom) and line.module.startswith("contraflow.steps."):
                        return f"src/{line.module.replace('.', '/')}.py"
        return None

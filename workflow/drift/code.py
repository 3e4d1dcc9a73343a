"""What the code says of itself: which step a command runs, what it imports, and the parameters it reads."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import grimp

from contraflow.cli import OF_EVERY_STEP, function_of, modules
from contraflow.foundations.signature import Signature

SOURCE = Path("src")
APART = ("contraflow", "contraflow.steps")  # packages whose modules are inputs one by one


class Code:
    """The package in `root/src`."""

    def __init__(self, root: Path):
        self.root = root
        self.graph = grimp.build_graph("contraflow", cache_dir=None)
        self.steps = modules("steps")

    def signature(self, command: str) -> Signature:
        """Of the step that `contraflow NAME` runs."""
        return Signature.of(function_of(self.steps[command]))

    def run_by(self, commands: Iterable[str]) -> list[str]:
        """Paths of what steps import, and of themselves: packages, and modules of packages that hold unlike things."""
        wanted, found = [function_of(self.steps[command]).__module__ for command in commands], set()
        while wanted:
            module = wanted.pop()
            if module and module not in found:
                found.add(module)
                wanted += [module.rpartition(".")[0], *self.graph.find_modules_directly_imported_by(module)]
        paths = {self._input(module) for module in found - set(APART)}  # whose own modules hold a docstring
        return sorted(path.as_posix() for path in paths if not paths & set(path.parents))

    def _input(self, module: str) -> Path:
        """The package of a module, or its file where the package is one of `APART`."""
        place = SOURCE.joinpath(*module.split("."))
        if (self.root / place).is_dir():
            return place
        return place.with_suffix(".py") if module.rpartition(".")[0] in APART else place.parent


def misfits(rule: str, arguments: list[str], signature: Signature) -> Iterator[str]:
    """Options in the command of a rule that its step does not have, and files that it needs and is not given."""
    given = {word[2:].replace("-", "_") for word in arguments if word.startswith("--")}
    kept = {signature.kept(), None}
    for name in sorted(given - signature.roles.keys() - OF_EVERY_STEP.keys()):
        yield f"rule {rule} names {name}, which its step does not take: {', '.join(signature.roles)}"
    for name in sorted(signature.roles.keys() - given - signature.defaults.keys() - kept):
        yield f"rule {rule} does not name {name}, which its step needs"

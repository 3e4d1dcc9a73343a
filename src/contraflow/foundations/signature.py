"""What the signature of a step says, and what follows from it.

A step is a function in `contraflow.steps`, in a module of its own name. Its first parameter is its settings, the others
say by their types which files it reads and writes and what else it is told:

    def mine(settings: MiningSettings, *, encoder: Annotated[Path, Reads("Checkpoint.")], ...) -> None:

The command line (`contraflow.cli`), the inputs and outputs of the job's trace (`contraflow.engines.jobs`) and the
parameters in `dvc.yaml` (`workflow/sync.py`) follow from it. A rule names its files as the step's parameters are named.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from pydantic import BaseModel
from pydantic_core import to_jsonable_python


@dataclass(frozen=True)
class Reads:
    """A file that a step reads, or several where the parameter is a list."""

    help: str


@dataclass(frozen=True)
class Writes:
    """A file that a step writes; with `folder`, into a folder that it fills with others, too."""

    help: str
    folder: bool = False


@dataclass(frozen=True)
class Option:
    """Anything else that a step is told; `least` is the smallest number allowed."""

    help: str
    least: int | None = None


@dataclass(frozen=True)
class Keeps:
    """The file in which a step keeps what it has done so far, until it has ended; it is told where."""


@dataclass(frozen=True)
class Setting:
    """The dotted name that a single value has in `params.yaml`."""

    name: str


CardIn = Annotated[Path, Reads("Card of the encoded images.")]
Threads = Annotated[int, Option("CPU threads; never more than there are cores.", least=1)]
TrainingSeed = Annotated[int, Option("Of the training.", least=0)]
State = Annotated[Path, Keeps()]


class Settings:
    """Base of the settings of steps: frozen dataclasses.

    A field is a section of the parameters and has its name, or is a single value, annotated with `Setting`.

    Attributes:
        handed: Parameters that the step does not read, but by which the workflow decides which files it is handed.
        how: Parameters that say how results are computed, or where from; they do not depend on them.
        unread: Parameters in the step's sections that it does not read.
        files_of: The parameters that name what the step reads of the user's: a folder of images, a file of weights.
    """

    handed: ClassVar[tuple[str, ...]] = ()
    how: ClassVar[tuple[str, ...]] = ()
    unread: ClassVar[tuple[str, ...]] = ()
    files_of: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def names(cls) -> dict[str, str]:
        """The names of the parameters that the step reads, sections and single values, by field."""
        hints = get_type_hints(cls, include_extras=True)
        return {field.name: _said(hints[field.name], Setting, Setting(field.name)).name for field in fields(cls)}

    @classmethod
    def of(cls, params: BaseModel) -> Self:
        """What the parameters of a run say."""
        return cls(**{field: attrgetter(name)(params) for field, name in cls.names().items()})

    @classmethod
    def depends_on(cls) -> list[str]:
        """All parameters and sections that what the step makes depends on."""
        return [*cls.names().values(), *cls.handed]

    @classmethod
    def traced(cls) -> list[str]:
        """The same, but a section of which the step does not read all is taken apart."""
        hints, apart = get_type_hints(cls), {name.partition(".")[0] for name in cls.unread}
        found = [
            [f"{name}.{key}" for key in hints[name].model_fields] if name in apart else [name]
            for name in cls.depends_on()
        ]
        return list(dict.fromkeys(name for names in found for name in names if name not in cls.unread))

    def values(self) -> dict[str, Any]:
        """JSON-able values of the parameters, by name."""
        return {name: to_jsonable_python(getattr(self, field)) for field, name in self.names().items()}

    def made_from(self) -> dict[str, Any]:
        """The values that results depend on, as `values`; a section of which some do not is taken apart."""
        found, left_out = {}, {*self.how, *self.unread}
        for name, value in self.values().items():
            apart = any(other.startswith(f"{name}.") for other in left_out)
            found |= {f"{name}.{key}": part for key, part in value.items()} if apart else {name: value}
        return {name: value for name, value in found.items() if name not in left_out}

    def files(self) -> list[Path]:
        """The user's folders and files that the step reads."""
        return []


@dataclass(frozen=True)
class Signature:
    """The parameters of a step, by name: the settings' class, and what each of the others is."""

    settings: type[Settings]
    roles: Mapping[str, Reads | Writes | Option | Keeps]
    types: Mapping[str, Any]
    defaults: Mapping[str, Any]

    @classmethod
    def of(cls, step: Callable) -> Self:
        hints = get_type_hints(step, include_extras=True)
        settings, *others = inspect.signature(step).parameters.values()
        roles = {each.name: _said(hints[each.name], Reads | Writes | Option | Keeps) for each in others}
        types = {each.name: hints[each.name] for each in others}
        defaults = {each.name: each.default for each in others if each.default is not each.empty}
        return cls(hints[settings.name], roles, types, defaults)

    def inputs(self, given: Mapping[str, Any]) -> list[Path]:
        """The files that the step reads, of the arguments that it is `given`."""
        return [path for path, _ in self._files(given, Reads)]

    def outputs(self, given: Mapping[str, Any]) -> list[Path]:
        """The files that it writes, and the folders that it fills."""
        return [path.parent if role.folder else path for path, role in self._files(given, Writes)]

    def _files(self, given: Mapping[str, Any], kind: type) -> Iterator[tuple[Path, Any]]:
        for name, role in self.roles.items():
            if isinstance(role, kind):
                value = given.get(name) or ()
                for path in [value] if isinstance(value, Path) else value:
                    yield path, role

    def kept(self) -> str | None:
        """The name of the parameter that says where the step keeps what it has done so far; None where it has none."""
        return next((name for name, role in self.roles.items() if isinstance(role, Keeps)), None)


def _said(hint: Any, kind: Any, default: Any = None) -> Any:
    """What is of a kind in the metadata of an annotated type."""
    return next((said for said in getattr(hint, "__metadata__", ()) if isinstance(said, kind)), default)

"""The command line: each step of the workflow alone, as its signature says, and what a user may do with results.

Modules are imported when their command is called, so that `--help` is quick and a step pays for its own alone.
"""

import ast
import gc
import inspect
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from contraflow.commands.options import PARAMS, LogFile, ParamsFile
from contraflow.devices import cores
from contraflow.encoded.names import DATA
from contraflow.engines.alone import end_with_employer
from contraflow.engines.jobs import job
from contraflow.environment import settle
from contraflow.foundations.errors import UserError
from contraflow.foundations.launched import launch
from contraflow.foundations.signature import Option, Signature
from contraflow.params import load_params

_typer = typer.Typer(
    help="Contrastive representation learning as a reproducible pipeline. `snakemake` runs all steps; these run one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

HERE = Path(__file__).parent
OF_EVERY_STEP = {"params": (PARAMS, ParamsFile), "log": (None, LogFile)}  # option, its default and what it is


def modules(*folders: str) -> dict[str, Path]:
    """The modules of the commands in folders of this package, by name: each holds a function of its own name."""
    found = [path for folder in folders for path in sorted((HERE / folder).rglob("[a-z]*.py"))]
    return {path.stem.replace("_", "-"): path for path in found if _said(path)}


def function_of(module: Path) -> Callable:
    """The function of its own name in such a module, imported."""
    return getattr(import_module(".".join(("contraflow", *_place(module)))), module.stem)


def _place(module: Path) -> tuple[str, ...]:
    return module.relative_to(HERE).with_suffix("").parts


def command(step: Callable, stage: str) -> Callable:
    """A step as typer takes it: its options alone. It runs as a job of its stage."""
    signature = Signature.of(step)

    def run(*, params: Path, log: Path | None = None, **given: Any) -> None:
        if (launched := launch()).of > 1 and "history" not in signature.roles:  # which all write that train an encoder
            raise UserError(f"{step.__name__.replace('_', '-')} is for one process, and was started in {launched.of}")
        loaded = load_params(params)
        settings = signature.settings.of(loaded)
        if "threads" in given:
            given["threads"] = min(given["threads"], cores())
        inputs = [*signature.inputs(given), *settings.files()]
        files = {"inputs": inputs, "outputs": signature.outputs(given), "log": log}
        with job(stage, loaded, settings.traced(), **files) as state:
            step(settings, **given, **({name: state} if (name := signature.kept()) else {}))

    options = [_option(name, signature) for name in signature.roles if name != signature.kept()]
    for name, (default, annotation) in OF_EVERY_STEP.items():
        options.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation))
    run.__signature__ = inspect.Signature(options)
    run.__annotations__ = {option.name: option.annotation for option in run.__signature__.parameters.values()}
    return run


def _option(name: str, signature: Signature) -> inspect.Parameter:
    """One parameter of a step as an option of the command line."""
    role, kind = signature.roles[name], signature.types[name].__origin__
    least = role.least if isinstance(role, Option) else None
    several = " May be repeated." if getattr(kind, "__origin__", None) is list else ""
    option = typer.Option(f"--{name.replace('_', '-')}", help=role.help + several, min=least)
    default = {"data": DATA, "threads": cores()}.get(name, signature.defaults.get(name, inspect.Parameter.empty))
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _add(asked: str | None) -> None:
    """Add all commands; only the one that is asked for is imported, the others will only be listed."""
    for name, path in modules("steps", "commands").items():
        _typer.command(name, help=_said(path))(_imported(path) if name == asked else lambda: None)


def _imported(path: Path) -> Callable:
    """What a module holds, as typer takes it."""
    kind, stage, *_ = _place(path)
    return command(function_of(path), stage) if kind == "steps" else function_of(path)


@cache
def _said(path: Path) -> str | None:
    """The first paragraph of what the function of a module's own name says of itself; None where there is none."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == path.stem:
            return ast.get_docstring(node).partition("\n\n")[0]
    return None


@_typer.command()
def check(params: ParamsFile = PARAMS) -> None:
    """Check a parameter file."""
    load_params(params)
    print(f"{params} is right")


def app() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit status 1, Ctrl-C in status 130."""
    end_with_employer()
    settle()
    gc.disable()  # what is imported stays: to search it for garbage, also at the end, is a third of a start's time
    _add(next((word for word in sys.argv[1:] if not word.startswith("-")), None))
    gc.freeze()
    gc.enable()
    try:
        _typer()
    except UserError as error:
        print(f"contraflow: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:  # unreadable or vanished; a full disk is named where the file is written
        print(f"contraflow: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(1) from None

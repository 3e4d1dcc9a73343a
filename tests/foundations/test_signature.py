"""What follows from the signature of a step: its parameters, its files, and its options on the command line."""

import inspect
from dataclasses import FrozenInstanceError, dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from contraflow import cli
from contraflow.foundations.signature import CardIn, Option, Reads, Setting, Settings, Signature, State, Threads, Writes
from contraflow.methods.parts.settings import Loss
from contraflow.mining.settings import Mining

STEPS = list(cli.modules("steps").values())


@dataclass(frozen=True)
class Brewing(Settings):
    loss: Loss
    mining: Mining
    band: Annotated[list[float], Setting("mining.band")]
    path: Annotated[str, Setting("data.path")]

    handed: ClassVar = ("seeds",)
    how: ClassVar = ("mining.shards", "data.path")
    unread: ClassVar = ("mining.control",)

    def files(self) -> list[Path]:
        return [Path(self.path)]


def brew(
    settings: Brewing,
    *,
    tables: Annotated[list[Path], Reads("Tables.")] = (),
    data: CardIn,
    card: Annotated[Path, Writes("Card.", folder=True)],
    summary: Annotated[Path, Writes("Summary.")] = Path("summary.csv"),
    times: Annotated[int | None, Option("How often.", least=1)] = None,
    threads: Threads,
    state: State,
) -> None:
    """Brew."""
    TOLD.append({"settings": settings, "tables": tables, "card": card, "times": times, "state": state})


TOLD: list[dict] = []
GIVEN = {"tables": [Path("a"), Path("b")], "data": Path("c.json"), "card": Path("out/card.json"), "times": 3}


def test_settings_are_what_the_step_names_and_nothing_else(params_of):
    params = params_of(data={"path": "images"})
    settings = Brewing.of(params)
    assert Brewing.names() == {"loss": "loss", "mining": "mining", "band": "mining.band", "path": "data.path"}
    assert (settings.loss, settings.band, settings.path) == (params.loss, params.mining.band, "images")
    assert Brewing.depends_on() == ["loss", "mining", "mining.band", "data.path", "seeds"]
    assert not hasattr(settings, "train") and settings.files() == [Path("images")] and Settings().files() == []
    with pytest.raises(FrozenInstanceError):
        settings.path = "elsewhere"


def test_values_are_plain_and_results_are_made_from_those_that_do_not_say_how(params_of):
    params = params_of()
    settings = Brewing.of(params)
    values = settings.values()
    assert values["loss"] == params.loss.model_dump() and values["data.path"] == params.data.path
    rest = {f"mining.{name}": value for name, value in values["mining"].items() if name != "control"}
    assert settings.traced() == ["loss", *rest, "data.path", "seeds"]
    del rest["mining.shards"]
    assert settings.made_from() == {"loss": values["loss"]} | rest


def test_files_are_read_and_written_as_the_signature_says():
    signature = Signature.of(brew)
    assert signature.settings is Brewing and signature.kept() == "state"
    assert list(signature.roles) == ["tables", "data", "card", "summary", "times", "threads", "state"]
    assert signature.inputs(GIVEN) == [Path("a"), Path("b"), Path("c.json")]
    assert signature.inputs({"tables": None}) == []
    assert signature.outputs(GIVEN | {"summary": Path("s.csv")}) == [Path("out"), Path("s.csv")]


@pytest.fixture
def say(tmp_path, monkeypatch, params_of):
    """`say("--card", "x")`: what the command line says to that; it ran the step if it ended with 0."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "load_params", lambda path: params_of())
    TOLD.clear()
    app = typer.Typer()
    app.command()(cli.command(brew, stage="mine"))
    return lambda *words: CliRunner().invoke(app, words, env={"COLUMNS": "200"})


def test_the_command_line_has_the_options_of_the_signature(say):
    done = say("--tables", "a", "--tables", "b", "--card", "out/card.json", "--times", "2")
    assert done.exit_code == 0, done.output
    (told,) = TOLD
    assert [Path(path) for path in told["tables"]] == [Path("a"), Path("b")]
    assert (told["card"], told["times"]) == (Path("out/card.json"), 2)
    assert isinstance(told["settings"], Brewing) and ".contraflow" in told["state"].parts
    said = say("--help").output
    assert all(word in said for word in ("Tables. May be repeated.", "--card", "--params", "How often."))
    assert "--state" not in said


@pytest.mark.parametrize(
    ("words", "says"),
    [((), "Missing option '--card'"), (("--card", "c", "--times", "0"), "greater than or equal to 1")],
)
def test_what_is_missing_or_out_of_range_is_named(say, words, says):
    done = say(*words)
    assert done.exit_code == 2 and says in done.output and not TOLD


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.stem)
def test_a_module_of_steps_holds_a_function_of_its_name_whose_parameters_all_have_a_role(path):
    place = ".".join(("contraflow", *path.relative_to(cli.HERE).with_suffix("").parts))
    step = getattr(import_module(place), path.stem)
    assert inspect.isfunction(step) and inspect.getdoc(step)
    signature = Signature.of(step)
    assert issubclass(signature.settings, Settings) and all(signature.roles.values())


def test_no_module_of_steps_is_left_out():
    modules = [path for path in (cli.HERE / "steps").rglob("*.py") if path.stem != "__init__"]
    assert sorted(modules) == sorted(STEPS)

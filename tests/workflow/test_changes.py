"""Somebody writes to the results while a run goes on: what is recorded as right is what the jobs wrote."""

import os
import random
import threading

import pytest
import yaml
from PIL import Image, ImageOps

from contraflow.engines.agreement import ATTEMPTS, Agreement
from contraflow.engines.jobs import Store
from contraflow.foundations.errors import UserError
from contraflow.params import load_params

COMMANDS = {"snakemake": "snakemake --cores all", "dvc": "dvc exp run"}
MOST = 6  # files changed in a run
FEW_JOBS = {"rounds": 0}  # of mining


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory, new_repository):
    """A repository to which nobody wrote."""
    repository = new_repository(tmp_path_factory.mktemp("unharmed"), mining=FEW_JOBS)
    repository.run("snakemake")
    return repository


@pytest.fixture
def other(tmp_path, new_repository):
    return new_repository(tmp_path, mining=FEW_JOBS)


def replace(file):
    """As `sed -i` does: a new file takes the name of the old one."""
    file.with_name("new").write_bytes(file.read_bytes()[:-1] + b"?")
    file.with_name("new").replace(file)


def overwrite(file):
    """In place: also in the store, where the file is a link to the same bytes."""
    with file.open("r+b") as content:
        content.seek(-1, os.SEEK_END)
        content.write(b"?")


@pytest.mark.parametrize("change", [replace, pytest.param(overwrite, marks=pytest.mark.slow)])
def test_a_result_changed_in_the_middle_of_a_run(other, unharmed, change):
    process = other.start("snakemake --cores 1", until="(Rule: pretrain_seed)")
    change(other.path / "results/pretrain/seed0/history.csv")
    said = process.communicate()[0]
    changed = other.json("dvc status --json")
    if change is replace:
        assert "results/pretrain/seed0/history.csv was changed after its job had ended: what the job wrote is" in said
        assert "pretrain" not in changed
    else:
        assert "was changed, or what it was made from, before it was recorded: the next `snakemake` makes it" in said
        assert "pretrain" in changed
    other.run("snakemake")
    assert other.up_to_date() and other.results() == unharmed.results()


def test_a_result_changed_while_dvc_takes_it_up(other, unharmed):
    file, lock, left = other.path / "results/fetch/source.json", other.path / "dvc.lock", expected(other, "fetch")
    process = other.start(COMMANDS["dvc"])
    while not left.exists():
        assert process.poll() is None
    replace(file)
    said = process.communicate()[0]
    assert "results/fetch/source.json was changed while dvc.lock took it up: run the same command again" in said
    assert "fetch:" not in lock.read_text()
    other.run(COMMANDS["dvc"])
    assert other.up_to_date() and other.results() == unharmed.results()


@pytest.mark.slow
def test_a_result_changed_between_two_stages_of_dvc(other, unharmed):
    process = other.start(COMMANDS["dvc"], until="Running stage 'evaluate'")
    replace(other.path / "results/pretrain/seed0/history.csv")
    said = process.communicate()[0]
    assert (
        process.returncode and "history.csv was changed after its stage had ended: run the same command again" in said
    )
    assert "evaluate:" not in (other.path / "dvc.lock").read_text()
    other.run(COMMANDS["dvc"])
    assert other.up_to_date() and other.results() == unharmed.results()


def test_an_image_replaced_while_dvc_takes_up_what_was_made_of_it(other):
    lock, left = other.path / "dvc.lock", expected(other, "encode")
    process = other.start(COMMANDS["dvc"])
    while not left.exists():
        assert process.poll() is None
    picture = min((other.path / "images").rglob("*.png"))
    ImageOps.invert(Image.open(picture)).save(picture)
    said = process.communicate()[0]
    assert "images was changed while dvc.lock took it up: run the same command again" in said
    assert "encode:" not in lock.read_text()
    assert "encode_images" in other.jobs("snakemake --cores all encode")


def expected(repository, stage):
    """What tells, once it is there, that only DVC itself looks at the stage's files again."""
    return repository.path / f".snakemake/contraflow.expected/{stage}.json"


class Meddler(threading.Thread):
    """Changes results at random moments for as long as a command runs, and somebody looks at them again."""

    def __init__(self, process, repository, seed):
        super().__init__(daemon=True)
        self.process, self.results, self.end = process, repository.path / "results", expected(repository, "report")
        self.random, self.left = random.Random(seed), MOST

    def run(self):
        while self.process.poll() is None and self.left:
            threading.Event().wait(self.random.uniform(0, 4))
            if self.end.exists():
                break
            files = [path for path in self.results.rglob("*") if path.is_file() and not path.name.startswith(".")]
            if files:
                self.random.choice([replace, overwrite])(self.random.choice(files))
                self.left -= 1


@pytest.mark.slow
@pytest.mark.parametrize("engine", COMMANDS)
def test_results_changed_at_random_moments(other, unharmed, engine):
    process = other.start(COMMANDS[engine])
    meddler = Meddler(process, other, engine + os.environ.get("MSEED", ""))
    meddler.start()
    said = process.communicate()[0]
    meddler.join()
    assert meddler.left < MOST and "Traceback" not in said, said
    for _ in range(4):  # a job that reads what was changed refuses it, and what made that is run again
        process = other.start(COMMANDS[engine])
        said = process.communicate()[0]
        assert "Traceback" not in said, said
        if not process.returncode:
            break
    assert other.up_to_date() and other.results() == unharmed.results()


def made(repository):
    """The files that the jobs of each stage made, but for what tells where the page comes from."""
    found = {}
    for trace in Store(repository.path).traces():
        found.setdefault(trace.stage, set()).update(trace.outputs)
    return found


def agreement_of(repository):
    """Of a whole run of which dvc.lock has not all stages."""
    agreement = Agreement(repository.path, load_params(repository.path / "params.yaml"), made(repository))
    agreement._changes = agreement.dvc.changes()
    return agreement


@pytest.mark.parametrize("changes", [1, ATTEMPTS])
def test_results_changed_while_they_are_recorded(unharmed, monkeypatch, changes):
    page, lock = unharmed.path / "results/report.html", unharmed.path / "dvc.lock"
    before, recorded = page.read_bytes(), lock.read_text()
    content = yaml.safe_load(recorded)
    del content["stages"]["report"]
    lock.write_text(yaml.safe_dump(content))
    agreement, params = agreement_of(unharmed), load_params(unharmed.path / "params.yaml")
    commit, left = agreement.dvc.commit, [replace] * changes

    def commit_what_was_changed(stages):
        if left:
            left.pop()(page)
        commit(stages)

    monkeypatch.setattr(agreement.dvc, "commit", commit_what_was_changed)
    if changes < ATTEMPTS:
        agreement.record(params)
        assert yaml.safe_load(lock.read_text()) == yaml.safe_load(recorded)
    else:
        with pytest.raises(UserError, match=r"results/report.html is changed while it is recorded, again and again"):
            agreement.record(params)
        assert "report" not in yaml.safe_load(lock.read_text())["stages"]
    assert not left and page.read_bytes() == before
    lock.write_text(recorded)


def test_an_image_replaced_while_what_was_made_of_it_is_recorded(unharmed, monkeypatch):
    picture, lock = min((unharmed.path / "images").rglob("*.png")), unharmed.path / "dvc.lock"
    before, recorded = picture.read_bytes(), lock.read_text()
    content = yaml.safe_load(recorded)
    del content["stages"]["encode"]
    lock.write_text(yaml.safe_dump(content))
    agreement = agreement_of(unharmed)
    commit = agreement.dvc.commit

    def commit_beside_a_change(stages):
        ImageOps.invert(Image.open(picture)).save(picture)
        commit(stages)

    monkeypatch.setattr(agreement.dvc, "commit", commit_beside_a_change)
    monkeypatch.chdir(unharmed.path)
    with pytest.raises(UserError, match="was changed, or what it was made from, while it was recorded: run the same"):
        agreement.record(load_params(unharmed.path / "params.yaml"))
    assert "encode" not in yaml.safe_load(lock.read_text())["stages"]
    picture.write_bytes(before)
    lock.write_text(recorded)

"""docs/remotes.md as two people go through it: its commands, with a folder, a real sshd and a real S3 server."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fixtures.remotes import Place
from fixtures.repositories import ROOT, Repository
from PIL import Image

from contraflow.foundations.artefacts import sha256

PAGE = (ROOT / "docs/remotes.md").read_text()
SECTIONS = {name: text for name, _, text in (part.partition("\n") for part in PAGE.split("\n## "))}
CHANGE = "What is sent again when one image changes"
TYPED = re.compile(r"^ {4}((?:dvc|git|cd|snakemake) .*)$", re.MULTILINE)
IMAGES, SIDE = 2000, 64
CHANGED = {"train": 1, "test": 100}  # an image of each split

pytestmark = pytest.mark.slow


def commands(section: str, names: dict[str, str]) -> list[str]:
    """What a section of the page shows to type, with the names that things have here."""
    found = re.compile("|".join(map(re.escape, names)) or "$^")
    return [found.sub(lambda name: names[name[0]], line) for line in TYPED.findall(SECTIONS[section])]


@dataclass
class Shared:
    """A run and an experiment that one of the two has sent to a place."""

    run: Repository
    place: Place
    section: str
    names: dict[str, str]
    results: dict[str, str]
    results_of_experiment: dict[str, str]

    def clone(self, folder: Path) -> Repository:
        self.run.run(f"git clone -q ../origin {folder}")
        return Repository(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory, new_repository) -> Repository:
    """A repository with a finished run, and an `origin` that has it."""
    folder = tmp_path_factory.mktemp("run") / "contraflow"
    folder.mkdir()
    made = new_repository(folder)
    made.run("snakemake && git add -A && git commit -q -m run")
    made.run("dvc exp save --name before")
    made.run("git init -q --bare -b main ../origin && git remote add origin ../origin && git push -q -u origin main")
    return made


@pytest.fixture(scope="module", params=[("folder", "A folder"), ("ssh", "SSH"), ("s3", "S3")], ids=lambda p: p[0])
def shared(request, run) -> Shared:
    name, section = request.param
    place = request.getfixturevalue(name)
    names = place.names | {
        "colder": f"colder-{name}",
        "loss.tau=0.1": "report.title=other",  # which costs less
        "ADDRESS": str(run.path.parent / "origin"),
    }
    results = run.results()
    run.run("dvc remote remove --local store; dvc remote remove store; true")  # that of another place
    for command in commands(section, names) + commands("Send", names):
        run.run(f"{place.exports} {command}")
    results_of_experiment = run.results()
    run.run("git checkout -q . && dvc checkout -q")
    assert results == run.results() != results_of_experiment
    return Shared(run, place, section, names, results, results_of_experiment)


def test_a_colleague_has_the_same_bytes_and_nothing_to_do(shared, tmp_path):
    at, expected = Repository(tmp_path), iter((shared.results, shared.results_of_experiment))
    own = [command for command in commands(shared.section, shared.names) if "--local" in command]
    for command in commands("Fetch", shared.names):
        said = at.run(f"{shared.place.exports} {command} 2>&1")
        if command.startswith("cd "):
            at = Repository(tmp_path / command.removeprefix("cd "))
            for command in own:
                at.run(f"{shared.place.exports} {command}")
        if command == "snakemake -n":
            assert "Nothing to be done" in said
            assert at.up_to_date() and at.results() == next(expected)
    assert next(expected, None) is None


def test_no_secret_is_where_git_or_dvc_would_carry_it(shared):
    origin = Repository(shared.run.path.parent / "origin")
    for secret in map(shlex.quote, shared.place.secrets):
        assert shared.run.run(f"grep -rlF -e {secret} .") == "./.dvc/config.local\n"
        for repository in (shared.run, origin):  # in no commit, those of experiments among them
            repository.run(f"git rev-list --all | xargs git grep -qF -e {secret}", fails=True)
            repository.run("git rev-list --all | xargs git grep -qF -e 'remote = store'")
    assert "config.local" not in shared.run.run("git ls-files .dvc")


def test_who_needs_to_say_nothing(shared, tmp_path):
    clone = shared.clone(tmp_path / "clone")
    for exports in shared.place.known:
        assert "files fetched" in clone.run(f"rm -rf .dvc/cache; {exports} dvc fetch")


def test_who_is_not_let_in_is_told_why(shared, tmp_path):
    clone = shared.clone(tmp_path / "clone")
    for exports, says in shared.place.strangers.items():
        for command in ("dvc fetch", "dvc push"):
            assert says in clone.run(f"{exports} {command}", fails=True), command


def test_an_experiment_from_before_the_remote_takes_it_away(shared):
    run = shared.run
    if shared.place.secrets:
        assert "expected 'url'" in run.run("dvc exp apply before", fails=True)
    else:
        run.run("dvc exp apply before")
        assert "no remote specified" in run.run("dvc push", fails=True)
    run.run("git checkout .dvc/config && dvc checkout")
    assert "up to date" in run.run(f"{shared.place.exports} dvc push")
    run.run("git checkout -q . && dvc checkout -q")


def test_what_is_sent_again_when_one_image_changes(tmp_path, new_repository):
    store, sizes = tmp_path / "store", {}
    (tmp_path / "contraflow").mkdir()
    repository = new_repository(tmp_path / "contraflow")
    random = np.random.default_rng(0)

    def draw(image: int) -> None:
        file = repository.path / "photos" / "ab"[image % 2] / f"{image:04}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file)

    def sent(*typed: str) -> int:
        """Bytes of the files that commands add to the remote."""
        for command in typed:
            repository.run(command)
        new = {path: path.stat().st_size for path in store.rglob("*") if path.is_file() and path not in sizes}
        sizes.update(new)
        return sum(new.values())

    for image in range(IMAGES):
        draw(image)
    repository.set(data={"path": "photos", "image_size": SIDE})
    repository.run(f"dvc remote add -d store {store}")
    all_of_it = sent(*commands(CHANGE, {}))
    encoded = {split: repository.path / f"results/encode/{split}.beton" for split in ("train", "test")}
    costs = {}
    for split, image in CHANGED.items():
        before = {each: sha256(file) for each, file in encoded.items()}
        draw(image)
        photos = sent("dvc add photos", "dvc push photos.dvc")
        costs[split] = photos + sent(*commands(CHANGE, {}))
        assert [each for each, file in encoded.items() if sha256(file) != before[each]] == [split]
        assert costs[split] > encoded[split].stat().st_size
    said = [all_of_it, sum(file.stat().st_size for file in encoded.values()), *costs.values(), photos]
    figures = [f"{number / 1e6:.{digits}f} MB" for number, digits in zip(said, (1, 1, 1, 1, 2), strict=True)]
    assert [figure for figure in figures if figure not in SECTIONS[CHANGE]] == [], said

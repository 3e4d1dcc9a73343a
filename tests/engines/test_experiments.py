"""Reading runs from git and DVC's cache, in a small repository whose `dvc.lock` and cache are written by hand."""

import json
import subprocess
import sys

import pytest
import yaml

from contraflow.engines.experiments import Experiments
from contraflow.foundations.artefacts import md5
from contraflow.foundations.errors import UserError


class Lab:
    """A repository in which runs are recorded as DVC does it."""

    def __init__(self, path):
        self.path = path
        self.git("init", "-q", "-b", "main")
        subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=path, check=True)
        self.commit("start")

    def git(self, *arguments):
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def cache(self, content):
        file = self.path / "content"
        file.write_bytes(content)
        digest = md5(file)
        place = self.path / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
        return digest

    def write_lock(self, tau, seen=None):
        """Record a run in dvc.lock whose metrics say its tau; `seen` is what its second stage read."""
        metrics, curves = self.cache(f"metrics {tau}".encode()), self.cache(f"curves {tau}".encode())
        listing = self.cache(json.dumps([{"md5": curves, "relpath": "curves.csv"}]).encode())
        (self.path / ".dvc/cache/files/md5" / listing[:2] / listing[2:]).rename(
            self.path / ".dvc/cache/files/md5" / listing[:2] / f"{listing[2:]}.dir"
        )
        outs = {"results/metrics.json": metrics, "results/evaluate": f"{listing}.dir"}
        stages = {
            "evaluate": {
                "params": {"params.yaml": {"loss": {"tau": tau, "vicreg": [1, 2]}, "data.name": "x"}},
                "outs": [{"path": path, "md5": digest} for path, digest in outs.items()],
            },
            "report": {"deps": [{"path": "results/metrics.json", "md5": seen or metrics}]},
        }
        (self.path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))

    def experiment(self, name, tau):
        """An experiment of the present commit, which stays checked out."""
        head = self.git("rev-parse", "HEAD")
        self.write_lock(tau)
        own = self.commit(name)
        self.git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", own)
        self.git("reset", "-q", "--hard", head)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A first commit without a run, with the experiment `early`; then the run of `main`, and two experiments of it."""
    lab = Lab(tmp_path_factory.mktemp("recorded"))
    lab.experiment("early", 0.7)
    lab.write_lock(0.2)
    lab.commit("first")
    lab.git("tag", "v1")
    lab.experiment("colder", 0.1)
    lab.experiment("warmer", 0.4)
    head = lab.git("rev-parse", "HEAD")
    lab.git("update-ref", "refs/exps/exec/EXEC_HEAD", head)
    lab.experiments = Experiments(lab.path)
    return lab


def test_the_present_commit_and_its_experiments(lab):
    assert lab.experiments.present_commit() == ["main"]
    assert sorted(lab.experiments.of_present_commit()) == ["colder", "warmer"]


@pytest.mark.parametrize(
    ("name", "tau"), [("colder", 0.1), ("early", 0.7), ("main", 0.2), ("v1", 0.2), ("HEAD", 0.2), ("workspace", 0.2)]
)
def test_a_run_has_its_parameters_and_its_files(lab, name, tau):
    [run] = lab.experiments.find([name, name])
    assert run.params() == {"loss.tau": tau, "loss.vicreg": [1, 2], "data.name": "x"}
    assert run.read("results/metrics.json") == f"metrics {tau}".encode()
    assert run.read("results/evaluate/curves.csv") == f"curves {tau}".encode()
    assert list(run.files("results/evaluate")) == ["results/evaluate/curves.csv"]
    assert run.dependencies("report") == {"results/metrics.json": run.outputs("evaluate")["results/metrics.json"]}


def test_nothing_in_the_work_tree_is_touched(lab):
    lab.experiments.find(["warmer"])[0].read("results/metrics.json")
    assert lab.git("status", "--porcelain") == "" and not (lab.path / "results").exists()


def test_names_that_are_none_or_several(lab):
    find = lab.experiments.find
    with pytest.raises(UserError, match=r"nobody is neither an experiment nor a commit; experiments here: .*colder"):
        find(["nobody"])
    with pytest.raises(UserError, match="--all is neither"):
        find(["--all"])
    with pytest.raises(UserError, match=r"v1~1 has no dvc\.lock"):
        find(["v1~1"])
    [run] = find(["early"])
    with pytest.raises(UserError, match="early has no results/other: its run is not complete"):
        run.read("results/other")


def test_a_file_that_the_cache_lacks(lab):
    [run] = lab.experiments.find(["colder"])
    digest = run.outputs("evaluate")["results/metrics.json"]
    file = lab.path / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(
        UserError, match=r"results/metrics.json of colder is not in DVC's cache: .*dvc pull.*dvc exp run"
    ):
        run.read("results/metrics.json")
    file.write_bytes(content)


@pytest.mark.parametrize("words", ["workspace records no stages", "workspace is of two runs, since report"])
def test_a_lock_that_is_of_no_one_run(lab, words):
    if "two" in words:
        lab.write_lock(0.9, seen="0" * 32)
    else:
        (lab.path / "dvc.lock").write_text("stages: [")
    with pytest.raises(UserError, match=words):
        lab.experiments.find(["workspace"])
    lab.git("checkout", "-q", "--", "dvc.lock")

"""Reading runs from git and DVC's cache, in a small repository whose `dvc.lock` and cache are written by hand."""

import pytest
from fixtures.recorded import Lab

from contraflow.engines.experiments import Experiments
from contraflow.foundations.errors import UserError


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

import platform
import subprocess

import pytest

from contraflow.engines.circumstances import circumstances, write_circumstances
from contraflow.foundations.artefacts import sha256

STAGES = ["first", "last"]
MEASURED = "s\th:m:s\tmax_rss\n{}\t0:00:01\t{}\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A repository with a commit, a changed file, three jobs measured, and a stage that DVC has recorded."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("seeds: [0]\n")
    (tmp_path / "dvc.lock").write_text("stages:\n  first:\n    outs:\n    - path: one\n      md5: abc\n")
    for command in (
        "git init -q",
        "git config user.name test",
        "git config user.email test@localhost",
        "git add -A",
        "git commit -q -m start",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True)
    for file, seconds, memory in (("last/page", 2.5, "-"), ("first/b", 1, 100), ("first/a", 0.5, 20.25)):
        path = tmp_path / f"logs/benchmarks/{file}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MEASURED.format(seconds, memory))
    (tmp_path / "results").mkdir()
    (tmp_path / "results/report.html").write_text("a page")
    return tmp_path


def head(root):
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True).stdout.strip()


def test_what_is_known_of_a_run(run):
    found = circumstances(run, STAGES)
    assert found["facts"]["Commit"] == head(run)
    assert found["changed"] == []
    assert found["times"] == [("first a", 0.5, 20.25), ("first b", 1, 100), ("last page", 2.5, None)]
    assert found["outputs"] == {"one": "abc"}


def test_changed_files_are_named_but_for_what_a_run_writes(run):
    for name in ("params.yaml", "dvc.lock"):
        (run / name).write_text("stages: {}\n")
    assert circumstances(run, STAGES)["changed"] == ["params.yaml"]


def test_nothing_names_the_machine_or_the_place(run):
    words = " ".join(circumstances(run, STAGES)["facts"].values())
    assert str(run) not in words and platform.node() not in words.split()


def test_where_jobs_ran_elsewhere_it_says_so(run):
    assert "Jobs" not in circumstances(run, STAGES)["facts"]
    assert "batch system" in circumstances(run, STAGES, submitted=True)["facts"]["Jobs"]


def test_a_folder_without_git_or_records_has_less_to_tell(tmp_path):
    found = circumstances(tmp_path, STAGES)
    assert "Commit" not in found["facts"] and "Cores" in found["facts"]
    assert (found["changed"], found["times"], found["outputs"]) == ([], [], {})


def test_the_file_names_the_report_that_it_belongs_to(run, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "<b>bold</b>-try")
    write_circumstances(STAGES, run / "results/report.html")
    text = (run / "results/circumstances.html").read_text()
    assert sha256(run / "results/report.html") in text and head(run) in text
    assert "&lt;b&gt;bold&lt;/b&gt;-try" in text and "<b>bold" not in text
    assert "<td>4.0</td>" in text  # seconds of all jobs
    assert "http" not in text.replace("http-equiv", "")

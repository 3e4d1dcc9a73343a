"""The engines as people have them: clocks that were wrong, caches that are gone, trees that are not theirs to write to.

What cannot be is refused in one sentence, and before time is spent; nothing that is right is made again. Each test goes
on where the last one ended.
"""

import os
import re
import shutil
import subprocess

import pytest

BOUND = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]  # root, to whom modes of files apply
CACHE = ".dvc/cache"


def refused(repository, command):
    said = repository.run(command, fails=True)
    assert "Traceback" not in said
    return said


def date_in_the_future(path):
    for file in [path, *path.rglob("*")]:
        os.utime(file, (2**31, 2**31))


def test_a_path_that_looks_like_a_number(repository):
    for command in ("snakemake -n", "dvc exp run -S data.path=2024"):
        repository.set(data={"path": 2024})
        assert "params.yaml: data.path must be text, got 2024" in refused(repository, command)
        repository.run("git checkout -q params.yaml")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("train.batch_size", 44, "train.batch_size must be at most the number of training images, 43, got 44"),
        ("eval.fine_tune.share", 0.3, "eval.fine_tune.share must leave at least train.batch_size, 16, labelled images"),
        ("mining.k", 43, "mining.k must be less than the number of training images, 43, got 43"),
    ],
)
def test_what_the_folder_is_too_small_for_is_told_before_it_is_read(repository, key, value, says):
    more = "-S mining.candidates=50" if key == "mining.k" else ""
    said = refused(repository, f"dvc exp run -S {key}={value} {more}")
    assert says in said and not repository.finished(said)
    assert says in refused(repository, "snakemake -n")
    repository.run("git checkout -q params.yaml")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ("data.image_size=8 model.norm=instance", "model.norm must be batch, sync or group where a view has 8 pixels"),
        ("train.warmup_epochs=1 train.epochs=1", "train.warmup_epochs must be less than train.epochs, 1, got 1"),
    ],
)
def test_what_cannot_be_trained_is_told_first(repository, changes, says):
    said = refused(repository, "dvc exp run " + " ".join(f"-S {change}" for change in changes.split()))
    assert says in said and not repository.finished(said)
    assert says in refused(repository, "contraflow check")
    assert says in refused(repository, "snakemake -n")
    repository.run("git checkout -q params.yaml")


def test_parameters_that_are_not_written_in_utf_8(repository):
    file = repository.path / "params.yaml"
    file.write_bytes(file.read_bytes() + "# für später\n".encode("latin-1"))
    assert "params.yaml must be in UTF-8, and is not in line" in refused(repository, "snakemake")
    repository.run("git checkout -q params.yaml")


def test_a_run_in_another_directory(repository):
    says = f"type `cd {repository.path}` first, and no --directory"
    (repository.path / "other").mkdir()
    for command in ("snakemake -n --directory other", "cd other && snakemake -n -s ../Snakefile"):
        assert says in refused(repository, command)
    (repository.path / "other").rmdir()


def test_what_would_pick_nothing_or_make_what_does_not_run(repository):
    for archive in ("--archive", "--archi"):
        assert "--archive makes nothing that runs outside" in refused(repository, f"snakemake {archive} a.tar.gz")
    assert "--omit-from takes rules, and mine is a stage" in refused(repository, "snakemake -n --omit-from mine")
    assert "--batch mine divides nothing where `all` is made" in refused(repository, "snakemake -n --batch mine=1/2")
    assert not (repository.path / "a.tar.gz").exists()


def test_a_tree_that_may_not_be_written_to(repository):
    root = os.geteuid() == 0
    if root and subprocess.run([*BOUND, "true"], capture_output=True).returncode:
        pytest.skip("root may write anywhere here")
    records = repository.path / ".snakemake"
    modes = {path: path.stat().st_mode for path in (repository.path, records, *records.iterdir())}
    try:
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        plan = f"{' '.join(BOUND)} snakemake -n" if root else "snakemake -n"
        assert f"{records} cannot be written (Permission denied): make the folder writable" in refused(repository, plan)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def test_results_that_lie_behind_a_link_are_refused_before_any_work(repository):
    (repository.path / "scratch").mkdir()
    shutil.rmtree(repository.path / "results", ignore_errors=True)
    (repository.path / "results").symlink_to("scratch")
    for command in ("snakemake -n", "dvc repro"):
        assert "results is a link, behind which DVC records nothing" in refused(repository, command)
    assert not list((repository.path / "scratch").rglob("*.beton"))
    (repository.path / "results").unlink()
    shutil.rmtree(repository.path / "scratch")


def test_a_pipe_among_the_images_is_named_and_not_waited_for(repository):
    os.mkfifo(repository.path / "images/upright/p.png")
    for command in ("dvc exp run", "snakemake -n"):
        said = refused(repository, command)
        assert "upright/p.png (neither a file nor a folder)" in said and not repository.finished(said)
    (repository.path / "images/upright/p.png").unlink()


def test_sources_from_the_future(repository):
    date_in_the_future(repository.path / "src")
    said = repository.run("snakemake 2>&1")
    assert "clock skew" not in said and "write_report" in repository.finished(said)
    assert repository.up_to_date()


def test_an_experiment_can_be_planned_with_the_results_at_hand(repository):
    """As docs/engines.md says: DVC plans in a copy, and fails where it finds no results there."""
    assert "No such file or directory" in refused(repository, "dvc exp run --dry -S loss.tau=0.3")
    said = repository.run("dvc exp run --dry -C results -C dvc.lock -S loss.tau=0.3")
    assert re.findall(r"Running stage '(\w+)'", said) == ["pretrain", "mine", "report"]
    assert not repository.finished(said) and repository.up_to_date()


def test_a_change_where_everything_is_from_the_future(repository):
    step = repository.path / "src/contraflow/steps/report.py"
    step.write_text(step.read_text() + "\n# a change\n")
    for name in ("src", "results", "logs", "dvc.lock", ".contraflow"):
        date_in_the_future(repository.path / name)
    assert repository.jobs("dvc repro") == ["write_report"]
    assert repository.up_to_date()


def test_a_cache_that_was_moved(repository):
    before = repository.results()
    repository.run(f"mkdir elsewhere && dvc cache dir --local elsewhere && rm -r {CACHE}")
    assert repository.jobs("snakemake") == []
    assert repository.results() == before and repository.up_to_date()


@pytest.mark.slow
def test_a_cache_that_was_deleted(repository):
    before = repository.results()
    for command in ("dvc repro", "dvc exp run", "snakemake"):
        shutil.rmtree(repository.path / "elsewhere")
        assert not [rule for rule in repository.jobs(command) if rule not in ("fetch_files", "write_report")]
        assert repository.results() == before and repository.up_to_date()


def test_what_the_folder_is_too_small_for_later_stages_is_told_before_the_first(repository):
    said = refused(repository, "dvc exp run -S loss.tau=0.3 -S eval.fine_tune.share=0.3")
    assert "eval.fine_tune.share must leave at least" in said and not repository.finished(said)

"""What goes wrong on a user's machine: one sentence, nothing lost, and the same command goes on.

Each test goes on where the last one ended.
"""

import os
import shutil
import signal
import subprocess

import pytest


@pytest.fixture(scope="module")
def small_disk(repository):
    """`results` on a disk of its own, too small at first; returns how to mount it anew with other options."""
    if os.geteuid():
        pytest.skip("only root can make a disk that is too small")
    results = repository.path / "results"
    results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "none", str(results)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(results)], check=True)
    subprocess.run(["umount", "--lazy", str(results)], check=True)


@pytest.fixture
def started(repository):
    """`started(words)`: a running `snakemake` that has printed these words."""
    running = []

    def start(words):
        running.append(repository.start("snakemake", until=words))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def refused(repository, command):
    said = repository.run(command, fails=True)
    assert "Traceback" not in said
    return said


def test_a_full_disk(repository, small_disk):
    said = refused(repository, "snakemake")
    assert "train.beton cannot be written (No space left on device): make room on the disk and run the same" in said
    assert [path.name for path in (repository.path / "results").rglob("*") if path.is_file()] == ["source.json"]


def test_a_folder_that_may_not_be_written_to(repository, small_disk):
    small_disk("ro")
    said = refused(repository, "snakemake")
    assert "results may not be written to: make it writable and run the same command again" in said
    small_disk("rw,size=50m")


def test_a_second_run_beside_the_first_is_refused_and_a_plan_is_not(repository, started):
    repository.set(train={"epochs": 100_000})
    process = started("Pretraining with seed 0")
    assert "lock" in refused(repository, "snakemake").lower()
    assert "pretrain_seed" in repository.run("snakemake -n 2>&1")
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[0]
    assert said.strip().splitlines()[-1] == "Stopped. The same command goes on from here."
    assert process.returncode == 130 and "Traceback" not in said and "Error" not in said


def test_parameters_edited_during_a_run_are_not_recorded_as_those_of_its_results(repository, started):
    repository.set(train={"epochs": 1})
    process = started("Pretraining with seed 0")
    repository.set(report={"title": "another title"})
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert "fetch_files" not in repository.finished(said) and "encode_images" not in repository.finished(said)
    assert "params.yaml was changed during the run" in said
    assert "pretrain" in repository.json("dvc status --json")
    assert repository.jobs("snakemake") == []  # the page was written after the edit, and nothing else reads its title
    assert repository.up_to_date()
    assert "another title" in (repository.path / "results/report.html").read_text()


PRETRAINED = "--start results/pretrain/seed0/encoder.safetensors --before results/pretrain/seed0/history.csv"
TRAINED = "--encoder out/encoder.safetensors --history out/history.csv"


@pytest.mark.parametrize("damage", ["cut", "flipped"])
@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("pretrain/seed0/encoder.safetensors", "mine --encoder {} --negatives out/negatives.npz"),
        ("mine/seed0/round1/negatives.npz", f"train-mined {PRETRAINED} --negatives {{}} {TRAINED}"),
    ],
    ids=["checkpoint", "table of negatives"],
)
def test_a_damaged_artefact(repository, file, command, damage):
    whole = repository.path / "results" / file
    damaged = repository.path / f"damaged{whole.suffix}"
    content = bytearray(whole.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    said = refused(repository, f"contraflow {command.format(damaged.name)}")
    assert f"contraflow: {damaged.name} is damaged" in said and "run its step again" in said
    assert damaged.read_bytes() == content and not (repository.path / "out").exists()


def test_a_table_of_negatives_of_another_encoder(repository):
    negatives, other = "results/mine/seed0/round1/negatives.npz", "results/mine/seed0/round1/encoder.safetensors"
    history = other.replace("encoder.safetensors", "history.csv")
    inputs = f"--start {other} --before {history} --negatives {negatives}"
    said = refused(repository, f"contraflow train-mined {inputs} {TRAINED}")
    assert f"contraflow: {negatives} was made from another encoder" in said
    assert (repository.path / negatives).exists() and not (repository.path / "out").exists()


def test_an_input_that_cannot_be_read(repository):
    (repository.path / "data2").mkdir()
    shutil.copytree(repository.path / "results/encode", repository.path / "data2", dirs_exist_ok=True)
    (repository.path / "data2/card.json").unlink()
    (repository.path / "data2/card.json").mkdir()
    said = refused(repository, f"contraflow pretrain --seed 0 --data data2/card.json {TRAINED}")
    assert "contraflow: data2/card.json: Is a directory" in said


def test_a_forced_run_makes_anew_what_is_right(repository):
    assert "write_report" in repository.jobs("dvc repro --single-item --force report")
    assert repository.jobs("snakemake --forcerun summarise_mining --until summarise_mining") == ["summarise_mining"]


def test_a_lock_file_that_dvc_could_not_finish(repository):
    repository.run("git add -A && git commit -q -m run")
    lock = repository.path / "dvc.lock"
    before = lock.read_text()
    lock.write_text(before[: len(before) // 2])
    said = repository.run("snakemake 2>&1")
    assert "Nothing to be done" in said
    assert lock.read_text() == before and repository.up_to_date()

"""What is seen of folders, from real records."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contraflow.engines.at_work import begin
from contraflow.engines.jobs import Store
from contraflow.engines.times import STALE
from contraflow.foundations.errors import UserError
from contraflow.training.history import Epoch, save_history, so_far
from contraflow.watch.curves import panels
from contraflow.watch.seen import look, require_repositories

HEAVY = {"torch", "torchvision", "timm", "ffcv", "numba", "numpy", "pandas", "sklearn", "scipy", "matplotlib", "faiss"}
OUTPUTS = ["results/pretrain/seed0/encoder.safetensors", "results/pretrain/seed0/history.csv"]
LINE = "seed 0 · round 0  50% · 30/60 images · 12.50 images/s · 00:02 left, epoch 2 of 2 · loss 0.7500\n"


def rows(n, **changes):
    known = dict.fromkeys(("lr", "alignment", "uniformity", "positive", "hardest", "gradient_norm"), 0.5)
    return [
        Epoch(**{"epoch": i, "loss": 1 / i, "rank": 9.0 + i, "spread": 0.9, "knn": 0.5, **known, **changes})
        for i in range(1, n + 1)
    ]


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "main").mkdir()
    (tmp_path / "main/dvc.yaml").write_text("stages: {fetch: {cmd: 'true'}, pretrain: {cmd: 'true'}}")
    return tmp_path / "main"


@pytest.fixture
def training(repository):
    """`training(folder)`: this process trains there, and is in its second epoch."""

    def start(folder=repository, log="logs/pretrain/seed0.log"):
        store = Store(folder)
        state = store.folder / "training" / f"key-{folder.name}"
        save_history(so_far(state), rows(1), 0, 0)
        (folder / log).parent.mkdir(parents=True, exist_ok=True)
        (folder / log).write_text(f"{LINE}half a li")
        return begin(store.folder, folder, outputs=OUTPUTS, history=so_far(state), log=Path(log))

    return start


def test_a_training_at_work(repository, training):
    training()
    [seen] = look([repository])
    [found] = seen.trainings
    assert (found.name, found.state, found.rows) == ("pretrain/seed0", "running", rows(1))
    assert (found.progress.epoch, found.progress.epochs, found.progress.rate) == (2, 2, 12.5)
    assert (seen.name, seen.stages, seen.run, seen.others) == ("workspace", ["fetch", "pretrain"], None, [])


def test_before_its_first_epoch_it_has_progress_and_no_rows(repository, training):
    training()
    so_far(Store(repository).folder / "training/key-main").unlink()
    [found] = look([repository])[0].trainings
    assert found.rows == [] and not found.unread and found.progress.loss == 0.75


def test_of_a_damaged_history_that_is_said(repository, training):
    training()
    path = so_far(Store(repository).folder / "training/key-main")
    path.write_text(path.read_text()[:-30])
    [found] = look([repository])[0].trainings
    assert found.unread and found.rows == [] and found.progress.loss == 0.75


def test_a_damaged_record_is_named(repository, training):
    record = training()
    record.write_text(record.read_text()[:50])
    [seen] = look([repository])
    assert seen.unread == [record.name] and seen.trainings == []


def test_a_training_that_was_stopped_goes_on_and_one_that_failed_says_why(repository, training):
    record = training()
    ended = subprocess.Popen(["true"])
    ended.wait()
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": ended.pid}))
    [found] = look([repository])[0].trainings
    assert (found.state, found.complaint, found.rows) == ("stopped", "", rows(1))
    with (repository / "logs/pretrain/seed0.log").open("a") as log:
        log.write("ne\ncontraflow: the training of seed 0 failed: the loss became nan\n")
    [found] = look([repository])[0].trainings
    assert found.complaint == "contraflow: the training of seed 0 failed: the loss became nan"


def test_finished_trainings_are_in_order_and_those_to_be_made_again_are_left_out(repository):
    names = ["pretrain/seed2", "pretrain/seed10", "mine/seed2/round1", "evaluate/supervised/seed2"]
    for name in reversed(names):
        save_history(repository / "results" / name / "history.csv", rows(2), 2, 0)
    save_history(repository / "results/pretrain/seed3/history.csv", rows(2), 3, 0)
    os.utime(repository / "results/pretrain/seed3/history.csv", (STALE, STALE))
    [seen] = look([repository])
    assert [(found.name, found.state) for found in seen.trainings] == [(name, "done") for name in names]
    assert seen.trainings[0].rows == rows(2)


def test_a_training_that_runs_again_stands_for_its_old_result(repository, training):
    save_history(repository / "results/pretrain/seed0/history.csv", rows(5), 0, 0)
    training()
    [found] = look([repository])[0].trainings
    assert found.state == "running" and len(found.rows) == 1


def test_other_jobs_have_their_last_words(repository):
    (repository / "logs/evaluate").mkdir(parents=True)
    (repository / "logs/evaluate/pixels.log").write_text(
        "raw_pixels · test 100% · 2/2 batches · 9.00 batches/s · 00:00 left\n"
    )
    log = Path("logs/evaluate/pixels.log")
    begin(Store(repository).folder, repository, outputs=["results/evaluate/raw_pixels.json"], log=log)
    begin(Store(repository).folder, repository, outputs=["results/fetch/source.json"])
    pixels, fetch = look([repository])[0].others
    assert (pixels.name, pixels.state) == ("evaluate/pixels", "running")
    assert pixels.words.startswith("raw_pixels · test 100%")
    assert (fetch.name, fetch.words) == ("results/fetch/source.json", "")


def test_experiments_that_dvc_runs_in_copies_are_seen_beside_the_workspace(repository, training, monkeypatch):
    copies = [repository / f".dvc/tmp/exps/standalone/{name}" for name in ("tmpa", "tmpb")]
    training()
    for copy, name in zip(copies, ("colder", "warmer"), strict=True):
        copy.mkdir(parents=True)
        monkeypatch.setenv("DVC_EXP_NAME", name)
        training(copy)
    seen = look([repository])
    assert [each.name for each in seen] == ["workspace", "colder", "warmer"]
    assert [[found.name for found in each.trainings] for each in seen] == [["pretrain/seed0"]] * 3
    assert [each.folder for each in seen] == [repository, *copies]
    copies[1].rename(repository / "gone")  # DVC removes a copy whose experiment is done
    assert [each.name for each in look([repository])] == ["workspace", "colder"]


def test_several_folders_are_told_apart(repository, training, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "dvc.yaml").write_text("stages: {}")
    training(other)
    seen = look([repository, other, repository])
    assert [each.name for each in seen] == ["workspace in main", "workspace in other"]
    assert [len(each.trainings) for each in seen] == [0, 1]


def test_a_name_that_dvc_gave_is_that_of_what_is_at_work(repository, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "colder")
    begin(Store(repository).folder, repository)
    [seen] = look([repository])
    assert seen.name == "colder" and seen.at_work


def test_looking_leaves_no_trace(repository, training):
    training()

    def files():
        return {path: (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in repository.rglob("*")}

    before = files()
    look([repository])
    assert files() == before


def test_a_folder_without_a_repository_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"has no dvc\.yaml: name a folder that holds a repository"):
        require_repositories([tmp_path])


def test_it_imports_nothing_that_computes():
    code = "import sys, contraflow.commands.watch; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_lines_cover_the_drawing_and_leave_out_what_is_no_number(repository):
    for seed, n in ((0, 3), (1, 1)):
        values = rows(n)
        values[0] = Epoch(**vars(values[0]) | {"loss": float("nan"), "knn": None, "rank": 4.0})
        save_history(repository / f"results/pretrain/seed{seed}/history.csv", values, seed, 0)
    found = {panel.name: panel for panel in panels(look([repository])[0].trainings)}
    loss, rank = found["loss"], found["effective rank"]
    assert [len(line.points) for line in loss.lines] == [2] and (loss.least, loss.most) == ("0.333", "0.500")
    assert loss.lines[0].points == [(6.0, 6.0), (234.0, 84.0)]
    assert [len(line.points) for line in rank.lines] == [3, 1] and rank.lines[1].points == [(6.0, 84.0)]
    assert "pretrain/seed0 0.333" in loss.words and rank.lines[0].colour != rank.lines[1].colour
    assert found["spread"].lines[1].points == [(6.0, 45.0)]  # all values are one

"""A user's folder as it really is: both engines see every image of it, or one sentence says why not.

Each test goes on where the last one ended.
"""

import os
import shutil

import numpy as np
from PIL import Image

from contraflow.encoded.card import Card

CHANGES = {"mining": {"rounds": 0}}  # fewer jobs
MANY = "my photos, мои фото"


def test_what_is_not_read_is_told_and_what_a_system_left_is_not(repository):
    """Beside it a class of one image, of which none is for the test."""
    images = repository.path / "images"
    picture = next(images.glob("upright/*.png"))
    added = ["upright/7.heic", "labels.txt", "__MACOSX/upright/1.png", "upright/._1.png", "@eaDir/1.png", "one/1.png"]
    for name in added:
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, images / name)
    said = repository.run("snakemake --cores 2")
    assert "images: files that are not taken: 1 .heic, 1 .txt" in said
    card = Card.read(repository.path / "results/encode/card.json")
    assert (card.classes, card.test.per_class[1], card.not_taken) == (
        ["lying", "one", "upright"],
        0,
        {".heic": 1, ".txt": 1},
    )
    page = (repository.path / "results/report.html").read_text()
    assert "2\u00a0files not taken" in page and "<code>.heic</code>" in page and "MACOSX" not in page
    assert repository.up_to_date()
    for name in added:
        (images / name).unlink()
    for name in ("one", "@eaDir", "__MACOSX/upright", "__MACOSX"):
        (images / name).rmdir()


def test_a_class_called_logs_in_train_and_val_is_watched(repository):
    images = repository.path / "images"
    for file in sorted(images.glob("*/*.png")):
        split = "Val" if file.stem > "040" else "Train"
        place = images / split / {"upright": "logs", "lying": "lying"}[file.parent.name] / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        file.rename(place)
    for name in ("upright", "lying"):
        (images / name).rmdir()
    said = repository.run("snakemake --cores 2 encode")
    assert "Val is the test set, for there is no other" in said
    card = Card.read(repository.path / "results/encode/card.json")
    assert (card.classes, card.test.images) == (["logs", "lying"], 19)
    assert "encode_images" not in repository.run("snakemake -n encode 2>&1")
    shutil.copy(images / "Train/lying/001.png", images / "Train/logs/000.png")
    assert "encode_images" in repository.run("snakemake -n encode 2>&1")
    assert "encode" in repository.json("dvc status --json")


def test_what_dvc_cannot_hash_is_named_before_a_job_starts(repository):
    link = repository.path / "images/Train/logs/new.png"
    link.symlink_to("nowhere.png")
    odd = link.with_name(os.fsdecode(b"\xff.png"))
    odd.touch()
    repository.set(data={"skip_broken": True})
    said = repository.run("snakemake --cores 2", fails=True)
    assert "Train/logs/new.png (a link that leads nowhere)" in said
    assert "Train/logs/\ufffd.png (its name is not UTF-8)" in said
    assert "Traceback" not in said and "Finished jobid" not in said
    said = repository.run("dvc repro", fails=True)  # where fetch need not run DVC hashes the folder before we are asked
    assert "failed to reproduce 'encode'" in said and "Traceback" not in said and "Finished jobid" not in said
    link.unlink()
    odd.unlink()


def test_a_linked_class_is_refused_whoever_starts_the_run(repository):
    folder = repository.path / "images/Train/logs"
    shutil.move(folder, repository.path / "elsewhere")
    folder.symlink_to(repository.path / "elsewhere")
    for command in ("snakemake --cores 2 encode", "dvc repro encode"):
        said = repository.run(command, fails=True)
        assert "lies behind the linked folder Train/logs" in said
        assert "Traceback" not in said and "Finished jobid" not in said


def test_three_hundred_classes_of_two_images_leave_a_test(repository):
    random = np.random.default_rng(0)
    for i in range(600):
        file = repository.path / f"{MANY}/{i // 2:03}/{i % 2}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(file)
    repository.set(data={"path": MANY, "skip_broken": False, "test_fraction": 0.2})
    repository.run("snakemake --cores 2 encode")
    card = Card.read(repository.path / "results/encode/card.json")
    assert (len(card.classes), card.test.images, max(card.test.per_class)) == (300, 120, 1)


def test_a_class_without_test_images_in_a_table_is_as_in_folders(repository):
    names = sorted(path.relative_to(repository.path / MANY).as_posix() for path in repository.path.glob(f"{MANY}/*/*"))
    rows = [f"{name},{name[:2]},{'train' if name[:2] == '00' or name[4] == '0' else 'test'}" for name in names]
    (repository.path / MANY / "many.csv").write_text("\n".join(["path,label,split", *rows]))
    repository.set(data={"table": "many.csv"})
    repository.run("snakemake --cores 2 encode")
    card = Card.read(repository.path / "results/encode/card.json")
    assert card.test.per_class == [0] + [10] * 29 and card.train.per_class == [20] + [10] * 29

"""Every image that is read is one whose change DVC sees, or one sentence says why not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contraflow.engines.watched import require_watched
from contraflow.foundations.errors import UserError
from contraflow.images.listing import list_folder

ROOT = Path(__file__).parents[2]
FOLDER = Path("images")


@pytest.fixture(scope="module")
def dvc_repository(tmp_path_factory) -> Path:
    """A repository with the ignore files of this one."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copy(ROOT / ".dvcignore", root)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    _dvc(root, "init", "-q")
    return root


@pytest.fixture
def root(dvc_repository) -> Path:
    """The same with two classes of one image."""
    shutil.rmtree(dvc_repository / FOLDER, ignore_errors=True)
    _touch(dvc_repository / FOLDER, "a/1.png", "b/2.png")
    return dvc_repository


def _dvc(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def _hashed(root: Path) -> set[str]:
    """What DVC really hashes of the folder."""
    _dvc(root, "add", "-q", str(FOLDER))
    digest = next(line.split()[-1] for line in (root / "images.dvc").read_text().splitlines() if "md5:" in line)
    entries = json.loads((root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).read_text())
    _dvc(root, "remove", "-q", "images.dvc")
    return {entry["relpath"] for entry in entries}


def test_what_is_listed_is_what_dvc_hashes(root):
    for name in ("logs", "tests", "src", "results", "data", "a/deep/logs"):
        _touch(root / FOLDER, f"{name}/1.png")
    _touch(root / FOLDER, "a/._1.png", "b/.DS_Store", "b/Thumbs.db", "__MACOSX/a/1.png", "b/@eaDir/1.png/thumb.jpg")
    (root / "elsewhere.png").touch()
    (root / FOLDER / "b/linked.png").symlink_to(root / "elsewhere.png")
    require_watched(root, "folder", FOLDER, None)
    listed = list_folder(root / FOLDER).named()
    assert {"logs/1.png", "b/linked.png"} < listed
    assert listed == _hashed(root)


def _linked_folder(folder: Path) -> None:
    shutil.move(folder / "b", folder.parent / "elsewhere")
    (folder / "b").symlink_to(folder.parent / "elsewhere")


def _ignored(folder: Path) -> None:
    _touch(folder, "__pycache__/1.png")
    (folder.parent / ".dvcignore").write_text("__pycache__\n")


def _subrepository(folder: Path) -> None:
    (folder / "b/.dvc").mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_linked_folder, r"see images/b/2\.png change: it lies behind the linked folder b; put"),
        (_ignored, r"see images/__pycache__/1\.png change: it is ignored \(\.dvcignore:1:__pycache__\)"),
        (_subrepository, r"see images/b/2\.png change: it is ignored \(in sub_repo:b\)"),
    ],
)
def test_an_image_that_dvc_would_not_see_change_is_named(root, spoil, says):
    before = (root / ".dvcignore").read_text()
    try:
        spoil(root / FOLDER)
        assert not list_folder(root / FOLDER).named() <= _hashed(root)
        with pytest.raises(UserError, match=says) as caught:
            require_watched(root, "folder", FOLDER, None)
    finally:
        (root / ".dvcignore").write_text(before)
        shutil.rmtree(root / "elsewhere", ignore_errors=True)
    assert "\n" not in str(caught.value)


def test_all_files_that_dvc_cannot_hash_are_named(root):
    folder = root / FOLDER
    (folder / "a/nowhere.png").symlink_to("nowhere")
    (folder / "a/.#edited").symlink_to("user@host")
    (folder / os.fsdecode(b"b/\xff.png")).touch()
    (folder / "b/.dvcignore").touch()
    os.mkfifo(folder / "b/pipe")
    with pytest.raises(UserError, match="DVC cannot hash images") as caught:
        require_watched(root, "folder", FOLDER, None)
    assert str(caught.value).splitlines()[1:] == [
        "  a/.#edited (a link that leads nowhere)",
        "  a/nowhere.png (a link that leads nowhere)",
        "  b/.dvcignore (DVC wants ignore files outside of what it hashes)",
        "  b/pipe (neither a file nor a folder)",
        "  b/\ufffd.png (its name is not UTF-8)",
    ]


def test_a_folder_outside_of_the_repository_and_a_link_to_it_go_the_same_way(root, tmp_path):
    _touch(tmp_path / "outside", "a/1.png", "b/2.png", "logs/3.png")
    require_watched(root, "folder", tmp_path / "outside", None)
    (root / "link").symlink_to(tmp_path / "outside")
    require_watched(root, "folder", Path("link"), None)
    (root / "link").unlink()
    _linked_folder(tmp_path / "outside")
    with pytest.raises(UserError, match="behind the linked folder b"):
        require_watched(root, "folder", tmp_path / "outside", None)


def test_of_a_table_the_images_are_looked_at_that_it_names(root):
    _linked_folder(root / FOLDER)
    _touch(root / FOLDER, "c/3.png")
    for second, seen in (("c/3.png", True), ("b/2.png", False)):
        (root / FOLDER / "t.csv").write_text(f"path,label\na/1.png,x\n{second},y\nmissing.png,y\n")
        if seen:
            require_watched(root, "folder", FOLDER, "t.csv")
        else:
            with pytest.raises(UserError, match=r"images/b/2\.png change"):
                require_watched(root, "folder", FOLDER, "t.csv")
    shutil.rmtree(root / "elsewhere")


def test_without_a_folder_nothing_is_said(root):
    require_watched(root, "folder", Path("none"), None)

"""Whatever lies in a folder of images, it becomes a card that accounts for every file, or one sentence says why not.

Hypothesis draws the trees, the same ones for the same code, whose constants it tries, too. They are read in a process
of their own, to which modes of files apply also where the tests are root's, and which may hang.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from contraflow.cli import command
from contraflow.encoded.card import EncodedData
from contraflow.engines.watched import require_watched
from contraflow.foundations.errors import UserError
from contraflow.steps.encode import encode
from contraflow.steps.fetch import fetch

ROOT = Path(__file__).parents[2]
BOUND = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
LONGEST = 600  # seconds for 40 trees; more is a hang
FOLDER = Path("images")
SYSTEM = {"thumbs.db", "__macosx", "@eadir"}  # of those that are drawn


@pytest.mark.parametrize("trees", [40, pytest.param(500, marks=pytest.mark.slow)])
def test_trees_of_files(trees):
    bound = BOUND if os.geteuid() == 0 and not subprocess.run([*BOUND, "true"], capture_output=True).returncode else []
    read = [*bound, sys.executable, __file__, str(trees)]
    done = subprocess.run(read, capture_output=True, text=True, timeout=LONGEST * trees / 40)
    assert done.returncode == 0, done.stdout + done.stderr
    ends = done.stdout.split()
    # a half each of many trees; of 40, which resemble their neighbours, a quarter has been seen
    assert ends.count("card") > trees / 8 and ends.count("sentence") > trees / 8


def _image(kind: str, mode: str = "RGB", **how) -> bytes:
    pixels = np.random.default_rng(len(kind)).integers(0, 256, (12, 9, 4), dtype=np.uint8)
    picture = Image.fromarray(pixels[..., :3]).convert(mode) if mode != "RGBA" else Image.fromarray(pixels)
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def _deep() -> bytes:
    file = io.BytesIO()
    Image.fromarray((np.arange(99, dtype=np.uint16) * 600).reshape(9, 11)).save(file, "PNG")
    return file.getvalue()


PICTURES = {
    ".png": [_image("PNG"), _image("PNG", "L"), _image("PNG", "P"), _image("PNG", "1"), _image("PNG", "RGBA"), _deep()],
    ".JPG": [_image("JPEG"), _image("JPEG", "L"), _image("JPEG", "CMYK"), _image("PNG")],
    ".jpeg": [_image("JPEG", progressive=True)],
    ".webp": [_image("WEBP"), _image("WEBP", "RGBA")],
    ".gif": [_image("GIF", "P")],
    ".bmp": [_image("BMP")],
    ".tif": [_image("TIFF"), _image("TIFF", "F"), _image("TIFF", "I")],
    ".ico": [_image("ICO", "RGBA")],
    ".ppm": [_image("PPM")],
    ".tga": [_image("TGA")],
}
NO_PICTURES = {
    ".txt": b"words",
    ".csv": b"path,label\n",
    ".heic": b"\0" * 40,
    "": b"",
    ".dvc": b"outs: []\n",
    ".svg": b"<",
}

STEMS = st.one_of(
    st.integers(0, 99).map(lambda n: f"{n:02}".encode()),
    st.sampled_from([b"a b", b"..a", b"a.b.", b"-n", b"#1", b"{x}", b"%s", b"'\"", b"\\", b"e\xcc\x81", b"~"]),
    st.sampled_from([b".hidden", b"Thumbs.db", b"\xff", b"a\nb", b"\x1b[1m", b"n" * 240, b"*", "犬".encode() * 70]),
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=5).map(str.encode),
)
PLACES = st.one_of(
    st.sampled_from([b"cat", b"dog", b"two words", "犬".encode(), b"a.png", b"x.y", b".", b"\xfe", b"cat/deeper"]),
    st.sampled_from([b"train", b"Train", b"val", b"test", b"validation", b"__MACOSX", b".git", b".ipynb_checkpoints"]),
    st.sampled_from([b"train/cat", b"train/dog", b"val/cat", b"test/dog", b"test/bird"]),
)
LAYOUTS = st.sampled_from(
    [
        *([b"."], [b"cat", b"dog"], [b"cat/deeper", b"x.y"], [b"train", b"test"], [b"training/cat", b"training/dog"]),
        *([b"train/cat", b"train/dog", b"test/cat", b"test/dog"], [b"train/cat", b"train/dog", b"Val/cat"]),
    ]
)
PICTURE = st.sampled_from([(ending, which) for ending, contents in PICTURES.items() for which in range(len(contents))])
ODD = st.sampled_from(
    [
        *["other"] * 12,
        *("cut", "text", "empty", "unreadable", "nowhere", "file link", "folder link", "inner link", "loop", "self"),
        *("pipe", "empty folder", "closed folder", "unsearchable folder"),
    ]
)
TREES = st.fixed_dictionaries(
    {
        "layout": LAYOUTS,
        "pictures": st.lists(PICTURE, min_size=1, max_size=6),
        "each": st.integers(3, 8),
        "odd": st.lists(st.tuples(PLACES, STEMS, ODD, PICTURE, st.sampled_from(sorted(NO_PICTURES))), max_size=3),
        "skip_broken": st.sampled_from([True, True, True, False]),
        "jpeg_above": st.sampled_from([4, 64]),
    }
)


def grow(top: bytes, tree: dict) -> None:
    """Put the files of a tree below `top`; what cannot be there (two of one name) is left out."""
    for number in range(tree["each"] * len(tree["layout"])):
        place = tree["layout"][number % len(tree["layout"])]
        ending, which = tree["pictures"][number % len(tree["pictures"])]
        os.makedirs(os.path.join(top, place), exist_ok=True)
        Path(os.fsdecode(os.path.join(top, place)), f"{number:03}{ending}").write_bytes(PICTURES[ending][which])
    for place, stem, kind, (ending, which), other in tree["odd"]:
        try:
            os.makedirs(os.path.join(top, place), exist_ok=True)
            _put(os.path.join(top, place, stem), kind, ending, PICTURES[ending][which], other)
        except OSError:
            continue


def _put(path: bytes, kind: str, ending: str, content: bytes, other: str) -> None:
    file = Path(os.fsdecode(path) + (other if kind == "other" else ending))
    target = Path.cwd().parent / "elsewhere"
    if kind in ("other", "cut", "text", "empty", "unreadable"):
        contents = {"other": NO_PICTURES[other], "cut": content[: len(content) * 2 // 3], "text": b"no", "empty": b""}
        file.write_bytes(contents.get(kind, content))
        file.chmod(0 if kind == "unreadable" else 0o644)
    elif kind == "pipe":
        os.mkfifo(file)
    elif "folder" in kind and kind != "folder link":
        folder = Path(os.fsdecode(path))
        folder.mkdir()
        if kind != "empty folder":
            (folder / f"1{ending}").write_bytes(content)
            folder.chmod(0 if kind == "closed folder" else 0o600)
    else:
        (target / "folder").mkdir(parents=True, exist_ok=True)
        for name in ("file.png", "folder/1.png", "folder/1.txt"):
            (target / name).write_bytes(PICTURES[".png"][0])
        to = {
            "nowhere": "nowhere",
            "file link": target / "file.png",
            "loop": "..",
            "self": file.name,
            "inner link": ".",
        }
        linked = Path(os.fsdecode(path)) if kind in ("folder link", "loop", "inner link") else file
        linked.symlink_to(to.get(kind, target / "folder"))


def files_there(folder: str, above: tuple = ()) -> Iterator[str]:
    """All files but those that are neither read nor counted (docs/data.md); each linked folder is entered once."""
    here = os.stat(folder)
    if (here.st_dev, here.st_ino) in above:
        return
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith(".") or name.lower() in SYSTEM:
            continue
        if os.path.isdir(path):
            yield from files_there(path, (*above, (here.st_dev, here.st_ino)))
        else:
            yield path


def read(tree: dict) -> str:
    """Make a card of a tree as a run does, and say how it ended."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"] |= {"name": "folder", "path": str(FOLDER), "image_size": 8}
    params["data"] |= {name: tree[name] for name in ("skip_broken", "jpeg_above")}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    there, source, card = {"params": Path("params.yaml")}, Path("out/fetch/source.json"), Path("out/encode/card.json")
    grow(os.fsencode(FOLDER), tree)
    try:
        require_watched(Path.cwd(), "folder", FOLDER, None)
        command(fetch, "fetch")(source=source, **there)
        command(encode, "encode")(source=source, card=card, **there)
    except UserError as error:
        said = str(error)
        print(said[:200], file=sys.stderr)
        said.encode()  # a name that is no text must not reach the terminal
        assert said.strip() and "Traceback" not in said
        return "sentence"
    made = EncodedData.open(card).card
    counted = made.train.images + made.test.images + len(made.skipped) + sum(made.not_taken.values())
    assert counted == len(list(files_there(str(FOLDER)))), (made, sorted(files_there(str(FOLDER))))
    return "card"


def main(trees: int) -> None:
    @settings(
        max_examples=trees, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(TREES)
    def each(tree):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            (Path(folder) / "a/b").mkdir(parents=True)
            shutil.copy(ROOT / ".dvcignore", f"{folder}/a/b")
            os.chdir(f"{folder}/a/b")
            try:
                print(read(tree), flush=True)
            finally:
                os.chdir("/")
                subprocess.run(["chmod", "-R", "u+rwx", folder], capture_output=True)

    each()


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Colour pictures with labels: every emoji as four makers draw it, in the nine categories that Unicode gives them.

They lie inside packages of the npm registry, which the user puts into `data/`:

    npm pack --pack-destination data emoji-datasource-{google,twitter,facebook,apple}@16.0.0

Each is 64 pixels a side and transparent; here on white, and half as large, or in the small set, a sample of the
training pictures, as they are. Those of skin tones are left out: they
would be more than all others. Every fourth emoji of a category is kept for the test in all its drawings, so that no
test picture shows what a training picture shows; a validation picture, drawn among those of training, may.

The packages are under the MIT licence, the drawings belong to their makers (Google's: Apache 2.0, Twitter's: CC BY 4.0,
Apple's and Facebook's: theirs): nothing of them is stored in this repository.
"""

import json
import tarfile
from collections import defaultdict
from pathlib import Path, PurePosixPath
from random import Random

from PIL import Image

from contraflow.foundations.artefacts import sha256

VERSION = "16.0.0"
PACKAGES = {  # SHA-256, by who draws
    "google": "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    "twitter": "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
    "facebook": "017038cf5a4e7fcf03dd9133cbed43d4c281c4b3ce7b927c7160261b92b8821e",
    "apple": "b34d1665e136f163b0d4433318df151895b785186e8c729b2211b43017945075",
}
WORDS = f"emoji ({', '.join(PACKAGES)}; npm's emoji-datasource {VERSION})"
PLACE = Path("data")
SIDE, LARGE = 32, 64  # pixels
FEW = 1000  # training pictures of the small set
TEST = 4  # every fourth
LEFT_OUT = "Component"  # parts of emoji, such as hair


def write(folder: Path, side: int = SIDE, training: int | None = None) -> None:
    """Write the pictures into `train` and `test`, a folder a category in each.

    Args:
        folder: Is made.
        side: Pixels.
        training: How many of the training pictures, drawn among all; None for all.

    Raises:
        SystemExit: a package is missing or damaged.
    """
    places = {maker: _places(_package(maker)) for maker in PACKAGES}
    names = sorted(f"{place}-{maker}.png" for maker, of in places.items() for place in of.values())
    if training is not None:
        drawn = Random(0).sample([name for name in names if name.startswith("train/")], training)
        names = [*drawn, *(name for name in names if name.startswith("test/"))]
    wanted = set(names)
    for maker, of in places.items():
        with tarfile.open(_package(maker)) as archive:
            for member in archive:  # in the order of the archive: going back in it means to unpack it from the start
                part = PurePosixPath(member.name)
                if part.parent != PurePosixPath("package/img", maker, "64") or part.name not in of:
                    continue
                if (name := f"{of[part.name]}-{maker}.png") in wanted:
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    _on_white(Image.open(archive.extractfile(member)), side).save(folder / name)


def write_few(folder: Path) -> None:
    """Write the small set: `FEW` training pictures and all test pictures, of `LARGE` pixels.

    Raises:
        SystemExit: as `write`.
    """
    write(folder, LARGE, FEW)


def _package(maker: str) -> Path:
    package = PLACE / f"emoji-datasource-{maker}-{VERSION}.tgz"
    if not package.is_file() or sha256(package) != PACKAGES[maker]:
        state = "has a wrong checksum" if package.is_file() else "is missing"
        raise SystemExit(
            f"{package} {state}: `npm pack --pack-destination {PLACE} emoji-datasource-{maker}@{VERSION}` brings it"
        )
    return package


def _places(package: Path) -> dict[str, str]:
    """Where each emoji belongs: part, category and number in it, by the name of its picture."""
    with tarfile.open(package) as archive:
        listed = json.load(archive.extractfile("package/emoji.json"))
    categories = defaultdict(list)
    for emoji in sorted(listed, key=lambda emoji: emoji["sort_order"]):
        categories[emoji["category"]].append(emoji["image"])
    categories.pop(LEFT_OUT)
    return {
        name: f"{'train' if number % TEST else 'test'}/{category}/{number:03}"
        for category, names in categories.items()
        for number, name in enumerate(names)
    }


def _on_white(picture: Image.Image, side: int) -> Image.Image:
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)

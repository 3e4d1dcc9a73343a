"""Films of real pictures: a window slides over photographs, each of which is a scene.

The photographs are in two packages of Debian:

    apt install --no-install-recommends lomiri-wallpapers-16.04 mate-backgrounds

Each is reduced to 160 pixels along its shorter side. Over the first 60 % of the longer side slides a window of 32
pixels, by 8 pixels a frame, along rows that do not overlap, forth and back: these are the training frames, in their
order, a group a photograph. The rest is cut into windows that overlap neither each other nor a training frame: the test
frames. So no pixel of a test frame is in another frame, and a scene is found only by what it has in common with itself.

The photographs are under CC BY, CC BY-SA, CC0 or the GPL, as the packages say: nothing of them is stored in this
repository.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from contraflow.foundations.artefacts import sha256

PLACE = Path("/usr/share/backgrounds")
PHOTOGRAPHS = [  # what else the packages have is drawn or made up
    "Bridge_by_Sander_Klootwijk",
    "Dragonfly_by_Bolly",
    "Picture_0B_by_freespace",
    "Picture_1A_by_freespace",
    "Wine_by_Jakkub_Mede",
    "aitzgorri_by_Aitzol_Berasategi",
    "free_by_Peter_Nerlich",
    "friends_by_Aitzol_Berasategi",
    "greentock_by_Peter_Nerlich",
    "life_by_Aitzol_Berasategi",
    "picosdeeuropa_by_Aitzol_Berasategi",
    "seeding_by_Clements_Engelhardt",
    "sunset_by_Aitzol_Berasategi",
    "mate/nature/Aqua",
    "mate/nature/Blinds",
    "mate/nature/Dune",
    "mate/nature/FreshFlower",
    "mate/nature/Garden",
    "mate/nature/GreenMeadow",
    "mate/nature/LadyBird",
    "mate/nature/RainDrops",
    "mate/nature/Storm",
    "mate/nature/TwoWings",
    "mate/nature/Wood",
    "mate/nature/YellowFlower",
]
CHECKSUM = "08413ec4a20c97a12f5787665a2cfbb3b790cabdd6c864461900f2e8f39fbe85"  # SHA-256 of those of all files
PACKAGES = "lomiri-wallpapers-16.04 mate-backgrounds"
WORDS = f"frames of films over {len(PHOTOGRAPHS)} photographs (Debian's {PACKAGES.replace(' ', ' and ')})"
TABLE = "frames.csv"
SHORT, SIDE, STEP = 160, 32, 8  # pixels: a photograph's shorter side, a frame's side, from one frame to the next
FILMED = 0.6  # of the longer side


def write(folder: Path) -> None:
    """Write the frames of all photographs, and the table that lists them.

    Raises:
        SystemExit: a photograph is missing, or is another.
    """
    files = [PLACE / f"{name}.jpg" for name in PHOTOGRAPHS]
    for file in files:
        if not file.is_file():
            raise SystemExit(f"{file} is missing: `apt install --no-install-recommends {PACKAGES}` brings it")
    if hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest() != CHECKSUM:
        raise SystemExit(f"the photographs in {PLACE} are others than those of Debian 12's {PACKAGES}")
    cut(folder, ((file.stem, Image.open(file)) for file in files))


def write_drawn(folder: Path) -> None:
    """The same of four pictures of noise that differ in brightness."""
    random = np.random.default_rng(0)
    noise = [random.integers(darkest, darkest + 128, (SHORT, 240), dtype=np.uint8) for darkest in (0, 40, 80, 120)]
    cut(folder, ((str(number), Image.fromarray(picture)) for number, picture in enumerate(noise)))


def cut(folder: Path, photographs: Iterable[tuple[str, Image.Image]]) -> None:
    """Write the frames of photographs, by their names, and the table."""
    folder.mkdir(parents=True)
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "split", "group", "order"])
        for name, photograph in photographs:
            reduced = _lying(photograph)
            for split, places in (("train", filmed(reduced.size)), ("test", apart(reduced.size))):
                for number, (left, top) in enumerate(places):
                    path = f"{name}-{split}-{number:03}.png"
                    reduced.crop((left, top, left + SIDE, top + SIDE)).save(folder / path)
                    table.writerow([path, name, split, f"{name}-{split}", number])


def filmed(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Left and top of the window in each training frame, for a picture of (width, height), the longer first."""
    width, height = size
    row = range(0, int(FILMED * width) - SIDE + 1, STEP)
    for number, top in enumerate(range(0, height - SIDE + 1, SIDE)):
        yield from ((left, top) for left in (reversed(row) if number % 2 else row))


def apart(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Left and top of each test frame."""
    width, height = size
    for top in range(0, height - SIDE + 1, SIDE):
        yield from ((left, top) for left in range(int(FILMED * width), width - SIDE + 1, SIDE))


def _lying(photograph: Image.Image) -> Image.Image:
    """In colour, reduced, its longer side from left to right."""
    picture = photograph.convert("RGB")
    if picture.height > picture.width:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    width = round(SHORT * picture.width / picture.height)
    return picture.resize((width, SHORT), Image.Resampling.LANCZOS)

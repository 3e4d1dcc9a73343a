"""Emoji with their names and keywords in five languages: pictures with words, and no download.

The pictures are those that Google's Noto font holds as bitmaps, taken out by Pillow's FreeType; what to draw, in which
subgroups, is Unicode's list, and names and keywords are those of its Common Locale Data Repository (CLDR), all as
Debian 12 packs them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from contraflow.encoded.kin import GROUP
from contraflow.encoded.splits import Draw, generator
from contraflow.foundations.errors import UserError
from contraflow.images.image_set import ImageSet, Split
from contraflow.images.sources import EMOJI_ANNOTATIONS, EMOJI_LANGUAGES, SOURCES

_TESTED = 0.25  # share of the emoji of a subgroup
_DRAWN = 109  # the one size that the font has, which gives pictures of
_BOX = (136, 128)  # pixels
_LINE = re.compile(r"(?P<code>[0-9A-F ]+?) *; fully-qualified +# \S+ E[\d.]+ .+")
_VARIED = re.compile("[\U0001f3fb-\U0001f3ff]|\u200d[\u2640\u2642]")  # skin tones, and what says female or male
_PERSON = str.maketrans("👨👩👦👧👴👵", "🧑🧑🧒🧒🧓🧓")
_AS_PICTURE = "\ufe0f"  # says that a character is to be drawn in colour; CLDR leaves it out


class _Emoji(NamedTuple):
    """The characters of an emoji, and its subgroup."""

    text: str
    subgroup: str

    @property
    def plain(self) -> str:
        """What CLDR calls it."""
        return self.text.replace(_AS_PICTURE, "")

    @property
    def base(self) -> str:
        """The same whatever the skin tone and the gender."""
        return _VARIED.sub("", self.plain).translate(_PERSON)


def draw_emoji(root: Path, size: int | None) -> ImageSet:
    """All emoji of the files in `root` that have a name, on white, `size` (else 32) pixels a side, with their texts.

    Class is Unicode's subgroup. An emoji in all skin tones and genders is a group. A fixed draw of a quarter of the
    groups of each class is for the test: no training picture shows one of them. The texts are, of each language, the
    name, and the keywords as one text.

    Raises:
        UserError: Pillow cannot compose characters here.
    """
    said = _texts(root)
    every = [emoji for emoji in _listed(root / "emoji-test.txt") if emoji.plain in said]
    classes = list(dict.fromkeys(emoji.subgroup for emoji in every))
    bases = list(dict.fromkeys(emoji.base for emoji in every))
    labels = np.array([classes.index(emoji.subgroup) for emoji in every])
    group = np.array([{base: i for i, base in enumerate(bases)}[emoji.base] for emoji in every])
    tested = np.isin(group, _drawn_for_test(labels, group))
    pixels = _draw_all(every, root / "NotoColorEmoji.ttf", size or SOURCES["emoji"].side)
    order = np.argsort(group, kind="stable")
    place = np.arange(len(order)) - np.searchsorted(group[order], group[order])  # in the group

    def split(of: np.ndarray) -> Split:
        chosen = order[of[order]]
        return Split(
            pixels[chosen],
            labels[chosen],
            positions=group[chosen] * GROUP + place[of[order]],
            texts=[said[every[i].plain] for i in chosen],
        )

    return ImageSet(split(~tested), split(tested), classes)


def _listed(file: Path) -> Iterator[_Emoji]:
    subgroup = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        elif found := _LINE.fullmatch(line):
            yield _Emoji("".join(chr(int(code, 16)) for code in found["code"].split()), subgroup)


def _drawn_for_test(labels: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The groups of the test images: of each class their share, rounded down, so that none is of them alone."""
    random = generator(0, Draw.TEST)
    groups = [random.permutation(np.unique(group[labels == label])) for label in np.unique(labels)]
    return np.concatenate([own[: int(_TESTED * len(own))] for own in groups])


def _draw_all(emoji: list[_Emoji], file: Path, side: int) -> np.ndarray:
    """Pictures (N, side, side, 3) uint8, in the middle of a white square, made smaller by Pillow's Lanczos."""
    if not features.check("raqm"):
        raise UserError("data.name emoji needs FriBidi, by which Pillow composes characters: `apt install libfribidi0`")
    font = ImageFont.truetype(file, _DRAWN, layout_engine=ImageFont.Layout.RAQM)
    pixels = np.empty((len(emoji), side, side, 3), np.uint8)
    width, height = _BOX
    for target, each in zip(pixels, emoji, strict=True):
        picture = Image.new("RGBA", (width, width), "white")
        place = (0, (width - height) / 2)
        ImageDraw.Draw(picture).text(place, each.text, font=font, embedded_color=True)
        target[:] = np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))
    return pixels


def _texts(root: Path) -> dict[str, list[str]]:
    """Name and keywords of each character that has a name, by the character and language by language."""
    found: dict[str, list[str]] = {}
    for language in EMOJI_LANGUAGES:
        for folder in EMOJI_ANNOTATIONS:
            names, keywords = {}, {}
            for each in ElementTree.parse(root / folder / f"{language}.xml").iter("annotation"):
                (names if each.get("type") == "tts" else keywords)[each.get("cp")] = each.text
            for character, name in names.items():
                said = [name, keywords.get(character, "").replace(" | ", ", ")]
                found.setdefault(character, []).extend(filter(None, said))
    return {character: list(dict.fromkeys(said)) for character, said in found.items()}

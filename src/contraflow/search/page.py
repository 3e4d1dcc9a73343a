"""Images with their nearest training images, put into the template."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from contraflow.pages.assets import template
from contraflow.pages.pictures import lit, picture

LARGEST = 128  # pixels a side of what is shown


@dataclass(frozen=True)
class Found:
    """One image and its nearest, the nearest first.

    Attributes:
        name: Of the image's file.
        image: As the encoder takes it, uint8 (H, W, C).
        nearest: Training images, uint8 (k, H, W, C).
        index: Their places in `train.beton`, int64 (k,).
        label: Their classes, int64 (k,), -1 where unlabelled.
        similarity: Cosine similarity, float32 (k,), falling.
        regions: Of the first of them, what each place of the image and of the other gives to their similarity, float32
            (n, 2, side, side); side is 0 where the encoder has no feature map.
        own: The image's own class, where it is known and images that are searched have it; else -1.
    """

    name: str
    image: np.ndarray
    nearest: np.ndarray
    index: np.ndarray
    label: np.ndarray
    similarity: np.ndarray
    regions: np.ndarray
    own: int = -1

    @property
    def right(self) -> np.ndarray:
        """Which of the nearest have the image's class, (k,) bool."""
        return self.label == self.own

    def finds(self, k: int) -> bool:
        """Whether one of the `k` nearest is right; the image itself, where it is a training image, is none of them.

        So that it may be left out, `nearest` must have one more, if there are more.
        """
        equal = (self.nearest == self.image).all((1, 2, 3))
        itself = equal & (equal.cumsum() == 1)  # others that equal it are copies
        return bool(self.right[~itself][:k].any())

    def first(self, k: int) -> Self:
        """With the `k` nearest alone."""
        cut = {name: getattr(self, name)[:k] for name in ("nearest", "index", "label", "similarity")}
        return replace(self, **cut)


def render(found: list[Found], *, classes: list[str], data: str, searched: int, encoder: str) -> str:
    """The page as HTML that needs no other file.

    Args:
        found: One entry an image, in the order to show.
        classes: Names of the classes, empty when the data is unlabelled.
        data: Name of the data set.
        searched: Training images that were compared.
        encoder: Its name in words.
    """
    return template(Path(__file__).parent / "page.html.j2").render(
        titles=[(f"image-{number}", entry.name) for number, entry in enumerate(found, 1)],
        images=[_image(entry, classes) for entry in found],
        labelled=bool(classes),
        data=data,
        searched=searched,
        encoder=encoder,
        mapped=all(entry.regions.shape[-1] for entry in found),
    )


def _image(found: Found, classes: list[str]) -> dict:
    names = [classes[label] if label >= 0 else None for label in found.label.tolist()]
    nearest = [
        {**_shown(image), "class": name, "index": index, "similarity": similarity, "right": right}
        for image, name, index, similarity, right in zip(
            found.nearest, names, found.index.tolist(), found.similarity.tolist(), found.right.tolist(), strict=True
        )
    ]
    own = classes[found.own] if found.own >= 0 else None
    known = Counter(name for name in names if name is not None)  # of equally frequent ones the nearest's comes first
    return {
        **_shown(found.image),
        "name": found.name,
        "class": own,
        "nearest": nearest,
        "classes": known.most_common(3),
        "pairs": [_pair(found, place, own, names[place]) for place in range(len(found.regions))],
    }


def _pair(found: Found, place: int, own: str | None, other: str | None) -> dict:
    regions, index = found.regions[place], found.index[place]
    most = float(np.abs(regions).max(initial=0))

    def shown(image: np.ndarray, given: np.ndarray) -> dict:
        return {**_shown(image), "lit": lit(image, given, most, LARGEST) if given.size else None}

    own = {"what": f"The image {found.name}", "called": found.name, "class": own}
    other = {"what": f"Training image {index}", "called": f"no. {index}", "class": other}
    images = found.image, found.nearest[place]
    return {
        "cosine": float(found.similarity[place]),
        "both": [shown(*each) | told for *each, told in zip(images, regions, (own, other), strict=True)],
    }


def _shown(image: np.ndarray) -> dict:
    return {**picture(image, LARGEST), "smooth": max(image.shape[:2]) >= LARGEST}

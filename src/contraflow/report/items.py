"""What the page shows of items: pictures of images, or where texts are alone these; both in the same three ways."""

from dataclasses import dataclass

import numpy as np

from contraflow.encoded.card import EncodedData
from contraflow.encoded.pixels import read_images
from contraflow.pages.pictures import picture, sheet, sprite

LONGEST = 200  # letters of a text that are shown


@dataclass(frozen=True)
class Pictures:
    """Of images."""

    data: EncodedData

    def images(self, split: str, indices: np.ndarray, largest: int | None = None) -> np.ndarray:
        """The images of `train` or `test` at `indices` (n,), uint8 (n, H, W, C), at their own size or the `largest`.

        Raises:
            UserError: their file is missing or damaged.
        """
        size = self.data.card.image_size
        return read_images(self.data.beton(split), indices, min(size, largest or size))

    def each(self, split: str, indices: np.ndarray) -> list[dict]:
        """One by one: `uri` and `width`."""
        return [picture(image) for image in self.images(split, indices)]

    def strip(self, split: str, indices: np.ndarray) -> dict:
        """Side by side, at least one: `uri`, `width` and `count`."""
        return sprite(self.images(split, indices))

    def sheet(self, split: str, indices: np.ndarray, largest: int) -> dict:
        """Very many, small, for a look at one of them: as `contraflow.pages.pictures.sheet` has it."""
        return sheet(self.images(split, indices, largest))


@dataclass(frozen=True)
class Sentences:
    """Of texts that are alone: in place of pictures what is `said`."""

    data: EncodedData

    def each(self, split: str, indices: np.ndarray) -> list[dict]:
        texts = self.data.texts[split]
        return [{"said": cut(texts[index])} for index in np.asarray(indices).tolist()]

    def strip(self, split: str, indices: np.ndarray) -> dict:
        return {"said": [each["said"] for each in self.each(split, indices)], "count": len(indices)}

    def sheet(self, split: str, indices: np.ndarray, _: int) -> dict:
        return self.strip(split, indices)


def cut(said: str) -> str:
    """As much of a text as is shown."""
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"

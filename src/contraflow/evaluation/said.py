"""Which texts belong to which images, and in which directions one looks for the other. No torch: the page reads it."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from contraflow.encoded.texts import Texts

DIRECTIONS = ("image_to_text", "text_to_image")


@dataclass(frozen=True)
class Said:
    """The different texts of some images, and who says what: texts that are equal are one.

    Attributes:
        texts: Of each, the first place where it stands, (U,) int64.
        pairs: (2, P) int64: image and text, by their numbers, that belong together; every image and text has one.
        images: How many.
    """

    texts: np.ndarray
    pairs: np.ndarray
    images: int

    @classmethod
    def of(cls, texts: Texts) -> "Said":
        places: dict[bytes, int] = {}
        number = [places.setdefault(texts.said[text].tobytes(), len(places)) for text in range(len(texts))]
        _, first = np.unique(number, return_index=True)
        pairs = np.unique(np.stack([texts.image, number]), axis=1)
        return cls(first, pairs, len(texts.begins) - 1)

    def right(self, direction: str) -> csr_matrix:
        """Which candidates are right for which query, bool (queries, candidates)."""
        image, text = self.pairs
        found = csr_matrix((np.ones(len(image), bool), (image, text)), (self.images, len(self.texts)))
        return found if direction == "image_to_text" else found.T.tocsr()

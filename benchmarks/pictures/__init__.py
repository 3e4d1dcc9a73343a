"""The pictures that benchmarks train on, as params.yaml names them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pictures import emoji, film, tiny


@dataclass(frozen=True)
class Pictures:
    """A data set.

    Attributes:
        name: One word, as rows of figures have it.
        words: What it is, for a person.
        changes: What differs from the shipped parameters.
        write: Writes the pictures into a folder, as `data.name: folder` takes them; None where they are fetched.
    """

    name: str
    words: str
    changes: Mapping[str, object] = field(hash=False)
    write: Callable[[Path], None] | None = None

    def written(self, folder: Path) -> dict[str, object]:
        """The changes to the shipped parameters, once the pictures lie in `folder`, where they must be written."""
        if self.write is None:
            return dict(self.changes)
        self.write(folder)
        return {**self.changes, "data.name": "folder", "data.path": str(folder)}


FASHION_MNIST = Pictures("fashion_mnist", "Fashion-MNIST", {"data.name": "fashion_mnist"})
GLYPHS = Pictures("glyphs", "Chinese characters in four typefaces", {"data.name": "glyphs"})
EMOJI = Pictures("emoji", emoji.WORDS, {"data.image_size": emoji.SIDE}, emoji.write)
FEW_EMOJI = Pictures(
    "few emoji",
    f"{emoji.FEW:,} training pictures of {emoji.WORDS}",
    {"data.image_size": emoji.LARGE},
    emoji.write_few,
)
FILM = Pictures("film", film.WORDS, {"data.image_size": film.SIDE, "data.table": film.TABLE}, film.write)
TINY = Pictures("tiny", "tiny pictures", tiny.CHANGES, tiny.write)
TINY_FILM = Pictures("tiny film", "films over noise", tiny.CHANGES | {"data.table": film.TABLE}, film.write_drawn)

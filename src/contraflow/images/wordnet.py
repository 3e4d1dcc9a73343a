"""What WordNet says of a meaning: words for it, a definition, and examples; as Debian packs its files, no download.

A synset is a set of words with one meaning. Its line ends with a gloss: a definition, then examples in quotation marks.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contraflow.encoded.kin import GROUP
from contraflow.encoded.splits import Draw, generator
from contraflow.images.image_set import ImageSet, Split, TextsAlone
from contraflow.images.sources import SOURCES

# The files in which lexicographers wrote the synsets, in the order of their numbers.
_FILES = (
    *("adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute"),
    *("noun.body", "noun.cognition", "noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group"),
    *("noun.location", "noun.motive", "noun.object", "noun.person", "noun.phenomenon", "noun.plant"),
    *("noun.possession", "noun.process", "noun.quantity", "noun.relation", "noun.shape", "noun.state"),
    *("noun.substance", "noun.time", "verb.body", "verb.change", "verb.cognition", "verb.communication"),
    *("verb.competition", "verb.consumption", "verb.contact", "verb.creation", "verb.emotion", "verb.motion"),
    *("verb.perception", "verb.possession", "verb.social", "verb.stative", "verb.weather", "adj.ppl"),
)
_TESTED = 2_000  # synsets
_MARK = re.compile(r"\(\w+\)$")  # of an adjective's place in a sentence
_FIRST_EXAMPLE = '; "'
_QUOTED = re.compile('"([^"]+)"')


class _Synset(NamedTuple):
    """The number of its file; and its words as one text, its definition, and each example."""

    file: int
    texts: tuple[str, ...]


def read_wordnet(root: Path) -> ImageSet:
    """The texts of all synsets, in an order of these that is drawn once for all.

    A synset is a group, and its lexicographers' file the class. What is said of two synsets, in whatever case, is left
    out, and so is a synset of which one text is left. A fixed draw of synsets is for the test: no training text is said
    of one of them.
    """
    every = [synset for file in SOURCES["wordnet"].files for synset in _synsets(root / file)]
    said = Counter(text.casefold() for synset in every for text in synset.texts)
    kept = [_Synset(each.file, tuple(text for text in each.texts if said[text.casefold()] == 1)) for each in every]
    kept = [synset for synset in kept if len(synset.texts) > 1]
    order = generator(0, Draw.TEST).permutation(len(kept)).tolist()
    numbers = sorted({synset.file for synset in kept})

    def split(chosen: list[int]) -> Split:
        synsets = [kept[i] for i in chosen]
        return TextsAlone.of(
            [text for synset in synsets for text in synset.texts],
            np.array([numbers.index(synset.file) for synset in synsets for _ in synset.texts]),
            np.array([group * GROUP + i for group, synset in enumerate(synsets) for i in range(len(synset.texts))]),
        )

    return ImageSet(split(order[_TESTED:]), split(order[:_TESTED]), [_FILES[number] for number in numbers])


def _synsets(file: Path) -> Iterator[_Synset]:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):  # the licence
            continue
        before, _, gloss = line.partition(" | ")
        _, file, _, words, *fields = before.split()
        words = [_MARK.sub("", word).replace("_", " ") for word in fields[: 2 * int(words, 16) : 2]]
        definition, _, examples = gloss.partition(_FIRST_EXAMPLE)
        said = [", ".join(words), definition, *_QUOTED.findall(f'"{examples}')]
        yield _Synset(int(file), tuple(dict.fromkeys(text.strip() for text in said if text.strip())))

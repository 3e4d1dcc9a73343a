"""Equal images are found, whatever they are called and wherever they lie."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.card import Repeats
from contraflow.images.facts import DIGEST, MOST_LISTED, copies, earliest, leaks, pixel_digest

few = st.lists(st.integers(0, 12), min_size=1, max_size=30)


def _digests(contents: list[int]) -> np.ndarray:
    return np.array([pixel_digest(np.full((2, 2, 1), content, np.uint8)) for content in contents], DIGEST)


@given(train=few, test=few)
def test_copies_and_leaks_are_those_of_a_plain_search(train, test):
    names = [f"{i}.png" for i in range(len(train))]
    within = [[names[i], names[train.index(x)]] for i, x in enumerate(train) if x in train[:i]]
    between = [[i, names[train.index(x)]] for i, x in enumerate(test) if x in train]
    first = earliest(_digests(train))
    assert first.tolist() == [train.index(x) for x in train]
    assert copies(first, names) == Repeats(images=len(within), listed=within)
    found = leaks(_digests(test), _digests(train), range(len(test)), names)
    assert found == Repeats(images=len(between), listed=between)


def test_only_the_first_are_listed_and_all_are_counted():
    found = copies(earliest(_digests([7] * (MOST_LISTED + 9))), range(MOST_LISTED + 9))
    assert found == Repeats(images=MOST_LISTED + 8, listed=[[i, 0] for i in range(1, MOST_LISTED + 1)])


def test_the_same_bytes_in_another_shape_are_another_image():
    pixels = np.arange(12, dtype=np.uint8)
    shapes = [(2, 2, 3), (2, 6, 1), (6, 2, 1), (4, 1, 3)]
    assert len({pixel_digest(pixels.reshape(shape)) for shape in shapes}) == len(shapes)
    turned = np.arange(48, dtype=np.uint8).reshape(4, 4, 3).transpose(1, 0, 2)  # not contiguous
    assert pixel_digest(turned) == pixel_digest(turned.copy())

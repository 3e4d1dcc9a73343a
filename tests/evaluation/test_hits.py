import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contraflow.evaluation.hits import Hits


@given(st.integers(1, 40), st.data())
def test_scores_come_back_through_the_file(draws, data):
    counts = np.array(data.draw(st.lists(st.integers(0, draws), max_size=40)), int)
    written = json.dumps(Hits.of(counts / draws, draws).content())
    assert np.array_equal(Hits.model_validate(json.loads(written)).scores(), counts / draws)


def test_bits_by_hand():
    """One bit an image, the first image in the highest: 0b10110000 is 0xb0, and six bits of base64 are a letter."""
    assert Hits.of(np.array([True, False, True, True])).content() == {"images": 4, "draws": 1, "bits": "sA=="}
    assert Hits.of(np.array([0.0, 2 / 3]), 3).content() == {"images": 2, "draws": 3, "bits": "QA=="}  # 01 of 2, 00 of 1


def test_the_mean_is_the_accuracy():
    draws = np.random.default_rng(0).random((3, 1001)) < 0.7
    scores = np.mean(draws, axis=0)
    assert Hits.of(scores, 3).scores().mean() == scores.mean()


def test_a_hundred_thousand_images_take_less_than_a_hundred_kilobytes():
    random = np.random.default_rng(0)
    for draws, most in ((1, 17_000), (3, 34_000), (31, 84_000)):
        hits = Hits.of(random.integers(0, draws + 1, 100_000) / draws, draws)
        assert len(json.dumps(hits.content())) < most


@pytest.mark.parametrize("change", [{"images": 9}, {"draws": 4}, {"bits": "sA"}, {"bits": "s!=="}, {"draws": 0}])
def test_what_does_not_fit_together_is_refused(change):
    with pytest.raises(ValidationError):
        Hits.model_validate({"images": 4, "draws": 1, "bits": "sA=="} | change)

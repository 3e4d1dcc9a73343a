"""The figures of a pass, against sums over pairs."""

import numpy as np
import pytest

from contraflow.mining.figures import QUANTILES, PassFigures


def arrays_of(negative, similarity, positive):
    n = len(positive)
    left_out = {"known": np.arange(n, dtype=np.int32), "suspected": np.full(n, 3, np.int32)}
    return {
        "negative": np.array(negative),
        "similarity": np.array(similarity),
        "positive": np.array(positive),
        **left_out,
    }


def test_every_pair_counts_and_what_is_not_there_does_not():
    nan = np.nan
    found = PassFigures.of(
        arrays_of([[1, 2], [0, -1], [-1, -1]], [[0.5, 0.25], [0.75, nan], [nan, nan]], [1.0, 0.5, 0.0])
    )
    pairs = {"positive": [1.0, 0.5, 0.0], "negative": [0.5, 0.25, 0.75], "difference": [0.5, 0.75, -0.25]}
    for name, values in pairs.items():
        assert list(found.spread[name].values()) == pytest.approx([np.mean(values), *np.quantile(values, QUANTILES)])
    assert (found.anchors, found.k, found.short, found.known, found.suspected) == (3, 2, 2, 1, 3)
    said = found.lines("relative")
    assert "3.0 suspected (relative); 2 of 3 images have fewer than 2 negatives" in said
    assert said.splitlines()[1].split()[:4] == ["similarity", "of", "positives", "0.500"]


def test_a_pass_that_found_nothing_has_figures_too():
    found = PassFigures.of(arrays_of([[-1]], [[np.nan]], [0.5]))
    assert np.isnan(found.spread["negative"]["mean"]) and found.short == 1

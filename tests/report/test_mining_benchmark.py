import json
from statistics import fmean

import pytest

from contraflow.report.curves import WIDTHS
from contraflow.report.mining_benchmark import BENCHMARK, SHOWN, gain, gains, mining_benchmark
from contraflow.statistics import spread

PLAIN = {"arm": "plain", "linear": [0.8, 0.82], "linear_1pct": [0.6, 0.6], "knn20": [0.7, 0.72]}
OTHER = {"arm": "other", "linear": [0.83, 0.83], "linear_1pct": [0.5, 0.6], "knn20": [0.7, 0.72]}
NAMES = {"linear": "linear", "linear_1pct": "1 %", "knn20": "20-NN"}


def test_the_gain_is_a_difference_of_means():
    assert gain(OTHER, PLAIN, "linear") == pytest.approx(0.02)
    assert gain(OTHER, PLAIN, "linear_1pct") == pytest.approx(-0.05)


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_dots_are_gains_in_points_and_the_band_is_the_spread_of_no_mining(width):
    figure = gains({"figures": NAMES, "arms": [PLAIN, OTHER, PLAIN | {"arm": "again"}]}, width)
    for axes, wanted, name in zip(figure.axes, ([2, 0], [-5, 0], [0, 0]), SHOWN, strict=True):
        assert axes.lines[0].get_xdata() == pytest.approx(wanted)
        band = axes.patches[0]
        assert [band.get_x(), band.get_width()] == pytest.approx(
            [factor * spread(PLAIN[name])["std"] for factor in (-100, 200)]
        )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["other", "again"]


def test_the_page_tells_of_every_arm_what_the_benchmark_wrote():
    content, shown = json.loads(BENCHMARK.read_text()), mining_benchmark()
    assert shown["verdict"] == content["verdict"]
    assert [row["arm"] for row in shown["rows"]] == [row["arm"] for row in content["arms"]]
    for row, arm in zip(shown["rows"], content["arms"], strict=True):
        assert [value["mean"] for value in row["figures"]] == [fmean(arm[name]) for name in SHOWN]
        assert all(arm["arm"] in shown[name] for name in WIDTHS) or arm["arm"] == "plain"

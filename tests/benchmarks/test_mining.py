"""How arms of the benchmark of mining are chosen and judged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.mining.__main__ import compare, recorded
from benchmarks.mining.judging import Trained, judge
from benchmarks.mining.tasks import TASKS
from contraflow.evaluation.hits import Hits

GLYPHS = TASKS["glyphs"]


def trained(wrong, seconds, images=1000):
    """An arm of which so many images are wrong, by seed."""
    rows = {}
    for seed, count in wrong.items():
        hits = Hits.of(np.arange(images) >= count)
        figures = {"recall@1": 1 - count / images, "map@r": 1 - count / images / 2}
        times = {"training_seconds": seconds, "mining_seconds": 0.0}
        rows[seed] = {**figures, **times, "images": images, "found": hits.bits}
    return Trained(rows, 0.05, {0.05: 0.9})


def test_fewer_errors_and_the_gain_by_the_minute():
    found = {"random": trained({0: 100, 1: 80}, 60.0), "mined": trained({0: 50, 1: 48}, 90.0)}
    judged = judge(GLYPHS, found)["mined"]
    assert judged.fewer.each == pytest.approx((0.5, 0.4))
    assert judged.fewer.mean == pytest.approx(0.45)
    assert judged.gains["recall@1"].each == pytest.approx((0.05, 0.032))
    assert judged.per_minute == pytest.approx(0.041 / 0.5)


def test_no_gain_by_the_minute_where_no_time_was_added():
    found = {"random": trained({0: 100, 1: 80}, 60.0), "random 128": trained({0: 120, 1: 90}, 40.0)}
    assert np.isnan(judge(GLYPHS, found)["random 128"].per_minute)


def test_the_temperature_is_chosen_with_some_seeds_and_ties_go_to_the_earlier():
    first, second, third = GLYPHS.taus
    validation, asked = {first: 0.9, second: 0.9, third: 0.8}, []

    def row(arm, seed, tau):
        asked.append((seed, tau))
        return {"validation_map@r": validation[tau]}

    assert compare(GLYPHS, "mined", row).tau == first
    assert set(asked) == {*((0, tau) for tau in GLYPHS.taus), *((seed, first) for seed in GLYPHS.seeds)}


def test_the_table_has_the_arms_of_which_all_is_trained(tmp_path):
    task, first = replace(GLYPHS, name=str(tmp_path)), GLYPHS.taus[0]
    rows = [{"arm": "random", "seed": 0, "tau": tau, "validation_map@r": 0.9} for tau in task.taus]
    rows += [{"arm": "random", "seed": seed, "tau": first, "validation_map@r": 0.9} for seed in task.seeds[1:]]
    rows.append({"arm": "mined", "seed": 0, "tau": first, "validation_map@r": 0.9})
    pd.DataFrame(rows).assign(commit="c0de").to_csv(task.rows, index=False)
    found, commits = recorded(task)
    assert list(found) == ["random"] and commits == "c0de"


def test_no_table_without_the_arm_that_the_others_stand_beside(tmp_path):
    task = replace(GLYPHS, name=str(tmp_path))
    task.rows.write_text("arm,seed,tau,validation_map@r,commit\nmined,0,0.05,0.9,c0de\n")
    with pytest.raises(SystemExit, match="has not all trainings of random"):
        recorded(task)

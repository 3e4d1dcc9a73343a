from dataclasses import replace

import pytest

from contraflow.report.mining_passes import mining_passes


def test_every_mining_pass_has_its_row(run_of):
    """Two seeds and two rounds; what is met is that of the round's last epoch."""
    run = run_of()
    curves = run.curves.assign(meets=run.curves["epoch"] / 10, meets_none=0.25)
    found = mining_passes(replace(run, curves=curves))
    assert [(each["seed"], each["round"]) for each in found] == [(3, 1), (3, 2), (5, 1), (5, 2)]
    assert [each["meets"] for each in found] == ["0.40", "0.50"] * 2
    for each in found:
        positives, negatives, difference = each["spreads"]
        assert positives == {"middle": "0.90", "range": "0.90 to 0.90"}
        assert float(negatives["middle"]) + float(difference["middle"]) == pytest.approx(0.9, abs=0.011)
        assert (each["known"], each["suspected"], each["short"]) == ("2.0", "4.0", "0")
        assert each["meets_none"].startswith("25")


def test_there_are_none_without_mining(run_of):
    assert mining_passes(run_of(rounds=0)) == []

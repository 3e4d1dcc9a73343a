import copy
from dataclasses import replace

import numpy as np
import pytest

from contraflow.encoded.card import Amount
from contraflow.report.verdict import MEASURED, verdict
from contraflow.steps.evaluate.evaluate_rounds import HELD_OUT


def changed(run, representation, key, values, images=10_000):
    """The run with other accuracies of one representation, in its evaluations and in the summary."""
    evaluations, metrics = copy.deepcopy(run.evaluations), copy.deepcopy(run.metrics)
    for evaluation, value in zip(evaluations[representation].values(), values, strict=True):
        evaluation.test[key] = value
    n = len(values)
    metrics[representation][key] = {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if n > 1 else 0,
        "n": n,
    }
    card = run.card.model_copy(update={"test": Amount(images=images, per_class=[images // 3] * 3)})
    return replace(run, evaluations=evaluations, metrics=metrics, card=card)


@pytest.fixture(scope="module")
def run(run_of):
    return run_of()


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_good(run):
    found = verdict(changed(run, "encoder", "linear", [0.88, 0.9]))
    text = plain(found.paragraph)
    assert found.level == "good"
    assert "89.00 ± 1.41 % of the 10,000 test images (2 seeds)" in text
    assert "19.00 ± 1.41 points more than the same probe on raw pixels (70.00 %)" in text
    assert "ahead of both in every seed" in text


def test_knn_is_told_plainly(run):
    text = plain(verdict(changed(run, "encoder", "knn20", [0.65, 0.65])).paragraph)
    assert "beats raw pixels at k = 200" in text
    assert "does not beat raw pixels at k = 20" in text
    level = plain(verdict(changed(run, "encoder", "knn20", [0.701, 0.701])).paragraph)
    assert "cannot be told from raw pixels at k = 20" in level


def test_worse_than_raw_pixels_is_suspicious(run):
    found = verdict(changed(run, "encoder", "linear", [0.6, 0.61]))
    assert found.level == "suspicious"
    assert "worse than raw pixels" in found.headline
    assert "points less than the same probe on raw pixels" in plain(found.paragraph)


def test_worse_than_the_untrained_encoder_is_suspicious(run):
    found = verdict(changed(run, "untrained", "linear", [0.95, 0.95], images=10_000))
    assert found.level == "suspicious"
    assert "an untrained encoder" in found.headline


def test_a_difference_within_noise_is_not_claimed(run):
    found = verdict(changed(run, "encoder", "linear", [0.705, 0.703]))
    assert found.level == "unclear"
    assert "may be chance" in found.headline
    assert "within what chance may do" in found.paragraph


def test_seeds_that_disagree_are_counted(run):
    text = plain(verdict(changed(run, "encoder", "linear", [0.69, 0.9])).paragraph)
    assert "the first in 1 of 2 seeds and of the second in every seed" in text


def test_nan_is_a_failed_run(run):
    metrics = copy.deepcopy(run.metrics)
    metrics["encoder"]["linear"]["mean"] = float("nan")
    found = verdict(replace(run, metrics=metrics))
    assert found.level == "failed"
    assert "linear of the encoder" in found.paragraph
    curves = run.curves.copy()
    curves.loc[2, "loss"] = np.nan
    assert "training loss of seed 3" in verdict(replace(run, curves=curves)).paragraph
    features = run.features.copy()
    features[1, 1] = np.inf
    assert "features" in verdict(replace(run, features=features)).paragraph


def test_a_collapse_is_named(run):
    assert not any("collapsed" in warning for warning in verdict(run).warnings)
    curves = run.curves.assign(collapse=run.curves.collapse.astype(object))
    curves.loc[[1, 2], "collapse"] = ["spread fell", "spread fell from 0.2 to 0.1"]
    found = [warning for warning in verdict(replace(run, curves=curves)).warnings if "collapsed" in warning]
    assert len(found) == 1
    assert found[0].startswith("The training of seed 3 collapsed: in epoch 3 spread fell from 0.2 to 0.1.")


def test_warnings(run, run_of):
    assert any("Two seeds" in warning for warning in verdict(run).warnings)
    assert any("60\u00a0test images" in warning for warning in verdict(run).warnings)
    assert any("One seed" in warning for warning in verdict(run_of(seeds=[0])).warnings)
    assert not any(" seed" in warning.split(":")[0] for warning in verdict(run_of(seeds=[0, 1, 2])).warnings)
    stopped = copy.deepcopy(run.evaluations)
    sweep = stopped["encoder"][5].probe_sweep
    sweep[0] = sweep[0].model_copy(update={"converged": False})
    warnings = verdict(replace(run, evaluations=stopped)).warnings
    assert any("before it converged: encoder (seed 5)" in warning for warning in warnings)
    assert any(
        "largest class" in warning for warning in verdict(changed(run, "encoder", "linear", [0.3, 0.3])).warnings
    )


def after_rounds(run, before, after, std=0.002):
    rounds = [{"round": i, "linear": {"mean": m, "std": std, "n": 2}} for i, m in enumerate((before, 0.1, after))]
    card = run.card.model_copy(update={"validation": Amount(images=5000)})
    return plain(verdict(replace(run, metrics=run.metrics | {"rounds": rounds}, card=card)).mining)


def test_mining_is_never_said_to_have_helped(run, run_of):
    text = plain(verdict(run).mining)
    assert "12.3 % of the negatives" in text
    assert "33.3 %" in text  # three equal classes
    better = after_rounds(run, 0.8, 0.85)
    assert "went from 80.0 ± 0.2 % to 85.0 ± 0.2 % on validation images, 5.0 points more" in better
    assert "trained for 4 epochs instead of 2" in better and "harm" not in better
    assert "cannot tell whether mining helped" in better
    assert "within what chance may do" in after_rounds(run, 0.8, 0.805)
    worse = after_rounds(run, 0.85, 0.8)
    assert "5.0 points less" in worse and "may have done harm" in worse
    assert verdict(run_of(rounds=0)).mining is None
    assert MEASURED == HELD_OUT


def test_unlabelled(run_of):
    found = verdict(run_of(classes=[]))
    assert found.level == "unlabelled"
    assert "uniformity \u22122.00" in found.paragraph
    assert plain(found.mining).startswith("One run cannot tell")

import copy
from dataclasses import replace

import numpy as np
import pytest

from contraflow.encoded.card import Amount
from contraflow.evaluation.hits import Hits
from contraflow.report.summary import measured_gap
from contraflow.report.verdict import verdict
from contraflow.statistics import spread


def changed(run, representation, key, values, images=10_000):
    """The run with other accuracies of one representation, in its evaluations and in the summary.

    The images that are named rightly are the first ones, so that one representation is right where a better one is.
    """
    evaluations, metrics = copy.deepcopy(run.evaluations), copy.deepcopy(run.metrics)
    for by_seed in evaluations.values():
        for evaluation in by_seed.values():
            evaluation.right[key] = first_right(evaluation.test[key], images)
    for evaluation, value in zip(evaluations[representation].values(), values, strict=True):
        evaluation.test[key], evaluation.right[key] = value, first_right(value, images)
    n = len(values)
    metrics[representation][key] = {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if n > 1 else 0,
        "n": n,
    }
    card = run.card.model_copy(update={"test": Amount(images=images, per_class=[images // 3] * 3)})
    return replace(run, evaluations=evaluations, metrics=metrics, card=card)


def first_right(accuracy, images):
    return Hits.of(np.arange(images) < accuracy * images)


@pytest.fixture(scope="module")
def run(run_of):
    return run_of()


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_good(run):
    better = changed(run, "encoder", "linear", [0.88, 0.9])
    found = verdict(better)
    text = plain(found.paragraph)
    assert found.level == "good"
    assert "89.00 ± 1.41 % of the 10,000 test images (2 seeds)" in text
    gap = measured_gap(better, "linear", "raw_pixels")
    assert (
        12.7 < 100 * gap.margin < 14
    )  # Student's for two seeds that lie two points apart, and a little for the images
    around = f"+{100 * gap.low:.2f} to +{100 * gap.high:.2f}"
    assert f"19.00 points more (95 % interval {around}) than the same probe on raw pixels (70.00 %)" in text
    assert "ahead of both in every seed" in text


def test_knn_is_told_plainly(run):
    ahead = changed(run, "encoder", "knn200", [0.75, 0.751])
    text = plain(verdict(changed(ahead, "encoder", "knn20", [0.65, 0.651])).paragraph)
    assert "beats raw pixels at k = 200" in text
    assert "does not beat raw pixels at k = 20" in text
    level = plain(verdict(changed(run, "encoder", "knn20", [0.70, 0.71])).paragraph)
    assert "cannot be told from raw pixels at k = 20" in level


def test_worse_than_raw_pixels_is_suspicious(run):
    found = verdict(changed(run, "encoder", "linear", [0.6, 0.61]))
    assert found.level == "suspicious"
    assert "worse than raw pixels" in found.headline
    assert plain(found.paragraph).count("9.50 points less (95 % interval \u2212") == 1


def as_it_came(run):
    model = run.params.model.model_copy(update={"weights": "data/weights.pth"})
    return replace(run, params=run.params.model_copy(update={"model": model}))


def test_worse_than_it_came_is_said_first(run):
    worse = as_it_came(changed(run, "untrained", "linear", [0.95, 0.95], images=10_000))
    found = verdict(worse)
    assert found.level == "suspicious"
    assert found.headline == "The training made it worse: the encoder as it came has the better features."
    gap = measured_gap(worse, "linear", "untrained")
    assert gap.sign == -1 and "than on the encoder as it came (95.00" in plain(found.paragraph)


def test_one_seed_does_not_say_that_it_got_worse(run_of):
    one = as_it_came(changed(run_of(seeds=[3]), "untrained", "linear", [0.95], images=10_000))
    assert verdict(one).headline.startswith("One seed proves nothing")


def test_without_a_fall_below_it_the_encoder_as_it_came_is_a_baseline_as_any(run):
    before, found = verdict(run), verdict(as_it_came(run))
    words = ("an untrained encoder", "the encoder as it came"), ("the untrained encoder", "the encoder as it came")
    for old, new in words:
        before = replace(
            before, headline=before.headline.replace(old, new), paragraph=before.paragraph.replace(old, new)
        )
    assert found == before and "as it came" in found.paragraph


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


@pytest.mark.parametrize("linear", [0.72, 0.95, 0.3])
def test_one_seed_proves_nothing(run_of, linear):
    """However far apart the accuracies are."""
    found = verdict(changed(run_of(seeds=[0]), "encoder", "linear", [linear]))
    assert (found.level, found.badge) == ("unclear", "Not shown")
    assert found.headline.startswith("One seed proves nothing")
    assert "within what chance may do" in found.paragraph and "interval" not in found.paragraph
    assert "cannot be told from raw pixels at k" in found.paragraph


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


def after_rounds(run, before, after, seeds=(3, 5)):
    """What is said of mining where the probe went from and to these accuracies, and by a little more with each seed."""
    rounds, probed = [], {}
    for number, mean in enumerate((before, 0.1, after)):
        accuracies = [mean + seed / 5000 * (number - 1) for seed in seeds]
        probed[number] = {
            seed: np.arange(5000) < 5000 * accuracy for seed, accuracy in zip(seeds, accuracies, strict=True)
        }
        rounds.append({"round": number, "linear": spread(accuracies)})
    return plain(verdict(replace(run, metrics=run.metrics | {"rounds": rounds}, probed=probed)).mining)


def test_without_a_control_mining_is_never_said_to_have_helped(run, run_of):
    text = plain(verdict(run).mining)
    assert "12.3 % of the negatives" in text
    assert "33.3 %" in text  # three equal classes
    better = after_rounds(run, 0.8, 0.85)
    assert "went from 79.9 ± 0.0 % to 85.1 ± 0.0 % on validation images, 5.2 points more" in better
    assert "trained for 8 epochs instead of 6" in better and "harm" not in better
    assert "This run cannot tell whether mining helped: with mining.control it" in better
    assert "within what chance may do" in after_rounds(run, 0.8, 0.8)
    assert "a change of which one seed proves nothing" in after_rounds(run, 0.8, 0.85, seeds=[3])
    worse = after_rounds(run, 0.85, 0.8)
    assert "4.8 points less" in worse and "may have done harm" in worse
    assert verdict(run_of(rounds=0)).mining is None


@pytest.mark.parametrize(
    ("control", "said"),
    [
        (
            [0.7, 0.701],
            "Mining helped, beyond noise: the linear probe is 90.05 ± 0.07 % on the test images, 20.00 points",
        ),
        ([0.95, 0.951], "Mining did harm, beyond noise: the linear probe is 90.05 ± 0.07 % on the test images, 5.00"),
        (
            [0.9, 0.898],
            "It cannot be told whether mining helped: the linear probe is 90.05 ± 0.07 % on the test images, ",
        ),
        (
            [0.9, 0.901],
            "It cannot be told whether mining helped: the linear probe is 90.05 ± 0.07 % on the test images, ",
        ),
    ],
    ids=["helped", "harmed", "not told apart", "the same"],
)
def test_beside_its_control_mining_is_judged_in_one_sentence(run_of, control, said):
    both = changed(run_of(measured=["control"]), "encoder", "linear", [0.9, 0.901])
    judged = changed(both, "control", "linear", control)
    sentence = plain(verdict(judged).mining).split(". From")[0].split(". 12.3")[0]
    assert sentence.startswith(said)
    gap = measured_gap(judged, "linear", "control")
    assert ("95 % interval" in sentence) == (gap.margin is not None)
    assert ("within what chance may do" in sentence) == (gap.sign == 0)
    assert f"than after as many epochs with random batches ({100 * np.mean(control):.2f} ±" in sentence


@pytest.mark.parametrize("control", [0.5, 0.9])
def test_beside_its_control_mining_is_not_judged_by_one_seed(run_of, control):
    both = changed(run_of(measured=["control"], seeds=[0]), "control", "linear", [control])
    assert plain(verdict(both).mining).startswith(
        "One seed cannot tell whether mining helped: the linear probe is 90.00 %"
    )


def test_unlabelled(run_of):
    found = verdict(run_of(classes=[]))
    assert found.level == "unlabelled"
    assert "uniformity \u22122.00" in found.paragraph
    assert plain(found.mining) == "Without labels it cannot be told whether mining helped."


@pytest.mark.parametrize("kinds", [["captions"], ["sts"], ["captions", "sts"]], ids=str)
def test_what_needs_no_labels_is_told_where_there_are_none(run_of, kinds):
    run = run_of(classes=[], measured=["captions", "sts"])
    text = plain(verdict(replace(run, extras={kind: run.extras[kind] for kind in kinds})).paragraph)
    assert "only the shape" not in text and "label some test images" not in text
    assert ("Image to text: recall@3 is 40.00" in text and "Text to image: " in text) == ("captions" in kinds)
    assert ("Spearman's correlation, times 100, is 65.00" in text) == ("sts" in kinds)

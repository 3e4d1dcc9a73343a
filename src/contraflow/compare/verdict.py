"""The verdict: which run is best by the linear probe, or by recall, and whether that is more than noise."""

from collections.abc import Sequence
from dataclasses import dataclass

from contraflow.baseline.differences import measured_alike
from contraflow.baseline.measures import SCORED, Measure, choosing, headline, interval
from contraflow.compare.experiment import Experiment
from contraflow.pages.numbers import NARROW, fixed, listing, times
from contraflow.statistics import Difference

ENOUGH_SEEDS = 5


@dataclass(frozen=True)
class Judgement:
    """A judgement: `level` is a class of the style sheet, `badge` a word or two, `sentence` what was found."""

    level: str
    badge: str
    sentence: str
    notes: list[str]


def judge(experiments: Sequence[Experiment]) -> Judgement:
    """Judge two or more runs, the first of which is the baseline."""
    return Judgement(*_judged(experiments), _notes(experiments))


def _judged(experiments: Sequence[Experiment]) -> tuple[str, str, str]:
    baseline, others = experiments[0], experiments[1:]
    first = headline(baseline)
    chosen_by = choosing(first)
    sound = [run for run in experiments if not run.failures() and first.known(run) and chosen_by.known(run)]
    if not sound:
        if all(run.failures() for run in experiments):
            return "failed", "Failed runs", "All of these runs failed: some of their figures are not numbers."
        return "unlabelled", "Unlabelled", "The images carry no labels, so no linear probe can say which run is best."
    best = max(sound, key=chosen_by.mean)
    if baseline not in sound:
        sentence = f"Of the runs that could be measured, {_best(best, first)}: {_accuracy(best, first)}"
        return "unclear", "No baseline", f"{sentence}; the baseline {baseline.name} is not among them."
    if len(sound) == 1:
        sentence = f"Only the baseline {baseline.name} could be measured: {_accuracy(baseline, first)}."
        return "unclear", "Baseline alone", sentence
    if best is not baseline:
        gap = first.difference(best, baseline, len(others))
        level, badge = {1: ("good", "Beyond noise"), -1: ("suspicious", "Contradictory")}.get(gap.sign, _open(gap))
        return level, badge, f"{_best(best, first)}: {_accuracy(best, first)}, {_gap(gap, baseline, first)}."
    second = max((run for run in sound if run is not baseline), key=chosen_by.mean)
    gap = first.difference(second, baseline, len(others))
    level, badge = {-1: ("good", "Baseline stays"), 1: ("suspicious", "Contradictory")}.get(gap.sign, _open(gap))
    sentence = f"The baseline {_best(baseline, first)}: {_accuracy(baseline, first)}"
    reached = f"{_accuracy(second, first)}, {_gap(gap, baseline, first)}"
    return level, badge, f"{sentence}. The next, {second.name}, reaches {reached}."


def _open(gap: Difference) -> tuple[str, str]:
    return "unclear", "Not shown" if gap.why else "Within noise"


def _best(run: Experiment, first: Measure) -> str:
    return f"{run.name} is best by {first.inside}, as chosen on the validation images"


def _accuracy(run: Experiment, first: Measure) -> str:
    return f"{fixed(100 * first.mean(run))}{NARROW}% on the test images"


def _gap(gap: Difference, baseline: Experiment, first: Measure) -> str:
    if gap.why == "no difference":
        return f"the same as the baseline {baseline.name} with every seed"
    size = f"{fixed(100 * abs(gap.mean))} points {'less' if gap.mean < 0 else 'more'} than the baseline {baseline.name}"
    if gap.why:
        return f"{size}; {gap.why}, so nothing can be said about noise"
    place = "which is beyond noise" if gap.sign else "which is within noise"
    return f"{size}, {place} (95{NARROW}% interval {interval(first, gap)})"


def _notes(experiments: Sequence[Experiment]) -> list[str]:
    baseline = experiments[0]
    found = [f"{run.name} failed, no number: {listing(run.failures())}." for run in experiments if run.failures()]
    found += [f"{run.name} collapsed: {clause}." for run in experiments if (clause := run.collapse())]
    for run in experiments[1:]:
        if reasons := measured_alike(run, baseline):
            found.append(f"{run.name} was measured {listing(reasons)}: its accuracies are not of the baseline's kind.")
        if run.stages["evaluate"].outputs == baseline.stages["evaluate"].outputs:
            found.append(f"{run.name} has the very results of the baseline: nothing that was computed differs.")
    first = headline(baseline)
    measured = [run for run in experiments if first.known(run)]
    silent = [run.name for run in measured if first.key not in SCORED and not first.by_image(run)]
    if silent:
        found.append(
            f"Which test images were named rightly is not recorded of {listing(silent)}: they are held fixed there."
        )
    fewest = min(len(run.evaluations) for run in experiments)
    if measured and fewest < ENOUGH_SEEDS:
        found.append(
            f"As few as {times(fewest, 'seed')}: "
            + ("one seed proves nothing" if fewest == 1 else "only large differences get beyond noise")
            + f". {ENOUGH_SEEDS} or more make a claim: dvc exp run -S seeds=[{','.join(map(str, range(ENOUGH_SEEDS)))}]"
        )
    return found

"""What can be said about mining: how good the encoder was before it and after it, and how many negatives were false."""

from contraflow.pages.numbers import fixed, is_number, percent, share, times
from contraflow.report.run import Run
from contraflow.statistics import Difference, error_of_accuracy, error_of_mean, two_standard_errors

MEASURED = 5_000  # validation images at most, as `contraflow.steps.evaluate.evaluate_rounds` takes


def on_mining(run: Run) -> str | None:
    """A few sentences; None without mining. They never say that mining helped: one run cannot tell."""
    if run.mined is None:
        return None
    return " ".join(filter(None, [_rounds(run), _false_negatives(run), _CONTROL]))


_CONTROL = "One run cannot tell whether mining helped: run the same without it for as many epochs, and compare."


def _rounds(run: Run) -> str | None:
    """The linear probe before mining against that after the last round; None where it was not measured."""
    rounds = run.metrics.get("rounds", [])
    ends = [entry.get("linear") for entry in (rounds[0], rounds[-1])] if len(rounds) > 1 else []
    if not ends or not all(end and is_number(end["mean"]) for end in ends):
        return None
    before, after = ends
    images, n = min(run.card.validation.images, MEASURED), before["n"]
    errors = [error for end in ends for error in (error_of_accuracy(end["mean"], images), error_of_mean(end["std"], n))]
    gain = Difference(after["mean"] - before["mean"], two_standard_errors(*errors))
    points = f"{fixed(100 * abs(gain.mean), 1)} points"
    change = {1: f"{points} more", -1: f"{points} less", 0: "a change within what chance may do"}[gain.sign]
    worse = " Mining, or its learning rate, may have done harm." if gain.sign == -1 else ""
    return (
        f"From before mining to after its last round the linear probe went from {percent(before, 1)} to "
        f"{percent(after, 1)} on validation images, {change}; by then it had trained for "
        f"{times(run.params.all_epochs, 'epoch')} instead of {run.params.train.epochs}.{worse}"
    )


def _false_negatives(run: Run) -> str | None:
    same = run.metrics.get("mining", {}).get("same_class_share")
    if not same:
        return None
    sizes = run.card.train.per_class
    chance = sum((size / sum(sizes)) ** 2 for size in sizes)
    return (
        f"{share(same['mean'])} of the negatives mined in the last round have the anchor's own class, so they are "
        f"false negatives (images drawn at random would give {share(chance)})."
    )

"""What came out, as Markdown."""

import math
from collections.abc import Iterable, Mapping

from benchmarks.cells import plus_minus
from benchmarks.mining.arms import RANDOM
from benchmarks.mining.judging import Judged, Trained
from benchmarks.mining.tasks import Task
from contraflow.statistics import Difference, spread

MEASURED = {"meets": ("meets", 1, 2), "false": ("false, %", 100, 0)}  # column of the rows: heading, unit, digits
SECONDS = {"training_seconds": ("training, CPU s", 1, 0), "mining_seconds": ("mining, CPU s", 1, 1)}


def document(task: Task, found: Mapping[str, Trained], judged: Mapping[str, Judged], commits: str) -> str:
    """The whole file: figures in per cent, differences in points."""
    always, words, rows = task.always, task.pictures.words, found[RANDOM].rows
    judging, chosen = task.figures[task.judged_by], task.figures[task.chosen_by]
    parts = [
        said(task, judged, len(rows)),
        f"{words[0].upper()}{words[1:]}: {task.part}. {always['train.epochs']} epochs, then {always['mining.rounds']} "
        f"rounds of {always['mining.epochs']}; mean ± standard deviation over seeds "
        f"{', '.join(map(str, rows))} on {rows[0]['images']:,} test images, at the temperature (tau) that the held-out "
        "images chose for each arm. Meets: mined negatives that an image shares its batch with in the last epoch. "
        "False: those with the anchor's own class, of the last round. "
        f"Trained by commit {commits}. How: `benchmarks/mining/__main__.py`; every training: `runs.csv`.",
        _table(
            ["arm", "tau", *task.figures.values(), *(heading for heading, *_ in (MEASURED | SECONDS).values())],
            ([arm, f"{trained.tau:g}", *_figures(task, trained)] for arm, trained in found.items()),
        ),
        f"Less `{RANDOM}`, in points, with the 95 % interval of each taken alone; bold is beyond noise where all hold "
        f"at once. Fewer errors: how many per cent fewer test images are wrong by {judging}, test images held fixed. "
        f"A minute: points of {judging} for each minute of processor time that an arm takes more than `{RANDOM}`.",
        _table(
            ["arm", *task.figures.values(), "fewer errors, %", "a minute"],
            ([arm, *_differences(task, of)] for arm, of in judged.items()),
        ),
        f"What chose the temperature, {chosen} of the held-out images, mean over seeds "
        f"{', '.join(map(str, task.tuning))}:",
        _table(
            ["arm", *(f"{tau:g}" for tau in task.taus)],
            ([arm, *(f"{100 * of.tried[tau]:.2f}" for tau in task.taus)] for arm, of in found.items()),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def said(task: Task, judged: Mapping[str, Judged], seeds: int) -> str:
    """What came out, in a sentence."""

    def beyond(sign: int, *, at_once: bool) -> str:
        winners = {
            words: [arm for arm, of in judged.items() if (of.signs if at_once else _alone(of))[figure] == sign]
            for figure, words in task.figures.items()
        }
        return "; ".join(f"{', '.join(arms)} ({words})" for words, arms in winners.items() if arms) or "none"

    comparisons = len(judged) * len(task.figures)
    return (
        f"Better than `{RANDOM}`, beyond noise over {seeds} seeds where all {comparisons} comparisons hold at once: "
        f"{beyond(1, at_once=True)}. Worse: {beyond(-1, at_once=True)}. Each taken alone, so that some may be so by "
        f"chance, better: {beyond(1, at_once=False)}; worse: {beyond(-1, at_once=False)}."
    )


def _alone(judged: Judged) -> dict[str, int]:
    return {figure: gain.sign for figure, gain in judged.gains.items()}


def _figures(task: Task, trained: Trained) -> list[str]:
    cells = [plus_minus(spread([row[figure] for row in trained.rows.values()]), 100, 2) for figure in task.figures]
    means = {column: trained.mean(column) for column in MEASURED | SECONDS}
    return cells + [_number(unit * means[column], digits) for column, (_, unit, digits) in (MEASURED | SECONDS).items()]


def _differences(task: Task, judged: Judged) -> list[str]:
    cells = [_interval(judged.gains[figure], 2, bold=judged.signs[figure] != 0) for figure in task.figures]
    return [*cells, _interval(judged.fewer, 1), _number(100 * judged.per_minute, 2)]


def _interval(found: Difference, digits: int, *, bold: bool = False) -> str:
    if found.margin is None:
        return f"{100 * found.mean:+.{digits}f} ({found.why})"
    words = f"{100 * found.mean:+.{digits}f} ± {100 * found.margin:.{digits}f}"
    return f"**{words}**" if bold else words


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _table(heads: list[str], lines: Iterable[list[str]]) -> str:
    rule = ["---"] * len(heads)
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines))

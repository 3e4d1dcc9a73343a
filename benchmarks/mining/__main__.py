"""Does mining help? What is trained with mined negatives beside what is not, at the same number of epochs.

    python -m benchmarks.mining glyphs           where it should: thousands of classes, retrieval of classes never seen;
                                                 the first four arms about an hour, all of them hours, on two cores
    python -m benchmarks.mining fashion_mnist    where it should not: ten classes, a linear probe; about an hour
    python -m benchmarks.mining TASK --quick     three arms, a few pictures, a minute or two; writes nothing
    python -m benchmarks.mining TASK --arm NAME  the trainings of one arm, or of several (--arm A --arm B), no table
    python -m benchmarks.mining TASK --table     the table again from the trainings that there are, by whatever code

A task writes `runs.csv`, `table.md` and `gains.svg` into the folder of its name beside this file. All its arms
(`arms.py`) have equal views: the epochs of `tasks.py`, first without mining, then in rounds, each with a schedule of
its own. Arms of one batch size, seed and temperature go on from the same training. At equal batch size they have equal
steps, too; of `random 128` and `random 512` the views are equal and the steps a fourth and a sixteenth.

`random` mines nothing, and draws its batches at random, as the control of a run does. `mined` is the shipped policy;
other arms differ from it by what their name says. `random, mined path` is mined and composed, too, but in
neighbourhoods of one image: a second control, of the code path. `forward` passes one mined negative of each image on
beside its two views, half as many views again; `stored` compares with the vector that it last had, which costs no view.
`random, one schedule` has no rounds, but all epochs in one schedule, and `random, longer` rounds of twice as many
epochs: what more time brings without mining. Where labels make the positives, no negative can be false, so that on
`glyphs` the hardest of all, which `mined` takes there, are the hardest by the true labels. Where they don't, `oracle`
mines these: how much there would be to gain if no negative were false. It is no method.

Temperatures are chosen for each arm on held-out images, for `glyphs` on characters that are neither trained on nor
tested, with seed 0 alone, which spares eight of 15 trainings of each arm; for `fashion_mnist` with all seeds. A
difference counts as `contraflow.statistics` has it, seed by seed, with the noise of the test images for the figure that
judges. Seconds are of all processors.

Each training is a row of runs.csv as soon as it is done, arm after arm; started again, rows of the same code,
parameters and settings are taken as they are.
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean

import pandas as pd

from benchmarks.command import FULL, arguments, tell
from benchmarks.mining.arms import RANDOM
from benchmarks.mining.figure import draw
from benchmarks.mining.judging import Trained, judge
from benchmarks.mining.table import document
from benchmarks.mining.tasks import TASKS, Task
from benchmarks.mining.training import VALIDATION, Trainings, code
from benchmarks.rows import Rows
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.progress import say

Row = Callable[[str, int, float], dict]
"""The row of an arm, a seed and a temperature."""


def compare(task: Task, arm: str, row: Row) -> Trained:
    """An arm at the temperature that the held-out images choose."""
    chooses = f"{VALIDATION}{task.chosen_by}"
    tried = {tau: fmean(row(arm, seed, tau)[chooses] for seed in task.tuning) for tau in task.taus}
    tau = max(task.taus, key=tried.get)
    return Trained({seed: row(arm, seed, tau) for seed in task.seeds}, tau, tried)


def measured(task: Task, size: str, arms: Iterable[str]) -> tuple[dict[str, Trained], str]:
    """Arms, each trained as far as it is not, and the commits that trained them."""
    rows = Rows(task.rows if size == FULL else None, code(task))
    with tempfile.TemporaryDirectory() as folder:
        trainings = Trainings(task, Path(folder))

        def row(arm: str, seed: int, tau: float) -> dict:
            key = {"arm": arm, "seed": seed, "tau": tau}
            return rows.get(key, lambda: trainings.measure(arm, seed=seed, tau=tau))

        return {arm: compare(task, arm, row) for arm in arms}, rows.commits


def recorded(task: Task) -> tuple[dict[str, Trained], str]:
    """The arms of which all trainings are in the file, and the commits that trained them."""
    table = pd.read_csv(task.rows)
    rows = {(row["arm"], row["seed"], row["tau"]): row for row in table.to_dict("records")}
    found = {}
    for arm in task.arms:
        try:
            found[arm] = compare(task, arm, lambda *key: rows[key])
        except KeyError:
            say(f"{arm}: trainings are missing")
    if RANDOM not in found:
        raise SystemExit(f"{task.rows} has not all trainings of {RANDOM}, beside which the others stand")
    return found, ", ".join(table["commit"].unique())


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--arm", action="append", help="train this one alone, and write no table; may be repeated")
    parser.add_argument("--table", action="store_true", help="of the trainings in runs.csv; trains nothing")
    asked = parser.parse_args()
    task = TASKS[asked.task].sized(asked.size)
    if unknown := set(asked.arm or []) - task.arms.keys():
        parser.error(f"--arm must be one of {', '.join(task.arms)}, got {', '.join(sorted(unknown))}")
    if asked.arm:
        measured(task, asked.size, asked.arm)
        return
    found, commits = recorded(task) if asked.table else measured(task, asked.size, task.arms)
    judged = judge(task, found)
    text = document(task, found, judged, commits)
    if asked.size == FULL:
        write_text(task.folder / "table.md", text)
        draw(task, judged)
    say(text)
    gains = {arm: {figure: round(gain.mean, 4) for figure, gain in of.gains.items()} for arm, of in judged.items()}
    fewer = {arm: [of.fewer.mean, of.fewer.margin, of.signs[task.judged_by]] for arm, of in judged.items()}
    tell({"task": task.name, "gains": gains, "fewer_errors": fewer, "seeds": len(task.seeds)}, asked.size)


if __name__ == "__main__":
    main()

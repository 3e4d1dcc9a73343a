"""Does mining help? Every policy against no mining, at the same number of gradient steps and image views.

    python -m benchmarks.mining            about an hour on two cores; writes runs.csv, table.md, gains.svg
    python -m benchmarks.mining --quick    three arms on 1,000 images, about a minute; writes nothing
    python -m benchmarks.mining --table    table.md and gains.svg again from runs.csv as it is, trained by whatever code

The first 8,000 training images of Fashion-MNIST, of which a quarter is held out. Every training is three epochs of
plain SimCLR and then two rounds of one epoch, and all arms of one seed and temperature go on from the same three
epochs. In the rounds, `plain` draws its batches at random, `hcl` and `debiased` do so and weigh the negatives of the
batch, and the others compose their batches by what they mined; `random` is the control of their code path. `oracle`
takes the hardest of the other classes by the true labels: how much there would be to gain if no negative were false.
It is no method. `forward` passes one mined negative of each image on beside its two views, which is half as many views
again in as many steps: what that alone does, `random, forward` shows. `stored` compares with the vector that it last
had instead, which costs no view.

For each arm a training for each of three seeds and three temperatures. The temperature with the best 20-NN on the
held-out images, in the mean over seeds, is the arm's own, ties going to the middle. Measured on the 10,000 test images
are the linear probe, k-NN, and the linear probe on 1 % and 10 % of the labels (mean of three draws; weight decay
chosen on the held-out images). False negatives are counted with the labels afterwards, by round and by place among
those taken. Time is that of all processors.

A difference counts as `contraflow.statistics` has it, seed by seed; which test images were named rightly is not kept,
so these are held fixed. Better is an arm that is beyond noise above both controls, by an interval that is wide enough
for all arms and figures to hold at once (Bonferroni).

Each training is a row of runs.csv as soon as it is done; started again, rows of the same code, parameters and
settings are taken as they are.
"""

import tempfile
from pathlib import Path
from statistics import fmean

import pandas as pd

from benchmarks.command import FULL, arguments, tell
from benchmarks.mining.arms import CONTROLS, ROUNDS, SIZES, UNMINED, Size
from benchmarks.mining.figure import draw
from benchmarks.mining.gains import gain
from benchmarks.mining.runs import ROWS, Recorded, Runs
from contraflow.foundations.artefacts import atomic
from contraflow.foundations.progress import say
from contraflow.statistics import spread

HERE = Path(__file__).parent
FIGURES = {
    "linear": "linear probe",
    "linear_10pct": "10 % of labels",
    "linear_1pct": "1 % of labels",
    "knn20": "20-NN",
    "knn200": "200-NN",
}


def compare(arm: str, runs: Runs | Recorded) -> dict:
    """Train an arm with each seed and temperature, and choose the temperature."""
    size = runs.size
    trained = {tau: [runs.get(arm, seed=seed, tau=tau) for seed in size.seeds] for tau in size.taus}
    middle = size.taus[len(size.taus) // 2]
    tau = max(size.taus, key=lambda tau: (fmean(row["validation"] for row in trained[tau]), tau == middle))
    rows = trained[tau]
    found = {"arm": arm, "tau": tau, "mining_seconds": fmean(row["mining_seconds"] for row in rows), "false": []}
    found["by_tau"] = {tau: [row["linear"] for row in rows] for tau, rows in trained.items()}
    for figure in FIGURES:
        found[figure] = [row[figure] for row in rows]
    for number in range(1, ROUNDS + 1):
        names = [name for name in rows[0] if name.startswith(f"false_round{number}_") and not pd.isna(rows[0][name])]
        if names:
            found["false"].append([fmean(row[name] for row in rows) for name in names])
    return found


def said(found: list[dict]) -> str:
    """What came out, in a sentence."""
    by_arm = {row["arm"]: row for row in found}
    controls = [by_arm[name] for name in CONTROLS if name in by_arm]
    candidates = [row for row in found if row["arm"] not in (*CONTROLS, "oracle")]
    compared = len(candidates) * len(FIGURES)

    def better(comparisons: int) -> str:
        """The arms that are above all controls, with the figures."""
        winners = {
            words: [
                row["arm"]
                for row in candidates
                if all(gain(row, control, figure, comparisons).sign > 0 for control in controls)
            ]
            for figure, words in FIGURES.items()
        }
        return "; ".join(f"{', '.join(arms)} ({words})" for words, arms in winners.items() if arms) or "none"

    return (
        f"Better than no mining and than random others, beyond noise over {len(found[0]['linear'])} seeds where all "
        f"{compared} comparisons hold at once: {better(compared)}. Each taken alone, so that some may be so by chance: "
        f"{better(1)}."
    )


def in_words(size: Size, commits: str) -> str:
    return (
        f"{size.images:,} images of {size.pictures.words}, of which a quarter is held out, {size.before} epochs and "
        f"{ROUNDS} rounds of one epoch, mean ± standard deviation over seeds {', '.join(map(str, size.seeds))}, on the "
        "10,000 test images, at the temperature (tau) that the held-out images chose for each arm. False: share of the "
        f"mined negatives with their anchor's own class. Trained by commit {commits}."
    )


def table(found: list[dict]) -> str:
    """The arms as Markdown, in per cent; then the linear probe of each at every temperature."""
    lines = [
        "| arm | tau | "
        + " | ".join(FIGURES.values())
        + " | false, first round | last round | most to least similar | mining, CPU s |",
        "|" + " --- |" * (len(FIGURES) + 6),
    ]
    for row in found:
        cells = [percent(row[figure]) for figure in FIGURES]
        if row["false"]:
            first, *_, last = row["false"]
            false = [
                f"{100 * fmean(first):.0f}",
                f"{100 * fmean(last):.0f}",
                f"{100 * last[0]:.0f} to {100 * last[-1]:.0f}",
            ]
        else:
            false = ["", "", ""]
        seconds = "" if row["arm"] in UNMINED else f"{row['mining_seconds']:.1f}"
        lines.append("| " + " | ".join([row["arm"], f"{row['tau']:g}", *cells, *false, seconds]) + " |")
    taus = list(found[0]["by_tau"])
    lines += ["", "The linear probe by temperature:", "", "| arm | " + " | ".join(f"{tau:g}" for tau in taus) + " |"]
    lines.append("|" + " --- |" * (len(taus) + 1))
    for row in found:
        lines.append("| " + " | ".join([row["arm"], *(percent(row["by_tau"][tau]) for tau in taus)]) + " |")
    return "\n".join(lines) + "\n"


def percent(values: list[float]) -> str:
    found = spread(values)
    return f"{100 * found['mean']:.2f} ± {100 * found['std']:.2f}"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--table", action="store_true", help="of the trainings in runs.csv; trains nothing")
    asked = parser.parse_args()
    size, full = SIZES[asked.size], asked.size == FULL
    with tempfile.TemporaryDirectory() as folder:
        runs = Recorded(size) if asked.table else Runs(ROWS if full else None, size, Path(folder))
        found = [compare(arm, runs) for arm in size.arms]
    text = f"{said(found)}\n\n{in_words(size, runs.commits)}\n\n{table(found)}"
    if full:
        with atomic(HERE / "table.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        draw(found, FIGURES, HERE / "gains.svg")
    say(text)
    plain = found[0]
    gains = {row["arm"]: {figure: gain(row, plain, figure) for figure in FIGURES} for row in found[1:]}
    summary = {
        arm: {figure: round(of.mean, 4) for figure, of in by_figure.items()}
        | {"better_alone": [figure for figure, of in by_figure.items() if of.sign > 0]}
        for arm, by_figure in gains.items()
    }
    tell({"gains": summary, "seeds": len(size.seeds)}, asked.size)


if __name__ == "__main__":
    main()

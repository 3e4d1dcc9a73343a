"""Every method on the same images, encoder and number of views, each tuned with the same small budget.

    python -m benchmarks.methods            about an hour on two cores; writes runs.csv and table.md beside this file
    python -m benchmarks.methods --quick    two methods on 1,000 images, about a minute; writes nothing

Two data sets: the first 10,000 training images of Fashion-MNIST, and all of the colour pictures of
`benchmarks/pictures/emoji.py`, which says where they come from. A tenth of the training images is held out. For each
method short trainings with a seed of their own try values of the temperature (methods with a softmax) or the learning
rate (the others): three, each twice as large as the last, and as many more as it takes until the best of them by k-NN
on the held-out images is neither the least nor the greatest, or eight more. With that value a longer training for each
of three seeds is measured on the test images. Batches are of 128 images, the learning rate is 0.2 where it is not
tuned; everything else is as in params.yaml, without mining. supcon_ce is supcon with `loss.cross_entropy` 1; the labels
that it, supcon and supervised see are those of all training images.

Differences from simclr, seed by seed, are judged by `contraflow.statistics.difference`.

Each training is a row of runs.csv as soon as it is done; started again, rows of the same code, parameters and settings
are taken as they are.
"""

import tempfile
from pathlib import Path

from benchmarks.command import FULL, arguments, tell
from benchmarks.methods.runs import Runs, code
from benchmarks.methods.sizes import SIZES, Size
from benchmarks.methods.table import Found, beyond_noise, document, judge, section
from benchmarks.methods.tuning import grid_of, tune
from benchmarks.rows import Rows
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.progress import say

ROWS = Path(__file__).with_name("runs.csv")
TABLE = Path(__file__).with_name("table.md")


def compare(runs: Runs, size: Size) -> list[Found]:
    """Tune every method, train it with each seed, and judge how it differs from the reference."""
    found = []
    for method in size.methods:
        tuned = tune(grid_of(method), lambda value, method=method: runs.trial(method, value))
        rows = {seed: runs.reported(method, tuned.value, seed) for seed in size.seeds}
        found.append(Found(method, rows, f"{grid_of(method).parameter} {tuned.value:g}", tuned.at_edge))
    found.append(Found("untrained", {seed: runs.untrained(seed) for seed in size.seeds}))
    judge(found)
    return found


def main() -> None:
    asked = arguments(__doc__).parse_args().size
    size, sections, summary = SIZES[asked], [], {}
    rows = Rows(ROWS if asked == FULL else None, code(size.budgets))
    for budget in size.budgets:
        with tempfile.TemporaryDirectory() as folder:
            found = compare(Runs(rows, budget, Path(folder)), size)
        sections.append(section(budget, found))
        summary[budget.pictures.name] = {
            "linear": {one.method: round(one.spread("linear")["mean"], 4) for one in found},
            "tuned": {one.method: one.tuned for one in found if one.tuned},
            "at_edge": [one.method for one in found if one.at_edge],
            "collapsed": [one.method for one in found if one.collapsed],
            "beyond_noise": beyond_noise(found),
        }
    text = document(sections, rows.commits)
    if asked == FULL:
        write_text(TABLE, text)
    say(text)
    tell(summary, asked)


if __name__ == "__main__":
    main()

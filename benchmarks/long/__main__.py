"""How far does an hour of training go, beside lightly's loop in an hour of the same machine?

    python -m benchmarks.long                   an hour of processor time for each, then a quarter to measure; writes
                                                curve.csv, table.md and curve.svg into the data set's folder here
    python -m benchmarks.long --hours 10        ten of them
    python -m benchmarks.long --data cifar10    CIFAR-10, whose archive must lie in data/ where there is no network
    python -m benchmarks.long --quick           5,000 images, a minute; writes nothing

Two trainings run at the same time, each on half of the cores: contraflow's own, and a loop with lightly's loss and with
the DataLoader and torchvision's transforms that lightly uses. Encoder, its first weights, head, recipe of the views,
batches, optimiser, precision, and warm-up, peak and cosine of the schedule are the same. Each has as many epochs as fit
into the hours by its speed, measured while both are at work; it is fixed then. SimCLR, one seed, no mining, parameters
as in `sizes.py`. Time is that of the processors, all that a side uses: a machine with other work gives it slowly.

A killed run goes on with the same command after each side's last whole epoch, with the seconds counted so far; it is
kept in `.contraflow/benchmarks/long`, and code or parameters that change begin another one.

Encoders that were kept are measured afterwards: linear probe and k-NN on the validation images, and of the last ones
and of raw pixels on the test images as well. A row each, as soon as it is found; rows of the same code and parameters
are taken as they are. Their seconds are those of training alone. `images_per_processor_s` counts both views of an image
as one, and the seconds of all cores.
"""

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.command import FULL, arguments, tell
from benchmarks.long.figure import draw
from benchmarks.long.measuring import measure, measure_pixels
from benchmarks.long.side_by_side import Task, plan, train
from benchmarks.long.sides import sides_here
from benchmarks.long.sizes import COMMON, DATA, SIZES, code, training_code
from benchmarks.long.table import document, images_per_processor_s
from benchmarks.parameters import with_changes
from benchmarks.rows import Rows
from benchmarks.steps import encode_into
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say

KEPT = Path(".contraflow/benchmarks/long")


def rows_of(name: str) -> Path:
    """Where the rows of a data set are."""
    return Path(__file__).parent / name / "curve.csv"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", choices=DATA, default="fashion_mnist", help="what is trained on")
    parser.add_argument(
        "--hours", type=float, default=SIZES[FULL].hours, help="of processor time, in each side's training"
    )
    asked = parser.parse_args()
    size, sides, full = SIZES[asked.size], sides_here(), asked.size == FULL
    if full:
        size = replace(size, hours=asked.hours)
    pictures = size.pictures or DATA[asked.data]
    changes = COMMON | dict(pictures.changes) | dict(size.changes)
    with ExitStack() as stack:
        if full:
            folder = KEPT / f"{pictures.name}-{size.hours:g}h-{'-'.join(sides)}-{training_code(changes)}"
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        params = with_changes(changes | pictures.written(folder / "pictures"))
        try:
            data = encode_into(folder, params)
        except UserError as error:
            raise SystemExit(str(error)) from None
        tasks = [Task(side, params, data, folder / side) for side in sides]
        planned = plan(tasks, size, folder / "plan.json")
        train(tasks, planned["epochs"], size.points)
        table = rows_of(pictures.name)
        rows = Rows(table if full else None, code(pictures))
        found = {task.side: measure(task, planned, size, rows) for task in tasks}
        pixels = measure_pixels(params, data, size, rows)
    about = (
        f"Processor hours asked for: {size.hours:g}; epochs are what was to fit in by the speed at the start. Trained "
        f"by commit {planned['commit']}, measured by {rows.commits}."
    )
    text = document(pictures, found, pixels, about)
    if full:
        write_text(table.with_name("table.md"), text)
        draw(found, pixels, table.with_name("curve.svg"))
    say(text)
    last = {side: rows[-1] for side, rows in found.items()}
    speeds = {side: round(images_per_processor_s(row), 1) for side, row in last.items()}
    tell(
        {"linear": {side: row["test_linear"] for side, row in last.items()}, "images_per_processor_s": speeds},
        asked.size,
    )


if __name__ == "__main__":
    main()

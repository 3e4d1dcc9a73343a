"""How far does an hour of training go, beside lightly's loop in the same hour?

    python -m benchmarks.long                   an hour, then a third of one to measure; writes curve.csv, table.md and
                                                curve.svg into the data set's folder beside this file
    python -m benchmarks.long --hours 10        ten of them
    python -m benchmarks.long --data cifar10    CIFAR-10, whose archive must lie in data/ where there is no network
    python -m benchmarks.long --quick           5,000 images, seconds; writes nothing

Two trainings run at the same time, each on half of the cores, which they exchange every few seconds: contraflow's own,
and a loop with lightly's loss and with the DataLoader and torchvision's transforms that lightly uses. Encoder, its
first weights, head, recipe of the views, batches, optimiser, precision, and warm-up, peak and cosine of the schedule
are the same. Each has as many epochs as fit into the hours by its speed, measured while both are at work; it is fixed
then. SimCLR, one seed, no mining, parameters as in `sizes.py`.

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

from benchmarks.command import FULL, arguments
from benchmarks.long.side_by_side import Task, plan, train
from benchmarks.long.sides import sides_here
from benchmarks.long.sizes import COMMON, DATA, SIZES, training_code
from benchmarks.parameters import with_changes
from benchmarks.steps import encode_into
from contraflow.foundations.errors import UserError

KEPT = Path(".contraflow/benchmarks/long")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", choices=DATA, default="fashion_mnist", help="what is trained on")
    parser.add_argument("--hours", type=float, default=SIZES[FULL].hours, help="of each side's training")
    asked = parser.parse_args()
    size, sides = SIZES[asked.size], sides_here()
    if asked.size == FULL:
        size = replace(size, hours=asked.hours)
    pictures = size.pictures or DATA[asked.data]
    changes = COMMON | dict(pictures.changes) | dict(size.changes)
    with ExitStack() as stack:
        folder = KEPT / f"{pictures.name}-{size.hours:g}h-{'-'.join(sides)}-{training_code(changes)}"
        if asked.size != FULL:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        params = with_changes(changes | pictures.written(folder / "pictures"))
        try:
            data = encode_into(folder, params)
        except UserError as error:
            raise SystemExit(str(error)) from None
        tasks = [Task(side, params, data, folder / side) for side in sides]
        planned = plan(tasks, size, folder / "plan.json")
        train(tasks, planned["epochs"], size.points)


if __name__ == "__main__":
    main()

"""Which files of figures rest on the code and parameters that are here: `python -m benchmarks`.

A line for each: its name, the commits that made it, and `current`, `stale` or `missing`. A stale file was measured with
other code or parameters, whether or not they would change a figure; its benchmark writes it anew, or a missing one.
"""

from pathlib import Path

from benchmarks import composition, mining_scale, search
from benchmarks.command import FULL
from benchmarks.film import __main__ as film
from benchmarks.gpu import __main__ as gpu
from benchmarks.loader import __main__ as loader
from benchmarks.long import __main__ as long
from benchmarks.long.sizes import DATA as LONG_DATA
from benchmarks.methods import __main__ as methods
from benchmarks.methods.sizes import SIZES as METHOD_SIZES
from benchmarks.mining import training as mining
from benchmarks.mining.tasks import TASKS
from benchmarks.rows import made_by
from benchmarks.scale import __main__ as scale
from benchmarks.weights import __main__ as weights


def codes() -> dict[Path, str]:
    """The digest of what each file of figures would rest on if it were made now."""
    return {
        composition.TABLE: composition.code(),
        film.ROWS: film.code(film.SIZES[FULL]),
        gpu.RESULT: gpu.code(),
        loader.RESULT: loader.code(),
        **{long.rows_of(name): long.code(pictures) for name, pictures in LONG_DATA.items()},
        methods.ROWS: methods.code(METHOD_SIZES[FULL].budgets),
        **{task.rows: mining.code(task) for task in TASKS.values()},
        mining_scale.TABLE: mining_scale.code(),
        scale.ROWS: scale.code(),
        search.TABLE: search.code(),
        weights.ROWS: weights.code(weights.SIZES[FULL]),
    }


if __name__ == "__main__":
    for path, code in codes().items():
        commits, current = made_by(path, code)
        state = ("current" if current else "stale") if commits else "missing"
        print(f"{path.relative_to(Path.cwd())}: {', '.join(commits)}: {state}")

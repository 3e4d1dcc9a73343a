"""Which files of figures rest on the code and parameters that are here: `python -m benchmarks`.

A line for each: its name, the commits that made it, and `current` or `stale`. A stale file was measured with other code
or parameters, whether or not they would change a figure; its benchmark writes it anew.
"""

from pathlib import Path

from benchmarks import mining_scale, search
from benchmarks.command import FULL
from benchmarks.film import __main__ as film
from benchmarks.loader import __main__ as loader
from benchmarks.methods import __main__ as methods
from benchmarks.methods.sizes import SIZES as METHODS
from benchmarks.mining import runs as mining
from benchmarks.mining.arms import SIZES as ARMS
from benchmarks.rows import made_by


def codes() -> dict[Path, str]:
    """The digest of what each file of figures would rest on if it were made now."""
    return {
        film.ROWS: film.code(film.SIZES[FULL]),
        loader.RESULT: loader.code(),
        methods.ROWS: methods.code(METHODS[FULL].budgets),
        mining.ROWS: mining.code(ARMS[FULL]),
        mining_scale.TABLE: mining_scale.code(),
        search.TABLE: search.code(),
    }


if __name__ == "__main__":
    for path, code in codes().items():
        commits, current = made_by(path, code)
        print(f"{path.relative_to(Path.cwd())}: {', '.join(commits)}: {'current' if current else 'stale'}")

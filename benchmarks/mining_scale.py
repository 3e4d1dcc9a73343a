"""How mining scales: time and memory of the search for every vector's 100 nearest others.

    python -m benchmarks.mining_scale            up to half an hour on two cores; writes mining_scale.csv
    python -m benchmarks.mining_scale --quick    up to 60,000 vectors, about a minute; writes nothing

Vectors of 128 dimensions in clusters, drawn with a fixed seed. Each search is a process of its own, so that its peak
memory (beyond that of the vectors, which every search must hold) is its own. Compared are the exact search of mining,
the same products in the same blocks without looking at them (`matmul`: the limit), scikit-learn's NearestNeighbors, and
mining's inverted lists. Searches that go through all pairs are timed on part of the queries where there are many
vectors, and their time for all of them is in proportion: the queries do not depend on each other. What a search does
once, such as learning its lists, is timed in full. Up to 60,000 vectors the least of three times counts.

Each search is a row of the file as soon as it is done; started again, rows of the same code are taken as they are.
Run it on a machine that does nothing else. Last line: `exact_ratio_to_matmul` at the largest number at which both
searched with all queries, and for the most vectors the recall of the inverted lists and how many times faster they
are than exact.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from benchmarks.command import FULL, arguments, tell
from benchmarks.memory import peak_mb
from benchmarks.rows import Rows, digest
from contraflow.devices import cores
from contraflow.encoded.kin import Kin
from contraflow.foundations.progress import say
from contraflow.mining.negatives import ANCHORS
from contraflow.mining.search import Search
from contraflow.neighbours.bank import BANK_ROWS, QUERY_ROWS

TABLE = Path(__file__).with_suffix(".csv")
SIZES = {FULL: [10_000, 60_000, 250_000, 1_000_000], "quick": [10_000, 60_000], "tiny": [1_000]}  # vectors
SEARCHES = ["matmul", "exact", "ivf", "scikit-learn"]
PAIRS = 4e9  # at most, of the searches that go through all of them
WHOLE = 60_000  # vectors up to which the least of three times counts: on a shared machine the others say less
DIMENSION, TOP = 128, 100
CODE = [
    "src/contraflow/neighbours/bank.py",
    "src/contraflow/neighbours/greatest.py",
    "src/contraflow/mining/search.py",
    "src/contraflow/mining/approximate.py",
    __file__,
]


def vectors(n: int) -> np.ndarray:
    """(n, 128) float32 of length 1, in about n / 1000 clusters."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(10, n // 1000), DIMENSION), dtype=np.float32)
    found = np.empty((n, DIMENSION), np.float32)
    for part in np.array_split(
        found, -(-n // 10_000)
    ):  # no memory but that of the vectors, which would hide a search's
        part[:] = centres[rng.integers(0, len(centres), len(part))]
        part += rng.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def search(name: str, n: int) -> dict:
    """Time in seconds for all queries, how many were asked, recall, and peak memory in MB beyond the vectors'."""
    torch.set_num_threads(cores())
    data, rows = vectors(n), np.arange(n)
    queries = rows if name == "ivf" else rows[: max(ANCHORS, min(n, int(PAIRS / n)))]
    some = rows[:ANCHORS]
    Search(data[some], [Kin(some)], count=TOP, exact_up_to=ANCHORS).candidates(some)  # starts all
    before = peak_mb()
    recall, start = 1.0, time.monotonic()
    if name == "matmul":
        ask = partial(products, data[queries], data)
    elif name == "scikit-learn":
        found = NearestNeighbors(n_neighbors=TOP + 1, algorithm="brute", n_jobs=cores()).fit(data)
        ask = partial(found.kneighbors, data[queries])  # by Euclidean distance, the same order for vectors of length 1
    else:
        up_to = n if name == "exact" else 0
        found = Search(data, [Kin(rows)], count=TOP, exact_up_to=up_to, threads=cores())
        recall = found.recall

        def ask() -> None:
            for first in range(0, len(queries), ANCHORS):
                found.candidates(queries[first : first + ANCHORS])

    once = time.monotonic()
    each = min(timed(ask) for _ in range(3 if n <= WHOLE else 1)) / len(queries)
    peak = peak_mb() - before
    figures = {"once": once - start, "seconds": once - start + each * n, "recall": recall, "peak_mb": peak}
    return {"queries": len(queries), **figures}


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.monotonic()
    work()
    return time.monotonic() - start


def products(queries: np.ndarray, data: np.ndarray) -> None:
    """All products of queries with all vectors, in blocks that are thrown away; each thread alone, which is faster than
    all together."""

    def multiply(some: torch.Tensor) -> None:
        memory = torch.empty(QUERY_ROWS * BANK_ROWS)
        for tile in bank.split(BANK_ROWS):
            product = memory[: len(some) * len(tile)].view(len(some), len(tile))
            torch.mm(some, tile.T, out=product)

    bank = torch.from_numpy(data)
    with ThreadPoolExecutor(cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(multiply, torch.from_numpy(queries).split(QUERY_ROWS)))


def code() -> str:
    """Digest of what a row rests on."""
    return digest(Path(file).read_text(encoding="utf-8") for file in CODE)


def rows_of(sizes: list[int], path: Path | None) -> list[dict]:
    """A row for each search and size: those of the file and of this code, and those made now."""
    rows = Rows(path, code())
    return [rows.get({"search": name, "n": n}, partial(in_a_process, name, n)) for n in sizes for name in SEARCHES]


def in_a_process(name: str, n: int) -> dict:
    """What `search` measures, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.mining_scale", "--search", name, "--vectors", str(n)]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    words = "{seconds:.1f} s · recall {recall:.3f} · {peak_mb:,.0f} MB".format(**found)
    say(f"{name} · {n:,} vectors · {words}")
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--search", choices=SEARCHES, help="only this one, in this process")
    parser.add_argument("--vectors", type=int, default=SIZES[FULL][0])
    asked = parser.parse_args()
    if asked.search:
        print(json.dumps(search(asked.search, asked.vectors)))
        return
    sizes = SIZES[asked.size]
    rows = rows_of(sizes, TABLE if asked.size == FULL else None)
    by = {(row["search"], row["n"]): row for row in rows}
    ratios = {n: by["exact", n]["seconds"] / by["matmul", n]["seconds"] for n in sizes}
    whole = max((n for n in sizes if by["exact", n]["queries"] == n), default=sizes[0])
    most = sizes[-1]
    summary = {
        "exact_ratio_to_matmul": round(ratios[whole], 3),
        "at": whole,
        "ratios": {str(n): round(ratio, 3) for n, ratio in ratios.items()},
        "extrapolated_from_queries": {  # times of the searches that go through all pairs, where not all were asked
            str(n): by["exact", n]["queries"] for n in sizes if by["exact", n]["queries"] < n
        },
        "vectors": most,
        "recall": by["ivf", most]["recall"],
        "times_faster_than_exact": round(by["exact", most]["seconds"] / by["ivf", most]["seconds"], 1),
        "times_faster_than_scikit_learn": round(by["scikit-learn", most]["seconds"] / by["exact", most]["seconds"], 1),
        "peak_mb": {name: {str(n): round(by[name, n]["peak_mb"]) for n in sizes} for name in ("exact", "ivf")},
    }
    tell(summary, asked.size)


if __name__ == "__main__":
    main()

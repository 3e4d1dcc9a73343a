"""Ten million images: time and memory of encoding, training and mining, step by step and number by number.

    python -m benchmarks.scale            an hour on two busy cores, 15 GB of TMPDIR; writes rows.csv beside this file
    python -m benchmarks.scale --quick    up to 100,000 images, some minutes; writes nothing

Drawn images of 8 by 8 pixels, grey, go through the steps of the workflow with the shipped parameters, but for batches
of 512 and mining by inverted lists whatever the number; what each step reads and does is said beside its function in
`benchmarks/scale/measured.py`. Of an epoch the first 200,000 images are trained on, with all that comes before and
after them. Of mining one shard of about 10,000 anchors is measured: what each shard does once (all images embedded,
lists learned and filled, `lists_s`), and its own queries (`queries_s`), which are in proportion to the anchors. The
table that an epoch is composed of is drawn.

`encode folder` reads PNG files that are hard links of 1,000 pictures. `views` makes the views of a sparse file of
colour images of 32 pixels, which at ten million is larger than a memory of 24 GB: what is read of it is held and
dropped by the system like any file's, but comes from no disk.

Each step is a process of its own with all cores to itself. Its start and imports are not timed; its memory is all that
it holds, libraries too (about 360 MB). Each is a row of the file as soon as it is done; started again, rows of the same
code are taken as they are, though steps that others need are run again. Last line: of each step at the most images the
seconds, and the bytes of its own memory that one image more takes.
"""

import json
import sys
import tempfile
import time
from functools import cache, partial
from operator import itemgetter
from pathlib import Path

from benchmarks.command import FULL, arguments, tell
from benchmarks.rows import Rows, digest
from benchmarks.scale.measured import OF_FOLDER, OF_KNOWN, OF_SPARSE, STEPS, Steps
from benchmarks.scale.peaks import processor_seconds, watched, written_mb
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages

ROWS = Path(__file__).with_name("rows.csv")
SIZES = {  # images of a known data set, of a folder, of a sparse file
    FULL: ([100_000, 1_000_000, 10_000_000], [100_000, 1_000_000], [1_000_000, 10_000_000]),
    "quick": ([10_000, 100_000], [10_000], [100_000]),
    "tiny": ([2_000], [200], [2_000]),
}


def code() -> str:
    """Digest of what a row rests on."""
    stages, own = Stages(Path()), sorted(Path(__file__).parent.glob("*.py"))
    files = [*own, Path("params.yaml")]
    return digest([*map(stages.code, ("encode", "mine")), *(file.read_text(encoding="utf-8") for file in files)])


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--step", help="only this one, in this process")
    parser.add_argument("--images", type=int)
    parser.add_argument("--folder", type=Path, help="where those before it left their files")
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(measure(asked.step, asked.folder, asked.images)))
        return
    rows = Rows(ROWS if asked.size == FULL else None, code())
    found = [
        row
        for steps, sizes in zip((OF_KNOWN, OF_FOLDER, OF_SPARSE), SIZES[asked.size], strict=True)
        for images in sizes
        for row in of_size(rows, steps, images)
    ]
    tell({"steps": summary(found)}, asked.size)


def of_size(rows: Rows, steps: Steps, images: int) -> list[dict]:
    """A row for each measured step of so many images, made one after the other in a folder that is removed then."""
    with tempfile.TemporaryDirectory() as scratch:

        @cache
        def done(name: str) -> dict:
            """What a step takes, after all before it."""
            names, (function, counts) = list(steps), steps[name]
            for earlier in names[: names.index(name)]:
                done(earlier)
            return in_a_process(name, Path(scratch), images) if counts else function(Path(scratch), images)

        measured = [name for name, (_, counts) in steps.items() if counts]
        return [rows.get({"step": name, "images": images}, partial(done, name)) for name in measured]


def in_a_process(step: str, folder: Path, images: int) -> dict:
    """What `measure` finds of a step in a process of its own, and the most memory of that."""
    command = [sys.executable, "-m", "benchmarks.scale", "--step", step, "--images", str(images)]
    printed, peaks = watched([*command, "--folder", str(folder)])
    figures = json.loads(printed) | peaks
    words = "{seconds:.1f} s · {processor:.1f} s of processors · {anonymous_mb:,.0f} MB".format(**figures)
    say(f"{step} · {images:,} images · {words}")
    return figures


def measure(step: str, folder: Path, images: int) -> dict:
    """Seconds by the clock and of processors, and MB that are written."""
    function, _ = STEPS[step]
    busy, written, begin = processor_seconds(), written_mb(), time.monotonic()
    figures = function(folder, images)
    taken = {"seconds": time.monotonic() - begin, "processor": processor_seconds() - busy}
    return taken | {"written_mb": written_mb() - written} | figures


def summary(rows: list[dict]) -> dict[str, dict[str, float]]:
    """Of each step at the most images the seconds, and how many bytes of its own memory one image more takes."""
    found = {}
    for name in dict.fromkeys(row["step"] for row in rows):
        *_, before, most = [None, *sorted((row for row in rows if row["step"] == name), key=itemgetter("images"))]
        found[name] = {"images": most["images"], "seconds": round(most["seconds"], 2)}
        if before:
            more = (most["anonymous_mb"] - before["anonymous_mb"]) * 2**20
            found[name]["bytes_an_image"] = round(more / (most["images"] - before["images"]), 1)
    return found


if __name__ == "__main__":
    main()

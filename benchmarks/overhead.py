"""What do the two engines together cost, beside each alone, where there is nothing to do or only the page to write?

    python -m benchmarks.overhead            medians of 9 alternating runs, some minutes
    python -m benchmarks.overhead --quick    of 3, a minute or two

In a clone of the last commit with a few tiny images, after a first run:

    noop           `snakemake`, which has nothing to do
    report_only    `dvc exp run -S report.title=...`, which writes the page anew
    dvc_status     `dvc status` in the same repository
    one_rule       `snakemake -n` of a workflow of one rule in an empty directory

`noop_ratio` and `report_only_ratio` are the first two, each over the sum of the last two.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

from benchmarks.command import arguments, tell
from benchmarks.commit import ROOT
from benchmarks.parameters import changed
from benchmarks.pictures import TINY

RUNS = {"full": 9, "quick": 3, "tiny": 1}
SHORT = {"seeds": [0], "train.epochs": 1, "report.tsne_points": 20, "report.gallery_anchors": 2}
ONE_RULE = 'rule one:\n    output:\n        "one.txt",\n    shell:\n        "touch {output}"\n'


def run(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds that a command takes, and all that it prints.

    Raises:
        SystemExit: the command fails.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}")
    return seconds, done.stdout


def tiny_repository(folder: Path, rounds: int) -> None:
    """A clone of the last commit, over a few tiny pictures, after its first run with so many rounds of mining."""
    run(["git", "clone", "--quiet", str(ROOT), str(folder)], folder.parent)
    changes = TINY.written(folder / "images") | {"data.path": "images", "mining.rounds": rounds} | SHORT
    params = folder / "params.yaml"
    params.write_text(yaml.safe_dump(changed(changes, params), sort_keys=False), encoding="utf-8")
    run(["snakemake"], folder)
    for command in (["config", "user.name", "benchmark"], ["config", "user.email", "benchmark@localhost"]):
        run(["git", *command], folder)
    run(["git", "add", "--all"], folder)
    run(["git", "commit", "--quiet", "--message", "first run"], folder)


def measure(repository: Path, empty: Path, runs: int) -> dict[str, list[float]]:
    """Seconds of every run of each case, one case after the other, so that a slow minute slows them all."""
    seconds: dict[str, list[float]] = {"noop": [], "report_only": [], "dvc_status": [], "one_rule": []}
    for number in range(runs):
        cases = {
            "noop": (["snakemake"], repository, "Nothing to be done"),
            "report_only": (["dvc", "exp", "run", "-S", f"report.title=page {number}"], repository, "write_report"),
            "dvc_status": (["dvc", "status"], repository, "up to date"),
            "one_rule": (["snakemake", "-n", "--cores", "1"], empty, "rule one"),
        }
        for name, (command, folder, expected) in cases.items():
            taken, said = run(command, folder)
            if expected not in said or "pretrain_seed" in said:
                raise SystemExit(f"{' '.join(command)} did something else:\n{said}")
            seconds[name].append(taken)
            print(f"{name} {taken:.2f} s", file=sys.stderr, flush=True)
    return seconds


def main() -> None:
    size = arguments(__doc__).parse_args().size
    runs = RUNS[size]
    with tempfile.TemporaryDirectory() as scratch:
        repository, empty = Path(scratch, "repository"), Path(scratch, "empty")
        tiny_repository(repository, rounds=0 if size == "tiny" else 1)
        empty.mkdir()
        (empty / "Snakefile").write_text(ONE_RULE, encoding="utf-8")
        seconds = {name: median(taken) for name, taken in measure(repository, empty, runs).items()}
    bare = seconds["dvc_status"] + seconds["one_rule"]
    ratios = {f"{name}_ratio": round(seconds[name] / bare, 2) for name in ("noop", "report_only")}
    tell(ratios | {"runs": runs, "seconds": {name: round(taken, 2) for name, taken in seconds.items()}}, size)


if __name__ == "__main__":
    main()

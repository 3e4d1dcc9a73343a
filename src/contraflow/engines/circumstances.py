"""What differs between equal runs: commit, machine, date, time of each step, DVC's records.

None of it is in `results/report.html`, which equal runs write alike; all of it goes into `results/circumstances.html`.
"""

import csv
import os
import platform
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from contraflow.devices import cores, gpus
from contraflow.engines.dvc import LOCK, git, locked
from contraflow.foundations.artefacts import sha256, write_text
from contraflow.pages.assets import template

BENCHMARKS = Path("logs/benchmarks")


def circumstances(root: Path, stages: list[str], *, submitted: bool = False) -> dict[str, Any]:
    """What is known of the run that has just ended in the folder `root`, with `stages` in their order.

    Where it `submitted` its jobs to a batch system, this machine is not where they ran.

    Returns:
        `facts`, words by name in the order to show them; `changed`, as `changed_files`; `times`, one row a job in the
        order of the stages: job, seconds, and most memory in MiB (None where unknown); `outputs`, the MD5 of each
        output in `dvc.lock` by path.
    """
    return {
        "facts": _facts(root, submitted),
        "changed": changed_files(root),
        "times": [row for stage in stages for row in _times(root / BENCHMARKS / stage)],
        # Where DVC runs the last stage itself, it records that one after this.
        "outputs": {out["path"]: out["md5"] for stage in locked(root).values() for out in stage.get("outs", [])},
    }


def changed_files(root: Path) -> list[str]:
    """Files that git tracks and that differ from the commit, but for `dvc.lock`, which each run writes."""
    changed = git(root, "status", "--porcelain", "--untracked-files=no") or ""
    return [line[3:] for line in changed.splitlines() if line[3:] != LOCK]


def commit(root: Path) -> str:
    """The commit that is checked out, shortened; empty where there is none."""
    return git(root, "rev-parse", "--short", "HEAD") or ""


def _facts(root: Path, submitted: bool) -> dict[str, str]:
    """Commit, experiment, hardware and system, as far as they are known; nothing names the machine or its owner."""
    memory = psutil.virtual_memory().total / 2**30
    facts = {
        "Commit": git(root, "rev-parse", "HEAD"),
        "DVC experiment": os.environ.get("DVC_EXP_NAME"),
        "over commit": os.environ.get("DVC_EXP_BASELINE_REV"),
        "Written": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
        "Jobs": "submitted to a batch system, from the machine of which the rest tells" if submitted else None,
        "Processor": _processor(),
        "Cores": f"{cores()} of {os.cpu_count()} may be used",
        "Memory": f"{memory:.0f} GiB",
        "GPUs": ", ".join(_models()) or (f"{len(gpus())}" if gpus() else "none"),
        "System": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
    return {name: words for name, words in facts.items() if words}


def _processor() -> str:
    """The model's name, as Linux tells it; elsewhere the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _models() -> list[str]:
    """Models of the GPUs that this machine has, as the driver tells them."""
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")) if gpus() else []
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]


def _times(folder: Path) -> list[tuple[str, float, float | None]]:
    """What Snakemake measured of a stage's jobs; of a job that was repeated the last time."""
    rows = []
    for file in sorted(folder.rglob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as lines:
            measured = list(csv.DictReader(lines, delimiter="\t"))
        if measured:
            name = f"{folder.name} {file.relative_to(folder).with_suffix('').as_posix()}"
            rows.append((name, float(measured[-1]["s"]), _number(measured[-1].get("max_rss"))))
    return rows


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:  # a job too short to be measured has a dash
        return None


def write_circumstances(stages: list[str], report: Path, *, submitted: bool = False) -> None:
    """Write `circumstances.html` beside the report that this run has made.

    Args:
        stages: Names of all stages, in their order.
        report: The page, from the folder that the workflow runs in.
        submitted: As of `circumstances`.

    Raises:
        UserError: the place is full or may not be written to.
    """
    made = template(Path(__file__).parent / "circumstances.html.j2")
    page = made.render(report=sha256(report), **circumstances(Path.cwd(), stages, submitted=submitted))
    write_text(report.with_name("circumstances.html"), page)

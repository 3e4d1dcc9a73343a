"""Snakemake believes modification times, DVC keeps content hashes: here the times are made to say what the hashes know.

Snakemake's own records and the files' times do not follow `dvc checkout`, `dvc exp apply`, `dvc pull` or the run-cache.
Before Snakemake builds its graph, `align` asks DVC which stages are up to date and sets the times of their outputs so
that Snakemake comes to the same verdict. After a direct run, `record` tells DVC what was made.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import yaml

from contraflow.errors import UserError

STALE = 1  # seconds since 1970; not 0, which Snakemake takes for "unknown"


class Pipeline:
    """The stages of `dvc.yaml` in the folder `root`, with their dependencies and outputs."""

    def __init__(self, root: Path):
        self.root = root
        self.stages: dict[str, dict] = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]

    def outputs(self, stage: str) -> set[str]:
        """Paths, from the root, of all outputs of a stage: directories and files."""
        spec = self.stages[stage]
        entries = [entry for key in ("outs", "metrics", "plots") for entry in spec.get(key, [])]
        return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}

    def output_files(self, stage: str) -> list[Path]:
        """The files that lie in a stage's outputs now."""
        return [file for path in self.outputs(stage) for file in _files(self.root / path)]

    def benchmark_files(self, stage: str) -> list[Path]:
        """Snakemake's measurements of a stage's jobs, which it takes for outputs when it compares times."""
        return _files(self.root / "logs" / "benchmarks" / stage)

    def input_files(self, stage: str) -> list[Path]:
        """The files that lie in a stage's dependencies now; those named by a parameter are left out."""
        return [file for path in self.stages[stage].get("deps", []) for file in _files(self.root / path)]

    def above(self, stage: str) -> set[str]:
        """The stages whose outputs a stage reads."""
        return {other for other in self.stages if self.outputs(other) & set(self.stages[stage].get("deps", []))}

    def stale(self) -> set[str]:
        """The stages that DVC calls changed, and all below them.

        Raises:
            UserError: `dvc status` fails, with its own words.
        """
        status = self._dvc("status", "--json")
        changed = set(json.loads(status))
        stale: set[str] = set()
        for stage in self.stages:  # dvc.yaml lists them from first to last
            if stage in changed or self.above(stage) & stale:
                stale.add(stage)
        return stale

    def commit(self, stages: Iterable[str]) -> None:
        """Record the outputs of `stages` as they are now in `dvc.lock` and the cache."""
        self._dvc("commit", "--quiet", "--force", *stages)

    def _dvc(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        if done.returncode:
            words = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise UserError(f"`dvc {' '.join(arguments)}` failed: {words}")
        return done.stdout


def align(root: Path) -> set[str]:
    """Set the times of all outputs so that Snakemake reruns what DVC would, and return the stale stages.

    Outputs of a stage that is up to date get one common time, no older than its inputs; those of a stale stage, and of
    all stages below it, the oldest time there is.

    Raises:
        UserError: DVC cannot tell, because this is no DVC repository or its files are damaged.
    """
    pipeline = Pipeline(root)
    stale = pipeline.stale()
    now = time.time()
    for stage in pipeline.stages:
        made = pipeline.output_files(stage) + pipeline.benchmark_files(stage)
        if stage in stale:
            _set_times(made, STALE)
        elif made:
            times = {file.stat().st_mtime for file in made}
            newest_input = max((file.stat().st_mtime for file in pipeline.input_files(stage)), default=0.0)
            if len(times) > 1 or newest_input > min(times):
                _set_times(made, now)
    return stale


def record(root: Path, stale: set[str], targets: dict[str, Iterable[str]]) -> None:
    """Tell DVC about the stages that a direct run of Snakemake has brought up to date.

    Args:
        root: The repository.
        stale: What `align` returned before the run.
        targets: For each stage, the files that it must have made to be complete.
    """
    pipeline = Pipeline(root)
    complete: set[str] = set()
    for stage in pipeline.stages:
        fresh = all(_is_fresh(root / path) for path in targets[stage])
        if fresh and all(above in complete for above in pipeline.above(stage)):
            complete.add(stage)
    made = [stage for stage in pipeline.stages if stage in complete & stale]
    for stage in made:
        _remove_leftovers(pipeline, stage)
    if made:
        pipeline.commit(made)


def _is_fresh(path: Path) -> bool:
    return path.exists() and path.stat().st_mtime != STALE


def _remove_leftovers(pipeline: Pipeline, stage: str) -> None:
    """Remove what earlier parameters (a seed, a round) left in a directory that this run has filled anew."""
    for file in pipeline.output_files(stage):
        if not _is_fresh(file):
            file.unlink()


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path] if path.exists() else []


def _set_times(files: Iterable[Path], seconds: float) -> None:
    for file in files:
        os.utime(file, (seconds, seconds))

"""Every benchmark runs, as a user starts it, on data so tiny that its figures mean nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.commit import ROOT, commit
from benchmarks.loader.ffcv_case import builtin
from benchmarks.loader.pictures import natural, write
from benchmarks.loader.recipe import SIMCLR

NAMES = {  # of the last line's object, of which a document or the benchmark's own docstring speaks
    "composition": {"meets", "seconds", "peak_mb"},
    "film": {"less_image"},
    "gpu": {"card", "images_per_s", "share_of_peak", "train_ratio_to_lightly", "accuracy", "test"},
    "libraries": {"faiss_ratio_to_search", "search_rows_changed_by_threads", "probe_objectives"},
    "loader": {"ratio_to_torchvision_28", "train_ratio_to_in_memory", "train_ratio_to_lightly", "first_batch_s"},
    "long": {"linear", "images_per_processor_s"},
    "methods": {"tiny"},
    "mining glyphs": {"gains", "fewer_errors", "seeds"},
    "mining fashion_mnist": {"gains", "fewer_errors", "seeds"},
    "mining_scale": {"exact_ratio_to_matmul", "recall", "times_faster_than_exact"},
    "overhead": {"noop_ratio", "report_only_ratio", "seconds"},
    "scale": {"steps"},
    "search": {"candidates", "best"},
    "weights": {"less_noise", "seconds"},
}


def start(name: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", *f"benchmarks.{name}".split(), "--tiny"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def figures() -> dict[Path, bytes]:
    """What the repository has of figures, all that a benchmark could have written over."""
    files = (path for path in (ROOT / "benchmarks").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path: path.read_bytes() for path in files}


def test_every_benchmark_is_tried():
    runnable = {path.parent for path in (ROOT / "benchmarks").glob("*/__main__.py")}
    runnable |= {
        path.with_suffix("")
        for path in (ROOT / "benchmarks").glob("[a-z]*.py")
        if "def main()" in path.read_text(encoding="utf-8")
    }
    assert {path.name for path in runnable} == {name.split()[0] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_runs_on_tiny_data_and_writes_no_file_of_figures(name):
    before = figures()
    done = start(name)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.keys() >= NAMES[name] | {"size", "commit"}
    assert (found["size"], found["commit"]) == ("tiny", commit())
    assert figures() == before
    if name == "methods":
        judged = found["tiny"]
        assert judged["linear"].keys() == {"simclr", "vicreg", "untrained"}
        assert judged["tuned"].keys() == {"simclr", "vicreg"}
        assert judged["beyond_noise"].keys() == {"linear", "knn20"}


@pytest.mark.slow  # FFCV compiles for half a minute
def test_ffcvs_own_operations_make_two_views_of_colour_images(tmp_path):
    path = write(tmp_path / "colour.beton", natural(12, 16, 16, 0))
    first, second = map(torch.cat, zip(*builtin(path, 16, SIMCLR, 4, 1), strict=True))
    assert first.shape == second.shape == (12, 3, 16, 16) and not torch.equal(first, second)


def test_tells_which_figures_are_current():
    done = subprocess.run([sys.executable, "-m", "benchmarks"], cwd=ROOT, capture_output=True, text=True, check=True)
    told = {line.split(": ")[0]: line.split(": ")[-1] for line in done.stdout.splitlines()}
    held = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "benchmarks").rglob("*")
        if path.suffix in (".csv", ".json")
    }
    assert {path for path, state in told.items() if state != "missing"} == held
    assert set(told.values()) <= {"current", "stale", "missing"}

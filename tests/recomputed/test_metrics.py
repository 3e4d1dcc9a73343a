"""Every figure of metrics.json against its recomputation; a figure without one fails."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECTIONS = [
    "encoder",
    "control",
    "untrained",
    "supervised",
    "raw_pixels",
    "pca_pixels",
    "chance",
    "validation",
    "rounds",
    "mining",
    "corruptions",
    "transfer",
    "fine_tune",
]


def leaves(table, path=()):
    """Every leaf of nested dicts and lists, by its path."""
    if isinstance(table, dict | list):
        entries = table.items() if isinstance(table, dict) else enumerate(table)
        return {place: leaf for key, value in entries for place, leaf in leaves(value, (*path, key)).items()}
    return {path: table}


def test_the_summary_has_no_other_sections(run):
    assert sorted(run.json("metrics.json")) == sorted(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_figure_of_the_summary(run, figures, section):
    found, expected = leaves(run.json("metrics.json")[section]), leaves(figures.metrics[section])
    assert found.keys() == expected.keys()
    wrong = {
        "/".join(map(str, path)): (value, *expected[path])
        for path, value in found.items()
        if not abs(value - expected[path].value) <= expected[path].slack
    }
    assert not wrong, f"(found, recomputed, slack) of {len(wrong)} of {len(found)} figures"


def test_the_recomputations_share_nothing_with_the_package():
    """None of them, nor what they import, imports the package."""
    modules = [
        f"recomputed.{file.stem}" for file in HERE.glob("*.py") if not file.stem.startswith(("test_", "conftest"))
    ]
    code = f"import sys, {', '.join(modules)}; sys.exit('contraflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=HERE.parent, check=True)
    assert len(modules) == 4

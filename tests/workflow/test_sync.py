import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_dvc_yaml_lists_what_the_steps_import_and_read():
    done = subprocess.run([sys.executable, ROOT / "workflow/sync.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_point_one_way():
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_snakemake_finds_nothing_to_complain_about():
    """But for what `snakemake --lint` says of every rule that has no conda environment or container."""
    done = subprocess.run(
        [Path(sys.executable).parent / "snakemake", "--lint"], cwd=ROOT, capture_output=True, text=True
    )
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if line.strip().startswith("* ")]
    assert all("conda" in line.lower() for line in complaints), "\n".join(complaints)

"""Whether Snakefile, rules, dvc.yaml, params.yaml and code still say the same: what `workflow/sync.py` compares.

`plan` asks Snakemake for its jobs, `code` the modules for imports and parameters, `parameters` and `stages` compare.
"""

import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))  # the code beside these files, not that of the directory that was installed


class Difference(NamedTuple):
    """One thing that two files say differently: what to change where, and whether `--fix` does it."""

    says: str
    derived: bool = False

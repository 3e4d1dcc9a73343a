"""What dvc.yaml and params.yaml should say, and what in Snakefile, rules, settings and steps does not fit together.

`plan` asks Snakemake for its jobs, `code` the steps for their imports and parameters, `parameters` compares these with
params.yaml, and `pipeline` writes dvc.yaml. `workflow/sync.py` calls them.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))  # the code beside these files, not that of the directory that was installed

# What all rules share: checked parameters, the code of this directory, and shares of the machine.

import os
import sys
from pathlib import Path

# The code of this directory runs, also in an experiment's own copy of the repository, and the programs of this Python.
SOURCE = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCE)
for variable, first in {"PYTHONPATH": SOURCE, "PATH": str(Path(sys.executable).parent)}.items():
    os.environ[variable] = os.pathsep.join(filter(None, [first, os.environ.get(variable)]))

from contraflow.config import load_params
from contraflow.devices import cores, gpus
from contraflow.engines.agreement import align, record
from contraflow.errors import UserError

INSIDE_DVC = "DVC_STAGE" in os.environ  # then DVC has decided what runs, and records it
try:
    if config:
        raise UserError(
            f"--config and --configfile are not used here (got {', '.join(config)}): "
            "set parameters in params.yaml or by `dvc exp run -S name=value`"
        )
    PARAMS = load_params(Path("params.yaml"))
    STALE_STAGES = align(Path.cwd()) if workflow.is_main_process and not INSIDE_DVC else set()
except UserError as error:
    raise WorkflowError(str(error)) from None

STAGES = ["fetch", "encode", "pretrain", "mine", "evaluate", "report"]
SEEDS = PARAMS.seeds
ROUNDS = range(1, PARAMS.mining.rounds + 1)

# Snakemake counts the cores that it was given, which may be more than there are. A job that fills the machine asks for
# all of them, one that needs a single core for one core's share, so the machine is never given out twice.
GIVEN = workflow.cores or 1
ONE_CORE = max(1, GIVEN // cores())
TRAINING = max(1, GIVEN // max(1, len(gpus())))  # side by side only where each has a GPU of its own


def trained(seed, number):
    """The folder of a seed's encoder after pretraining (round 0) or after a mining round."""
    return f"results/pretrain/seed{seed}" if int(number) == 0 else f"results/mine/seed{seed}/round{number}"


onstart:
    if not gpus() and os.environ.get("DVC_STAGE") in (None, "pretrain"):
        logger.info(f"No GPU here: training on the CPU, {cores()} cores.")


def record_stages():
    """Let DVC record every stage whose files are all there and new."""
    if not INSIDE_DVC:
        files = {name: getattr(rules, name).input for name in STAGES}
        record(Path.cwd(), STALE_STAGES, files)


onsuccess:
    record_stages()


onerror:
    record_stages()

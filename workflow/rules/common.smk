# What all rules share: checked parameters, the code of this directory, and shares of the machine.
#
# A rule says where files are. Its step, whose source is the first input, gets them by the names that they have in the
# rule; what has no name is for Snakemake alone, such as that source: it is always there and newer than what is to be
# made again, also where all other inputs are gone. Rules name the files of other stages by their paths:
# `rules.NAME.output` would tie the rule NAME to them, and Snakemake would run it inside a DVC stage whose
# `--allowed-rules` leave it out.
# Two rules are written out, `fetch_files` and, for a step that is told its threads, `pretrain_seed`; the others `use` one
# of them. `job` is where the log of a job lies, what Snakemake measures of it, and often what it makes.

import os
import sys
import time
from pathlib import Path

# The code of this directory runs, also in an experiment's own copy of the repository, and the programs of this Python.
SOURCE = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCE)
for variable, first in {"PYTHONPATH": SOURCE, "PATH": str(Path(sys.executable).parent)}.items():
    os.environ[variable] = os.pathsep.join(filter(None, [first, os.environ.get(variable)]))

from contraflow.encoded.names import CARD, DATA, ENCODED, FILES
from contraflow.engines.repository import complaint
from contraflow.environment import settle
from contraflow.params import load_params
from contraflow.settings.values import named
from contraflow.devices import cores, gpus, side_by_side
from contraflow.engines.agreement import Agreement
from contraflow.engines.alone import alone, end_with_dvc, stop_at_once, work_for_me
from contraflow.engines.asked import require_meant, require_possible
from contraflow.engines.at_work import begin
from contraflow.engines.submitted import begin_run, work_for_run
from contraflow.foundations.errors import UserError
from contraflow.baseline.pinned import read_pinned
from contraflow.engines.circumstances import write_circumstances

settle()
try:
    if workflow.remote_exec:
        work_for_run(Path.cwd(), sys.argv[1:])
    require_possible(sys.argv[1:], Path(workflow.basedir))
    if config:
        raise UserError(
            f"--config and --configfile are not used here (got {', '.join(config)}): "
            "set parameters in params.yaml or by `dvc exp run -S name=value`"
        )
    PARAMS = load_params(Path("params.yaml"))
    read_pinned(Path("baseline.json"))
except UserError as error:
    raise WorkflowError(str(error)) from None

SEEDS = PARAMS.seeds
ROUNDS = range(1, PARAMS.mining.rounds + 1)
CONTROLLED = SEEDS if PARAMS.mining.control else []  # beside whose mining rounds there is a control

# Snakemake counts the cores that it was given, which may be more than there are. A job asks for its share of them, of as
# many as run side by side, and a small one for one core's share. A job that a batch system starts has what that gave it.
GIVEN = cores() if workflow.remote_exec else workflow.cores or 1
ONE_CORE = max(1, GIVEN // cores())
ONE_GPU = max(1, GIVEN // side_by_side())
TRAINING = max(1, GIVEN * min(PARAMS.train.gpus, side_by_side()) // side_by_side())

# Snakemake counts GPUs where it is told how many there are (`--resources gpu=4`). A batch system is asked for one only
# then: a cluster without them would refuse the job. Within that job, its environment tells what was asked for.
COUNTS_GPUS = "SLURM_GPUS" in os.environ if workflow.remote_exec else "gpu" in workflow.global_resources
TRAINING_GPUS, MEASURING_GPUS = (PARAMS.train.gpus, 1) if COUNTS_GPUS else (0, 0)


# On a cluster these run where Snakemake does: they take seconds, or need the network.
localrules:
    fetch_files,
    summarise_mining,
    summarise_evaluations,
    write_report,


def trained(seed, number, arm="mine"):
    """The folder of a seed's encoder after pretraining (round 0) or after a mining round, or one of its control."""
    return f"results/pretrain/seed{seed}" if int(number) == 0 else f"results/{arm}/seed{seed}/round{number}"


def measured_checkpoint(wildcards):
    """That of the representation that a job measures, if it has one."""
    kind, _, seed = wildcards.representation.partition("-seed")
    trained_there = {
        "encoder": trained(seed, PARAMS.mining.rounds) if seed else None,
        "control": trained(seed, PARAMS.mining.rounds, "mine/control") if seed else None,
        "supervised": f"results/evaluate/supervised/seed{seed}",
    }
    return f"{trained_there[kind]}/encoder.safetensors" if kind in trained_there else []


def call(wildcards, input, output):
    """The step of a job, whose source is the first input, and its files as options, by the names in its rule."""
    step = Path(input[0]).stem.replace("_", "-")
    named = ((name, [paths] if isinstance(paths, str) else paths) for name, paths in [*input.items(), *output.items()])
    return [step, *(f"--{name.replace('_', '-')} {path}" for name, paths in named for path in paths)]


def launcher(wildcards, resources):
    """What starts a training on each of its hosts, where its resource `mpi` names something: see docs/gpus.md."""
    return f"{resources.mpi} " if "mpi" in resources.keys() else ""

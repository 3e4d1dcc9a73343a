"""Trainings as the real programs read what was written for them."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contraflow.commands.log import Program
from contraflow.loggers.training import trainings

READ = {  # prints of each training its name, the losses of its epochs, tau, the probe's accuracy, and its collapse
    "tensorboard": """
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
for run in sorted(folder.iterdir()):
    events = EventAccumulator(str(run)).Reload()
    losses = [event.value for event in events.Scalars("epoch/loss")]
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    tau = HParamsPluginData.FromString(plugin).session_start_info.hparams["loss.tau"].number_value
    said = "collapse/text_summary" in events.Tags()["tensors"]
    collapse = events.Tensors("collapse/text_summary")[0].tensor_proto.string_val[0].decode() if said else ""
    told(run.name, losses, tau, events.Scalars("test/linear")[0].value, collapse)
""",
    "mlflow": """
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
(experiment,) = client.search_experiments(filter_string="name = 'contraflow'")
for run in client.search_runs([experiment.experiment_id]):
    losses = [metric.value for metric in client.get_metric_history(run.info.run_id, "epoch/loss")]
    assert run.info.status == "FINISHED"
    data = run.data
    told(run.info.run_name, losses, data.params["loss.tau"], data.metrics["test/linear"], data.tags.get("collapse", ""))
""",
    "wandb": """
import struct
from wandb.proto.wandb_internal_pb2 import Record
def records(data, block=32768, at=7):  # LevelDB's log format, after a header; wandb reads it in a program of its own
    whole = b""
    while at + 7 <= len(data):
        if block - at % block < 7:
            at += block - at % block
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield Record.FromString(whole)
            whole = b""
def key(item):
    return item.key or "/".join(item.nested_key)
for file in folder.glob("wandb/offline-run-*/*.wandb"):
    losses, summary, config, name = [], {}, {}, None
    for record in records(file.read_bytes()):
        if record.HasField("run"):
            name = record.run.display_name
            config |= {key(item): item.value_json for item in record.run.config.update}
        losses += [float(item.value_json) for item in record.history.item if key(item) == "epoch/loss"]
        summary |= {key(item): item.value_json for item in record.summary.update}
    told(name, losses, config["loss.tau"], summary["test/linear"], json.loads(summary["collapse"]))
""",
}
TOLD = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
def told(name, losses, tau, linear, collapse):
    print("TOLD " + json.dumps([name, losses, float(tau), float(linear), collapse]))
"""


@pytest.fixture
def installed(request, monkeypatch):
    """Where setup.sh puts for the tests what the program needs, which new processes and this one then find."""
    packages = Path(sys.prefix, request.param)
    if not packages.is_dir():
        pytest.skip(f"{request.param} is not installed: `./setup.sh test`")
    return request.param, os.environ | {"PYTHONPATH": str(packages)}


WRITE = """
import pickle, sys
from importlib import import_module
from pathlib import Path
program, trainings, folder = sys.argv[1:]
import_module(f"contraflow.loggers.{program}").write(pickle.loads(Path(trainings).read_bytes()), Path(folder))
"""


@pytest.mark.parametrize("installed", list(Program), indirect=True)
def test_the_program_reads_what_was_written(installed, experiment_of, tmp_path):
    program, environment = installed
    runs = [experiment_of("main", params={"loss.tau": 0.5}), experiment_of("exp/a", collapse="rank 1.0")]
    logged = [training for run in runs for training in trainings(run)]
    (tmp_path / "trainings").write_bytes(pickle.dumps(logged))

    def run(code, *arguments):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=tmp_path, check=True, stdout=subprocess.PIPE, text=True)

    run(WRITE, program, tmp_path / "trainings", tmp_path / "logged")
    said = run(TOLD + READ[program], tmp_path / "logged").stdout.splitlines()
    found = {name: told for name, *told in (json.loads(line[5:]) for line in said if line.startswith("TOLD "))}
    assert len(found) == 4 and {*tmp_path.iterdir()} == {tmp_path / "trainings", tmp_path / "logged"}
    for training in logged:
        losses, tau, linear, collapse = found[training.name.replace("/", "-" if program == "tensorboard" else "/")]
        np.testing.assert_allclose(losses, [epoch["loss"] for epoch in training.epochs.values()], rtol=1e-6)
        assert tau == pytest.approx(training.params["loss.tau"]) and linear == pytest.approx(
            training.figures["test/linear"]
        )
        assert collapse == training.collapse


def test_a_training_has_its_own_rows_and_what_is_a_number(experiment_of):
    one, two = trainings(experiment_of("main", linear={0: 0.8, 5: None}, loss=float("nan")))
    assert (one.name, two.name) == ("main seed 0", "main seed 5") and two.params["seed"] == 5
    assert one.epochs == {epoch: {"round": 0.0, "knn": 0.5, "rank": 9.0 + epoch} for epoch in (1, 2, 3)}
    assert one.figures["test/linear"] == 0.8 and "test/linear" not in two.figures
    assert two.figures["alignment"] == pytest.approx(0.305) and one.collapse == ""

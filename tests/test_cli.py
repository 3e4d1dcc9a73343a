import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def contraflow(*arguments, cwd=ROOT):
    command = [Path(sys.executable).parent / "contraflow", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_help_names_every_step():
    said = contraflow("--help").stdout
    assert all(step in said for step in ("fetch", "encode", "pretrain", "mine", "train-mined", "evaluate", "report"))


def test_right_parameters_are_said_to_be_right():
    done = contraflow("check")
    assert done.returncode == 0 and "params.yaml is right" in done.stdout


def test_a_mistake_is_a_sentence_and_a_failure_without_a_traceback(tmp_path):
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["loss"]["tau"] = 0
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    done = contraflow("check", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "contraflow: params.yaml: loss.tau must be greater than 0, got 0\n"


def test_a_step_without_its_input_names_the_file(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    done = contraflow("pretrain", "--seed", "0", "--encoder", "encoder", "--history", "history", cwd=tmp_path)
    assert done.returncode == 1 and "results/encode/card.json is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_named(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    done = contraflow("summarise-mining", "--negatives", "none.npz", "--summary", "summary.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "contraflow: none.npz is missing: run the step that makes it first\n"


def test_what_does_not_train_is_not_done_twice_at_a_time(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    done = contraflow("summarise-mining", "--negatives", "none.npz", "--summary", "summary.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "contraflow: summarise-mining is for one process, and was started in 2\n"


@pytest.mark.parametrize("command", [["export"], ["embed", "images"], ["search", "a.png"]])
def test_commands_for_an_encoder_say_what_makes_one(tmp_path, command):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    done = contraflow(*command, cwd=tmp_path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "results/mine/seed0/round1/encoder.safetensors is missing: `snakemake mine` makes it" in done.stderr


def test_there_is_nothing_to_pin_before_the_first_run(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    done = contraflow("baseline", cwd=tmp_path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "results/encode/card.json is missing, and only a whole run can be a baseline" in done.stderr


def test_the_command_line_itself_imports_neither_torch_nor_ffcv():
    code = "import sys, contraflow.cli; sys.exit(bool({'torch', 'ffcv', 'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

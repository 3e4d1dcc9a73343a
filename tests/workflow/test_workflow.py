"""What a user types beyond experiments, in the order of a first day. Each test goes on where the last one ended."""

import shutil
from zipfile import ZipFile

import pytest
import torch

from contraflow.devices import cores
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.mining.mining_pass import MiningPass
from contraflow.models.checkpoint import read_checkpoint


def test_a_mistake_in_the_parameters_is_told_before_any_job_starts(repository):
    repository.set(loss={"tau": -1})
    said = repository.run("snakemake --cores 2", fails=True)
    assert "loss.tau must be greater than 0, got -1" in said and "Traceback" not in said and "Job" not in said
    repository.set(loss={"tau": 0.2})


def test_parameters_on_snakemakes_command_line_are_refused(repository):
    assert "set parameters in params.yaml" in repository.run("snakemake -n --config tau=3", fails=True)


def test_everything_runs_with_more_cores_and_gpus_than_there_are(repository):
    plan = repository.run(f"snakemake -n -p --cores {4 * cores()} --resources gpu=4")
    assert plan.count(f"--threads {4 * cores() // min(2, cores())} ") == 7  # trainings and evaluations: two at a time
    said = repository.run(f"snakemake --cores {4 * cores()} --resources gpu=4")
    assert said.count("No GPU here") == 1
    assert (repository.path / "results/report.html").stat().st_size > 10_000
    assert repository.up_to_date()


def circumstances(repository):
    return (repository.path / "results/circumstances.html").read_text()


def test_the_report_has_its_circumstances_beside_it(repository):
    text = circumstances(repository)
    assert repository.results()["results/report.html"] in text
    assert repository.run("git rev-parse HEAD").strip() in text and "nothing but what a run writes" in text
    assert "evaluate encoder-seed0" in text and "results/metrics.json" in text
    assert 'href="circumstances.html"' in (repository.path / "results/report.html").read_text()


def test_the_second_run_has_nothing_to_do_also_without_logs_and_records(repository):
    shutil.rmtree(repository.path / "logs")
    shutil.rmtree(repository.path / ".snakemake")
    assert "Nothing to be done" in repository.run("snakemake --cores 2")


@pytest.mark.parametrize("stage", ["fetch", "encode", "pretrain", "mine", "evaluate", "report"])
def test_every_stage_is_a_target(repository, stage):
    assert "Nothing to be done" in repository.run(f"snakemake {stage} --cores 2")


def test_snakemakes_own_views_of_the_workflow(repository):
    assert "digraph" in repository.run("snakemake --dag 2>/dev/null")
    assert {"fetch", "report", "all"} <= set(repository.run("snakemake --list 2>/dev/null").split())
    before = circumstances(repository)
    repository.run("snakemake --report overview.zip")
    assert circumstances(repository) == before  # no report was written
    with ZipFile(repository.path / "overview.zip") as archive:
        names = archive.namelist()
        text = "".join(archive.read(name).decode(errors="ignore") for name in names if name.endswith((".html", ".js")))
    assert any(name.endswith("report.html") for name in names)
    for words in (
        "Images in, a representation",
        "The whole run on one page",
        "The summary over seeds",
        "One row an epoch",
    ):
        assert words in text
    assert "evaluate_encoder" in text  # the rule graph
    (repository.path / "overview.zip").unlink()


@pytest.mark.slow
def test_shards_of_the_search_come_to_the_same_bytes(repository):
    before = repository.results()
    jobs = repository.jobs("dvc exp run -S mining.shards=2")
    assert (jobs.count("mine_shard"), jobs.count("mine_negatives"), jobs.count("encode_images")) == (2, 1, 0)
    after = repository.results()
    assert {path for path in before if after[path] != before[path]} == {"results/report.html"}  # shows the parameter
    assert repository.up_to_date()


def test_a_control_of_mining_is_trained_beside_it_and_nothing_else_again(repository):
    jobs = repository.jobs("dvc exp run -S mining.control=true")
    assert jobs == ["evaluate_control", "summarise_evaluations", "train_control", "write_report"]
    page = (repository.path / "results/report.html").read_text()
    assert "One seed cannot tell whether mining helped: the linear probe is" in page
    assert repository.json("cat results/metrics.json")["control"]["linear"]["n"] == 1
    assert repository.up_to_date()
    repository.set(mining={"control": False})
    assert repository.jobs("snakemake --cores 2") == ["summarise_evaluations", "write_report"]
    assert not (repository.path / "results/mine/control").exists() and repository.up_to_date()


@pytest.mark.slow
def test_a_guide_of_mining_is_an_input_of_it_for_both_engines(repository, checkpoint_of):
    guide = checkpoint_of(repository.path / "data/guide.safetensors")
    repository.set(mining={"guide": "data/guide.safetensors", "false_negatives": "relative"})
    jobs = repository.jobs("snakemake --cores 2")
    assert "mine_negatives" in jobs and not {"pretrain_seed", "encode_images"} & set(jobs)
    assert repository.up_to_date()
    table = repository.path / "results/mine/seed0/round1/negatives.npz"
    assert load_arrays(table, MiningPass)[1].inputs["guide"] == sha256(guide)
    checkpoint_of(guide, norm="group")
    assert repository.planned() == jobs
    assert set(repository.json("dvc status --json")) >= {"mine"}
    guide.unlink()
    said = repository.run("snakemake --cores 2", fails=True)
    assert "mining.guide must be a checkpoint" in said and "Traceback" not in said
    repository.set(mining={"guide": "data", "false_negatives": "rank"})


def test_without_mining_the_pretrained_encoder_is_evaluated(repository):
    repository.set(mining={"rounds": 0})
    jobs = repository.jobs("snakemake --cores 2")
    assert "mine_negatives" not in jobs and "pretrain_seed" not in jobs and "write_report" in jobs
    assert not list((repository.path / "results/mine").rglob("*.npz"))
    assert repository.up_to_date()


@pytest.mark.slow  # as the two others
def test_a_teacher_is_an_input_of_training_for_both_engines(repository, checkpoint_of):
    teacher, before = checkpoint_of(repository.path / "data/teacher.safetensors"), repository.params()["method"]
    repository.set(method={"name": "distil", "teacher": "data/teacher.safetensors"})
    jobs = repository.jobs("snakemake --cores 2")
    assert "pretrain_seed" in jobs and not {"evaluate_untrained", "encode_images"} & set(jobs)
    assert repository.up_to_date()
    checkpoint = repository.path / "results/pretrain/seed0/encoder.safetensors"
    assert read_checkpoint(checkpoint)[1].inputs["teacher"] == sha256(teacher)
    checkpoint_of(teacher, norm="group")
    assert repository.planned() == jobs
    assert set(repository.json("dvc status --json")) >= {"pretrain", "mine"}
    teacher.unlink()
    said = repository.run("snakemake --cores 2", fails=True)
    assert "method.teacher must be a file of weights, got data/teacher.safetensors, where there is none" in said
    assert "Traceback" not in said
    repository.set(method=before)


NETS = """
from torch import nn

def build(channels, image_size):
    layers = nn.Conv2d(channels, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(8, 12))
"""


def test_a_network_of_the_users_and_its_weights_are_inputs_for_both_engines(repository):
    code, weights = repository.path / "nets/tiny.py", repository.path / "data/tiny.pth"
    code.parent.mkdir()
    code.write_text(NETS)
    made = {}
    exec(NETS, made)
    torch.save(made["build"](1, 16).state_dict(), weights)
    before = repository.params()["model"]
    repository.set(model={"encoder": "nets.tiny:build", "code": "nets", "weights": "data/tiny.pth"})
    jobs = repository.jobs("snakemake --cores 2")
    assert {"pretrain_seed", "evaluate_untrained"} <= set(jobs) and repository.up_to_date()
    made_from = read_checkpoint(repository.path / "results/pretrain/seed0/encoder.safetensors")[1].inputs
    assert made_from["weights"] == sha256(weights) and len(made_from["model_code"]) == 64
    (code.parent / "__pycache__").mkdir(exist_ok=True)
    (code.parent / "__pycache__/tiny.pyc").write_bytes(b"compiled")
    assert repository.up_to_date()
    page = (repository.path / "results/report.html").read_text()
    assert "As it came" in page and "ntrained encoder" not in page
    for file in (code, weights):
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        assert {"pretrain_seed", "evaluate_untrained"} <= set(repository.planned())
        assert set(repository.json("dvc status --json")) >= {"pretrain", "evaluate"}
        file.write_bytes(content)
    assert repository.up_to_date()
    weights.unlink()
    said = repository.run("snakemake --cores 2", fails=True)
    assert "model.weights must be a file of weights, got data/tiny.pth, where there is none" in said
    assert "Traceback" not in said
    repository.set(model=before)


def test_a_folder_without_labels_works_through_to_the_report(repository):
    flat = repository.path / "unlabelled"
    flat.mkdir()
    for file in (repository.path / "images").rglob("*.png"):
        shutil.copy(file, flat / file.name)
    repository.set(data={"path": "unlabelled"}, mining={"rounds": 1})
    repository.run("snakemake --cores 2")
    assert "no labels" in (repository.path / "results/report.html").read_text()
    assert repository.up_to_date()


def test_a_folder_that_is_not_there_is_one_sentence(repository):
    repository.set(data={"path": "nowhere"})
    said = repository.run("snakemake --cores 2", fails=True)
    assert "nowhere" in said and "Traceback" not in said

"""Snakemake and DVC say the same after everything that a user does, and run exactly the jobs that have to.

Each test goes on where the last one ended, in one repository for each way in which DVC links its cache.
"""

import re
import shutil
import time

import pytest
from PIL import Image

from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import read_json, sha256
from contraflow.mining.mining_pass import MiningPass
from contraflow.models.checkpoint import load_encoder

REPORT = ["write_report"]
SUMMARIES = ["summarise_evaluations", *REPORT]
ENCODER_EVALUATION = ["evaluate_encoder", "evaluate_rounds", *SUMMARIES]
EVALUATION = sorted(["evaluate_pixels", "evaluate_untrained", *ENCODER_EVALUATION])
MINING = sorted(["mine_negatives", "train_mined", "summarise_mining", *ENCODER_EVALUATION])
PRETRAINING = sorted(["pretrain_seed", *MINING])  # raw pixels and the untrained encoder do not depend on it
ENCODING = sorted(["encode_images", "evaluate_pixels", "evaluate_untrained", *PRETRAINING])
ALL = sorted(["fetch_files", *ENCODING])
STAGES = ["fetch", "encode", "pretrain", "mine", "evaluate", "report"]


@pytest.fixture(
    scope="module",
    params=[
        ("copy", "--cores all"),
        pytest.param(("hardlink", "--cores 1"), marks=pytest.mark.slow),
        pytest.param(("symlink", "--cores 1"), marks=pytest.mark.slow),
    ],
    ids=lambda param: param[0],
)
def lab(request, tmp_path_factory, new_repository):
    """A repository with DVC's cache linked in one way, and the options of a plain `snakemake`."""
    cache, options = request.param
    repository = new_repository(tmp_path_factory.mktemp(cache))
    repository.run(f"dvc config cache.type {cache} && git commit -q -am cache")
    repository.snakemake = f"snakemake {options}"
    repository.quick = cache == "copy"
    return repository


@pytest.fixture(autouse=True)
def both_say_up_to_date(lab, request):
    """After each test both engines say that nothing is to do, and every artefact says what it really was made from.

    `make test` leaves out what is marked `long`: it differs little from what another test here does.
    """
    if lab.quick and request.node.get_closest_marker("long"):
        pytest.skip("make test-slow runs it, with hard links and symlinks")
    yield
    assert lab.up_to_date()
    assert_made_from(lab)


def assert_made_from(lab):
    params, results = lab.params(), lab.path / "results"
    data = sha256(results / "encode/card.json")
    evaluations = [read_json(path) for path in (results / "evaluate").glob("*.json")]
    assert {evaluation["seed"] for evaluation in evaluations} == {None, *params["seeds"]}
    for seed in params["seeds"]:
        pretrained = results / f"pretrain/seed{seed}/encoder.safetensors"
        round1 = results / f"mine/seed{seed}/round1"
        _, negatives = load_arrays(round1 / "negatives.npz", MiningPass)
        mined = load_encoder(round1 / "encoder.safetensors")[1]
        assert negatives.inputs == {"data": data, "encoder": sha256(pretrained)}
        found = {name: value for name, value in negatives.params.items() if name.startswith("mining.")}
        assert found.items() <= {f"mining.{name}": value for name, value in params["mining"].items()}.items()
        assert {"mining.k", "mining.policy", "mining.false_negatives"} <= found.keys()
        for made in (load_encoder(pretrained)[1], mined):
            assert made.seed == seed and made.inputs["data"] == data
            assert {name: made.params[name] for name in ("loss", "train")} == {
                name: params[name] for name in ("loss", "train")
            }
        [evaluated] = [e for e in evaluations if (e["representation"], e["seed"]) == ("encoder", seed)]
        assert evaluated["provenance"]["inputs"]["encoder"] == sha256(round1 / "encoder.safetensors")
    assert all(evaluation["provenance"]["params"]["eval"] == params["eval"] for evaluation in evaluations)
    assert set(path.name for path in (results / "pretrain").iterdir()) == {f"seed{seed}" for seed in params["seeds"]}
    assert params["report"]["title"] in (results / "report.html").read_text()


def assert_plan(lab, jobs, stale):
    """Both engines see beforehand what is to do: the jobs, and the first stage that DVC calls changed."""
    changed = lab.json("dvc status --json")
    assert next(stage for stage in STAGES if stage in changed) == stale
    assert lab.planned() == jobs


def test_first_run(lab):
    assert lab.jobs(lab.snakemake) == ALL
    lab.run("git add -A && git commit -q -m first && git tag first")


def test_what_a_direct_run_made_can_be_saved_and_pushed(lab):
    lab.run(f"dvc remote add -d store {lab.path.parent / lab.path.name}-store && git commit -q -am remote")
    lab.run("dvc exp save --name saved && dvc push")
    assert lab.jobs(lab.snakemake) == []


def test_a_training_parameter(lab):
    assert lab.jobs("dvc exp run --name colder -S loss.tau=0.1") == PRETRAINING


def test_an_evaluation_parameter_right_after(lab):
    assert lab.jobs("dvc exp run -S eval.linear.max_iterations=30") == EVALUATION


def test_a_baseline_and_a_parameter_of_the_report_alone(lab):
    lab.run("contraflow baseline --name 'an <i>earlier</i> run'")
    assert_plan(lab, REPORT, "report")
    assert lab.jobs("dvc exp run -S report.title=other") == REPORT
    assert "from an &lt;i&gt;earlier&lt;/i&gt; run</small>" in (lab.path / "results/report.html").read_text()
    told = (lab.path / "results/circumstances.html").read_text()
    assert sha256(lab.path / "results/report.html") in told and "DVC experiment" in told


def test_the_first_values_again_come_from_the_run_cache(lab):
    lab.run("git checkout baseline.json")
    first = "-S loss.tau=0.2 -S eval.linear.max_iterations=40 -S report.title=contraflow"
    assert lab.jobs(f"dvc exp run {first}") == []


def test_a_new_evaluation_value_right_after_that_restore(lab):
    assert lab.jobs("dvc exp run -S eval.linear.max_iterations=20") == EVALUATION


def test_in_a_temporary_directory_and_then_applied(lab):
    assert lab.jobs("dvc exp run --temp --name warmer -S loss.tau=0.4") == PRETRAINING
    lab.run("dvc exp apply warmer")
    assert lab.params()["loss"]["tau"] == 0.4
    assert lab.jobs(lab.snakemake) == []


def test_an_experiment_applied_and_its_parameter_set_by_hand_to_that_of_another(lab):
    """Snakemake's own last run, and its records, may be those of the very value that is now set."""
    lab.run("dvc exp apply warmer")
    assert lab.up_to_date()
    lab.set(loss={"tau": 0.1})
    assert_plan(lab, PRETRAINING, "pretrain")
    assert lab.jobs(lab.snakemake) == PRETRAINING


@pytest.mark.long
def test_the_same_without_snakemakes_records(lab):
    lab.run("dvc exp apply warmer")
    shutil.rmtree(lab.path / ".snakemake")
    lab.set(loss={"tau": 0.1})
    assert_plan(lab, PRETRAINING, "pretrain")
    assert lab.jobs(lab.snakemake) == PRETRAINING


def test_an_older_commit_and_back(lab):
    lab.run("git add -A && git commit -q -m newer")
    for commit in ("first", "main"):
        lab.run(f"git checkout -q {commit} && dvc checkout -q")
        assert lab.jobs(lab.snakemake) == []
        assert lab.up_to_date()


def test_a_fresh_clone(lab):
    lab.run("dvc push")
    copy = lab.path.parent / f"{lab.path.name}-clone"
    lab.run(f"git clone -q {lab.path} {copy}")
    clone = type(lab)(copy)
    clone.run("dvc pull")
    assert clone.jobs(lab.snakemake) == []
    assert clone.up_to_date()


def test_every_file_touched(lab):
    lab.run("find . -path ./.git -prune -o -path ./.dvc -prune -o -type f -exec touch {} +")
    assert lab.jobs(lab.snakemake) == []


@pytest.mark.parametrize(
    ("damage", "jobs", "stage"),
    [
        ("truncate -s 100 results/mine/seed0/round1/negatives.npz", MINING, "mine"),
        ("rm results/report.html", REPORT, "report"),
    ],
    ids=["truncated", "deleted"],
)
def test_an_output_that_somebody_changed(lab, damage, jobs, stage):
    change_and_make_again(lab, damage, jobs, stage)


@pytest.mark.parametrize(
    ("damage", "jobs", "stage"),
    [
        ("rm results/pretrain/seed0/encoder.safetensors", PRETRAINING, "pretrain"),
        ("sed -i s/0/1/ results/metrics.json", EVALUATION, "evaluate"),
    ],
    ids=["deleted", "edited"],
)
@pytest.mark.long
def test_more_outputs_that_somebody_changed(lab, damage, jobs, stage):
    change_and_make_again(lab, damage, jobs, stage)


def change_and_make_again(lab, damage, jobs, stage):
    before = (lab.path / "dvc.lock").read_text()
    lab.run(f"cp --remove-destination $(readlink -f {damage.split()[-1]}) held; mv held {damage.split()[-1]}; {damage}")
    assert_plan(lab, jobs, stage)
    assert lab.jobs(lab.snakemake) == jobs
    assert (lab.path / "dvc.lock").read_text() == before  # the same bytes again


@pytest.mark.parametrize(
    ("module", "jobs", "stage"),
    [
        ("mining/policies.py", MINING, "mine"),
        ("mining/settings.py", MINING, "mine"),
        ("evaluation/probe.py", EVALUATION, "evaluate"),
        ("evaluation/settings.py", EVALUATION, "evaluate"),
        ("steps/evaluate/fine_tune.py", EVALUATION, "evaluate"),
        ("pages/settings.py", REPORT, "report"),
        ("report/verdict.py", REPORT, "report"),
    ],
)
def test_a_comment_reruns_the_stage_that_runs_the_code_and_what_is_below(lab, module, jobs, stage):
    file = lab.path / "src/contraflow" / module
    before = file.read_text()
    file.write_text(before + "# a thought\n")
    assert_plan(lab, jobs, stage)
    file.write_text(before)


def test_a_comment_in_what_no_stage_runs_reruns_nothing(lab):
    for module in ("cli.py", "compare/page.py", "commands/export.py", "engines/dvc.py"):
        with (lab.path / "src/contraflow" / module).open("a") as file:
            file.write("# a thought\n")
    assert "Nothing to be done" in lab.run("snakemake -n 2>&1")
    lab.run("git checkout src")
    assert lab.up_to_date()


@pytest.mark.long
def test_a_seed_more_and_less(lab):
    lab.set(seeds=[0, 1])
    one_more_and_less(lab, lab.run(lab.snakemake), new=1)


@pytest.mark.long
def test_a_seed_more_and_less_through_dvc(lab):
    one_more_and_less(lab, lab.run("dvc exp run -S seeds=[0,2]"), new=2)


def one_more_and_less(lab, said, new):
    assert re.findall(r"Pretraining with seed (\d+)", said) == [str(new)]
    assert set(re.findall(r"seed (\d+), round \d", said)) == {str(new)}
    assert lab.finished(said) == sorted(["evaluate_untrained", *PRETRAINING])
    lab.set(seeds=[0])
    assert lab.jobs(lab.snakemake) == sorted(["summarise_mining", *SUMMARIES])


def test_an_image_replaced(lab):
    picture = next((lab.path / "images").rglob("*.png"))
    Image.open(picture).rotate(180).save(picture)
    assert_plan(lab, ENCODING, "encode")
    assert lab.jobs(lab.snakemake) == ENCODING
    lab.run("git add -A && git commit -q -m image")


@pytest.mark.long
def test_two_experiments_in_the_queue_at_once(lab):
    taus = {"left": 0.3, "right": 0.6}
    for name, tau in taus.items():
        lab.run(f"dvc exp run --queue --name {name} -S loss.tau={tau}")
    lab.run("dvc queue start -j 2")
    deadline = time.monotonic() + 900
    while (status := lab.run("dvc queue status")).count("Success") < 2:
        assert "Failed" not in status and time.monotonic() < deadline, status + lab.run("dvc queue logs left")
        time.sleep(3)
    for name, tau in taus.items():
        lab.run(f"dvc exp apply {name}")
        assert lab.params()["loss"]["tau"] == tau
        assert lab.jobs(lab.snakemake) == []
        assert lab.up_to_date()
        assert_made_from(lab)


def test_dvc_shows_all_of_it(lab):
    table = lab.run("dvc exp show --all-commits --csv")
    assert all(name in table for name in ("colder", "warmer", "loss.tau", "encoder.linear.mean"))


def test_the_comparison_reads_them_from_the_cache(lab):
    """Of other commits, too, and the work tree stays as it is."""
    before = lab.results(), lab.run("git status --porcelain")
    assert lab.run("contraflow compare first colder warmer --out ../compared.html").endswith("compared.html\n")
    assert "must be new or empty" in lab.run("contraflow log mlflow results first", fails=True)
    assert "./setup.sh mlflow, or pip install" in lab.run("contraflow log mlflow ../logged first warmer", fails=True)
    assert (lab.results(), lab.run("git status --porcelain")) == before
    page = (lab.path / "../compared.html").read_text()
    taus = re.search(r"<th scope=\"row\">loss\.tau</th>(.*)</tr>", page)[1]
    assert re.findall(r">([^<]+)</td>", taus) == ["0.2", "0.1", "0.4"]
    assert "nobody is neither an experiment nor a commit" in lab.run("contraflow compare colder nobody", fails=True)

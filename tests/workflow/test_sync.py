"""The workflow's files are in line, and each way to bring them out of it is told by name."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DRAWN = "        'results/mine/drawn.svg',\n"
DRAW = """

rule draw:
    output:
        "results/mine/drawn.svg",
    shell:
        "touch {output}"


"""


def sync(root, *arguments):
    """Run the tool in a tree; its exit status and what it says."""
    done = subprocess.run([sys.executable, root / "workflow/sync.py", *arguments], capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture
def tree(tmp_path):
    """A copy of what the tool compares."""
    for name in ("Snakefile", "dvc.yaml", "params.yaml", "baseline.json"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("src", "workflow", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return tmp_path


def change(file, old, new):
    text = file.read_text()
    assert text.count(old) == 1, f"{old} is {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new))


def test_the_files_are_in_line():
    assert sync(ROOT) == (0, ["the workflow's files are in line"])


def test_fix_writes_what_follows_from_the_rest(tree):
    """Whatever was in dvc.yaml; of params.yaml values stay, and a missing one gets its default."""
    told = []
    file, params, rules = tree / "dvc.yaml", tree / "params.yaml", tree / "workflow/rules"
    module = tree / "src/contraflow/report/page.py"
    module.write_text(f"from contraflow.devices import cores\n{module.read_text()}")
    told.append("dvc.yaml: +    - src/contraflow/devices.py")

    change(rules / "report.smk", "        data=DATA,\n", '        "results/fetch/source.json",\n        data=DATA,\n')
    told.append("dvc.yaml: +    - results/fetch")

    step = tree / "src/contraflow/steps/fetch.py"
    change(step, "    name: ", '    limit: Annotated[int | None, Setting("data.limit")]\n    name: ')
    told.append("dvc.yaml: +    - data.limit")

    change(rules / "mine.smk", "        rules.pretrain.input,\n", f"        rules.pretrain.input,\n{DRAWN}")
    change(rules / "mine.smk", "use rule fetch_files as", f"{DRAW}use rule fetch_files as")
    told.append("draw summarise_mining mine_negatives mine_shard train_mined train_control mine -- mine")

    change(file, "    outs: [results/fetch]\n", "    - loss.tau\n    outs: [results/fetch]\n")
    told.append("dvc.yaml: -    - loss.tau")

    change(params, "  tau: null #", "  tau: 0.3 # my own note,")
    change(params, "  tau_swings: 1 # cosine: there and back in a round of training\n", "")
    told += ["params.yaml: +  tau: 0.3 # temperature of", "params.yaml: +  tau_swings: 1 # cosine: there and back"]

    status, said = sync(tree, "--fix")
    assert [line for line in told if not any(line in other for other in said)] == []
    assert (status, said[-1]) == (0, "the workflow's files are in line")
    assert sync(tree) == (0, ["the workflow's files are in line"])
    assert file.read_text().startswith("# DVC decides by content whether a stage runs, Snakemake how.")


def test_what_a_person_must_change_is_told(tree):
    told = []
    rules, params = tree / "workflow/rules", tree / "src/contraflow/params.py"
    extra = 'class Extra(Section):\n    one: Annotated[int, "more"] = 1\n\n\nclass Params(Section)'
    change(params, "class Params(Section)", extra)
    change(params, "    report: Report = Report()\n", "    extra: Extra = Extra()\n    report: Report = Report()\n")
    told.append("no step reads extra.one: name it in the settings of the step that uses it, or remove it")

    change(rules / "pretrain.smk", "        history=", '        more="results/fetch/<job>.csv",\n        history=')
    told += [
        "workflow/rules/pretrain.smk: rule pretrain_seed makes results/fetch/pretrain/seed0.csv, which belongs ",
        "workflow/rules/pretrain.smk: rule pretrain_seed names more, which its step does not take: seed, data, ",
    ]
    change(rules / "encode.smk", "        card=", "        cards=")
    told += [
        "workflow/rules/encode.smk: rule encode_images names cards, which its step does not take: source, card",
    ]
    change(rules / "report.smk", '        "src/contraflow/steps/report.py",\n', "")
    told.append("workflow/rules/report.smk: rule write_report runs `contraflow card`, which is no step: ")

    (rules / "mine.smk").write_text((rules / "mine.smk").read_text() + DRAW)
    told.append("workflow/rules/mine.smk: nothing needs the rule draw: let `rule mine` ask for it")

    status, said = sync(tree)
    assert status == 1
    assert [line for line in told if not any(other.startswith(line) for other in said)] == []


def test_a_parameter_that_cannot_be_is_named(tree):
    change(tree / "params.yaml", "  tau: null #", "  tau: 0 #")
    change(tree / "params.yaml", "report:", "more: 1\nreport:")
    status, said = sync(tree, "--fix")
    assert status == 1 and "loss.tau must be greater than 0, got 0" in "".join(said)
    assert any("more is not a parameter" in line for line in said)


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

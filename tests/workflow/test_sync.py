"""The workflow's files are in line, and each way to bring them out of it is told by name."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


def drop(file, stage, key):
    """Take an entry out of a stage's lists."""
    head, mark, tail = file.read_text().partition(f"  {stage}:\n")
    assert f"    - {key}\n" in tail
    file.write_text(head + mark + tail.replace(f"    - {key}\n", "", 1))


def test_the_files_are_in_line():
    assert sync(ROOT) == (0, ["the workflow's files are in line"])


def test_fix_writes_what_follows_from_the_rest(tree):
    told = []
    file, rules = tree / "dvc.yaml", tree / "workflow/rules"
    module = tree / "src/contraflow/report/page.py"
    module.write_text(f"from contraflow.foundations.progress import say\n{module.read_text()}")
    told.append("dvc.yaml: stage report imports src/contraflow/progress.py, which is not in its deps: add it")

    for stage, key in {"pretrain": "loss", "mine": "seeds", "evaluate": "mining.rounds", "fetch": "data.path"}.items():
        drop(file, stage, key)
        told.append(f"dvc.yaml: stage {stage} reads {key}, which is not in its params: add it")

    change(rules / "report.smk", "        metrics=", '        first="results/fetch/source.json",\n        metrics=')
    told.append("dvc.yaml: stage report reads results/fetch, which is not in its deps: add it")

    change(
        rules / "mine.smk", "    input:\n        code", "    input:\n        'results/mine/drawn.svg',\n        code"
    )
    change(rules / "mine.smk", "rule summarise_mining:", f"{DRAW}rule summarise_mining:")
    told.append("dvc.yaml: the cmd of stage mine does not allow the rule draw: add it")

    change(file, "    outs:\n    - results/fetch\n", "    - loss.tau\n    outs:\n    - results/fetch\n")
    told.append("dvc.yaml: stage fetch lists loss.tau in its params and does not use it: remove it")
    change(file, "    deps:\n    - results/fetch\n", "    deps:\n    - results/fetch\n    - results/old\n")
    told.append("dvc.yaml: stage encode lists results/old in its deps and does not use it: remove it")

    status, said = sync(tree, "--fix")
    assert (status, sorted(said[:-1])) == (0, sorted(f"{line} (written)" for line in told))
    assert sync(tree) == (0, ["the workflow's files are in line"])
    assert file.read_text().startswith("# The stages of the Snakefile as DVC sees them.")


def test_what_a_person_must_change_is_told(tree):
    told = []
    file, rules, config = tree / "dvc.yaml", tree / "workflow/rules", tree / "src/contraflow/params.py"
    change(tree / "params.yaml", "report:\n", "extra:\n  one: 1 # more\n\nreport:\n")
    change(
        config,
        "class Params(Section)",
        'class Extra(Section):\n    one: Annotated[int, "more"] = 1\n\n\nclass Params(Section)',
    )
    change(config, "    report: Report = Report()\n", "    extra: Extra = Extra()\n    report: Report = Report()\n")
    told.append(
        "params.yaml: no step reads extra.one: name it in the READS of the step that uses it, or remove it from "
        "its section's settings.py"
    )
    told.append("dvc.yaml: stage report reads extra, which is not in its params: add it (--fix does)")

    change(rules / "encode.smk", '        card="', '        more="results/more.csv",\n        card="')
    told.append("dvc.yaml: rule encode_images makes results/more.csv, which is in no out of stage encode: add it")

    change(rules / "pretrain.smk", '        history="', '        more="results/fetch/{seed}.csv",\n        history="')
    told.append("dvc.yaml: rule pretrain_seed makes results/fetch/0.csv, which is in no out of stage pretrain: add it")
    told.append("dvc.yaml: results/fetch/0.csv is made in stage pretrain, but an out of fetch holds it too")

    change(file, "    - results/pretrain\n  mine:", "    - results/pretrain\n    - results/old\n  mine:")
    told.append("dvc.yaml: stage pretrain lists the out results/old, which no rule of it makes: remove it")

    change(rules / "fetch.smk", "steps/fetch.py", "steps/encode.py")
    told.append(
        "workflow/rules/fetch.smk: rule fetch_files runs src/contraflow/steps/fetch.py: name it as its input `code`"
    )

    (rules / "mine.smk").write_text((rules / "mine.smk").read_text() + DRAW)
    told.append("workflow/rules/mine.smk: nothing needs the rule draw: let `rule mine` ask for it")

    (rules / "draw.smk").write_text("")
    told.append("dvc.yaml: workflow/rules/draw.smk has no stage: add the stage draw with its outs")

    status, said = sync(tree)
    assert status == 1
    assert [line for line in told if line not in said] == []


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

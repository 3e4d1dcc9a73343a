"""Pinning a run, in a small repository in which DVC has recorded one; and reading what was pinned."""

import json
import shutil
import subprocess
import sys
from contextlib import chdir

import pytest
import yaml

from contraflow.baseline.pinned import read_pinned
from contraflow.commands.baseline import baseline, read_results
from contraflow.encoded.names import CARD
from contraflow.evaluation.results import Extra
from contraflow.foundations.artefacts import write_json
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.settings.values import flat

FIGURES = {
    seed: {
        "test": {"linear": 0.8 + seed / 100, "linear_10pct": 0.7, "knn5": 0.75},
        "right": {"linear": {"images": 4, "draws": 1, "bits": "sA=="}},
        "validation": {"linear": 0.81},
        "alignment": 0.3,
        "uniformity": -2.0,
    }
    for seed in (0, 1)
}
NOT_PINNED = {
    **{name: {} for name in ("intervals", "chance", "few_labels", "similarities", "protocol")},
    **{name: [] for name in ("per_class", "confusion", "probe_sweep")},
    **{"representation": "encoder", "dimension": 16, "calibration": None},
}
STAGES = {
    "evaluate": {"cmd": "false", "params": ["loss.tau", "seeds"], "outs": ["results/encode", "results/evaluate"]},
    "report": {"cmd": "false", "deps": ["baseline.json"], "outs": ["results/report.html"]},
}


def write_evaluations(folder, digest, figures=FIGURES):
    """What `evaluate` would leave of the encoders, with more than is pinned; their paths."""
    paths = [folder / f"encoder-seed{seed}.json" for seed in figures]
    for path, (seed, content) in zip(paths, figures.items(), strict=True):
        provenance = {"step": "evaluate", "inputs": {"data": digest}}
        write_json(path, NOT_PINNED | content | {"seed": seed, "provenance": provenance})
    return paths


class Lab:
    """A repository with the results of two seeds, recorded by DVC and committed but for what git leaves to DVC."""

    def __init__(self, root, encoded, params):
        self.root, self.out = root, root / "baseline.json"
        shutil.copytree(encoded.folder, root / "results/encode")
        write_evaluations(root / "results/evaluate", encoded.digest)
        (root / "results/report.html").write_text("a page")
        self.out.write_text("{}\n")
        (root / ".gitignore").write_text("/results/\n")
        (root / "params.yaml").write_text(yaml.safe_dump(params.model_dump()))
        (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}))
        for command in (
            "git init -q",
            "git config user.name test",
            "git config user.email test@localhost",
            f"{sys.executable} -m dvc init -q",
            f"{sys.executable} -m dvc commit -q -f",
            "git add -A",
            "git commit -q -m made",
        ):
            subprocess.run(command.split(), cwd=root, check=True)

    def git(self, *arguments):
        return subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True).stdout.strip()

    def pin(self, name=None):
        with chdir(self.root):
            baseline(name)
        return read_pinned(self.out).name

    def change(self, old, new, file="params.yaml"):
        text = (self.root / file).read_text()
        assert old in text
        (self.root / file).write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, encoded, params_of):
    return Lab(tmp_path_factory.mktemp("pinned"), encoded, params_of(seeds=[0, 1]))


@pytest.fixture
def lab(recorded):
    """The repository, as committed before and after each test."""
    yield recorded
    recorded.git("checkout", "-q", "--", ".")


def refused(lab, words, name=None):
    """Pinning ends in a sentence that has the words, and leaves the file as it is."""
    before = lab.out.read_text()
    with pytest.raises(UserError, match=words) as caught:
        lab.pin(name)
    assert "\n" not in str(caught.value) and lab.out.read_text() == before


def test_a_run_is_pinned_under_the_name_of_its_commit(lab, encoded):
    name = lab.pin()
    assert len(name) >= 7 and lab.git("rev-parse", "HEAD").startswith(name)
    found = read_pinned(lab.out)
    pinned = {seed: figures.model_dump(exclude={"seed", "scored"}) for seed, figures in found.evaluations.items()}
    assert (found.name, pinned) == (name, FIGURES)
    assert found.test_images == encoded.card.digests["test.beton"]
    assert found.params == dict(flat(yaml.safe_load((lab.root / "params.yaml").read_text())))


def test_the_correlation_is_pinned_with_the_digest_of_its_pairs(tmp_path, encoded, params_of):
    params = params_of(method={"name": "clip"}, seeds=[0, 1], eval={"sts": "scores.csv"})
    paths = write_evaluations(tmp_path, encoded.digest)
    for path, seed in zip(paths, FIGURES, strict=True):
        provenance = Provenance(step="evaluate", inputs={"data": encoded.digest, "sts": "5c" * 32})
        of = {"representation": "encoder", "seed": seed, "protocol": {}, "provenance": provenance}
        Extra(kind="sts", figures={"spearman": 0.1 - seed}, **of).write(tmp_path / "sts" / path.name)
    found = read_results(params, "first", data=encoded.folder / CARD, evaluations=paths).evaluations
    assert [each.test["spearman"] for each in found] == [0.1, -0.9]
    assert {each.scored for each in found} == {"5c" * 32}


def test_pinned_again_it_has_the_same_bytes_and_name(lab):
    """The file itself differs from the commit then, and so does the stage that reads it."""
    lab.pin()
    before = lab.out.read_bytes()
    lab.pin()
    assert lab.out.read_bytes() == before


def test_a_commit_does_not_name_what_differs_from_it(lab):
    lab.change("results", "results # more", ".gitignore")
    refused(lab, r"^\.gitignore changed since the commit: .*contraflow baseline --name first")
    assert lab.pin("first") == read_pinned(lab.out).name == "first"


def test_results_of_other_parameters_are_refused(lab):
    lab.change("tau: 0.2", "tau: 0.1")
    refused(lab, r"not made with the parameters, code and data that are here now \(evaluate: loss\.tau\)", "first")


def test_results_that_somebody_changed_are_refused(lab):
    path = lab.root / "results/evaluate/encoder-seed0.json"
    whole = path.read_text()
    path.write_text(whole.replace("0.8,", "0.9,"))
    refused(lab, r"\(evaluate: results/evaluate\): run `snakemake` first", "first")
    path.write_text(whole)


def test_a_run_that_is_not_whole_is_refused(lab):
    lab.change("seeds:\n- 0\n- 1\n", "seeds:\n- 0\n- 1\n- 2\n")
    refused(lab, r"encoder-seed2\.json is missing, and only a whole run can be a baseline: run `snakemake` first")


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "has figures that are no numbers"), ("much", "is damaged, or of another version")],
    ids=["failed", "damaged"],
)
def test_figures_that_are_no_numbers_are_refused(tmp_path, encoded, params_of, value, words):
    figures = {0: FIGURES[0] | {"test": {"linear": value}}}
    paths = write_evaluations(tmp_path, encoded.digest, figures)
    with pytest.raises(UserError, match=rf"encoder-seed0\.json {words}"):
        read_results(params_of(), "x", data=encoded.folder / CARD, evaluations=paths)


def test_evaluations_of_other_data_or_cut_short_are_refused(tmp_path, encoded, params_of):
    paths = write_evaluations(tmp_path, "0" * 64)
    with pytest.raises(UserError, match=r"encoder-seed0\.json was made from another data set"):
        read_results(params_of(), "x", data=encoded.folder / CARD, evaluations=paths)
    paths[0].write_text(paths[0].read_text()[:50])
    with pytest.raises(UserError, match=r"encoder-seed0\.json is damaged"):
        read_results(params_of(), "x", data=encoded.folder / CARD, evaluations=paths)


def test_an_empty_object_stands_for_no_baseline(tmp_path):
    (tmp_path / "baseline.json").write_text("{}\n")
    assert read_pinned(tmp_path / "baseline.json") is None


def damaged(content):
    """Ways in which a file is no baseline, from one that is."""
    whole = json.dumps(content)
    [first, *_] = content["evaluations"]
    others = [
        content | {"evaluations": []},
        content | {"name": 3},
        content | {"more": 1},
        content | {"evaluations": [first | {"alignment": float("nan")}]},
        content | {"evaluations": [first | {"test": {"linear": "<b>"}}]},
        {"name": "x"},
        [],
        None,
    ]
    return ["", whole[:-20], "{", *map(json.dumps, others)]


def test_a_file_that_is_no_baseline_is_refused(tmp_path, encoded, params_of):
    path = tmp_path / "baseline.json"
    with pytest.raises(UserError, match=r"baseline\.json is missing: write \{\} into it"):
        read_pinned(path)
    paths = write_evaluations(tmp_path, encoded.digest)
    write_json(path, read_results(params_of(), "x", data=encoded.folder / CARD, evaluations=paths).model_dump())
    for text in damaged(json.loads(path.read_text())):
        path.write_text(text)
        with pytest.raises(UserError, match=r"baseline\.json holds no baseline: write \{\} into it for none, or run"):
            read_pinned(path)

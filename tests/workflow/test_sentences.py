"""A whole run on texts that are alone, by both engines."""

import json

import pytest
from fixtures.huggingface import LORA

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repository(new_repository, sentence_table, tmp_path_factory):
    """One whose data are a table of texts, two of each group, and mined once."""
    path = tmp_path_factory.mktemp("repository")
    repository = new_repository(path, method={"name": "simcse"}, positives={"from": "group"}, mining={"rounds": 1})
    sentence_table(path / "texts")
    measured = {"retrieval": [1], "retrieval_by": "group", "sts": "scores.csv"}
    repository.set(data={"path": "texts", "vocabulary": 320}, eval=measured)
    pairs = [f"<i>animal</i> number {i} said 1 times,number {2 * i},{i % 7}" for i in range(20)]
    (path / "scores.csv").write_text("\n".join(["text_1,text_2,score", *pairs]))
    return repository


def test_from_a_table_to_the_page_and_up_to_date(repository):
    repository.run("dvc repro")
    assert repository.up_to_date()
    results = repository.path / "results"
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics.keys() >= {"encoder", "untrained", "raw_pixels", "pca_pixels"}
    assert metrics["encoder"].keys() >= {"linear", "knn5", "recall@1", "mrr", "map@r", "alignment", "uniformity"}
    assert metrics["chance"].keys() == {"recall@1", "mrr", "r_precision", "map@r"}
    assert metrics["sts"].keys() == {"encoder", "untrained", "raw_pixels"}
    assert metrics["sts"]["encoder"]["spearman"].keys() == {"mean", "std", "n", "low", "high"}
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "&lt;i&gt;animal&lt;/i&gt; number" in page and "<i>animal" not in page
    assert "<bdi>&lt;script&gt;" in page or '<bdi class="text">&lt;script&gt;' in page
    assert "TF-IDF" in page and "raw pixels" not in page.lower() and "Test texts" in page
    assert "Texts as people score them" in page and '<th scope="row">Chance' in page


def test_other_scores_are_measured_anew_and_nothing_else(repository):
    file = repository.path / "scores.csv"
    file.write_text(file.read_text().replace(",0\n", ",9\n"))
    jobs = repository.jobs("snakemake 2>&1")
    assert jobs.count("evaluate_sts") == 3
    assert set(jobs) <= {"evaluate_sts", "summarise_evaluations", "write_report", "evaluate", "report", "all"}
    assert repository.up_to_date()


def test_a_comparison_and_a_baseline_have_the_correlation(repository):
    repository.run("contraflow baseline --name first")
    assert '"spearman"' in (repository.path / "baseline.json").read_text()
    repository.run("git add dvc.lock && git commit -qm one && contraflow compare workspace HEAD --out compared.html")
    assert "Spearman" in (repository.path / "compared.html").read_text(encoding="utf-8")


def test_what_is_of_images_alone_is_refused_before_the_first_job(repository):
    for changes, sentence in (
        ({"eval": {"corruptions": True}}, "eval.corruptions is of images alone"),
        ({"data": {"image_size": 32}}, "method.name simcse takes texts alone, and data.image_size 32 is of a table of"),
        (
            {"method": {"name": "clip"}},
            "method.name clip takes images alone, and data.image_size null is of a table of",
        ),
        (
            {"method": {"name": "simclr"}, "data": {"image_size": 32}, "eval": {"sts": "data"}},
            "data.image_size must be null where texts are",
        ),
    ):
        before = {section: repository.params()[section] for section in changes}
        repository.set(**changes)
        said = repository.run("snakemake 2>&1", fails=True)
        assert sentence in said and "Finished jobid" not in said
        repository.set(**before)


def test_a_model_folder_is_an_input_for_both_engines(repository, model_folder, change_json, monkeypatch):
    """Of encoding, too: its tokenizer is the run's."""
    monkeypatch.setenv("PYTHONPATH", str(LORA))
    folder = model_folder(repository.path / "data/model")
    text = repository.params()["model"]["text"] | {"weights": "data/model"}
    repository.set(model={"text": text})
    assert {"encode_images", "pretrain_seed", "evaluate_untrained"} <= set(repository.jobs("snakemake 2>&1"))
    assert repository.up_to_date()
    assert "As it came" in (repository.path / "results/report.html").read_text(encoding="utf-8")
    assert "##z" in (repository.path / "results/encode/tokenizer.json").read_text()

    change_json(folder / "1_Pooling/config.json", pooling_mode_cls_token=True)
    assert "pretrain_seed" in repository.planned()
    assert repository.json("dvc status --json").keys() >= {"encode", "pretrain", "evaluate"}
    (folder / "model.safetensors").unlink()
    said = repository.run("snakemake 2>&1", fails=True)
    assert "got data/model, which has no model.safetensors" in said and "Finished jobid" not in said

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
    repository.set(data={"path": "texts", "vocabulary": 320}, eval={"retrieval": [1], "retrieval_by": "group"})
    return repository


def test_from_a_table_to_the_page_and_up_to_date(repository):
    repository.run("dvc repro")
    assert repository.up_to_date()
    results = repository.path / "results"
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics.keys() >= {"encoder", "untrained", "raw_pixels", "pca_pixels"}
    assert metrics["encoder"].keys() >= {"linear", "knn5", "recall@1", "map@r", "alignment", "uniformity"}
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "&lt;i&gt;animal&lt;/i&gt; number" in page and "<i>animal" not in page
    assert "<bdi>שלום עולם" in page or '<bdi class="text">שלום עולם' in page
    assert "TF-IDF" in page and "raw pixels" not in page.lower() and "Test texts" in page


def test_what_is_of_images_alone_is_refused_before_the_first_job(repository):
    for changes, sentence in (
        ({"eval": {"corruptions": True}}, "eval.corruptions is of images alone"),
        ({"data": {"image_size": 32}}, "method.name simcse takes texts alone, and data.image_size 32 is of a table of"),
        (
            {"method": {"name": "clip"}},
            "method.name clip takes images alone, and data.image_size null is of a table of",
        ),
        ({"method": {"name": "simclr"}, "data": {"image_size": 32}}, "data.image_size must be null where texts are"),
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

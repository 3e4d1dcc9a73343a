"""A whole run on images with texts, by both engines."""

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repository(new_repository, tmp_path_factory):
    """One whose images have two texts each, in a table."""
    path = tmp_path_factory.mktemp("repository")
    repository = new_repository(path, method={"name": "clip"}, mining={"rounds": 0})
    repository.set(data={"table": "t.csv"})
    folder = path / "images"
    rows = [
        f"{file.relative_to(folder)},{file.parent.name},{text} {file.parent.name} {file.stem}"
        for file in sorted(folder.rglob("*.png"))
        for text in ("<i>a picture</i>", "صورة")
    ]
    (folder / "t.csv").write_text("\n".join(["path,label,text", *rows]), encoding="utf-8")
    return repository


def test_from_files_to_the_page_and_up_to_date(repository):
    repository.run("dvc repro")
    assert repository.up_to_date()
    results = repository.path / "results"
    captions = json.loads((results / "metrics.json").read_text())["captions"]
    assert captions.keys() == {"encoder", "untrained", "raw_pixels", "chance"}
    assert captions["encoder"]["image_to_text_recall@10"]["n"] == 1 and "gap" in captions["encoder"]
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "&lt;i&gt;a picture&lt;/i&gt; lying" in page and "<i>a picture" not in page
    assert "<bdi>صورة lying" in page or "<bdi>صورة upright" in page


def test_a_template_measures_anew_and_trains_nothing(repository):
    repository.set(eval={"templates": ["a picture that is {}"]})
    jobs = repository.jobs("snakemake 2>&1")
    assert jobs.count("evaluate_captions") == 4
    assert not {"pretrain_seed", "encode_images"} & set(jobs)
    assert repository.up_to_date()


def test_without_the_column_one_sentence_stops_the_run_before_the_first_job(repository):
    table = repository.path / "images/t.csv"
    lines = dict.fromkeys(line.rpartition(",")[0] for line in table.read_text(encoding="utf-8").splitlines())
    table.write_text("\n".join(lines), encoding="utf-8")
    said = repository.run("snakemake 2>&1", fails=True)
    assert "method.name clip needs images with texts" in said and "Finished jobid" not in said

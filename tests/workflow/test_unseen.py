"""Test classes that training never saw: retrieval takes the place of probe and k-NN, from the listing to the page."""

import shutil

from PIL import Image, ImageOps

from contraflow.encoded.card import Card


def test_new_classes_are_searched_for(tmp_path, new_repository):
    repository = new_repository(tmp_path)
    images, apart = repository.path / "images", repository.path / "apart"
    for name, invert in (("train", False), ("test", True)):
        for file in sorted(images.glob("*/*.png")):
            target = apart / name / (f"dark {file.parent.name}" if invert else file.parent.name) / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if invert:
                ImageOps.invert(Image.open(file).convert("RGB")).save(target)
            else:
                shutil.copy(file, target)
    repository.set(data={"path": "apart"}, train={"stop_on": "knn"})
    repository.run("snakemake --cores 2")
    card = Card.read(repository.path / "results/encode/card.json")
    assert card.unseen and card.train.per_class[2:] == [0, 0] and card.test.per_class == [0, 0, 30, 30]
    found = repository.json("cat results/metrics.json")
    assert {"recall@1", "r_precision", "map@r"} < found["encoder"].keys() == found["pca_pixels"].keys()
    assert not {"linear", "knn5"} & found["encoder"].keys() and found["validation"]["encoder"]["recall@1"]["n"] == 1
    assert [row["recall@1"]["n"] for row in found["rounds"]] == [1, 1]
    page = (repository.path / "results/report.html").read_text()
    assert "Training saw none of the classes of the 60" in page
    assert "recall@1 went from" in page and "linear probe went from" not in page
    repository.run("contraflow baseline --name first")
    repository.set(report={"title": "against the first"})
    repository.run("snakemake --cores 2")
    page = (repository.path / "results/report.html").read_text()
    assert "Change<small>from " in page
    repository.set(eval={"corruptions": True})
    said = repository.run("snakemake --cores 2", fails=True)
    assert "eval.corruptions must be false here: training has none of the test's classes" in said

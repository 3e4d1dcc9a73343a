"""The parts of the page, each by itself."""

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from contraflow.baseline.differences import sections
from contraflow.evaluation.projection import Projection
from contraflow.pages.numbers import words
from contraflow.pages.pictures import LARGEST, picture, sheet, sprite
from contraflow.pages.svg import to_svg
from contraflow.params import load_params, parse_params
from contraflow.report.classes import confusion, mean_per_class, mistaken
from contraflow.report.curves import diagnosis_curves, loss_curves
from contraflow.report.embedding_map import embedding_map
from contraflow.report.gallery import choose_samples
from contraflow.report.hypersphere import plane, similarities

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def decode(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_small_images_are_shown_unchanged(channels):
    image = np.random.default_rng(0).integers(0, 256, (28, 28, channels), dtype=np.uint8)
    assert np.array_equal(decode(picture(image)["uri"]).reshape(image.shape), image)


def test_large_images_are_scaled_down():
    assert decode(picture(np.zeros((300, 300, 3), np.uint8))["uri"]).shape == (LARGEST, LARGEST, 3)


def test_sprite_holds_every_image():
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)
    sheet = decode(sprite(images)["uri"])  # grey and opacity
    assert np.array_equal(sheet[:, -28:, 0], images[3, ..., 0])
    assert (sheet[:, 28:30, 1] == 0).all()


def test_samples_are_training_images_of_every_class():
    labels = np.arange(90) % 3
    candidates = np.arange(10, 90)
    chosen = choose_samples(candidates, labels, 3)
    assert len(chosen) == 24 == len(set(chosen.tolist()))
    assert np.bincount(labels[chosen]).tolist() == [8, 8, 8]
    assert chosen.min() >= 10
    assert np.array_equal(chosen, choose_samples(candidates, labels, 3))


def test_samples_of_few_or_unlabelled_images():
    assert choose_samples(np.array([4, 7]), np.full(9, -1), 0).tolist() == [4, 7]
    assert choose_samples(np.arange(3), np.array([0, 0, 2]), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("classes", "coloured", "chips"), [(0, 0, 0), (1, 1, 1), (12, 12, 12), (40, 10, 0)])
def test_map_with_any_number_of_classes(run_of, classes, coloured, chips):
    plain_run = run_of(each=27)
    rng = np.random.default_rng(0)
    labels = np.arange(81) % classes if classes else np.full(81, -1)
    run = replace(
        plain_run,
        projection=Projection(np.arange(81), rng.normal(size=(81, 2))),
        labels=labels,
        predicted=labels,
        card=plain_run.card.model_copy(update={"classes": [f"class {i}" for i in range(classes)]}),
    )
    drawn = embedding_map(run)
    assert (len(drawn["legend"]), len(drawn["chips"]), drawn["others"]) == (coloured, chips, classes - coloured)
    assert len({(entry["colour"], entry["mark"]) for entry in drawn["legend"]}) == coloured
    assert all(0 <= chip[side] <= 100 for chip in drawn["chips"] for side in ("left", "top"))


def test_svg_takes_type_and_colour_from_the_page():
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 1], marker="o")
    axes.set_title("a < b", parse_math=False)
    drawn = [to_svg(figure, name, 'loss "falls"') for name in ("one", "two")]
    assert isinstance(drawn[0], Markup)
    assert "DejaVu" not in drawn[0]
    assert "<style" not in drawn[0]
    assert "a &lt; b" in drawn[0]
    assert 'aria-label="loss &#34;falls&#34;"' in drawn[0]
    ids = [set(re.findall(r' id="([^"]*)"', svg)) for svg in drawn]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, own in zip(drawn, ids, strict=True):
        assert set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg)) == own


def test_curves_of_a_training_that_broke_off(run_of):
    curves = run_of().curves
    broken = curves.assign(loss=curves.loss.where(curves.epoch < 3))
    assert "seed 3 ends at 2.560" in loss_curves(broken)["wide"]
    assert "round 2" in loss_curves(broken)["narrow"]
    assert loss_curves(curves.assign(loss=np.nan)) is None


def test_diagnosis_has_a_panel_for_each_figure_that_was_measured(run_of):
    curves = run_of().curves
    drawn = diagnosis_curves(curves.assign(knn=np.nan, spread=curves["rank"] / 20))
    assert "at the end: uniformity -3, effective rank 12, spread 0.6." in drawn["wide"]
    for title in ("uniformity", "effective rank", "spread"):
        assert f"{title}</text>" in drawn["narrow"]
    assert "k-NN" not in drawn["wide"] and "alignment</text>" not in drawn["wide"]
    assert diagnosis_curves(curves[["seed", "round", "epoch", "loss"]]) is None


def test_confusion_adds_the_seeds_up(run_of):
    run = run_of(classes=["a", "b"])
    for evaluation, counts in zip(
        run.evaluations["encoder"].values(), ([[8, 2], [0, 10]], [[6, 4], [1, 9]]), strict=True
    ):
        evaluation.confusion[:] = counts
    table = confusion(run)
    assert [[cell["share"] for cell in row["cells"]] for row in table["rows"]] == [[0.7, 0.3], [0.05, 0.95]]
    first, second = mistaken(run)
    assert (first["actual"], first["predicted"], first["share"]) == ("a", "b", 0.3)
    assert (second["actual"], second["predicted"], second["share"]) == ("b", "a", 0.05)


def test_figures_of_a_class_are_means_over_seeds(run_of):
    run = run_of(classes=["a", "b"])
    table = run.evaluations["encoder"][3].per_class
    table[0] = table[0].model_copy(update={"precision": 0.9})
    rows = mean_per_class(run)
    assert [(row.name, row.images) for row in rows] == [("a", 20), ("b", 20)]
    assert [row.precision for row in rows] == pytest.approx([0.7, 0.7])


def test_plane_has_a_point_for_every_evaluation(run_of):
    drawn = plane(run_of(seeds=[3, 5]))
    assert drawn["wide"].count("Encoder at") == 2 and drawn["wide"].count("Untrained encoder at") == 2
    assert "Raw pixels at alignment 0.800, uniformity \u22120.50" in drawn["narrow"]
    assert [entry["mark"] for entry in drawn["legend"]] == ["●", "■", "◆", "▲"]


def test_overlap_of_the_hills_is_told(run_of):
    run = run_of()
    found = similarities(run)
    assert found["overlap"] == {"encoder": 0, "untrained": 0}
    assert len(found["legend"]) == 4
    for evaluation in run.evaluations["encoder"].values():
        counts = evaluation.similarities
        counts["positive"] = [0] * 49 + [20] + [0] * 50  # the tenth of the twenty bins of different images
    assert similarities(run)["overlap"]["encoder"] == 0.5
    assert len(similarities(run_of(classes=[]))["legend"]) == 2


def test_shipped_parameters_differ_in_nothing():
    changed = [entry for part in sections(load_params(SHIPPED)) for entry in part["settings"] if "default" in entry]
    assert changed == []


def test_own_recipes_are_differences():
    content = load_params(SHIPPED).model_dump()
    content["augment"]["recipes"]["mine"] = {"flip": 0.25}
    settings = {entry["name"]: entry for part in sections(parse_params(content)) for entry in part["settings"]}
    assert settings["recipes.mine.flip"] == {"name": "recipes.mine.flip", "value": "0.25", "default": "none"}
    assert "default" not in settings["recipes.byol.blur"]


def test_sheet_holds_every_image_in_its_place():
    images = np.broadcast_to(np.arange(7, dtype=np.uint8)[:, None, None, None] * 30, (7, 16, 16, 1))
    drawn = sheet(np.ascontiguousarray(images))
    pixels = decode(drawn["uri"]).astype(int)
    assert (drawn["columns"], drawn["rows"], drawn["side"]) == (3, 3, 16)
    assert pixels.shape == (48, 48, 3)
    for i in range(7):
        tile = pixels[16 * (i // 3) :, 16 * (i % 3) :][:16, :16]
        assert abs(tile.mean() - 30 * i) < 4


def test_settings_in_words():
    assert words([{"k": 20, "tau": 0.07}, {"k": 200, "tau": 0.1}]) == "k 20, tau 0.07 · k 200, tau 0.1"
    assert words([0.75, 4 / 3]) == "0.75, 1.33333"
    assert (words(None), words(True), words(2000)) == ("null", "true", "2000")

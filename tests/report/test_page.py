"""The whole page as text."""

import html
import json
import re

import numpy as np
import pytest
import yaml

from contraflow.foundations.arrays import load_arrays, save_arrays
from contraflow.foundations.errors import UserError
from contraflow.pages.numbers import NBSP
from contraflow.steps.report import Everything, report

EXTRAS = {
    "corruptions": "Corrupted test images",
    "transfer": "Transfer to mnist",
    "fine_tune": "Fine-tuning with few labels",
}
NASTY = ["<script>alert(1)</script>", "a & b", "quote \" ' $x_1$", "猫", "</style><b>"]


def text_of(page):
    return page.read_text(encoding="utf-8")


def loads(text):
    """Everything that a browser would fetch: sources, references of elements that load, and urls of styles."""
    found = re.findall(r"""<(?:img|script|iframe|link|source|image|use)\b[^>]*?(?:src|href)\s*=\s*["']([^"']*)""", text)
    found += re.findall(r"url\(\s*[\"']?([^)\"']+)", text)
    return found + re.findall(r"@import\s+(\S+)", text)


def test_nothing_is_fetched(page_of):
    fetched = loads(text_of(page_of()))
    assert len(fetched) > 10
    assert {address.split(",")[0].split("-")[0] for address in fetched} <= {
        "data:image/png;base64",
        "data:image/webp;base64",
        "data:",
        "#loss",
        "#mining",
        "#diagnosis",
        "#calibration",
        "#plane",
        "#similarities",
    }


def written(arguments, page):
    """Run the step with what `fabricate` gives."""
    report(Everything.of(arguments["params"]), **{k: v for k, v in arguments.items() if k != "params"}, page=page)


def test_equal_runs_give_equal_bytes(fabricate, tmp_path):
    pages = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        written(fabricate(folder), folder / "report.html")
        pages.append((folder / "report.html").read_bytes())
    assert pages[0] == pages[1]
    assert str(tmp_path).encode() not in pages[0]


def test_files_that_were_not_taken_are_counted_by_ending(page_of):
    def words(**data):
        return re.sub("<[^>]+>", "", text_of(page_of(**data))).replace(NBSP, " ")

    said = words(splits={"train": "train", "test": "val"}, not_taken={".heic": 1200, ".csv": 1, "no ending": 2})
    assert "1,203 files not taken" in said
    assert "1,200 .heic, 1 .csv, 2 no ending." in said
    assert "the user's own in val" in said
    assert "1 .19 and 10 more endings." in words(not_taken={f".{i}": 1 for i in range(30)})
    assert "not taken" not in words()


def test_names_are_escaped(page_of):
    text = text_of(page_of(classes=NASTY, title="<i>title</i>", skipped=["<u>.jpg"], baseline="<em>first</em>"))
    for name in (*NASTY[:3], NASTY[4], "<i>title</i>", "<u>.jpg", "<em>first</em>"):
        assert name not in text
        assert html.escape(name).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    assert "猫" in text
    for place in ("from {}</small>", "data.path data instead of {}.", "Against the baseline run {}</h3>"):
        assert place.format("&lt;em&gt;first&lt;/em&gt;") in text


def test_copies_and_leaks_are_shown_and_counted(page_of):
    text = text_of(page_of(leaks=3))
    assert "test images seen twice" in text
    assert "training images seen twice" in text
    assert "<code>&lt;i&gt;test&lt;/i&gt;.png</code> = <code>train.png</code> and 2 more" in text
    assert "flatters every accuracy" in text
    assert "seen twice" not in text_of(page_of())


@pytest.mark.parametrize(
    "name",
    [
        "verdict",
        "results",
        "data",
        "training",
        "features",
        "map",
        "alike",
        "classes",
        "negatives",
        "calibration",
        "parameters",
        "reproduce",
    ],
)
def test_every_section_is_there_and_ids_are_unique(page_of, name):
    text = text_of(page_of())
    ids = re.findall(r'<[a-z][^>]*? id="([^"]*)"', text)
    assert name in ids
    assert len(ids) == len(set(ids))
    assert f'href="#{name}"' in text


def test_every_picture_has_a_text(page_of):
    pictures = re.findall(r"<img\b[^>]*>", text_of(page_of()))
    views, mistaken = 6 * (1 + 3), len(re.findall(r'alt="[^"]*, taken for ', text_of(page_of())))
    # a strip a class, images with their views in three epochs, the map, confused pairs, anchors with their negatives,
    # and four pairs near each other, each image with where it is lit
    assert len(pictures) == 3 + views + 1 + mistaken + 3 * 4 + 4 * 4
    assert all(re.search(r'alt="[^"]+"', picture) for picture in pictures)


def test_pairs_near_each_other_are_shown_with_what_makes_them_so(page_of):
    text = text_of(page_of())
    section = text.split('<section id="alike"')[1].split("</section>")[0]
    assert section.count("lit where it gives to the similarity") == 8 and "3 by 3 of them" in section
    assert re.findall(r"similarity</span> (\S+)</p>", section) == ["0.900", "0.800", "0.700", "\u22120.600"]
    assert 'alt="Test image 0 of class ' in section and "The worst queries" not in section
    section = text_of(page_of(measured=["retrieval"])).split('<section id="alike"')[1].split("</section>")[0]
    assert section.index("0.700") < section.index("<h3>The worst queries</h3>") < section.index("0.600")
    section = text_of(page_of(classes=[])).split('<section id="alike"')[1].split("</section>")[0]
    assert section.count("<li>") == 4 and "of class" not in section


def test_an_encoder_without_a_feature_map_says_so(page_of):
    section = text_of(page_of(side=0)).split('<section id="alike"')[1].split("</section>")[0]
    assert "No layer of <code>small</code> gives a map" in section and "<img" not in section


def test_unlabelled(page_of):
    text = text_of(page_of(classes=[]))
    assert "carry no labels" in text
    assert "Linear probe" not in text and "no probe whose certainty" in text
    assert "same class" not in text
    assert "Uniformity" in text


def test_accuracies_have_their_interval_and_few_labels_a_column(page_of):
    text = text_of(page_of())
    assert text.count("<small>61.2 to 93.4</small>") == 16
    assert "Linear, 10\u202f%<small>of labels, 3\u00a0draws</small>" in text
    assert "<dt>Principal components</dt><dd>pca_pixels as they are</dd>" in text


def test_views_as_the_model_sees_them(page_of):
    text = text_of(page_of(local_views=3))
    assert text.count('alt="Its 2\u00a0views in epoch 3"') == 6
    assert text.count('alt="3\u00a0small crops of it in epoch 1"') == 6
    assert "small crop" not in text_of(page_of())


def test_settings_that_differ_from_the_shipped_ones_are_marked(page_of):
    text = text_of(page_of(title="a trial"))
    assert "<b>a trial</b><small>shipped: contraflow</small>" in text
    assert "<b>3, 5</b><small>shipped: 0, 1, 2</small>" in text
    assert text.count('<tr class="changed">') == 6  # and few labels, rounds, points and anchors
    assert "6\u00a0settings are not what this version" in text


def test_what_is_mapped_and_mistaken_has_pictures(page_of):
    text = text_of(page_of())
    points = json.loads(re.search(r'id="map-points">(.*?)</script>', text)[1])
    assert {len(points[name]) for name in ("left", "top", "image", "actual", "predicted")} == {60}
    assert points["classes"] == ["Coat", "Bag", "Dress"]
    assert re.search(r'alt="\d+\u00a0test images? of class Coat, taken for (Bag|Dress)"', text)
    unlabelled = text_of(page_of(classes=[]))
    assert json.loads(re.search(r'id="map-points">(.*?)</script>', unlabelled)[1])["classes"] == []
    assert "Most often confused" not in unlabelled


def test_rounds_side_by_side(page_of):
    text = text_of(page_of())
    assert "Before mining" in text and "Round 2" in text
    assert re.search(r"<td>32\.3 ±", text)  # false negatives of the second round
    assert re.search(r"Coat<small>Bag</small></th><td>0\.0\W*%</td><td>20\.0\W*%</td><td>\+20\.0</td>", text)


def test_queries_are_shown_where_retrieval_is_measured(page_of):
    """The worst first, every neighbour marked by a word."""
    plain, text = text_of(page_of()), text_of(page_of(measured=["retrieval"])).replace(NBSP, " ")
    assert 'id="retrieval"' not in plain and "The worst queries" not in plain
    section = text.split('<section id="retrieval"')[1].split("</section>")[0]
    assert "Each of 60 test images is a query among 59 others" in section
    assert "Recall@1 by size of the class" in section and "19<small>60 queries</small>" in section
    ranks = [int(rank) for rank in re.findall(r"first right one at rank (\d+)", section)]
    assert len(ranks) == 3 and ranks == sorted(ranks, reverse=True)
    assert len(re.findall(r'<li class="(right|wrong)">', section)) == 30
    for mark in ("right", "wrong"):
        of_class, in_words = section.count(f'<li class="{mark}">'), section.count(f" {mark}</strong>")
        assert of_class == in_words == section.count(f'alt="{mark.capitalize()}: test image ')


def test_chance_stands_below_the_accuracies_where_it_is_known(page_of):
    plain, text = text_of(page_of()), text_of(page_of(measured=["retrieval"]))
    assert ">Chance<" not in plain
    row = text.split('<th scope="row">Chance</th>')[1].split("</tr>")[0]
    assert row.count("<span>12.30</span><small>exactly</small>") == 3 and row.count("<td>") == 9
    assert text.count(">Chance<") == 1  # not among the validation images


def test_queries_of_a_gallery_by_group(page_of):
    text = text_of(page_of(measured=["retrieval"], gallery=40, by="group")).replace(NBSP, " ")
    section = text.split('<section id="retrieval"')[1].split("</section>")[0]
    assert "Each of 20 test images is a query among 40 of the gallery" in section
    assert "finds one of its group first" in section and "Recall@1 by size of the group" in section
    assert {int(place) for place in re.findall(r"no\. (\d+)", section)} <= set(range(20, 60))
    assert {int(place) for place in re.findall(r"Query, test image (\d+)", section)} <= set(range(20))


def test_what_queries_find_is_asked_for_where_it_is_missing(fabricate, tmp_path):
    arguments = fabricate(tmp_path, measured=["retrieval"])
    path = arguments["features"][0]
    arrays, provenance = load_arrays(path)
    for name, said in (("query", "what the test images find as queries"), ("pair", "what makes test images near")):
        save_arrays(path, provenance, **{key: array for key, array in arrays.items() if key != name})
        with pytest.raises(UserError, match=f"{said}: run the step evaluate first"):
            written(arguments, tmp_path / "report.html")


def test_without_mining(page_of):
    text = text_of(page_of(rounds=0))
    assert "Mining was off" in text and "What was mined" not in text
    assert "whether mining helped" not in text


def test_a_failed_run_says_so(page_of):
    text = text_of(page_of(linear=None))
    assert "This run failed" in text
    assert "No map" in text


@pytest.mark.parametrize("classes", [1, 2, 200])
def test_any_number_of_classes(page_of, classes):
    text = text_of(page_of(classes=[f"class {i}" for i in range(classes)], each=5))
    assert len(text) < 5e6
    assert f"class {classes - 1}" in text
    assert ("of 200 classes are shown" in text) == (classes == 200)


def test_one_image_a_class(page_of):
    text = text_of(page_of(each=1))
    assert "No map" in text and "1\u00a0training image of class Bag" in text


@pytest.mark.slow
def test_a_thousand_classes_and_a_hundred_thousand_test_images(page_of):
    """With as many points on the map as by default, in colour."""
    page = page_of(classes=[f"class number {i}" for i in range(1000)], each=100, channels=3, size=32, points=2000)
    assert page.stat().st_size < 10e6
    assert "class number 999" in text_of(page) and "2,000\u00a0test images" in text_of(page)


def test_colour_images(page_of):
    assert len(text_of(page_of(channels=3, size=96))) < 5e6


def test_files_of_other_data_are_refused(fabricate, tmp_path):
    arguments = fabricate(tmp_path)
    path = arguments["negatives"][-1]
    arrays, provenance = load_arrays(path)
    save_arrays(path, provenance.model_copy(update={"inputs": {"data": "0" * 64}}), **arrays)
    with pytest.raises(UserError, match=r"negatives.npz was made from another data set"):
        written(arguments, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_missing_files_are_named(fabricate, tmp_path):
    arguments = fabricate(tmp_path)
    with pytest.raises(UserError, match="an evaluation of raw_pixels"):
        written(arguments | {"evaluations": arguments["evaluations"][:-1]}, tmp_path / "report.html")
    with pytest.raises(UserError, match="an evaluation of encoder of seed 5"):
        kept = [path for path in arguments["evaluations"] if path.name != "encoder-seed5.json"]
        written(arguments | {"evaluations": kept}, tmp_path / "report.html")
    with pytest.raises(UserError, match=r"the features encoder-seed3.npz"):
        written(arguments | {"features": []}, tmp_path / "report.html")
    params = arguments["params"]
    other_k = params.model_copy(
        update={"eval": params.eval.model_copy(update={"knn": [params.eval.knn[0].model_copy(update={"k": 7})]})}
    )
    with pytest.raises(UserError, match=r"an evaluation of encoder of seed 3 \(knn7\)"):
        written(arguments | {"params": other_k}, tmp_path / "report.html")
    with pytest.raises(UserError, match="mined negatives of seed 3"):
        written(arguments | {"negatives": []}, tmp_path / "report.html")
    (tmp_path / "evaluate" / "curves.csv").unlink()
    with pytest.raises(UserError, match=r"curves.csv is missing"):
        written(arguments, tmp_path / "report.html")


def test_same_class_negatives_are_marked(page_of, fabricate, tmp_path):
    arguments = fabricate(tmp_path)
    path = arguments["negatives"][1]  # the last round of the first seed
    arrays, provenance = load_arrays(path)
    arrays["negative"] = np.repeat(arrays["anchor"][:, None], 3, axis=1).astype(np.int32)
    save_arrays(path, provenance, **arrays)
    written(arguments, tmp_path / "report.html")
    assert text_of(tmp_path / "report.html").count("<strong>same class</strong>") == 9


def test_the_step_imports_no_library_that_it_does_not_use(tmp_path, fabricate, imported_by):
    made = fabricate(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(made["params"].model_dump()), encoding="utf-8")
    made["params"], made["page"] = tmp_path / "params.yaml", tmp_path / "report.html"
    named = ((name, paths if isinstance(paths, list) else [paths]) for name, paths in made.items())
    imported = imported_by("report", *(word for name, paths in named for path in paths for word in (f"--{name}", path)))
    assert not imported & {"torch", "torchvision", "ffcv", "faiss", "sklearn"}
    assert (tmp_path / "report.html").is_file()


def test_what_is_measured_on_wish_has_tables_with_their_protocols(page_of):
    plain, full = text_of(page_of()), text_of(page_of(measured=["control", "supervised", *EXTRAS]))
    assert not any(
        words in plain for words in ("Further measurements", "Supervised training", "Control without mining")
    )
    assert "dvc exp run -S mining.control=true" in plain and "mining.control=true" not in full
    assert full.count("Control without mining") > 2 and "than after as many epochs with random batches (" in full
    for kind, title in EXTRAS.items():
        assert f"<h3>{title}</h3>" in full
        assert f"how {kind} &lt;was&gt; measured" in full
    assert full.count("Supervised training") > 2 and "for 8 epochs, as many as pretraining" in full.replace(NBSP, " ")
    noise = full.split("Gaussian noise<small>severity 3</small>")[1].split("</tr>")[0]
    assert noise.count("<td>70.00") == noise.count("<td>60.00") == 3  # encoder, untrained and raw pixels
    assert '<th scope="row">As they are</th>' in full


@pytest.mark.parametrize("kind", ["corruptions", "transfer", "fine_tune"])
def test_an_extra_evaluation_that_is_missing_or_of_other_data_is_named(fabricate, tmp_path, kind):
    arguments = fabricate(tmp_path, measured=[kind])
    path = next(path for path in arguments["extras"] if "encoder-seed5" in path.name)
    others = [other for other in arguments["extras"] if other != path]
    with pytest.raises(UserError, match=f"needs the {kind} of encoder of seed 5: run the step evaluate first"):
        written(arguments | {"extras": others}, tmp_path / "report.html")
    path.write_text(path.read_text().replace('"data": "', '"data": "0'))
    with pytest.raises(UserError, match=f"{path.name} was made from another data set"):
        written(arguments, tmp_path / "report.html")


def test_changes_against_the_baseline_stand_below_the_encoder(page_of):
    text = text_of(page_of(baseline="first"))
    [row] = re.findall(r'<tr class="change">(.*?)</tr>', text, re.DOTALL)
    assert "Change<small>from first</small>" in row
    assert (
        re.findall(r"<td><span>([^<]*)</span><small>([^<]*)</small><small[^>]*>([^<]*)", row)
        == [("+1.04", "+0.91 to +1.17", "beyond noise")] * 4
    )
    assert text.index('<tr class="encoder">') < text.index(row) < text.index('<tr class="untrained">')
    assert "Against the baseline run first" in text
    assert "1\u00a0parameter differs: data.path data instead of first." in text
    for name in ("Linear probe, validation images", "Alignment", "Uniformity"):
        assert re.search(rf"<dt>{name}</dt><dd>0\.0+, no difference</dd>", text)
    assert "contraflow baseline</code> pins" not in text and "<code>baseline.json</code>" in text


def test_a_baseline_of_an_unlabelled_run(page_of):
    text = text_of(page_of(classes=[], baseline="first"))
    assert "<dt>Alignment</dt>" in text and "validation images</dt>" not in text and 'class="change"' not in text


def test_without_a_baseline_the_page_says_how_to_pin_one(page_of):
    for settings in ({}, {"classes": []}):
        text = text_of(page_of(**settings))
        assert text.count("<code>contraflow baseline</code> pins this one") == 1
        assert "Against the baseline" not in text and 'class="change"' not in text

"""What the page says of images and texts: escaped, right and wrong, and no more than was measured."""

from dataclasses import replace

import pytest
from fixtures.runs import hits_of

from contraflow.report.items import LONGEST
from contraflow.report.texts import scored, texts


@pytest.fixture(scope="module")
def run(run_of):
    return run_of(measured=["captions"])


@pytest.fixture(scope="module")
def section(page_of):
    page = page_of(measured=["captions"]).read_text(encoding="utf-8")
    return page.split('<section id="texts"')[1].split("</section>")[0]


def test_what_is_found_is_right_or_wrong(run):
    found = texts(run)
    (image,), (text,) = found["image_to_text"], found["text_to_image"]
    assert image["index"] == 3 and text["said"] == "תמונה 1"
    assert [near["said"][:20] for near in image["found"]] == ["<b>test 3</b>", "<b>test 0</b>", ("long " * 4)]
    assert [near["right"] for near in image["found"]] == [True, False, True]
    assert [near["index"] for near in text["found"]] == [1, 3, 0]
    assert [near["right"] for near in text["found"]] == [True, False, False]
    assert len(image["found"][2]["said"]) == LONGEST + 1


def test_texts_are_escaped_isolated_and_cut(section):
    assert "&lt;b&gt;test 3&lt;/b&gt;" in section and "<b>test" not in section
    assert "<bdi>תמונה 1</bdi>" in section
    assert ("long " * 50)[:LONGEST] + "…" in section and "long " * 41 not in section
    assert section.count("✓ right") == 3 and section.count("✗ wrong") == 3


def test_a_lead_is_judged_by_the_rule_of_all_differences(run):
    measured = run.extras["captions"]
    ahead = {
        seed: each.model_copy(update={"right": {key: hits_of(0.6 + seed / 1000) for key in each.right}})
        for seed, each in measured["encoder"].items()
    }
    told = texts(replace(run, extras={"captions": measured | {"encoder": ahead}}))["judged"]
    assert told[0].startswith("Image to text: recall@3 is ")
    for way in told:
        assert way.count("points more") == 3 and "within what chance may do" not in way
        assert "than raw pixels and tf-idf" in way.lower() and "than chance" in way.lower()
    assert all(way.count("within what chance may do") >= 2 for way in texts(run)["judged"])


def test_scored_pairs_have_a_table_with_intervals_and_a_sentence(run, page_of):
    page = page_of(measured=["captions", "sts"]).read_text(encoding="utf-8")
    section = page.split('<section id="extras"')[1].split("</section>")[0]
    assert "Texts as people score them" in section and "Correlation times 100" in section and "60.0 to 70.0" in section
    said = "correlation, times 100, is 65.00 ±\u00a00.00. That is 0.00 points more, within what chance may do, than"
    assert f"{said} untrained encoder and 0.00 points more, within what chance may do, than TF-IDF.</p>" in section
    assert scored(run) is None


def test_without_texts_there_is_no_such_section(run_of, page_of):
    assert texts(run_of()) is None
    assert 'id="texts"' not in page_of().read_text(encoding="utf-8")


def test_the_table_has_chance_and_the_baseline_and_the_card_counts_texts(page_of):
    page = page_of(measured=["captions"]).read_text(encoding="utf-8")
    assert "Raw pixels and TF-IDF" in page and '<th scope="row">Chance' in page
    assert "<dt>Texts</dt>" in page and "known from training" in page

"""The search box: right, bounded, escaped, and by keyboard in a real browser."""

import json
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from fixtures.browser import requested, scrolls_sideways, show
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from contraflow.evaluation.said import Said
from contraflow.report import search
from contraflow.report.items import LONGEST, cut
from contraflow.report.page import render


@pytest.fixture(scope="module")
def run(run_of):
    return run_of(measured=["captions", "retrieval"], side=0)


@pytest.fixture(scope="module")
def alone(run):
    """The same texts, as if they were no image's."""
    measured = run.params.eval.model_copy(update={"captions": []})
    params = run.params.model_copy(update={"eval": measured})
    return replace(run, params=params, card=run.card.model_copy(update={"image_size": 0}), extras={})


def test_texts_find_images_right_and_wrong(run):
    box, own = search.search_box(run), run.data.texts["test"]
    said, data = Said.of(own), box["data"]
    assert box["texts"] == box["of"] == len(said.texts) == len(data["texts"]) and box["found"] == 5
    assert data["texts"] == sorted((cut(own[text]) for text in said.texts), key=lambda text: (len(text), text))
    finds = run.extras["captions"]["encoder"][3].finds
    by_text = {cut(own[said.texts[text]]): row for row, text in enumerate(finds.query)}
    right = said.right("text_to_image").toarray()
    for text, found, marks, values in zip(*(data[n] for n in ("texts", "found", "right", "similarity")), strict=True):
        row = by_text[text]
        images = [data["items"][place] for place in found]
        assert images == finds.found[row] and [value / 1000 for value in values] == finds.similarity[row]
        assert marks == np.flatnonzero(right[finds.query[row], images]).tolist()
    assert sum(map(len, data["right"])) == len(data["texts"]) + 4  # one text is of all images


def test_texts_alone_find_texts(alone):
    box, own, ranking = search.search_box(alone), alone.data.texts["test"], alone.ranking
    data = box["data"]
    assert box["sheet"] is None and "texts" not in data and box["texts"] == box["of"] == len(ranking.query)
    texts = [data["items"][place] for place in data["query"]]
    assert sorted(texts) == sorted(cut(own[query]) for query in ranking.query)
    (row,) = np.flatnonzero([cut(own[query]) == texts[0] for query in ranking.query])[:1]
    assert [data["items"][place] for place in data["found"][0]] == [cut(own[i]) for i in ranking.nearest[row, :5]]
    assert data["right"][0] == np.flatnonzero(ranking.right[row, :5]).tolist()
    assert data["similarity"][0] == pytest.approx(1000 * ranking.similarity[row, :5], abs=0.51)
    assert search.search_box(replace(alone, ranking=None)) is None


@pytest.mark.parametrize("kind", ["images", "texts"])
def test_what_is_shown_is_bounded_and_said_to_be(monkeypatch, run, alone, kind):
    monkeypatch.setattr(search, "ROOM", 3000)
    of = run if kind == "images" else alone
    box = search.search_box(of)
    items, texts = box["data"]["items"], box["data"].get("texts", [])
    words = texts if kind == "images" else items
    room = sum(len(text.encode()) for text in words) + search.ROW * box["texts"]
    room += search.IMAGE * len(items) if kind == "images" else 0
    assert 2000 < room <= 3000 and 0 < box["texts"] < box["of"]
    assert box == search.search_box(of)
    page = render(of)
    called = "test texts" if kind == "images" else "queries"
    told = f"Choose one of the {box['texts']} {called}, drawn among {box['of']} so that the page stays small"
    assert told in page and f"What is typed is looked for in the first {LONGEST} letters of each." in page


def test_texts_alone_are_queries_and_find_what_is_in_the_gallery(alone):
    queries = f"Choose one of the {len(alone.ranking.query)} queries: it shows the 5 nearest"
    assert f"{queries} of all test texts by seed 3" in render(alone)
    data = copy(alone.data)
    vars(data)["gallery"] = np.arange(alone.card.test.images) % 2 == 0
    with_roles = replace(alone, data=data)
    assert f"{queries} of the gallery by seed 3" in render(with_roles)


def test_without_texts_there_is_none(page_of):
    assert 'class="search"' not in page_of().read_text(encoding="utf-8")


def matches(browser):
    return [button.text for button in browser.find_elements(By.CSS_SELECTOR, ".matches button")]


def found(browser):
    tiles = browser.find_elements(By.CSS_SELECTOR, ".search ol .tile")
    return [tile.get_attribute("aria-label") for tile in tiles]


@pytest.mark.parametrize("width", [400, 1600])
def test_what_is_typed_finds_texts_and_a_key_chooses_one(browser, page_of, width):
    page = page_of(measured=["captions"]).as_uri()
    show(browser, page, width)
    words, status = (browser.find_element(By.CSS_SELECTOR, f".search {tag}") for tag in ("input", "[role=status]"))
    assert status.text == "121 of 121 texts; the 20 shortest are listed" and len(matches(browser)) == 20
    assert words.get_attribute("dir") == "auto"
    words.send_keys("<B>TEST 1")
    assert matches(browser) == [f"<b>test {i}</b>" for i in (1, *range(10, 20), 21, 31, 41, 51)]
    assert status.text == "15 of 121 texts"
    assert found(browser)[:2] == ["Right: test image 1, similarity 0.900", "Wrong: test image 2, similarity 0.500"]
    words.send_keys(Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    chosen = browser.switch_to.active_element
    assert chosen.text == "<b>test 10</b>"
    chosen.send_keys(Keys.ENTER)
    assert found(browser)[0].startswith("Right: test image 10,") and chosen.get_attribute("aria-pressed") == "true"
    assert browser.find_element(By.CSS_SELECTOR, ".search .own").text == "<b>test 10</b>"
    words.clear()
    words.send_keys("תמונה 7")
    assert matches(browser) == [f"תמונה {i}" for i in (7, 17, 27, 37, 47, 57)]
    words.send_keys(" nowhere")
    assert matches(browser) == found(browser) == [] and status.text == "0 of 121 texts"
    words.clear()
    words.send_keys("7")
    shown = browser.find_element(By.CSS_SELECTOR, ".search ol .tile")
    assert shown.size["width"] > 30 and "data:image/webp" in shown.value_of_css_property("background-image")
    assert not scrolls_sideways(browser)
    assert browser.get_log("browser") == [] and requested(browser) == [page]


def test_a_picture_is_that_of_its_number(browser, page_of, run):
    """The tile at the place that the script puts before the window is the image."""
    show(browser, page_of(measured=["captions"]).as_uri(), 1600)
    browser.find_element(By.ID, "search-words").send_keys("test 11<")
    data = json.loads(browser.find_element(By.ID, "search-data").get_attribute("textContent"))
    box = browser.find_element(By.CSS_SELECTOR, ".search")
    columns, rows = (int(box.get_attribute(f"data-{name}")) for name in ("columns", "rows"))
    place, tile = data["items"].index(11), browser.find_element(By.CSS_SELECTOR, ".search ol .tile")
    x, y = (float(part.rstrip("%")) for part in tile.value_of_css_property("background-position").split())
    assert (round(x * (columns - 1) / 100), round(y * (rows - 1) / 100)) == (place % columns, place // columns)


def test_texts_alone_in_the_browser(browser, alone, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(render(alone), encoding="utf-8")
    show(browser, page.as_uri(), 1600)
    words = browser.find_element(By.CSS_SELECTOR, "#retrieval .search input")
    words.send_keys("test 1<")
    assert matches(browser) == [f"<b>test {i}</b>" for i in (1, 11)]
    texts = browser.find_elements(By.CSS_SELECTOR, ".search ol li")
    assert len(texts) == 5 and browser.find_element(By.CSS_SELECTOR, ".search .own").text == "<b>test 1</b>"
    assert {text.text.splitlines()[-1] for text in texts} <= {"✓ right", "✗ wrong"}
    assert browser.get_log("browser") == [] and "<b>test" not in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == render(alone)


def test_nothing_of_it_is_printed(browser, page_of):
    show(browser, page_of(measured=["captions"]).as_uri(), 740, media="print")
    assert not browser.find_element(By.CSS_SELECTOR, ".search").is_displayed()

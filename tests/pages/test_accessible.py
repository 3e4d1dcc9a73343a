"""axe-core finds no fault in any page: names, roles, order of headings, contrast in light and in dark."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from fixtures.browser import show

from contraflow.compare.page import render as render_comparison
from contraflow.engines import circumstances
from contraflow.pages.assets import template
from contraflow.search.found import Found, FoundByText
from contraflow.search.page import render as render_search
from contraflow.watch.page import Sight
from contraflow.watch.recorded import Outcome

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN = """
const done = arguments[0];
const told = (fault) => `${fault.id}: ${fault.nodes.map((node) => `${node.target} ${node.failureSummary}`)}`;
axe.run(document, { resultTypes: ["violations"] }).then(
  (found) => done(found.violations.map(told)),
  (error) => done([String(error)]),
);
"""
EVERYTHING = ["supervised", "corruptions", "retrieval", "transfer", "fine_tune", "captions", "control"]
SCREENS = [(1600, "light"), (400, "light"), (1600, "dark")]


def faults(browser) -> list[str]:
    """What axe-core says of the open page: each rule that is broken, where and why."""
    browser.execute_script(AXE)
    return browser.execute_async_script(RUN)


@pytest.fixture(params=SCREENS, ids=lambda screen: f"{screen[0]} {screen[1]}")
def faults_of(request, browser):
    """`faults_of(path)`: those of a page on each kind of screen."""
    return lambda page: faults(show(browser, page.as_uri(), *request.param))


def test_faults_are_found(faults_of, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<!doctype html><h1>One</h1><h3>Three</h3><img src='data:,'><p style='color: #bbb'>pale")
    found = {fault.partition(":")[0] for fault in faults_of(page)}
    assert {"color-contrast", "heading-order", "html-has-lang", "image-alt"} <= found


RUNS = {
    "everything": {"measured": EVERYTHING, "baseline": "first", "skipped": ["a.png"], "leaks": 1, "channels": 3},
    "unlabelled": {"classes": []},
    "failed": {"linear": None, "rounds": 0},
    "many classes": {"classes": [f"class {i}" for i in range(30)], "each": 5},
}


@pytest.mark.parametrize("run", RUNS)
def test_report(faults_of, page_of, run):
    assert faults_of(page_of(**RUNS[run])) == []


def test_comparison(faults_of, experiment_of, tmp_path):
    runs = [experiment_of(name, params={"loss.tau": i}) for i, name in enumerate(("main", "colder", "warmer"))]
    failed = experiment_of("failed", linear={0: None, 1: 0.5}, collapse="the spread is 0", code="2" * 32)
    page = tmp_path / "compare.html"
    page.write_text(render_comparison([*runs, failed]), encoding="utf-8")
    assert faults_of(page) == []


def test_search(faults_of, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    near = {"nearest": images, "index": np.arange(6), "label": np.array([0, 1, 0, 1, -1, 0])}
    near |= {"similarity": np.ones(6, np.float32), "regions": np.ones((3, 2, 4, 4), np.float32)}
    found = [Found(f"{i}.png", images[i], **near, own=i - 1) for i in range(3)]
    page = tmp_path / "search.html"
    page.write_text(render_search(found, classes=["a", "b"], data="folder", searched=6, encoder="an encoder"))
    assert faults_of(page) == []


def test_search_by_texts(faults_of, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    near = {"nearest": images[1:], "index": np.arange(2), "label": np.array([0, -1])}
    near |= {"similarity": np.ones(2, np.float32), "said": [["one", "שתיים"], ["<b>two</b>"]]}
    by_image = Found("a.png", images[0], **near, regions=np.ones((2, 2, 4, 4), np.float32), texts=[("a", 0.5)])
    by_text = FoundByText("a red dress", **near)
    alone = FoundByText("one", **near | {"nearest": None, "said": [["one"], ["<b>two</b>"]]})
    told, page = {"classes": ["a"], "data": "folder", "searched": 6, "encoder": "an encoder"}, tmp_path / "search.html"
    for found, items in (([by_image, by_text], "images"), ([alone, replace(alone, text="two")], "texts")):
        page.write_text(render_search(found, items=items, **told), encoding="utf-8")
        assert faults_of(page) == []


def test_circumstances(faults_of, tmp_path):
    page, here = tmp_path / "circumstances.html", Path(circumstances.__file__)
    known = circumstances.circumstances(here.parents[3], [])
    known |= {"changed": ["a.py"], "times": [("fetch files", 1.0, None)], "outputs": {"results/fetch": "d" * 32}}
    page.write_text(template(here.with_name("circumstances.html.j2")).render(report="e" * 64, **known))
    assert faults_of(page) == []


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: f"{screen[0]} {screen[1]}")
def test_watch(online_browser, served, seen_of, screen):
    """As it is served, once it has looked again."""
    sights = [seen_of(), seen_of("colder", collapse="the spread is 0.01", unread=["a.json"])]
    idle = seen_of("idle", run=None, at_work=False, trainings=[], others=[])
    figures = {"loss": 1.0, "knn": 0.8, "rank": 20.0, "spread": 0.9}
    recorded = [Outcome("main", Path("/a"), 3, figures, ["1"]), Outcome("old", Path("/a"), unread="it is damaged")]
    server = served(lambda: Sight([*sights, idle], recorded))
    show(online_browser, server.address, *screen)
    online_browser.execute_async_script("look().then(arguments[0])")
    assert faults(online_browser) == []

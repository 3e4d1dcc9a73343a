"""The page in a real browser, as a person sees it."""

import json
from contextlib import suppress

import numpy as np
import pytest
from fixtures.browser import requested, scrolls_sideways, settle, show
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from contraflow.compare.page import render as render_comparison
from contraflow.search.found import Found
from contraflow.search.page import render


@pytest.fixture
def opened(browser, page_of):
    """Open a page at a width and in a colour scheme."""

    def load(width=1600, scheme="light", media="", **settings):
        return show(browser, page_of(**settings).as_uri(), width, scheme, media)

    return load


def column(browser, number):
    return [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, f".sortable tbody td:nth-child({number})")]


NASTY = ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "c" * 120]
# Every picture has arrived, every drawing that is shown covers some ground, and no figure is empty.
RENDERED = """
const seen = (element) => element.getClientRects().length > 0;
const pictures = [...document.images].map((i) => i.complete && i.naturalWidth > 0);
const drawings = [...document.querySelectorAll("svg")].filter(seen).map((s) => s.getBBox().width > 50);
const figures = [...document.querySelectorAll("figure")].map((f) => f.getBoundingClientRect().height > 50);
return [...pictures, ...drawings, ...figures].every(Boolean);
"""
RUNS = {
    "plain": {},
    "unlabelled": {"classes": []},
    "failed": {"linear": None},
    "escaped": {"classes": NASTY, "baseline": "".join(NASTY)},
    "two classes, small crops, colour": {"classes": ["a", "b"], "local_views": 4, "channels": 3, "size": 40},
    "one image a class": {"each": 1},
    "queries": {"classes": [*NASTY], "measured": ["retrieval"], "channels": 3},
    "30 classes": {"classes": [f"a class called {i}" for i in range(30)], "each": 5},
    "200 classes": {"classes": [f"class {i}" for i in range(200)], "each": 5},
}


@pytest.mark.parametrize("width", [400, 1150, 1600])
@pytest.mark.parametrize("run", RUNS)
def test_loads_clean(opened, page_of, run, width):
    browser = opened(width, **RUNS[run])
    assert browser.get_log("browser") == []
    assert requested(browser) == [page_of(**RUNS[run]).as_uri()]
    assert not scrolls_sideways(browser)
    assert browser.execute_script(RENDERED)


def points(browser):
    return json.loads(browser.find_element(By.ID, "map-points").get_attribute("textContent"))


def told(browser):
    """What the picture beside a point says; None where none is shown."""
    peek = browser.find_element(By.CSS_SELECTOR, ".peek")
    return peek.text if peek.is_displayed() else None


def tells(browser, words):
    """Whether the picture comes to say so: the browser handles what a hand does in its own time."""
    with suppress(TimeoutException):
        WebDriverWait(browser, 5, poll_frequency=0.05).until(lambda b: told(b) == words)
    return told(browser) == words


def plot(browser):
    found = browser.find_element(By.CSS_SELECTOR, ".plot")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", found)
    return found


def place(browser, point):
    """Where a point lies in the window."""
    shown = plot(browser)
    settle(browser)
    box = browser.execute_script("return arguments[0].getBoundingClientRect()", shown)
    found = points(browser)
    x = box["x"] + box["width"] * found["left"][point] / 100
    return x, box["y"] + box["height"] * found["top"][point] / 100


def expected(browser, point):
    """All that may be told of a point: another one may lie in the same place."""
    found = points(browser)
    actual, predicted = (found["classes"][found[kind][point]] for kind in ("actual", "predicted"))
    taken = "" if actual == predicted else f", taken for {predicted}"
    return f"{actual}\ntest image {found['image'][point]}{taken}"


@pytest.mark.parametrize("width", [400, 1600])
def test_a_point_shows_its_image_where_the_mouse_is(opened, width):
    browser = opened(width, classes=NASTY)
    for point in (0, 7):
        x, y = place(browser, point)
        ActionChains(browser).move_by_offset(0, 0).perform()
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})
        assert tells(browser, expected(browser, point)), told(browser)
        inside = "const [p, t] = ['.plot', '.peek'].map(n => document.querySelector(n).getBoundingClientRect());"
        assert browser.execute_script(inside + "return t.left >= 0 && t.right <= innerWidth && p.width > 200")
        assert not scrolls_sideways(browser)
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 2, "y": 2})
    assert tells(browser, None), told(browser)
    assert browser.get_log("browser") == []


def test_the_image_is_that_of_the_point(opened, page_of, tmp_path):
    """Each tile of the sheet differs; the one shown is the one at the point's place in the data."""
    browser = opened()
    x, y = place(browser, 11)
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})
    assert tells(browser, expected(browser, 11)), told(browser)
    tile = browser.find_element(By.CSS_SELECTOR, ".tile")
    columns, rows = (int(tile.get_attribute(f"data-{name}")) for name in ("columns", "rows"))
    assert (columns, rows) == (8, 8)  # of 60 points
    position = tile.value_of_css_property("background-position")
    assert [float(part.rstrip("%")) for part in position.split()] == pytest.approx([100 * 3 / 7, 100 * 1 / 7], abs=0.01)


def test_arrow_keys_go_from_point_to_point(opened):
    browser = opened()
    found, keys = points(browser), plot(browser)
    browser.find_element(By.TAG_NAME, "body").click()
    keys.send_keys(Keys.ARROW_RIGHT)
    seen = []
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.ARROW_UP):
        keys.send_keys(key)
        seen.append(int(told(browser).split("test image ")[1].split(",")[0]))
    left, top = ([found[side][found["image"].index(image)] for image in seen] for side in ("left", "top"))
    assert top[1] > top[0] and left[2] < left[1] and top[3] < top[2]
    aloud = browser.find_element(By.CSS_SELECTOR, ".said").get_attribute("textContent")
    assert f"test image {seen[-1]}" in aloud
    keys.send_keys(Keys.ESCAPE)
    assert told(browser) is None


def test_a_finger_shows_an_image_and_takes_it_away(opened):
    browser = opened(400)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        for (x, y), shown in ((place(browser, 4), expected(browser, 4)), ((3, 3), None)):
            touch = {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", touch)
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            assert tells(browser, shown), told(browser)
    finally:
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_printed_it_is_light_whole_and_without_what_needs_a_screen(opened):
    browser = opened(740, scheme="dark", media="print", classes=[f"class {i}" for i in range(30)], each=5)
    style = "return getComputedStyle(document.querySelector('{}')).{}"
    for hidden in ("nav", ".peek", ".ring", "#map-guide"):
        assert browser.execute_script(style.format(hidden, "display")) == "none"
    assert browser.execute_script(style.format("body", "backgroundColor")) == "rgb(255, 255, 255)"
    assert browser.execute_script(style.format(".tall", "overflowY")) == "visible"
    assert len(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]) > 100_000


def test_what_can_be_used_can_be_reached_by_key(opened):
    browser = opened(400)
    reached = "return [...document.querySelectorAll('a[href], button, [tabindex]')].every(e => e.tabIndex >= 0)"
    assert browser.execute_script(reached)
    scrolls = "return [...document.querySelectorAll('.scroll, pre')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    assert browser.execute_script(scrolls + ".every(e => e.tabIndex === 0)")


@pytest.mark.parametrize("width", [400, 1600])
def test_a_comparison_loads_clean(browser, experiment_of, tmp_path, width):
    names = ["main", "<img src=x onerror=alert(1)>", "n" * 120]
    runs = [experiment_of(name, linear={0: 0.8 + i / 50, 1: 0.8}, params={name: name}) for i, name in enumerate(names)]
    page = tmp_path / "compare.html"
    page.write_text(render_comparison([*runs, experiment_of("failed", linear={0: None, 1: 0.5})]), encoding="utf-8")
    show(browser, page.as_uri(), width)
    assert browser.get_log("browser") == []
    assert requested(browser) == [page.as_uri()]
    assert not scrolls_sideways(browser)
    assert len(browser.find_elements(By.CSS_SELECTOR, ".dots .track b")) == 2 * len(names)
    shown = browser.find_elements(By.CSS_SELECTOR, "#training svg")
    assert sum(figure.is_displayed() for figure in shown) == 2


def test_sorts_by_click_and_by_key(opened):
    browser = opened(classes=["b", "c", "a"])
    names, precision = browser.find_elements(By.CSS_SELECTOR, ".sortable button")[:2]
    precision.click()
    assert column(browser, 1) == ["a", "c", "b"]  # the largest first
    precision.click()
    assert column(browser, 1) == ["b", "c", "a"]
    names.send_keys(Keys.ENTER)
    assert column(browser, 1) == ["a", "b", "c"]
    names.send_keys(Keys.SPACE)
    assert column(browser, 1) == ["c", "b", "a"]
    sorted_by = browser.find_elements(By.CSS_SELECTOR, ".sortable [aria-sort]")
    assert [(heading.text, heading.get_attribute("aria-sort")) for heading in sorted_by] == [("Class", "descending")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_right_and_wrong_neighbours_differ_by_word_and_by_line(opened, width, scheme):
    """Whoever cannot tell the colours apart sees a whole line or a broken one, and reads which it is."""
    browser = opened(width, scheme, measured=["retrieval"])
    assert [link.text for link in browser.find_elements(By.CSS_SELECTOR, "nav a")][2] == "Retrieval"
    lines = {"right": ("solid", "✓ right"), "wrong": ("dashed", "✗ wrong")}
    for kind, (line, word) in lines.items():
        found = browser.find_elements(By.CSS_SELECTOR, f"#retrieval li.{kind}")
        assert found
        for near in found:
            assert near.find_element(By.TAG_NAME, "img").value_of_css_property("outline-style") == line
            assert near.find_element(By.TAG_NAME, "strong").text == word
    rows = browser.find_elements(By.CSS_SELECTOR, "#retrieval .anchors > li")
    assert len(rows) == 3 and all(row.is_displayed() for row in rows)
    assert not scrolls_sideways(browser)


def test_follows_the_colour_scheme(opened):
    def lightness(scheme):
        style = "return getComputedStyle(document.body)"
        browser = opened(scheme=scheme)
        colours = [browser.execute_script(f"{style}.{name}") for name in ("backgroundColor", "color")]
        return [sum(map(int, colour[4:-1].split(","))) / 3 for colour in colours]

    (light_paper, light_ink), (dark_paper, dark_ink) = lightness("light"), lightness("dark")
    assert light_paper > 240 and light_ink < 60
    assert dark_paper < 40 and dark_ink > 200


def test_contents_stand_at_the_side_of_a_wide_screen(opened):
    place = "const [n, m] = ['nav', 'main'].map(t => document.querySelector(t).getBoundingClientRect());"
    assert opened(1600).execute_script(place + "return n.right < m.left")
    assert opened(400).execute_script(place + "return n.bottom <= m.top")


def test_contents_follow_the_reader(opened):
    browser = opened()
    browser.find_element(By.CSS_SELECTOR, "nav a[href='#classes']").click()
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert browser.find_element(By.CSS_SELECTOR, "nav a[aria-current]").text.endswith("Classes")


def test_tab_reaches_the_first_link(opened):
    browser = opened()
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the verdict"


def test_the_page_of_a_search_loads_clean(browser, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    near = {"nearest": images, "index": np.arange(6), "label": np.array([0, 1, 0, 1, -1, 0])}
    near |= {"similarity": np.ones(6, np.float32), "regions": np.ones((3, 2, 4, 4), np.float32)}
    found = [Found(f"{'long ' * 20}{i}.png", images[i], **near) for i in range(2)]
    file = tmp_path / "search.html"
    file.write_text(render(found, classes=["a", "b"], data="folder", searched=6, encoder="an encoder"))
    for width in (400, 1600):
        show(browser, file.as_uri(), width)
        assert browser.get_log("browser") == [] and requested(browser) == [file.as_uri()]
        assert not scrolls_sideways(browser)
        loaded = "return [...document.images].filter(i => i.complete && i.naturalWidth > 0).length"
        assert browser.execute_script(loaded) == 14 + 24

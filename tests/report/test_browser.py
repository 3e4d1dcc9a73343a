"""The page in a real browser, as a person sees it."""

import json

import numpy as np
import pytest

from contraflow.report.search.page import Found, render

selenium = pytest.importorskip("selenium")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page_of):
    """Open a page at a width and in a colour scheme."""

    def load(width=1600, scheme="light", **settings):
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        for log in ("browser", "performance"):
            browser.get_log(log)
        browser.get(page_of(**settings).as_uri())
        return browser

    return load


def requested(browser):
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith("data:")]


def column(browser, number):
    return [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, f".sortable tbody td:nth-child({number})")]


def scrolls_sideways(browser):
    return browser.execute_script("return document.documentElement.scrollWidth > window.innerWidth")


RUNS = {
    "plain": {},
    "unlabelled": {"classes": []},
    "failed": {"linear": None},
    "escaped": {"classes": ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "c" * 120]},
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
    empty = "return [...document.images].filter(i => !(i.complete && i.naturalWidth > 0)).length"
    assert browser.execute_script(empty) == 0


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
    found = [Found(f"{'long ' * 20}{i}.png", images[i], **near, similarity=np.ones(6, np.float32)) for i in range(2)]
    file = tmp_path / "search.html"
    file.write_text(render(found, classes=["a", "b"], data="folder", searched=6, encoder="an encoder"))
    for width in (400, 1600):
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        for log in ("browser", "performance"):
            browser.get_log(log)
        browser.get(file.as_uri())
        assert browser.get_log("browser") == [] and requested(browser) == [file.as_uri()]
        assert not scrolls_sideways(browser)
        loaded = "return [...document.images].filter(i => i.complete && i.naturalWidth > 0).length"
        assert browser.execute_script(loaded) == 14

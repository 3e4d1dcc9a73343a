"""The site that `make docs` builds: complete, without a dead link, and readable from the disk without a network."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from fixtures.browser import requested, show
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from contraflow.cli import modules
from contraflow.commands.written import comments
from contraflow.params import Params

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r'<h2><code[^>]*><span class="pre">contraflow</span> <span class="pre">([^<]+)<')
PARAMETER = re.compile(r'<tr class="row-\w+"><td><p><code[^>]*><span class="pre">([^<]+)<')
STAGES = ("fetch", "encode", "pretrain", "mine", "evaluate", "report")


def build(root: Path, out: Path, *options: str) -> subprocess.CompletedProcess:
    """As `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", *options, ".", out]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT, out)
    assert done.returncode == 0, done.stderr
    return out


class Page(HTMLParser):
    """What a page links to, what it loads, and what in it can be linked to."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors.add(found.get("id", ""))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif address := found.get("src") or found.get("href"):
            self.loaded.append(address)


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 30
    for path, page in pages.items():
        assert not [address for address in page.loaded if urlsplit(address).netloc]
        for address in [*page.links, *page.loaded]:
            parts = urlsplit(address)
            if not parts.netloc:
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                assert target.is_file(), (path, address)
                assert target not in pages or unquote(parts.fragment) in pages[target].anchors, (path, address)


def test_every_step_and_every_parameter_is_on_the_page_of_a_stage_once(site):
    pages = "".join((site / f"docs/stages/{stage}.html").read_text(encoding="utf-8") for stage in STAGES)
    assert sorted(COMMAND.findall(pages)) == sorted(modules("steps"))
    assert sorted(PARAMETER.findall(pages)) == sorted(name for name, _, _ in comments(Params()))
    assert "results/mine/seed0/round1/negatives.npz" in pages


def test_it_is_searched_without_a_network(site, browser):
    show(browser, f"{(site / 'search.html').as_uri()}?q=temperature", 1200)
    WebDriverWait(browser, 30).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#search-results li a"))
    assert not [url for url in requested(browser) if not url.startswith("file:")]


def test_links_that_lead_nowhere_are_errors(tmp_path):
    links = ["[a](gone.md)", "[a](index.md#gone)", "[a](../gone.csv)", "[a](#gone)", "![a](gone.png)"]
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/conf.py", tmp_path / "docs")
    (tmp_path / "docs/index.md").write_text("\n\n".join(["# Pages", *links]))
    done = build(tmp_path, tmp_path / "site", "-D", "extensions=myst_parser,sphinx.ext.autodoc,sphinx.ext.napoleon")
    assert done.returncode == 1
    assert [f"index.md:{2 * i + 3}: WARNING" in done.stderr for i in range(len(links))] == [True] * len(links)

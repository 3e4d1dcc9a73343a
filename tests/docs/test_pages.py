"""What the pages in docs/ show is so: the code of the library page runs, figures are those of their sources."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
FIGURE = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")
LINKED = re.compile(r"\]\(([\w/.-]+\.md)")


def test_the_examples_of_the_library_run_in_their_order(encoded, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/encode").symlink_to(encoded.folder)
    monkeypatch.chdir(tmp_path)
    text, names = (DOCS / "library.md").read_text(), {}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for block in blocks:
        exec(compile(block, "docs/library.md", "exec"), names)
    assert len(blocks) == text.count("\n## ") + 1  # the data, and one for each part
    assert names["harder"] > 0 and 0 <= names["recall"] <= 1


def test_what_the_page_of_choices_says_was_measured_elsewhere():
    text = (DOCS / "choose.md").read_text()
    sources = "".join((DOCS / path).read_text() for path in set(LINKED.findall(text)))
    said = re.sub(r"loss\.tau=\S+|`[^`]*`", "", text)
    assert set(FIGURE.findall(said)) - set(FIGURE.findall(sources)) == set()

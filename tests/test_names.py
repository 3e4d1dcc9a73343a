"""What documents, docstrings and comments name is there: source files, folders of sources, modules, classes, tests."""

import ast
import io
import pkgutil
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "src/contraflow/"
LIST = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
LISTED = subprocess.run(LIST, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
FILES = [path for path in LISTED if (ROOT / path).is_file()]
INNER = [path.removeprefix(PACKAGE) for path in FILES if path.startswith(PACKAGE)]
FOLDERS = {path.split("/")[0] for path in FILES + INNER if "/" in path} - {"data"}  # where a user's files lie
START = r"(?<![\w./<-])(?:\.{1,2}/)*"
SOURCE = re.compile(START + r"([\w/-][\w./-]*\.(?:py|smk|j2|css|js|toml|sh|md))\b")
INSIDE = re.compile(START + rf"((?:{'|'.join(map(re.escape, sorted(FOLDERS)))})/[\w./-]+\w)")
TEST = re.compile(r"\b(tests/[\w/]+\.py)::(\w+)")
DOTTED = re.compile(r"\bcontraflow(?:\.\w+)+")
STAND_IN = re.compile(r"(?<![a-zA-Z])[A-Z]+(?![a-zA-Z])")  # X, NAME: for any name


def ends(path):
    """A path, and what is left of it without the folders that it begins with."""
    parts = path.split("/")
    return ["/".join(parts[first:]) for first in range(len(parts))]


KNOWN = {end for path in FILES for place in (Path(path), *Path(path).parents) for end in ends(place.as_posix())}


def said_in(path):
    """The text of a document, but for the names of a workflow's jobs; of a Python file its docstrings and comments."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if not path.endswith(".py"):
        return re.sub(r'\bjob="[^"]*"', "", text)
    nodes = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return "\n".join([*(ast.get_docstring(node) or "" for node in nodes), *comments])


def missing(text):
    """The names in a text for which there is nothing; a path may leave out the folders that it begins with."""
    paths = {name for pattern in (SOURCE, INSIDE) for name in pattern.findall(text) if not STAND_IN.search(name)}
    tests = [name for path, name in TEST.findall(text) if path in KNOWN and name not in functions(ROOT / path)]
    return sorted(paths - KNOWN) + tests + [name for name in DOTTED.findall(text) if not there(name)]


def functions(file):
    return [node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]


def there(name):
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith((".py", ".md", ".smk", ".sh"))])
def test_what_is_named_is_there(path):
    assert missing(said_in(path)) == []


GONE = """
`src/contraflow/gone.py`
see steps/gone.py.
`gone.py`
[all](../docs/gone.md)
in `src/contraflow/gone/`
as report/gone does
`tests/test_names.py::test_gone`
`contraflow.gone`
`contraflow.statistics.gone`
"""


@pytest.mark.parametrize("text", GONE.split("\n")[1:-1])
def test_what_is_gone_is_found(text):
    assert len(missing(text)) == 1


def test_every_known_report_has_a_source_a_result_and_a_test():
    table = (ROOT / "docs/known-reports.md").read_text().split("| --- |\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()]
    assert len(rows) >= 15 and len({row[0] for row in rows}) == len(rows)
    for source, wrong, result, held in rows:
        assert re.fullmatch(r"\[\S+ \d+\]\(https://github\.com/[\w/-]+/\d+\)", source), source
        assert wrong and result and TEST.fullmatch(held.strip("`")), source


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL))
def test_what_contributing_shows_is_as_it_is(block):
    sources = [
        path for path in FILES if path.startswith(("src/", "tests/", "workflow/")) and path.endswith((".py", ".smk"))
    ]
    assert any(block in (ROOT / path).read_text() for path in sources)


HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
ANCHOR = re.compile(r"\]\(([\w/.-]*)#([\w-]+)\)")


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".md")])
def test_links_to_headings_lead_somewhere(path):
    for target, anchor in ANCHOR.findall((ROOT / path).read_text()):
        page = (ROOT / path).parent / target if target else ROOT / path
        headings = HEADING.findall(page.read_text())
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target

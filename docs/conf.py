"""How Sphinx builds the pages: `make docs`. They need no network, and a link that leads nowhere is an error."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "workflow"), str(ROOT / "src")]

project = "contraflow"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "declared"]

# The pages lie where git has them, so that links are the same there and here.
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "docs/**.md", "benchmarks/**/table.md"]
exclude_patterns = [*(set(os.listdir(ROOT)) - {"README.md", "CONTRIBUTING.md", "docs", "benchmarks"}), "docs/site"]
myst_heading_anchors = 4

html_theme = "alabaster"
html_title = project
html_show_copyright = html_show_sphinx = html_copy_source = False
html_theme_options = {"fixed_sidebar": True, "page_width": "70rem", "sidebar_width": "16rem"}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
highlight_language = "text"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
default_role = "literal"
napoleon_use_rtype = False
REST = re.compile(r"(`[^`]*`)|([|*]|_(?!\w))")  # code, and what means something to reStructuredText elsewhere


def as_written(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are plain text with code in backticks: formulas such as |P| mean themselves."""
    lines[:] = [REST.sub(lambda found: found[1] or f"\\{found[2]}", line) for line in lines]


def titled(app, page: str, source: list[str]) -> None:
    """Tables that benchmarks write may have no heading: there they are called by their place."""
    if not source[0].startswith("# "):
        source[0] = f"# {page}\n\n{source[0]}"


def setup(app) -> None:
    app.connect("source-read", titled)
    app.connect("autodoc-process-docstring", as_written, priority=400)  # before napoleon

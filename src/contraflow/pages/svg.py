"""Figures of matplotlib as inline SVG that takes its colours and type from the page."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

# Stand-ins that matplotlib draws with; the page's style sheet gives the colours, so they follow light and dark.
INK = "#010203"
FAINT = "#040506"
_COLOURS = {INK: "currentColor", FAINT: "var(--line)"}
WIDTHS = {"wide": 7.6, "narrow": 4.0}  # inches; the page shows the one that fits the screen
HEIGHT = 3.4  # where a figure does not say
STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the layout does not depend on the machine's fonts
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@contextmanager
def drawing(**more: str) -> Iterator[None]:
    """Draw in the style of the page, and `more`, whatever a `matplotlibrc` of the user or the folder says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE | more)
        yield


def in_both_widths(name: str, description: str, draw: Callable[[Figure, str], None]) -> dict[str, Markup]:
    """A figure as `wide` and `narrow` inline SVG; `draw` fills it for one of these names."""
    drawn = {}
    for size, inches in WIDTHS.items():
        with drawing():
            figure = Figure((inches, HEIGHT), layout="constrained")
            draw(figure, size)
            drawn[size] = to_svg(figure, f"{name}-{size}", description)
    return drawn


def to_svg(figure: Figure, name: str, description: str) -> Markup:
    """Inline SVG of a figure.

    Args:
        name: Stands before every id, so that two figures of one page don't share any.
        description: What a person who cannot see the figure should know of it.
    """
    buffer = io.StringIO()
    with drawing(**{"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>\s*", "", text, flags=re.DOTALL)  # it would style the whole page
    text = re.sub(r"font(-family)?: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font\1: \2inherit", text)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in used else "", text)
    text = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", text)
    for stand_in, colour in _COLOURS.items():
        text = text.replace(stand_in, colour)
    view_box = re.search(r'viewBox="[^"]*"', text)[0]
    opening = f'<svg class="{name}" role="img" aria-label="{escape(description)}" {view_box}>'
    return Markup(opening + text[text.index(">") + 1 :].strip())

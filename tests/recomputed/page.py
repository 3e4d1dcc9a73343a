"""The page as a person reads it: its tables, its lists of facts and its texts; with Python's own parser."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"img", "br", "meta", "link", "input", "hr", "path", "use"}
NUMBER = re.compile(r"[+\u2212-]?\d[\d,]*(?:\.\d+)?")


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it, with single spaces."""
        return " ".join("".join(self._words()).split())

    def _words(self):
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                apart = "" if child.tag in ("b", "i", "code", "span") else " "
                yield apart
                yield from child._words()
                yield apart

    def all(self, tag: str, **attributes: str) -> list["Element"]:
        """All elements in it of a tag, with these attributes; `class` is called `kind`."""
        wanted = {("class" if name == "kind" else name): value for name, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and wanted.items() <= child.attributes.items():
                    found.append(child)
                found += child.all(tag, **attributes)
        return found

    def one(self, tag: str, **attributes: str) -> "Element":
        (found,) = self.all(tag, **attributes)
        return found


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = Element("page", {})
        self._open = [self.root]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, {name: value or "" for name, value in attributes})
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attributes):
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag):
        if tag in (element.tag for element in self._open[1:]):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data):
        if self._open[-1].tag not in ("style", "script"):
            self._open[-1].children.append(data)


def read(page: str) -> Element:
    reader = _Reader()
    reader.feed(page)
    return reader.root


def numbers(text: str) -> list[tuple[float, float]]:
    """The numbers in a text, each with half a unit of its last digit, by which it may be rounded."""
    found = []
    for word in NUMBER.findall(text):
        plain = word.replace("\u2212", "-").replace(",", "")
        digits = len(plain.partition(".")[2])
        found.append((float(plain), 0.5 * 10**-digits))
    return found

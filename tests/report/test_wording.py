"""The words of a page about texts: those of its author change, names and what users wrote do not."""

import re
from dataclasses import dataclass

import pytest
from markupsafe import Markup

from contraflow.pages.assets import HERE, template
from contraflow.report.items import LONGEST, Pictures, Sentences, cut
from contraflow.report.wording import OfTexts, of_texts

SOURCE = HERE.parent


@dataclass(frozen=True)
class Said:
    level: str
    more: list[str]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Test images, each an image.", "Test texts, each a text."),
        ("Raw pixels beat raw pixels", "TF-IDF beat TF-IDF"),
        (
            "data.image_size and raw_pixels stay, and pictures.css",
            "data.image_size and raw_pixels stay, and pictures.css",
        ),
        ("two augmented views of one image", "two views of one text"),
    ],
)
def test_sentences(said, expected):
    assert of_texts(said) == expected
    assert of_texts({"a": [said], "n": 3}) == {"a": [expected], "n": 3}
    assert of_texts(Said(said, [said])) == Said(expected, [expected])
    assert isinstance(of_texts(Markup(said)), Markup)


def test_of_a_template_what_its_author_wrote_changes_and_names_and_values_stay(tmp_path):
    source = """{% macro said(image) %}{{ image }} of an image{% endmacro %}
<img{% if images %} class="wide"{% endif %} alt="The image">
{{ 2 | times("image") }}, {{ said("one image") }}: {{ name }}
"""
    (tmp_path / "page.html.j2").write_text(source)
    said = template(tmp_path / "page.html.j2", [OfTexts]).render(images=True, name="my images")
    assert said.strip() == '<img class="wide" alt="The text">\n2\u00a0texts, one text of a text: my images'


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.html.j2")), ids=lambda file: file.name)
def test_no_class_and_no_id_is_one_of_the_words(file):
    for name in re.findall(r"""(?:class|id|for|href|name|data-\w+)=["']([^"'{]*)["']""", file.read_text()):
        assert of_texts(name) == name


@pytest.mark.parametrize("name", [file.name for file in HERE.iterdir() if file.suffix in (".css", ".js")])
def test_styles_and_scripts_stay(tmp_path, name):
    (tmp_path / "page.html.j2").write_text(f"An image {{% include '{name}' %}}")
    page = template(tmp_path / "page.html.j2", [OfTexts]).render()
    assert page == template(tmp_path / "page.html.j2").render().replace("An image", "A text", 1)


def test_pictures_and_sentences_show_alike(encoded, sentences):
    indices = [3, 0, 5]
    for shown in (Pictures(encoded), Sentences(sentences)):
        each, strip = shown.each("train", indices), shown.strip("train", indices)
        assert len(each) == strip["count"] == 3
    texts = sentences.texts["train"]
    assert [one["said"] for one in each] == strip["said"] == [cut(texts[i]) for i in indices]
    longest = max(range(len(texts)), key=lambda i: len(texts[i]))
    (one,) = Sentences(sentences).each("train", [longest])
    assert len(texts[longest]) > 100_000 and len(one["said"]) == LONGEST + 1

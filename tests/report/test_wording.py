"""The words of a page about texts: those of its author change, names and what users wrote do not."""

from dataclasses import dataclass

import pytest
from markupsafe import Markup

from contraflow.pages.assets import HERE, template
from contraflow.report.items import LONGEST, Pictures, Sentences, cut
from contraflow.report.wording import of_texts, template_of_texts


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


def test_of_a_template_names_and_tags_stay():
    source = '<img alt="{{ image.uri }}"> An image {% if card.images %}{{ "one image" | times("image") }}{% endif %}'
    expected = '<img alt="{{ image.uri }}"> A text {% if card.images %}{{ "one text" | times("text") }}{% endif %}'
    assert template_of_texts(source) == expected


@pytest.mark.parametrize("name", [file.name for file in HERE.iterdir() if file.suffix in (".css", ".js")])
def test_styles_and_scripts_stay(tmp_path, name):
    (tmp_path / "page.html.j2").write_text(f"An image {{% include '{name}' %}}")
    page = template(tmp_path / "page.html.j2", template_of_texts).render()
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

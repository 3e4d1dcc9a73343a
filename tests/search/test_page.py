import re
from dataclasses import replace

import numpy as np

from contraflow.search.found import Found
from contraflow.search.page import render

NASTY = "<img src=x onerror=alert(1)>"


def found(name, k=4, size=16, channels=1, labels=None, side=4):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (k + 1, size, size, channels), dtype=np.uint8)
    label = np.array([-1] * k if labels is None else labels)
    similarity = np.linspace(1, -0.5, k).astype(np.float32)
    regions = rng.normal(size=(min(k, 3), 2, side, side)).astype(np.float32)
    return Found(name, images[0], images[1:], np.arange(k) + 7, label, similarity, regions)


def page(*images, classes=(), data="folder"):
    return render(list(images), classes=list(classes), data=data, searched=50, encoder="an encoder")


def test_names_and_classes_are_escaped():
    html = page(found(f"{NASTY}.png", labels=[0, 0, 1, -1]), classes=[NASTY, "b"], data=NASTY)
    assert NASTY not in html and html.count("&lt;img src=x onerror=alert(1)&gt;") > 4


def test_the_page_asks_no_host_for_anything():
    html = page(found("a.png"), found("b.png", size=200, channels=3))
    sources = re.findall(r"""(?:src|href)=["']?([^"'>\s]*)|url\(([^)]*)\)|@import""", html)
    assert sources and all((a or b).startswith(("data:", "#")) for a, b in sources)
    assert not re.search(r"<script|https?:", html)


def test_an_encoder_without_a_feature_map_says_so():
    html = page(found("a.png", side=0))
    assert "No layer of this encoder gives a map" in html and "Why the nearest are near" not in html
    assert "No layer" not in page(found("a.png"))


def test_what_is_near_is_told_in_words():
    html = page(found("a.png", labels=[1, 0, 1, -1]), classes=["cat", "dog"])
    assert re.search(r"Of the 4 nearest 2 are <b>dog</b>, 1 is <b>cat</b>\.", html)
    assert 'alt="Training image 7 of class dog, similarity 1.000"' in html
    assert 'alt="Training image 10, similarity \u22120.500"' in html  # one without a label
    assert "class" not in re.sub(r"<style>.*?</style>|class=\"", "", page(found("a.png")), flags=re.DOTALL)


def test_a_picture_finds_the_copies_of_it_but_not_itself():
    one = found("a.png", k=3, labels=[1, 0, 1])
    nearest = np.stack([one.image, one.image, one.nearest[2]])
    assert [replace(one, nearest=nearest, own=own).finds(1) for own in (0, 1)] == [True, False]
    assert [replace(one, nearest=nearest, own=own).finds(2) for own in (0, 1)] == [True, True]
    assert [len(cut) for cut in (one.first(2).nearest, one.first(2).label, one.first(9).index)] == [2, 2, 3]


def test_what_has_no_label_is_neither_right_nor_wrong():
    html = page(replace(found("a.png", labels=[1, 0, 1, -1]), own=1), classes=["cat", "dog"])
    assert html.count("✓ right") == 2 and html.count("✗ wrong") == 1


def test_many_large_pictures_stay_small():
    assert len(page(found("a.png", k=24, size=500, channels=3))) < 3e6  # noise, which PNG cannot compress

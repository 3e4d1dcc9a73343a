"""The losses of images beside texts, against pair by pair code and closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.image_text import clip, siglip

SIZES = pytest.mark.parametrize(("n", "d"), [(1, 4), (2, 3), (7, 5)])
LOSSES = {"clip": lambda a, b: clip(a, b, 3.0), "siglip": lambda a, b: siglip(a, b, 3.0, -2.0)}
EVERY = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def slow_clip(images, texts, scale):
    logits = [[scale * cosine(image, text) for text in texts] for image in images]
    found = 0.0
    for rows in (logits, list(zip(*logits, strict=True))):
        for own, row in enumerate(rows):
            found += math.log(sum(math.exp(logit) for logit in row)) - row[own]
    return found / 2 / len(images)


def slow_siglip(images, texts, scale, bias):
    found = 0.0
    for i, image in enumerate(images):
        for j, text in enumerate(texts):
            logit = scale * cosine(image, text) + bias
            found += math.log1p(math.exp(-logit if i == j else logit))
    return found / len(images)


@SIZES
def test_they_are_what_pair_by_pair_code_says(vectors, n, d):
    images, texts = vectors(n, d)
    plain = images.tolist(), texts.tolist()
    assert clip(images, texts, 4.0).item() == pytest.approx(slow_clip(*plain, 4.0))
    assert siglip(images, texts, 4.0, -1.5).item() == pytest.approx(slow_siglip(*plain, 4.0, -1.5))


@pytest.mark.parametrize("n", [1, 2, 9])
def test_where_all_are_equal_or_logits_are_0(n):
    same = torch.ones(n, 3, dtype=torch.float64)
    assert clip(same, same, 7.0).item() == pytest.approx(math.log(n))
    assert siglip(same, same, 7.0, -7.0).item() == pytest.approx(n * math.log(2))


@given(st.integers(2, 6), st.floats(0.5, 50))
def test_where_each_image_is_its_text_and_all_are_at_right_angles(n, scale):
    unit = torch.eye(n, dtype=torch.float64)
    assert clip(unit, unit, scale).item() == pytest.approx(math.log1p((n - 1) * math.exp(-scale)), abs=1e-12)
    expected = math.log1p(math.exp(-scale)) + (n - 1) * math.log(2)
    assert siglip(unit, unit, scale, 0.0).item() == pytest.approx(expected, abs=1e-12)


@EVERY
def test_gradients_are_those_of_finite_differences(vectors, check_gradient, loss):
    check_gradient(loss, *vectors(4, 3))


def test_gradients_for_scale_and_bias(vectors, check_gradient):
    images, texts = vectors(4, 3)
    scale, bias = torch.tensor(5.0, dtype=torch.float64), torch.tensor(-3.0, dtype=torch.float64)
    check_gradient(lambda s: clip(images, texts, s), scale)
    check_gradient(lambda s, b: siglip(images, texts, s, b), scale, bias)


@EVERY
def test_images_and_texts_are_alike_and_lengths_do_not_count(vectors, loss):
    images, texts = vectors(5, 4)
    torch.testing.assert_close(loss(images, texts), loss(texts, images))
    torch.testing.assert_close(loss(images, texts), loss(3 * images, texts / 7))


@EVERY
def test_half_precision_is_computed_in_float32(vectors, loss):
    half = [z.bfloat16() for z in vectors(6, 8)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(*half)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(*(z.float() for z in half)))


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_shapes_that_do_not_belong_together(vectors, name):
    with pytest.raises(ValueError, match=rf"^{name} needs two \(N, D\) tensors"):
        LOSSES[name](vectors(3, 4)[0], vectors(2, 4)[0])

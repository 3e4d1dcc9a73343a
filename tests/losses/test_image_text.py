"""The losses of images beside texts, against pair by pair code and closed forms."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.image_text import both_ways, clip, siglip
from contraflow.losses.selection import hardest
from contraflow.losses.weighting import harden

SIZES = pytest.mark.parametrize(("n", "d"), [(1, 4), (2, 3), (7, 5)])
LOSSES = {"clip": lambda a, b: clip(a, b, 1 / 3), "siglip": lambda a, b: siglip(a, b, 1 / 3, -2.0)}
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
    assert clip(images, texts, 1 / 4).item() == pytest.approx(slow_clip(*plain, 4.0))
    assert siglip(images, texts, 1 / 4, -1.5).item() == pytest.approx(slow_siglip(*plain, 4.0, -1.5))


@pytest.mark.parametrize("n", [1, 2, 9])
def test_where_all_are_equal_or_logits_are_0(n):
    same = torch.ones(n, 3, dtype=torch.float64)
    assert clip(same, same, 1 / 7).item() == pytest.approx(math.log(n))
    assert siglip(same, same, 1 / 7, -7.0).item() == pytest.approx(n * math.log(2))


@given(st.integers(2, 6), st.floats(0.5, 50))
def test_where_each_image_is_its_text_and_all_are_at_right_angles(n, scale):
    unit = torch.eye(n, dtype=torch.float64)
    assert clip(unit, unit, 1 / scale).item() == pytest.approx(math.log1p((n - 1) * math.exp(-scale)), abs=1e-12)
    expected = math.log1p(math.exp(-scale)) + (n - 1) * math.log(2)
    assert siglip(unit, unit, 1 / scale, 0.0).item() == pytest.approx(expected, abs=1e-12)


@EVERY
def test_gradients_are_those_of_finite_differences(vectors, check_gradient, loss):
    check_gradient(loss, *vectors(4, 3))


def test_gradients_for_scale_and_bias(vectors, check_gradient):
    images, texts = vectors(4, 3)
    scale, bias = torch.tensor(5.0, dtype=torch.float64), torch.tensor(-3.0, dtype=torch.float64)
    check_gradient(lambda s: clip(images, texts, 1 / s), scale)
    check_gradient(lambda s, b: siglip(images, texts, 1 / s, b), scale, bias)


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
    with pytest.raises(ValueError, match=r"^both_ways needs two \(N, D\) tensors"):
        LOSSES[name](vectors(3, 4)[0], vectors(2, 4)[0])


def told_apart(n, m, index, tokens, group):
    """Who is a negative of whom, pair by pair."""
    return [
        [index[i] != index[j] and group[i] != group[j] and tokens[i] != tokens[j] for j in range(m)] for i in range(n)
    ]


@given(st.data())
def test_negatives_are_all_but_kin_and_those_of_whom_the_same_is_said(data):
    n, more = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 4))
    few = st.lists(st.integers(0, 3), min_size=n + more, max_size=n + more)
    index, group, words = (data.draw(few) for _ in range(3))
    index[:n] = range(10, 10 + n)
    z, tokens = torch.eye(n + more), torch.tensor([[1, word, 0] for word in words])
    of = dict(zip(index, group, strict=True))  # of a sample index that comes twice the last
    group = [of[i] for i in index]

    def kin(a, b):
        return torch.tensor([[of[i] == of[j] for j in b.tolist()] for i in a.tolist()])

    ways = both_ways(z, z, batch=n, index=torch.tensor(index), tokens=tokens, kin=kin)
    for way in ways:
        assert way.positive.tolist() == torch.eye(n, n + more, dtype=torch.bool).tolist()
        assert way.negative.tolist() == told_apart(n, n + more, index, words, group)


def test_each_way_looks_at_the_other_kind(vectors):
    images, texts = vectors(5, 3)
    of_images, of_texts = both_ways(images, texts, batch=3)
    cosines = torch.tensor([[cosine(a, b) for b in texts.tolist()] for a in images.tolist()])
    torch.testing.assert_close(of_images.similarity.float(), cosines[:3])
    torch.testing.assert_close(of_texts.similarity.float(), cosines.T[:3])


def test_a_policy_chooses_for_each_way_by_itself(vectors):
    """The text that is hardest for an image, and the image that is hardest for a text, pair by pair."""
    images, texts = vectors(6, 4)
    logits = [[5 * cosine(image, text) for text in texts.tolist()] for image in images.tolist()]
    soft = sharp = 0.0
    for rows in (logits, list(zip(*logits, strict=True))):
        for own, row in enumerate(rows):
            worst = max(logit for other, logit in enumerate(row) if other != own)
            soft += math.log1p(math.exp(worst - row[own])) / 12
            sharp += (math.log1p(math.exp(2 - row[own])) + math.log1p(math.exp(worst - 2))) / 12
    one = {"negatives": lambda comparison, _: hardest(comparison, 1)}
    assert clip(images, texts, 0.2, **one).item() == pytest.approx(soft)
    assert siglip(images, texts, 0.2, -2.0, **one).item() == pytest.approx(sharp)


def test_weights_of_negatives_enter_the_softmax(vectors):
    images, texts = vectors(6, 4)
    logits = (torch.nn.functional.normalize(images) @ torch.nn.functional.normalize(texts).T) / 0.5
    expected = 0.0
    for row in (*logits, *logits.T):
        own = len(row) and (row == logits.diag()[:, None]).any(0).nonzero()[0, 0]
        others = torch.cat([row[:own], row[own + 1 :]])
        weights = (2 * others).softmax(0) * len(others)
        expected += -torch.log(row[own].exp() / (row[own].exp() + (weights * others.exp()).sum())) / 12
    found = clip(images, texts, 0.5, negatives=partial(harden, beta=2.0))
    torch.testing.assert_close(found, expected)

"""Retrieval between images and texts, against code that goes one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from contraflow.encoded.texts import Texts
from contraflow.evaluation import captions
from contraflow.evaluation.captions import Words
from contraflow.evaluation.said import Said

SAID = [["a cat", "eine Katze"], ["a dog"], ["a cat", "un gato", "قطة"]]
TEXTS = Texts.of(SAID, [np.array([1])] * 6)


def test_texts_that_are_equal_are_one_and_right_for_all_that_have_it():
    said = Said.of(TEXTS)
    assert [TEXTS[text] for text in said.texts] == ["a cat", "eine Katze", "a dog", "un gato", "قطة"]
    found = said.right("image_to_text").toarray()
    assert found.tolist() == [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 1, 1]]
    assert np.array_equal(said.right("text_to_image").toarray(), found.T)


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(2, 9))
def test_ranks_are_those_of_counting_one_by_one(seed, queries, candidates):
    random = np.random.default_rng(seed)
    similarity = random.integers(0, 4, (queries, candidates)).astype(np.float32)  # with ties
    right = random.random((queries, candidates)) < 0.4
    right[np.arange(queries), random.integers(0, candidates, queries)] = True
    found = captions.ranks(lambda rows: similarity[rows], csr_matrix(right))
    for row in range(queries):
        best = max(similarity[row, right[row]])
        assert found[row] == sum(similarity[row, j] >= best for j in range(candidates) if not right[row, j])


def test_where_all_are_equally_similar_nothing_is_found():
    right = csr_matrix(np.eye(5, dtype=bool))
    assert (captions.ranks(lambda rows: np.ones((5, 5))[rows], right) == 4).all()


def test_more_queries_than_fit_at_once():
    images, texts = (np.random.default_rng(seed).normal(size=(1300, 8)).astype(np.float32) for seed in (0, 1))
    right = csr_matrix(np.eye(1300, dtype=bool))
    found = captions.ranks(captions.by_vectors(images, texts), right)
    similarity = images @ texts.T
    assert np.array_equal(found, (similarity > np.diag(similarity)[:, None]).sum(1))


def test_scores_of_ranks():
    found = captions.scores(np.array([0, 4, 9]), [1, 5, 10])
    assert {name: each.tolist() for name, each in found.items()} == {
        "recall@1": [True, False, False],
        "recall@5": [True, True, False],
        "recall@10": [True, True, True],
        "mrr": [1.0, 0.2, 0.1],
    }


def test_what_is_best_comes_first_and_of_equals_the_first():
    similarity = np.array([[0.1, 0.9, 0.9], [0.5, 0.2, 0.3]])
    order, values = captions.best(lambda rows: similarity[rows], np.array([1, 0]), 2)
    assert order.tolist() == [[0, 2], [1, 2]] and values.tolist() == [[0.5, 0.3], [0.9, 0.9]]


def test_the_modality_gap():
    right_angle = np.eye(2)
    assert captions.modality_gap(right_angle[:1], right_angle[1:]) == pytest.approx(2**0.5)
    assert captions.modality_gap(right_angle, right_angle[::-1]) == 0


def test_prompts_and_who_is_named_by_them():
    assert captions.prompts(["face-smiling", "sky_and weather"], ["{}", "a picture of {}"]) == [
        "face smiling",
        "a picture of face smiling",
        "sky and weather",
        "a picture of sky and weather",
    ]
    similarity = np.array([[0.1, 0.2, 0.9, 0.0], [0.5, 0.5, 0.9, 0.0]])
    assert captions.named(similarity, 2).tolist() == [1, 0]


def test_an_image_has_the_words_of_those_near_it():
    words = Words([TEXTS[text] for text in range(6)])
    found = words.of_images(np.array([[1, 1], [0, 2]]), TEXTS)
    assert np.allclose(np.sqrt(found.multiply(found).sum(1)), 1)
    similar = captions.by_words(found, words.of(["a dog", "a cat", "zzz"]))(slice(None))
    assert similar[0, 0] == pytest.approx(1)
    assert similar[1, 1] > similar[1, 0] > similar[1, 2]

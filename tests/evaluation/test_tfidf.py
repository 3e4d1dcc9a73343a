"""Bags of tokens against scikit-learn, and against a sum by hand."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from contraflow.encoded.texts import Rows
from contraflow.evaluation.representation import open_representation
from contraflow.evaluation.tfidf import BagOfTokens
from contraflow.models.settings import Model

KNOWN = [[3, 4, 3, 5], [4, 6], [3, 3, 3, 6, 7], [5]]
OTHERS = [[3, 7, 7, 9], [9], [4, 4, 4]]  # of which 9 is in none that is known


@pytest.fixture(scope="module")
def bag():
    return BagOfTokens(Rows.of([np.array(each) for each in KNOWN], np.int32), 10)


@pytest.fixture(scope="module")
def found(bag):
    rows = torch.zeros(3, 1 + 6, dtype=torch.int64)
    for row, tokens in zip(rows, OTHERS, strict=True):
        row[0], row[1 : 1 + len(tokens)] = 77, torch.tensor(tokens)  # a key, which it does not read
    return bag(rows).numpy()


def test_it_is_what_scikit_learn_makes_of_the_same_tokens(found):
    words = {str(token): token for token in range(10)}
    vectoriser = TfidfVectorizer(analyzer=str.split, vocabulary=words, sublinear_tf=True)
    known = vectoriser.fit_transform(" ".join(map(str, each)) for each in KNOWN)
    others = vectoriser.transform(" ".join(map(str, each)) for each in OTHERS)
    expected = others @ np.linalg.svd(known.toarray())[2][:4].T
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-5)  # axes have no sign


def test_rare_tokens_weigh_more_by_the_formula(bag, found):
    idf = {3: np.log(5 / 3) + 1, 7: np.log(5 / 2) + 1, 9: np.log(5 / 1) + 1}
    weights = np.zeros(10)
    weights[[3, 7, 9]] = idf[3], (1 + np.log(2)) * idf[7], idf[9]
    np.testing.assert_allclose(found[0], weights / np.linalg.norm(weights) @ bag.axes.numpy(), rtol=1e-5, atol=1e-6)


def test_nothing_is_lost_of_the_texts_that_it_learned_from(bag):
    rows = torch.tensor([[0, *each, *[0] * (6 - len(each))] for each in KNOWN])
    vectors = bag(rows)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))


def test_the_texts_stay_as_they_are():
    known = Rows.of([np.array(each) for each in KNOWN], np.int32)
    BagOfTokens(known, 10)
    assert [row.tolist() for row in (known[i] for i in range(4))] == KNOWN


def test_it_learns_from_the_texts_that_are_trained_on_alone(sentences):
    held_out = set(sentences.validation.tolist())
    training = [sentences.texts["train"].tokens[i] for i in range(len(sentences.texts["train"])) if i not in held_out]
    bag = open_representation("raw_pixels", None, sentences, Model()).network
    expected = BagOfTokens(Rows.of(training, np.int32), sentences.card.vocabulary)
    assert held_out and torch.equal(bag.idf, expected.idf) and torch.equal(bag.axes, expected.axes)

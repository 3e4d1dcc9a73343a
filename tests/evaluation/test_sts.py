"""Scored pairs are read, or refused with one sentence, and their cosines taken pair by pair."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from contraflow.encoded.texts import Rows
from contraflow.evaluation.sts import cosines, read_scored
from contraflow.evaluation.tfidf import tfidf
from contraflow.foundations.errors import UserError

HEADER = "text_1,text_2,score"
ROWS = ["a cat,a dog,1.5", "قطة,a cat,5", "a dog,a dog,2e0"]


@pytest.fixture
def table(tmp_path):
    """`table(*lines)`: the file of them."""

    def write(*lines):
        file = tmp_path / "scores.csv"
        file.write_text("\n".join(lines), encoding="utf-8")
        return file

    return write


def test_columns_may_come_in_any_order_with_others(table):
    rows = ["5,x,<b>b</b>,a", "4.5,,a, c ", "", "-1,y,a,a"]
    found = read_scored(table("score,who,text_2,text_1", *rows))
    assert found.texts == ["a", "c", "<b>b</b>"]
    assert found.pairs.tolist() == [[0, 2], [1, 0], [0, 0]] and found.scores.tolist() == [5, 4.5, -1]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["text_1,text_2", "a,b"], "needs the columns text_1, text_2, score once each, and has score not$"),
        ([f"{HEADER},score", "a,b,1,2"], "needs the columns text_1, text_2, score once each, and has score twice$"),
        ([HEADER, *ROWS, "a, ,1"], "text_2 must not be empty, got '' in line 5$"),
        ([HEADER, ROWS[0], "a,b,high", *ROWS], "score must be a number, got 'high' in line 3$"),
        ([HEADER, *ROWS, "a,b,nan"], "score must be a number, got 'nan' in line 5$"),
        ([HEADER, *ROWS, "a,b,"], "score must be a number, got '' in line 5$"),
        ([HEADER, *ROWS[:2]], "must have at least 3 pairs, got 2$"),
        ([HEADER, "a,b,1", "b,c,1.0", "c,d,1"], "score must not be the same in all lines, got 1$"),
        ([HEADER], "lists no pairs"),
        ([HEADER, "a,b"], "every line must have 3 fields as the first has, but line 2 has not$"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_column_and_line(table, lines, says):
    with pytest.raises(UserError, match=rf"scores\.csv.*{says}" if says.endswith("$") else says) as raised:
        read_scored(table(*lines))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(UserError, match=r"^eval\.sts must be a CSV file, .*gone\.csv: No such file or directory$"):
        read_scored(tmp_path / "gone.csv")
    (tmp_path / "latin.csv").write_bytes(f"{HEADER}\nä,b,1\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.csv is not a CSV file in UTF-8"):
        read_scored(tmp_path / "latin.csv")


def test_cosines_are_those_of_each_pair_and_rounding_orders_none():
    vectors = np.array([[1, 0], [0.6, 0.8], [0.6 + 3e-8, 0.8]], np.float32)
    pairs = np.array([[0, 1], [0, 2], [1, 1]])
    for each in (vectors, csr_matrix(vectors)):
        assert cosines(each, pairs).tolist() == [0.6, 0.6, 1]


def test_tfidf_is_that_of_every_token_by_the_known_texts():
    known = Rows.of([np.array(row) for row in ([1, 2, 2], [1, 3], [1, 4, 5])], np.int32)
    own = Rows.of([np.array(row) for row in ([1, 2, 2, 2], [6, 3])], np.int32)
    found = tfidf(own, known, 7).toarray()
    documents = [sum(token in known[row] for row in range(3)) for token in range(7)]
    idf = [np.log(4 / (1 + n)) + 1 for n in documents]
    for row, vector in enumerate(found):
        counts = np.bincount(own[row], minlength=7)
        expected = np.array([(1 + np.log(n)) * weight if n else 0 for n, weight in zip(counts, idf, strict=True)])
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-5)

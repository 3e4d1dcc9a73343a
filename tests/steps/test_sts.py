"""The step evaluate-sts, against code that goes pair by pair."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from contraflow.encoded.names import CARD
from contraflow.encoded.tokens import tokenise
from contraflow.evaluation.representation import open_representation
from contraflow.evaluation.results import Extra
from contraflow.foundations.errors import UserError
from contraflow.models.towers import load_towers, start_towers
from contraflow.steps.evaluate.evaluate_sts import StsSettings, evaluate_sts

pytestmark = pytest.mark.usefixtures("one_thread")

PAIRS = [
    ("<i>animal</i> number 3 said 1 times", "<i>animal</i> number 5 said 0 times", 4),
    ("<i>tool</i> number 3 said 1 times", "<i>animal</i> number 3 said 1 times", 2.5),
    ("שלום עולם", "שלום", 4),
    ("日本語", "many words " * 2_000 + "more", 0),
    ("❤️‍🔥", "<script>alert(1)</script>", 1),
    ("a", "a", 5),
]


@pytest.fixture
def measure(tmp_path, monkeypatch):
    """`measure(params, data, "encoder-seed0", checkpoint)`: what the step finds."""
    monkeypatch.chdir(tmp_path)
    lines = [",".join([one, other, str(score)]) for one, other, score in PAIRS]
    (tmp_path / "scores.csv").write_text("\n".join(["text_1,text_2,score", *lines]), encoding="utf-8")

    def run(params, data, representation, checkpoint=None):
        settings = replace(StsSettings.of(params), sts="scores.csv")
        files = {"data": data.folder / CARD, "checkpoint": checkpoint, "figures": tmp_path / "figures.json"}
        evaluate_sts(settings, representation=representation, **files, threads=1)
        return Extra.read(tmp_path / "figures.json", data=data.digest)

    return run


def ranks(values):
    """From 1, of equals the mean."""
    return [sum(each < value for each in values) + (sum(each == value for each in values) + 1) / 2 for value in values]


def by_hand(embed):
    """The rank correlation of the pairs' cosines by an encoder of one text, (D,), with their scores."""
    found = []
    for one, other, _ in PAIRS:
        with torch.no_grad():
            a, b = (np.asarray(embed(text), float) for text in (one, other))
        found.append(round(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), 6))
    x, y = ranks(found), ranks([score for *_, score in PAIRS])
    a, b = ([value - sum(side) / len(side) for value in side] for side in (x, y))
    norm = (sum(value**2 for value in a) * sum(value**2 for value in b)) ** 0.5
    return sum(one * other for one, other in zip(a, b, strict=True)) / norm


def test_figures_of_texts_alone_are_those_of_each_pair(measure, sentences_of, sentences, pretrained, tmp_path):
    params = sentences_of(sentences.folder.parent / "table", positives={"from": "group"})
    checkpoint = pretrained(params, sentences, tmp_path) / "encoder.safetensors"
    for name, path in (("encoder-seed0", checkpoint), ("untrained-seed0", None)):
        network = open_representation(name, path, sentences, params.model).network.eval()

        def embed(text, network=network):
            tokens = tokenise(sentences.tokenizer, [text])[0]
            return network(torch.from_numpy(np.array([[0, *tokens.tolist()]])))[0]

        found = measure(params, sentences, name, path)
        assert found.figures == {"spearman": pytest.approx(by_hand(embed))}
        low, high = found.intervals["spearman"]
        assert -1 <= low < high <= 1 and found.seed == 0 and found.provenance.inputs["sts"]
    assert "6 pairs of 10 different texts" in found.protocol["spearman"]


def test_images_with_texts_have_their_encoder_of_texts_measured(measure, params_of, captioned, pretrained, tmp_path):
    params = params_of(method={"name": "clip"}, mining={"rounds": 0})
    checkpoint = pretrained(params, captioned, tmp_path) / "encoder.safetensors"
    for name, towers in (
        ("encoder-seed0", load_towers(checkpoint)[0]),
        ("untrained-seed0", start_towers(params.model, captioned, 0)),
    ):

        def embed(text, encoder=towers.text):
            return encoder(torch.from_numpy(tokenise(captioned.tokenizer, [text])[0].astype(np.int64)[None]))[0]

        found = measure(params, captioned, name, checkpoint if name.startswith("encoder") else None)
        assert found.figures == {"spearman": pytest.approx(by_hand(embed))}
    other = pretrained(params_of(), captioned, tmp_path / "other") / "encoder.safetensors"
    with pytest.raises(UserError, match="has no encoder of texts"):
        measure(params, captioned, "encoder-seed0", other)


@pytest.mark.parametrize("kind", ["sentences", "captioned"])
def test_what_stands_beside_is_tfidf_of_the_training_texts(measure, request, params_of, sentences_of, sentences, kind):
    data = request.getfixturevalue(kind)
    params = params_of() if kind == "captioned" else sentences_of(sentences.folder.parent / "table")
    own = data.texts["train"]
    known = [set(own.tokens[i].tolist()) for i in range(len(own)) if own.image[i] in data.training]

    def embed(text):
        tokens, found = tokenise(data.tokenizer, [text])[0].tolist(), np.zeros(data.card.vocabulary)
        for token in set(tokens):
            idf = np.log((1 + len(known)) / (1 + sum(token in each for each in known))) + 1
            found[token] = (1 + np.log(tokens.count(token))) * idf
        return found

    found = measure(params, data, "raw_pixels")
    assert (found.representation, found.seed) == ("raw_pixels", None)
    assert found.figures == {"spearman": pytest.approx(by_hand(embed))}


def test_where_all_are_alike_nothing_is_ordered(measure, sentences_of, sentences, monkeypatch):
    params = sentences_of(sentences.folder.parent / "table")
    monkeypatch.setattr(
        "contraflow.steps.evaluate.evaluate_sts.unit", lambda vectors: np.full((len(vectors), 4), 0.5, np.float32)
    )
    found = measure(params, sentences, "untrained-seed0")
    assert (found.figures, found.intervals) == ({"spearman": 0}, {"spearman": [0, 0]})


def test_data_without_texts_are_refused(measure, params_of, encoded):
    with pytest.raises(UserError, match=r"^eval\.sts must be data where there are no texts, as in folder$"):
        measure(params_of(), encoded, "raw_pixels")

"""Texts that are alone through the steps: what is kept of them, trained on and measured."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures.encoded import ODD
from fixtures.kills import die_after_each_epoch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers

from contraflow.commands.trained import Trained
from contraflow.encoded.names import CARD, TEST, TEXTS, TRAIN
from contraflow.evaluation.results import Evaluation
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import load_encoder
from contraflow.steps.evaluate.evaluate import Evaluating, evaluate
from contraflow.steps.mine.mine import MiningSettings, mine
from contraflow.steps.mine.train_mined import MinedTraining, train_mined
from contraflow.training.parallel import on_each
from contraflow.views.items import item_views

FILES = ("encoder.safetensors", "history.csv")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def params(sentences_of, sentences):
    train = {"epochs": 3, "precision": "float32"}
    return sentences_of(sentences.folder.parent / "table", train=train, positives={"from": "group"})


@pytest.fixture(scope="module")
def trained(pretrained, params, sentences, tmp_path_factory):
    return pretrained(params, sentences, tmp_path_factory.mktemp("trained"))


def test_the_data_say_that_texts_are_alone(sentences):
    card = sentences.card
    assert (card.items, card.image_size, card.channels, card.mean, card.std) == ("texts", 0, 0, [], [])
    assert (card.train.images, card.test.images, card.classes) == (64, 16, ["animal", "tool"])
    assert card.texts.train == 64 and card.texts.characters[2] > 100_000 and card.texts.shared == 0
    assert all(card.bytes[name] == 0 for name in (TRAIN, TEST))
    texts = sentences.texts["train"]
    assert {texts[i].rpartition(" ")[0] for i in range(64)} >= set(ODD)
    assert texts.labels.tolist() == sentences.labels("train").tolist() and set(texts.labels) == {0, 1}
    assert np.bincount(sentences.positions // 2**32).max() == 2


def test_who_says_the_same_is_counted_and_named_by_its_line(sentences_of, encoded_of, tmp_path):
    rows = [f"text {i},{'ab'[i % 2]},train" for i in range(8)] + ["text 3,b,train", "text 4,a,test", "other,b,test"]
    (tmp_path / "t.csv").write_text("\n".join(["text,label,split", *rows]))
    card = encoded_of(sentences_of(tmp_path), tmp_path / "out").card
    assert (card.duplicates.images, card.duplicates.listed) == (1, [["line 10", "line 5"]])
    assert (card.leaks.images, card.leaks.listed, card.texts.shared) == (1, [["line 11", "line 6"]], 1)


def test_the_test_is_known_by_its_own_texts_whatever_else_is_encoded(params_of, encoded_of, captioned, tmp_path):
    def tested(labels="ab", said="text", **data):
        folder = tmp_path / "table"
        folder.mkdir(exist_ok=True)
        rows = [f"{said} {i},{labels[i % 2]},g{i // 2}" for i in range(60)]
        (folder / "t.csv").write_text("\n".join(["text,label,group", *rows]))
        data = {"path": str(folder), "table": "t.csv", "image_size": None, "vocabulary": 320} | data
        found = encoded_of(params_of(method={"name": "simcse"}, mining={"rounds": 0}, data=data), tmp_path / "out")
        return found.card.tested, found.card.digests[TEXTS]

    own, whole = tested()
    assert tested() == (own, whole)
    for changes in ({"vocabulary": 300}, {"limit": 20}):
        assert tested(**changes)[0] == own and tested(**changes)[1] != whole
    assert len({own, tested(split_seed=1)[0], tested(labels="ba")[0], tested(said="other")[0]}) == 4
    assert captioned.card.tested == captioned.card.digests[TEST]


@pytest.mark.parametrize(
    "changes",
    [{}, {"train": {"micro_batch": 4, "precision": "mixed"}}, {"augment": {"recipe": "words"}}],
    ids=str,
)
def test_a_training_killed_after_any_epoch_goes_on_to_the_same_bytes_with_any_threads(
    monkeypatch, tmp_path, sentences_of, sentences, pretrained, changes
):
    changes = changes | {"train": {"epochs": 2} | changes.get("train", {})}
    params = sentences_of(sentences.folder.parent / "table", **changes)
    whole = pretrained(params, sentences, tmp_path / "whole")
    die_after_each_epoch(monkeypatch)
    for threads in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            pretrained(params, sentences, tmp_path / "killed", threads=threads)
    killed = pretrained(params, sentences, tmp_path / "killed", threads=3)
    assert [sha256(killed / file) for file in FILES] == [sha256(whole / file) for file in FILES]


def test_two_processes_come_to_what_one_comes_to(monkeypatch, tmp_path, sentences_of, sentences, pretrained):
    """By plain steps: AdamW makes steps of rounding where a gradient is 0, as that of the keys' bias is."""
    train = {"epochs": 3, "precision": "float32", "optimiser": "sgd", "lr": 0.1}
    params, works = sentences_of(sentences.folder.parent / "table", train=train, positives={"from": "group"}), []
    pretrained(params, sentences, tmp_path / "one")
    monkeypatch.setattr("contraflow.training.rounds.on_each", lambda devices, work: works.append(work))
    pretrained(params, sentences, tmp_path / "two")
    on_each([torch.device("cpu")] * 2, works[0])
    weights = [load_file(tmp_path / each / FILES[0]) for each in ("one", "two")]
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-6)
    tables = [pd.read_csv(tmp_path / each / FILES[1]) for each in ("one", "two")]
    pd.testing.assert_frame_equal(*tables, rtol=1e-4)


def test_all_is_measured_but_regions(params, sentences, trained, tmp_path):
    out = tmp_path / "f.npz"
    files = {"data": sentences.folder / CARD, "figures": tmp_path / "f.json"}
    run = partial(evaluate, Evaluating.of(params), **files, threads=1)
    run(representation="encoder-seed0", checkpoint=trained / FILES[0], features=out)
    found = Evaluation.read(tmp_path / "f.json", data=sentences.digest)
    assert found.dimension == params.model.text.width and found.alignment > 0 and found.test["linear"] > 0.5
    arrays, _ = load_arrays(out)
    assert arrays["regions"].shape[1:] == (2, 0, 0) and len(arrays["pair"]) > 0
    network, _ = load_encoder(trained / FILES[0])
    texts = sentences.texts["test"]
    rows = torch.from_numpy(np.array([[0, *texts.tokens[3]]]))
    np.testing.assert_allclose(network(rows).detach().numpy()[0], arrays["features"][3], rtol=1e-4, atol=1e-5)
    for name in ("raw_pixels", "untrained-seed0"):
        run(representation=name)
        other = Evaluation.read(tmp_path / "f.json", data=sentences.digest)
        assert other.test.keys() == found.test.keys() and (other.alignment == 0) == (name == "raw_pixels")
    assert "TF-IDF" in other.protocol["features"] or name != "raw_pixels"


def test_retrieval_is_by_group(sentences_of, sentences, trained, tmp_path):
    how = {"retrieval": [1, 3], "retrieval_by": "group"}
    params = sentences_of(sentences.folder.parent / "table", eval=how)
    files = {"data": sentences.folder / CARD, "figures": tmp_path / "f.json"}
    evaluate(Evaluating.of(params), representation="raw_pixels", **files, threads=1)
    found = Evaluation.read(tmp_path / "f.json", data=sentences.digest)
    assert found.test["recall@3"] >= found.test["recall@1"] > 0.5
    assert "bag of words" in found.protocol["features"]


@pytest.mark.parametrize("use", ["batches", "forward", "stored"])
def test_mined_negatives_are_trained_on(sentences_of, sentences, trained, tmp_path, use):
    mining = {"rounds": 1, "k": 2, "use": use}
    params = sentences_of(sentences.folder.parent / "table", mining=mining, positives={"from": "group"})
    files = {"data": sentences.folder / CARD, "negatives": tmp_path / "negatives.npz"}
    mine(MiningSettings.of(params), encoder=trained / FILES[0], **files, threads=1)
    out = {"encoder": tmp_path / FILES[0], "history": tmp_path / FILES[1], "state": tmp_path / "state"}
    train_mined(
        MinedTraining.of(params), start=trained / FILES[0], before=trained / FILES[1], **files, **out, threads=1
    )
    assert sha256(tmp_path / FILES[0]) != sha256(trained / FILES[0])


def test_methods_of_the_other_kind_are_refused(params, encoded, sentences, params_of, pretrained, tmp_path):
    with pytest.raises(UserError, match=r"^method\.name simcse takes texts, and folder has images: see docs/text\.md$"):
        pretrained(params, encoded, tmp_path)
    with pytest.raises(UserError, match=r"^method\.name clip takes images, and folder has texts: see docs/text\.md$"):
        pretrained(params_of(method={"name": "clip"}), sentences, tmp_path)


def test_what_takes_images_refuses_an_encoder_of_texts(trained):
    path = trained / FILES[0]
    with pytest.raises(UserError, match=r"encoder\.safetensors takes texts: name an encoder of images$"):
        Trained.open(path).require_images()
    with pytest.raises(UserError, match=r"^mining\.guide takes texts: name an encoder of images$"):
        load_encoder(path)[1].require_images("mining.guide", size=16, channels=1)


@pytest.mark.parametrize("name", ["simclr", "moco", "byol", "supcon", "vicreg"])
def test_methods_that_ask_for_views_alone_take_texts_too(sentences_of, sentences, pretrained, tmp_path, name):
    params = sentences_of(sentences.folder.parent / "table", method={"name": name}, train={"epochs": 1})
    pretrained(params, sentences, tmp_path)
    network, made_from = load_encoder(tmp_path / FILES[0])
    assert made_from.vocabulary == sentences.card.vocabulary and network.dimension == params.model.text.width


def test_a_users_tokenizer_makes_the_tokens_and_a_training_goes_by_it(
    sentence_table, params_of, encoded_of, pretrained, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = Tokenizer(models.WordLevel({"said": 0, "animal": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save("own.json")
    table = {"path": str(sentence_table(tmp_path / "table")), "table": "t.csv", "image_size": None}
    params = params_of(
        data=table | {"tokenizer": "own.json"},
        method={"name": "simcse"},
        mining={"rounds": 0},
        train={"epochs": 1},
    )
    data = encoded_of(params, tmp_path / "data")
    assert data.card.vocabulary == 5  # two that fill up and begin
    place = next(i for i, text in enumerate(data.texts["train"]) if text == "<i>animal</i> number 2 said 0 times")
    # < i > animal </ i > number 2 said 0 times, where 0 (said) and 3, which fills up, have changed places
    assert data.texts["train"].tokens[place].tolist() == [4, 2, 2, 2, 1, 2, 2, 2, 2, 2, 3, 2, 2]
    checkpoint = pretrained(params, data, tmp_path / "trained") / "encoder.safetensors"
    assert load_encoder(checkpoint)[1].vocabulary == 5


def test_a_recipe_of_words_reaches_the_views_of_a_training(sentences_of, sentences):
    recipes = sentences_of(sentences.folder.parent / "table", augment={"recipe": "words"}).augment.chosen().whole()
    (batch, *_) = item_views(sentences, "train", recipes, seed=0, batch_size=32, threads=1).epoch(0)
    whole = sentences.texts["train"].tokens.lengths[batch.index]
    for view in batch.views[..., 1:]:
        left = (view > 0).sum(1).numpy() / whole
        assert (left <= 1).all() and 0.5 < left.mean() < 0.9

"""The step evaluate-captions, and what needs texts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contraflow.encoded.kin import any_are
from contraflow.encoded.names import CARD
from contraflow.evaluation.results import Extra
from contraflow.evaluation.said import Said
from contraflow.foundations.errors import UserError
from contraflow.mining.apart import never_negatives
from contraflow.models import text
from contraflow.models.checkpoint import save_model
from contraflow.models.text import embed_texts
from contraflow.models.towers import PARTS, load_towers, start_towers
from contraflow.neighbours.bank import unit
from contraflow.steps.evaluate.evaluate_captions import CaptionSettings, evaluate_captions
from contraflow.steps.mine.mine import MiningSettings, mine
from contraflow.steps.mine.train_mined import MinedTraining, train_mined
from contraflow.training.rounds import build_method
from contraflow.training.settings import Training
from contraflow.views.loader import ImageLoader

FLAT = ("image_to_text", "text_to_image")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def params(params_of):
    return params_of(method={"name": "clip"}, train={"epochs": 6}, eval={"templates": ["{}", "a {}"]})


@pytest.fixture(scope="module")
def trained(pretrained, params, captioned, tmp_path_factory) -> Path:
    return pretrained(params, captioned, tmp_path_factory.mktemp("trained")) / "encoder.safetensors"


@pytest.fixture
def measure(params, captioned, tmp_path):
    """`measure("encoder-seed0", checkpoint)`: what the step finds."""

    def run(representation, checkpoint=None, data=captioned):
        files = {"data": data.folder / CARD, "checkpoint": checkpoint, "figures": tmp_path / "figures.json"}
        evaluate_captions(CaptionSettings.of(params), representation=representation, **files, threads=1)
        return Extra.read(tmp_path / "figures.json", data=data.digest)

    return run


def test_figures_are_those_of_the_whole_method_one_by_one(params, captioned, trained, measure):
    found = measure("encoder-seed0", trained)
    network, made_from = load_towers(trained)
    texts, said = captioned.texts["test"], Said.of(captioned.texts["test"])
    loader = ImageLoader(captioned.test_beton, batch_size=16, threads=1, **captioned.card.loading)
    with torch.no_grad():
        images = np.concatenate([network.images(batch).numpy() for batch, _ in loader])
        tokens = torch.from_numpy(texts.tokens.padded(said.texts, params.model.text.context))
        embedded = np.concatenate([network.text(row[None]).numpy() for row in tokens])
    similarity = unit(images) @ unit(embedded).T
    own = said.right("image_to_text").toarray()
    for way, values, right in zip(FLAT, (similarity, similarity.T), (own, own.T), strict=True):
        ranks = [sum(row[~good] > row[good].max() - 1e-6) for row, good in zip(values, right, strict=True)]
        for k in params.eval.captions:
            assert found.figures[f"{way}_recall@{k}"] == pytest.approx(np.mean([rank < k for rank in ranks]))
            assert found.right[f"{way}_recall@{k}"].scores().mean() == pytest.approx(np.mean([r < k for r in ranks]))
        assert found.figures[f"{way}_mrr"] == pytest.approx(np.mean([1 / (rank + 1) for rank in ranks]))
    for query, near, values in zip(found.finds.query, found.finds.found, found.finds.similarity, strict=True):
        np.testing.assert_allclose(values, np.sort(similarity[:, query])[::-1][:5], atol=6e-4)
        np.testing.assert_allclose(similarity[near, query], values, atol=6e-4)
    assert found.finds.query == list(range(len(said.texts)))
    assert 0 < found.figures["gap"] < 2 and made_from.seed == 0
    assert {way: len(found.examples[way]) > 0 for way in FLAT} == dict.fromkeys(FLAT, True)


def test_before_training_they_are_what_a_training_starts_from(params, captioned):
    torch.manual_seed(3)
    method = build_method(Training.of(params), captioned, captioned.training)
    towers = start_towers(params.model, captioned, 3)
    state = method.state_dict()
    assert all(
        torch.equal(tensor, state[name.removeprefix("images.0.")])
        for name, tensor in towers.encoder.state_dict(prefix="encoder.").items()
    )
    assert all(torch.equal(tensor, state[f"text.{name}"]) for name, tensor in towers.text.state_dict().items())


def test_untrained_pixels_and_chance_have_the_same_figures(measure, params):
    found = [measure(name) for name in ("untrained-seed0", "raw_pixels", "chance")]
    names = {f"{way}_{name}" for way in FLAT for name in ("recall@1", "recall@5", "recall@10", "mrr")} | {"zero_shot"}
    assert all(set(each.figures) - {"gap"} == names for each in found)
    assert all(each.finds is None for each in found)
    assert found[2].figures["zero_shot"] == 0.5 and found[2].seed is None
    assert found[0].right.keys() == found[1].right.keys() == names - {f"{way}_mrr" for way in FLAT}


def test_the_same_bytes_twice(measure, trained, tmp_path):
    measure("encoder-seed0", trained)
    first = (tmp_path / "figures.json").read_bytes()
    measure("encoder-seed0", trained)
    assert (tmp_path / "figures.json").read_bytes() == first


def test_images_without_texts_are_refused_by_the_evaluation_and_by_the_training(
    measure, params, encoded, pretrained, tmp_path
):
    with pytest.raises(UserError, match=r"^eval\.captions must be \[\] where no image has a text, as in folder$"):
        measure("raw_pixels", data=encoded)
    with pytest.raises(UserError, match=r"^method\.name clip needs texts, and folder has none: see docs/text\.md$"):
        pretrained(params, encoded, tmp_path)


def test_a_checkpoint_without_an_encoder_of_texts_is_refused(measure, params_of, captioned, pretrained, tmp_path):
    other = pretrained(params_of(), captioned, tmp_path) / "encoder.safetensors"
    with pytest.raises(UserError, match=r"has no encoder of texts: name one that was trained by method\.name clip or"):
        measure("encoder-seed0", other)


def test_texts_whose_vectors_are_no_numbers_are_refused(measure, trained, tmp_path):
    towers, made_from = load_towers(trained)
    for weights in towers.text.parameters():
        weights.data.fill_(float("nan"))
    parts = {part: getattr(towers, part) for part in PARTS}
    save_model(tmp_path / "broken.safetensors", torch.nn.ModuleDict(parts), made_from)
    with pytest.raises(UserError, match=r"the encoder of seed 0 \(.*\) gives NaN or infinite features for \d+ of"):
        measure("encoder-seed0", tmp_path / "broken.safetensors")


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_the_loss_falls(params_of, captioned, pretrained, tmp_path, name):
    import pandas as pd

    params = params_of(method={"name": name}, train={"epochs": 10, "batch_size": 8})
    history = pd.read_csv(pretrained(params, captioned, tmp_path) / "history.csv")
    assert history.loss.iloc[-3:].mean() < history.loss.iloc[:2].mean()
    assert history.collapse.isna().all()


@pytest.mark.parametrize("use", ["batches", "forward"])
def test_what_is_mined_by_images_and_texts_is_trained_on(params_of, captioned, trained, measure, tmp_path, use):
    mining = {"rounds": 1, "k": 2, "use": use}
    params = params_of(method={"name": "clip"}, train={"epochs": 6}, mining=mining)
    files = {"data": captioned.folder / CARD, "negatives": tmp_path / "negatives.npz"}
    mine(MiningSettings.of(params), encoder=trained, **files, threads=1)
    out = {
        "encoder": tmp_path / "encoder.safetensors",
        "history": tmp_path / "history.csv",
        "state": tmp_path / "state",
    }
    files |= {"start": trained, "before": trained.with_name("history.csv")} | out
    train_mined(MinedTraining.of(params), **files, threads=1)
    assert measure("encoder-seed0", out["encoder"]).figures != measure("encoder-seed0", trained).figures


@pytest.mark.parametrize("policy", ["hardest", "random"])
def test_of_whom_the_same_is_said_is_never_mined(params_of, captioned_of, pretrained, params, tmp_path, policy):
    """All texts of the one, so far as they are read: who shares some of them is a negative by the others."""
    data = captioned_of(tmp_path / "data", numbers=2)
    trained = pretrained(params, data, tmp_path / "trained") / "encoder.safetensors"
    texts, context = data.texts["train"], params.model.text.context
    read = [texts.tokens[row][:context].tolist() for row in range(len(texts))]
    said = [sorted(read[start:stop]) for start, stop in zip(texts.begins, texts.begins[1:], strict=False)]
    mining = {"k": 5, "candidates": 29, "false_negatives": "none", "policy": policy}
    mine(
        MiningSettings.of(params_of(method={"name": "clip"}, mining=mining)),
        encoder=trained,
        data=data.folder / CARD,
        negatives=tmp_path / "negatives.npz",
        threads=1,
    )
    with np.load(tmp_path / "negatives.npz") as table:
        pairs = [(said[a], said[b]) for a, row in zip(table["anchor"], table["negative"], strict=True) for b in row]
    assert len(pairs) == 5 * len(data.training) and all(one != other for one, other in pairs)
    assert any(text in other for one, other in pairs for text in one)


def test_nor_does_it_lie_in_one_neighbourhood(captioned_of, tmp_path):
    """Only where images are compared with texts; of a text so many tokens count."""
    data = captioned_of(tmp_path, numbers=2)
    texts, images = data.texts["train"], data.card.train.images
    alike = {}
    for context in (2, 32):
        read = [texts.tokens[row][:context].tolist() for row in range(len(texts))]
        said = [sorted(read[start:stop]) for start, stop in zip(texts.begins, texts.begins[1:], strict=False)]
        alike[context] = np.array([[one == other for other in said] for one in said])
        kin = never_negatives(data, None, 0, context)
        every = np.broadcast_to(np.arange(images), (images, images))
        plain = any_are(never_negatives(data, None, 0), np.arange(images), every)
        assert np.array_equal(any_are(kin, np.arange(images), every), plain | alike[context])
        assert (alike[context] & ~plain).any()
    assert alike[2].sum() > alike[32].sum()


def test_mining_embeds_so_many_texts_at_a_time(params_of, captioned, trained, tmp_path, monkeypatch):
    """However many the images have; those that are not finite are named."""
    settings = MiningSettings.of(params_of(method={"name": "clip"}, mining={"k": 3}))
    files = {"encoder": trained, "data": captioned.folder / CARD, "threads": 1}
    seen = []

    def recorded(encoder, tokens, *how):
        seen.append(len(tokens))
        return embed_texts(encoder, tokens, *how)

    monkeypatch.setattr(text, "embed_texts", recorded)
    monkeypatch.setattr(text, "BATCH", 8)
    mine(settings, negatives=tmp_path / "negatives.npz", **files)
    assert sum(seen) == 2 * len(captioned.training) and max(seen) == 8
    monkeypatch.setattr(text, "embed_texts", lambda *how: np.full((8, 4), np.nan, np.float32))
    with pytest.raises(
        UserError, match=r"^the encoder of seed 0 \(.*\) gives NaN or infinite features for 8 of 8 items"
    ):
        mine(settings, negatives=tmp_path / "again.npz", **files)


@pytest.mark.parametrize("rule", ["none", "relative"])
def test_mined_are_the_pairs_that_are_nearest_from_one_kind_to_the_other(params_of, captioned, trained, tmp_path, rule):
    """Of which images, and which texts: those that are trained on, one by one, and all texts of each."""
    params = params_of(method={"name": "clip"}, mining={"k": 3, "candidates": 30, "false_negatives": rule})
    mine(
        MiningSettings.of(params),
        encoder=trained,
        data=captioned.folder / CARD,
        negatives=tmp_path / "negatives.npz",
        threads=1,
    )
    network, _ = load_towers(trained)
    texts, training = captioned.texts["train"], captioned.training.tolist()
    loader = ImageLoader(captioned.train_beton, batch_size=16, threads=1, **captioned.card.loading)
    with torch.no_grad():
        images = torch.nn.functional.normalize(torch.cat([network.images(batch) for batch, _ in loader])).numpy()
        said = {}
        for image in training:
            vectors = [
                network.text(torch.from_numpy(texts.tokens[row].astype(int))[None])[0]
                for row in range(texts.begins[image], texts.begins[image + 1])
            ]
            mean = sum(vector / vector.norm() for vector in vectors)
            said[image] = (mean / mean.norm()).numpy()
    with np.load(tmp_path / "negatives.npz") as table:
        assert table["anchor"].tolist() == training
        for row, anchor in enumerate(training):
            own = float(images[anchor] @ said[anchor])
            assert table["positive"][row] == pytest.approx(own, abs=1e-5)
            alike = {}
            for other in training:
                if captioned.copies[other] != captioned.copies[anchor]:
                    alike[other] = float(max(images[anchor] @ said[other], said[anchor] @ images[other]))
            left = {other: value for other, value in alike.items() if rule == "none" or value <= own - 0.05 * abs(own)}
            expected = sorted(left.values(), reverse=True)[:3]
            chosen = table["negative"][row]
            there = chosen[chosen >= 0].tolist()
            assert [left[other] for other in there] == pytest.approx(expected, abs=1e-5)
            np.testing.assert_allclose(table["similarity"][row][: len(there)], expected, atol=1e-5)

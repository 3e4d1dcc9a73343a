"""The steps pretrain and mine on real, tiny data."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures.kills import die_after_each_epoch
from safetensors import safe_open

from contraflow.encoded.names import CARD
from contraflow.encoded.pixels import read_images
from contraflow.foundations.arrays import load_arrays, save_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.simclr import SimCLR
from contraflow.mining.mining_pass import MiningPass
from contraflow.models.checkpoint import load_encoder
from contraflow.steps.mine import mine as step
from contraflow.steps.mine.mine import MiningSettings, mine
from contraflow.steps.mine.summarise_mining import NoSettings, summarise_mining
from contraflow.steps.mine.train_mined import MinedTraining, train_mined
from contraflow.training import loop


@pytest.fixture(scope="module")
def mined(encoded):
    """`mined(params, encoder, table)`: what the encoder's negatives are, written to a table."""

    def write(params, encoder, table, threads=1, **shards):
        settings, card = MiningSettings.of(params), encoded.folder / CARD
        mine(settings, encoder=encoder, data=card, negatives=table, threads=threads, **shards)

    return write


@pytest.fixture(scope="module")
def trained_mined(encoded):
    """`trained_mined(params, before, negatives, folder)`: a round that goes on from the one in the folder `before`."""

    def train(params, before, negatives, folder):
        train_mined(
            MinedTraining.of(params),
            start=before / "encoder.safetensors",
            before=before / "history.csv",
            negatives=negatives,
            data=encoded.folder / CARD,
            encoder=folder / "encoder.safetensors",
            history=folder / "history.csv",
            threads=1,
            state=folder / "state",
        )
        return folder

    return train


@pytest.fixture(scope="module")
def run(tmp_path_factory, params_of, encoded, pretrained, mined, trained_mined):
    """One pretraining and one mining round, and the folder with its files."""
    root, params = tmp_path_factory.mktemp("run"), params_of()
    before = pretrained(params, encoded, root / "round0", seed=3)
    mined(params, before / "encoder.safetensors", root / "negatives.npz")
    trained_mined(params, before, root / "negatives.npz", root / "round1")
    return root


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(run, tmp_path, params_of, encoded, pretrained):
    for name, seed in (("same", 3), ("other", 4)):
        pretrained(params_of(), encoded, tmp_path / name, seed)
    first = sha256(run / "round0/encoder.safetensors")
    assert sha256(tmp_path / "same/encoder.safetensors") == first
    assert sha256(tmp_path / "other/encoder.safetensors") != first


def test_schedules_run_once_through_each_round(run, tmp_path, params_of, monkeypatch, trained_mined):
    """Those of temperature and momentum go by the share of the round that is done, as the learning rate does."""
    seen = []

    class Watched(SimCLR):
        def forward(self, batch):
            seen.append(batch.progress)
            return super().forward(batch)

    monkeypatch.setitem(METHODS, "simclr", Watched)
    trained_mined(params_of(), run / "round0", run / "negatives.npz", tmp_path)
    assert seen == [step / len(seen) for step in range(len(seen))] and len(seen) > 2


@pytest.mark.parametrize("optimiser", ["sgd", "lars", "adamw"])
@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_the_loss_falls(tmp_path, params_of, encoded, pretrained, optimiser, precision):
    lr = {"sgd": 0.5, "lars": 30.0, "adamw": 0.02}[optimiser]
    train = {"epochs": 6, "optimiser": optimiser, "precision": precision, "lr": lr}
    history = pd.read_csv(pretrained(params_of(train=train), encoded, tmp_path) / "history.csv")
    figures = ["alignment", "uniformity", "positive", "hardest", "rank", "spread", "gradient_norm", "knn"]
    of_mining = ["meets", "meets_none"]
    assert list(history.columns) == ["seed", "round", "epoch", "loss", "lr", *figures, *of_mining, "collapse"]
    assert history[of_mining].isna().all(axis=None)
    assert history.epoch.tolist() == [1, 2, 3, 4, 5, 6]
    assert history.loss.iloc[-1] < history.loss.iloc[0] - 0.1


def test_an_unfinished_training_has_its_history_so_far(monkeypatch, tmp_path, params_of, encoded, pretrained):
    """After each epoch, as the finished one has it."""
    seen, write = [], loop.save_history

    def write_and_look(path, *known):
        write(path, *known)
        seen.append((path.name, path.read_text()))

    monkeypatch.setattr(loop, "save_history", write_and_look)
    pretrained(params_of(train={"epochs": 3}), encoded, tmp_path)
    whole = (tmp_path / "history.csv").read_text().splitlines(keepends=True)
    assert seen == [("state.csv", "".join(whole[: 1 + epochs])) for epochs in (1, 2, 3)]


@pytest.mark.parametrize(
    "changes",
    [*({"optimiser": name} for name in ("sgd", "lars", "adamw")), {"micro_batch": 4, "precision": "mixed"}],
    ids=str,
)
def test_a_training_killed_after_any_epoch_goes_on_to_the_same_bytes(
    monkeypatch, tmp_path, params_of, encoded, pretrained, changes
):
    params = params_of(train={"epochs": 3} | changes)

    def train(name):
        pretrained(params, encoded, tmp_path / name)

    train("whole")
    epochs = die_after_each_epoch(monkeypatch)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train("killed")
    train("killed")  # every epoch was done: nothing is left but to write
    assert epochs == [1, 2, 3]
    for file in ("encoder.safetensors", "history.csv"):
        assert sha256(tmp_path / "killed" / file) == sha256(tmp_path / "whole" / file)


@pytest.mark.parametrize("name", ["simclr", "moco", "byol"])
def test_a_training_in_parts_is_that_of_whole_batches(tmp_path, params_of, encoded, pretrained, name):
    def trained(images):
        params = params_of(
            method={"name": name, "queue": 32},
            model={"norm": "group"},
            train={"epochs": 2, "micro_batch": images, "precision": "float32"},
        )
        return pretrained(params, encoded, tmp_path / str(images))

    whole, parts = trained(None), trained(4)
    weights = [load_encoder(folder / "encoder.safetensors")[0].state_dict() for folder in (whole, parts)]
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-5)
    assert sha256(whole / "encoder.safetensors") != sha256(parts / "encoder.safetensors")
    tables = [pd.read_csv(folder / "history.csv") for folder in (whole, parts)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_state_is_refused_by_name(tmp_path, params_of, encoded, pretrained, damage):
    state = pretrained(params_of(), encoded, tmp_path) / "state"
    content = bytearray(state.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    state.write_bytes(content)
    with pytest.raises(UserError, match=f"{state}.* is damaged: delete it"):
        pretrained(params_of(), encoded, tmp_path)
    assert state.read_bytes() == content


def test_a_checkpoint_says_what_it_was_made_from(run, params_of, encoded):
    first, then = (load_encoder(run / f"round{r}/encoder.safetensors")[1] for r in (0, 1))
    assert first.params["loss"] == params_of().loss.model_dump()
    assert first.inputs == {"data": encoded.digest}
    assert then.inputs == {
        "data": encoded.digest,
        "encoder": sha256(run / "round0/encoder.safetensors"),
        "negatives": sha256(run / "negatives.npz"),
    }
    assert (then.seed, then.round) == (3, 1)
    for checkpoint in (first, then):
        assert (checkpoint.mean, checkpoint.std) == (encoded.card.mean, encoded.card.std)
        assert (checkpoint.data, checkpoint.channels, checkpoint.image_size) == ("folder", 1, 16)


def test_validation_images_are_neither_anchors_nor_negatives(run, encoded):
    arrays, _ = load_arrays(run / "negatives.npz", MiningPass)
    assert np.array_equal(arrays["anchor"], encoded.training)
    assert arrays["negative"].shape == (len(encoded.training), 2)
    assert not np.isin(arrays["negative"], encoded.validation).any()
    assert (arrays["negative"] != arrays["anchor"][:, None]).all()


def test_views_and_windows_reach_the_search(run, tmp_path, params_of, mined):
    """A threshold that everything reaches: the nearest few to any view are suspected, and left out."""
    mining = {"false_negatives": "views", "fn_threshold": -1.0, "fn_top": 3, "fn_views": 2, "policy": "semi_hard"}
    params = params_of(mining=mining | {"band": [0.0, 1.0]}, negatives={"exclude_window": 4})
    for name in ("one", "two"):
        mined(params, run / "round0/encoder.safetensors", tmp_path / f"{name}.npz")
    assert sha256(tmp_path / "one.npz") == sha256(tmp_path / "two.npz")
    arrays, provenance = load_arrays(tmp_path / "one.npz", MiningPass)
    assert (provenance.search, provenance.recall) == ("exact", 1) and (arrays["suspected"] == 3).all()
    assert (np.abs(arrays["negative"] - arrays["anchor"][:, None]) > 4).all()
    assert provenance.params["negatives.exclude_window"] == 4


@pytest.mark.parametrize("name", ["mutual", "views", "relative"])
def test_shards_come_to_the_bytes_of_one_job(run, tmp_path, monkeypatch, params_of, mined, name):
    monkeypatch.setattr(step, "EMBEDDING_BATCH", 16)  # a shard begins and ends within a batch
    checkpoint = run / "round0/encoder.safetensors"

    def params(shards, memory_mb=256):
        mining = {"false_negatives": name, "fn_threshold": 0.9, "policy": "weighted"}
        return params_of(mining=mining | {"shards": shards, "memory_mb": memory_mb})

    mined(params(1), checkpoint, tmp_path / "one.npz")
    shards = [tmp_path / f"{i}.npz" for i in range(3)]
    for i, path in enumerate(shards):
        mined(params(3, memory_mb=1), checkpoint, path, threads=2, shard=i)
    mined(params(3), checkpoint, tmp_path / "merged.npz", shards=shards[::-1])
    assert sha256(tmp_path / "merged.npz") == sha256(tmp_path / "one.npz")
    with pytest.raises(UserError, match=r"of 3 shards are to be put together, got those of \[0, 2\]"):
        mined(params(3), checkpoint, tmp_path / "lacking.npz", shards=[shards[0], shards[2]])
    with pytest.raises(UserError, match=r"1\.npz is one of 3 shards, not of mining\.shards, 2"):
        mined(params(2), checkpoint, tmp_path / "lacking.npz", shards=[shards[1]])
    with pytest.raises(UserError, match=r"0\.npz was made from another encoder"):
        mined(params(3), run / "round1/encoder.safetensors", tmp_path / "lacking.npz", shards=shards)


@pytest.fixture
def guided(run, tmp_path, monkeypatch, params_of):
    """`guided("relative")`: parameters by which `guide.safetensors` in the present directory, a copy of the encoder,
    judges; without a guide where `guide` is None."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(run / "round0/encoder.safetensors", "guide.safetensors")

    def params(name, guide="guide.safetensors", **mining):
        filtered = {"false_negatives": name, "fn_threshold": 0.9, "fn_margin": 0.3, "policy": "weighted"}
        return params_of(mining=filtered | ({"guide": guide} if guide else {}) | mining)

    return params


@pytest.mark.parametrize("name", ["threshold", "mutual", "views", "relative"])
def test_a_guide_that_is_the_encoder_gives_the_same_table(run, tmp_path, mined, guided, name):
    checkpoint = run / "round0/encoder.safetensors"
    mined(guided(name, None), checkpoint, tmp_path / "alone.npz")
    mined(guided(name), checkpoint, tmp_path / "guided.npz")
    (alone, without), (found, made_from) = (
        load_arrays(tmp_path / f"{table}.npz", MiningPass) for table in ("alone", "guided")
    )
    assert found.keys() == alone.keys() and found["suspected"].sum() > 0
    assert {name: array.tobytes() for name, array in found.items()} == {n: a.tobytes() for n, a in alone.items()}
    assert made_from.inputs == without.inputs | {"guide": sha256(checkpoint)}
    assert made_from.params == without.params  # not where the guide lies


@pytest.mark.parametrize("name", ["mutual", "views", "relative"])
def test_shards_come_to_the_same_table_with_a_guide_and_none_is_of_another(
    run, tmp_path, monkeypatch, mined, guided, checkpoint_of, name
):
    monkeypatch.setattr(step, "EMBEDDING_BATCH", 16)
    checkpoint = run / "round0/encoder.safetensors"
    checkpoint_of(tmp_path / "guide.safetensors")  # of another data set, with a normalisation of its own
    mined(guided(name), checkpoint, tmp_path / "one.npz")
    shards = [tmp_path / f"{i}.npz" for i in range(3)]
    for i, path in enumerate(shards):
        mined(guided(name, shards=3, memory_mb=1), checkpoint, path, threads=2, shard=i)
    mined(guided(name, shards=3), checkpoint, tmp_path / "merged.npz", shards=shards)
    assert sha256(tmp_path / "merged.npz") == sha256(tmp_path / "one.npz")
    for other in (None, "guide.safetensors"):
        shutil.copy(checkpoint, "guide.safetensors")
        with pytest.raises(UserError, match=r"0\.npz was mined with another mining\.guide, or none"):
            mined(guided(name, other, shards=3), checkpoint, tmp_path / "lacking.npz", shards=shards)


def test_a_guide_sees_images_as_it_was_trained_to(run, tmp_path, encoded, mined, guided, checkpoint_of):
    """Suspects are those of what its network makes of the pixels in its own normalisation."""
    network, _ = load_encoder(checkpoint_of(tmp_path / "guide.safetensors", mean=[0.1], std=[0.7]))
    pixels = torch.from_numpy(read_images(encoded.train_beton, encoded.training, 16)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        features = torch.nn.functional.normalize(network((pixels / 255 - 0.1) / 0.7))
    alike = (features @ features.T).fill_diagonal_(-1)
    threshold = float(alike.quantile(0.8))
    table = tmp_path / "negatives.npz"
    mined(guided("threshold", fn_threshold=threshold, k=1, candidates=1000), run / "round0/encoder.safetensors", table)
    arrays, _ = load_arrays(table, MiningPass)
    sure = ((alike - threshold).abs() > 1e-5).all(dim=1).numpy()
    assert (arrays["suspected"] == (alike >= threshold).sum(dim=1).numpy())[sure].all() and sure.sum() > 40


@pytest.mark.parametrize(
    ("images", "words"), [({"channels": 3}, "colour images of 16"), ({"image_size": 24}, "grey images of 24")]
)
def test_a_guide_for_other_images_is_refused(run, tmp_path, monkeypatch, mined, guided, checkpoint_of, images, words):
    monkeypatch.setattr(step, "lease", None)  # before it waits for a GPU
    checkpoint_of(tmp_path / "guide.safetensors", **images)
    with pytest.raises(UserError, match=rf"mining\.guide, guide\.safetensors, takes {words} .* are grey ones of 16"):
        mined(guided("relative"), run / "round0/encoder.safetensors", tmp_path / "n.npz")


@pytest.fixture
def train_with(run, tmp_path, params_of, trained_mined):
    """`train_with("name", use="stored", epochs=2)`: another first round with the same negatives; its folder."""

    def train(name, **mining):
        return trained_mined(params_of(mining=mining), run / "round0", run / "negatives.npz", tmp_path / name)

    return train


@pytest.mark.parametrize("use", ["forward", "stored"])
def test_images_meet_their_negatives_beside_the_batch_and_the_same_twice(train_with, use):
    one, same, two = (train_with(n, use=use, companions=m) for n, m in (("one", 1), ("same", 1), ("two", 2)))
    assert sha256(one / "history.csv") == sha256(same / "history.csv")
    losses = [pd.read_csv(folder / "history.csv").loss.item() for folder in (one, two)]
    assert losses[0] < losses[1]  # of more, and harder, keys


def test_slots_outlive_a_kill_and_are_no_part_of_the_checkpoint(train_with, monkeypatch):
    settings = {"use": "stored", "epochs": 3}
    whole = train_with("whole", **settings)
    die_after_each_epoch(monkeypatch)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train_with("killed", **settings)
    for file in ("encoder.safetensors", "history.csv"):
        assert sha256(train_with("killed", **settings) / file) == sha256(whole / file)
    with safe_open(whole / "encoder.safetensors", framework="pt") as checkpoint:
        assert not [name for name in checkpoint.keys() if "slots" in name]  # noqa: SIM118 (safe_open is no dict)


@pytest.mark.parametrize("use", ["forward", "stored"])
@pytest.mark.parametrize("name", ["moco", "memory_bank", "nnclr", "supcon", "triplet", "margin"])
def test_every_method_with_negatives_takes_them_and_goes_on_after_a_kill(
    tmp_path, monkeypatch, params_of, encoded, pretrained, mined, trained_mined, name, use
):
    """The same bytes; the same epochs without them come to others."""
    if (name, use) == ("nnclr", "stored"):
        pytest.skip("refused by the parameters")
    mining, method = {"use": use, "companions": 2, "epochs": 2}, {"name": name, "queue": 32}
    params, negatives = params_of(method=method, mining=mining), tmp_path / "negatives.npz"
    before = pretrained(params, encoded, tmp_path / "round0")
    mined(params, before / "encoder.safetensors", negatives)
    whole = trained_mined(params, before, negatives, tmp_path / "whole")
    plain = params_of(method=method, mining=mining | {"use": "batches", "neighbourhood": 1})
    without = trained_mined(plain, before, negatives, tmp_path / "without")
    with monkeypatch.context() as patch:
        die_after_each_epoch(patch)
        with pytest.raises(KeyboardInterrupt):
            trained_mined(params, before, negatives, tmp_path / "killed")
    trained_mined(params, before, negatives, tmp_path / "killed")
    digests = [sha256(folder / "encoder.safetensors") for folder in (whole, tmp_path / "killed", without)]
    assert digests[0] == digests[1] != digests[2]
    assert pd.read_csv(whole / "history.csv").loss.notna().all()


def test_how_many_negatives_an_image_meets_is_told_and_tuned(train_with, capfd):
    """16 of 64 images to a batch, two negatives each: by chance 2 * 15 / 63."""
    met = {most: pd.read_csv(train_with(f"{most}", neighbourhood=most, epochs=9) / "history.csv") for most in (1, 16)}
    assert met[1].meets.mean() == pytest.approx(2 * 15 / 63, abs=0.1) and met[16].meets.min() > 0.8
    assert met[1].meets_none.mean() > met[16].meets_none.mean() + 0.2
    assert f"meets {met[16].meets.iloc[-1]:.2f} of its negatives" in capfd.readouterr().err


def test_the_control_differs_from_a_mining_round_in_what_meets_and_in_nothing_else(
    run, tmp_path, monkeypatch, params_of, encoded, pretrained, trained_mined, trained_control
):
    """Each image has the same views, in the batches that a longer pretraining has in these epochs."""
    seen = []

    def spy(method, loader, settings, *, todo, labels, **more):
        epochs = [[*loader.epoch(e, order=(made := todo.composed(e)) and made.order)] for e in todo.epochs]
        weights = {name: tensor.clone() for name, tensor in method.state_dict().items()}
        seen.append((settings, todo, weights, epochs))
        return []

    monkeypatch.setattr("contraflow.training.rounds.train", spy)
    params = params_of(mining={"epochs": 2, "lr": 0.03})
    trained_mined(params, run / "round0", run / "negatives.npz", tmp_path / "mined")
    trained_control(params, run / "round0", tmp_path / "control")
    pretrained(params_of(train={"epochs": 3}), encoded, tmp_path / "longer", seed=3)
    (settings, mined, weights, composed), (same, control, start, at_random), (*_, longer) = seen
    assert settings == same and settings.lr == 0.03 and settings != params.train
    assert replace(mined, mined=None) == control and control.epochs == range(1, 3)
    assert all(torch.equal(weights[name], start[name]) for name in weights | start)
    for first, second in zip(at_random, longer[1:], strict=True):
        for one, other in zip(first, second, strict=True):
            assert torch.equal(one.index, other.index) and torch.equal(one.views, other.views)
    for first, second in zip(at_random, composed, strict=True):
        one, other = ({i: view for b in batches for i, view in views_of(b)} for batches in (first, second))
        both = one.keys() & other.keys()
        assert len(both) > 16 and all(torch.equal(one[i], other[i]) for i in both)
        assert any(not torch.equal(a.index, b.index) for a, b in zip(first, second, strict=True))


def views_of(batch):
    """Sample index and views (V, C, H, W) of each image of a batch."""
    return zip(batch.index.tolist(), batch.views.transpose(0, 1), strict=True)


def test_the_control_goes_on_from_its_own_last_round_and_says_so(run, tmp_path, encoded, params_of, trained_control):
    first = trained_control(params_of(), run / "round0", tmp_path / "1")
    then = trained_control(params_of(), first, tmp_path / "2")
    made_from = load_encoder(then / "encoder.safetensors")[1]
    assert made_from.inputs == {"data": encoded.digest, "encoder": sha256(first / "encoder.safetensors")}
    assert (made_from.step, made_from.seed, made_from.round) == ("mine", 3, 2)
    assert pd.read_csv(then / "history.csv").epoch.tolist() == [3]
    other = trained_control(params_of(mining={"k": 5, "policy": "random"}), first, tmp_path / "other")
    assert sha256(other / "encoder.safetensors") == sha256(then / "encoder.safetensors")


def test_mined_rounds_count_their_epochs_on(run):
    assert pd.read_csv(run / "round1/history.csv").epoch.tolist() == [2]


@pytest.mark.parametrize(("made_from", "words"), [("encoder", "encoder"), ("data", "data set")])
def test_negatives_of_another_encoder_or_data_set_are_refused_by_name(
    run, tmp_path, params_of, trained_mined, made_from, words
):
    arrays, provenance = load_arrays(run / "negatives.npz", MiningPass)
    foreign = provenance.model_copy(update={"inputs": provenance.inputs | {made_from: "0" * 64}})
    save_arrays(tmp_path / "foreign.npz", foreign, **arrays)
    with pytest.raises(UserError, match=rf"foreign\.npz was made from another {words}"):
        trained_mined(params_of(), run / "round0", tmp_path / "foreign.npz", tmp_path)


def test_a_batch_larger_than_the_data_is_refused(tmp_path, monkeypatch, params_of, encoded, pretrained):
    monkeypatch.setattr("contraflow.training.rounds.lease", None)  # before it waits for a GPU
    with pytest.raises(UserError, match=r"train\.batch_size must be at most"):
        pretrained(params_of(train={"batch_size": 500}), encoded, tmp_path)


def test_a_loss_that_is_not_finite_is_named_and_leaves_no_checkpoint(tmp_path, params_of, encoded, pretrained):
    with pytest.raises(UserError, match=r"the training of seed 0 · round 0 failed: the loss became nan in epoch 1 "):
        pretrained(params_of(train={"lr": 1e30}), encoded, tmp_path)
    assert not list(tmp_path.iterdir())


def test_summary_has_one_row_a_table_and_none_without_mining(run, tmp_path):
    summarise_mining(NoSettings(), negatives=[run / "negatives.npz"], summary=tmp_path / "one.csv")
    summarise_mining(NoSettings(), summary=tmp_path / "none.csv")
    row = pd.read_csv(tmp_path / "one.csv").iloc[0]
    assert (row.seed, row["round"], row.k) == (3, 1, 2) and -1 <= row.negative_mean <= 1
    assert pd.read_csv(tmp_path / "none.csv").empty


def test_copies_are_never_mined(tmp_path, params_of, image_folder, encoded_of, pretrained):
    """The nearest of ten images would be their two copies."""
    images = image_folder(tmp_path / "images")
    for file in sorted(images.rglob("*.png"))[:10]:
        for name in ("again", "once more"):
            shutil.copy(file, file.with_name(f"{file.stem} {name}.png"))
    params = params_of(data={"path": str(images)}, mining={"false_negatives": "none", "k": 8})
    data = encoded_of(params, tmp_path)
    encoder = pretrained(params, data, tmp_path) / "encoder.safetensors"
    mine(MiningSettings.of(params), encoder=encoder, data=data.folder / CARD, negatives=tmp_path / "n.npz", threads=1)
    arrays, _ = load_arrays(tmp_path / "n.npz", MiningPass)
    copies = data.copies[arrays["anchor"]]
    assert (data.copies != np.arange(64)).sum() == data.card.duplicates.images > 5  # some are test images
    assert (data.copies[arrays["negative"]] != copies[:, None]).all()
    assert arrays["similarity"].max() < 1 - 1e-6


@pytest.mark.parametrize("changes", [{"positives": {"from": "label"}}, {"method": {"name": "supcon"}}])
def test_what_is_known_to_be_positive_is_never_mined(run, tmp_path, encoded, params_of, mined, changes):
    mined(params_of(**changes), run / "round0/encoder.safetensors", tmp_path / "negatives.npz")
    arrays, _ = load_arrays(tmp_path / "negatives.npz", MiningPass)
    labels = encoded.labels("train")
    assert (labels[arrays["negative"]] != labels[arrays["anchor"]][:, None]).all()


def test_shares_beyond_the_candidates_are_refused_before_anything_is_embedded(encoded, params_of, tmp_path):
    unread = tmp_path / "encoder.safetensors"
    unread.write_bytes(b"no checkpoint")
    share = {"false_negatives": "rank", "fn_share": 0.5, "candidates": 8, "k": 8}
    settings = MiningSettings.of(params_of(mining=share))
    with pytest.raises(UserError, match=r"^mining\.candidates must be at least \d+ for \d+ images, got 8: mining"):
        mine(settings, encoder=unread, data=encoded.folder / CARD, negatives=tmp_path / "n.npz", threads=1)

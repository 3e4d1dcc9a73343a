"""The steps pretrain and mine on real, tiny data."""

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from contraflow.foundations.arrays import load_arrays, save_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import read_provenance
from contraflow.steps.mine import mine as step
from contraflow.steps.mine.mine import merge_shards, mine
from contraflow.steps.mine.summarise_mining import summarise_mining
from contraflow.steps.mine.train_mined import train_mined
from contraflow.steps.pretrain import pretrain
from contraflow.training import loop


@pytest.fixture(scope="module")
def run(tmp_path_factory, params_of, encoded):
    """One pretraining and one mining round, and the folder with its files."""
    root, params = tmp_path_factory.mktemp("run"), params_of()
    pretrain(params, seed=3, data=encoded.folder, out=root / "round0", threads=1, state=root / "state0")
    mine(
        params, encoder=root / "round0/encoder.safetensors", data=encoded.folder, out=root / "negatives.npz", threads=1
    )
    train_mined(
        params,
        encoder=root / "round0/encoder.safetensors",
        history=root / "round0/history.csv",
        negatives=root / "negatives.npz",
        data=encoded.folder,
        out=root / "round1",
        threads=1,
        state=root / "state1",
    )
    return root


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(run, tmp_path, params_of, encoded):
    for name, seed in (("same", 3), ("other", 4)):
        pretrain(
            params_of(),
            seed=seed,
            data=encoded.folder,
            out=tmp_path / name,
            threads=1,
            state=tmp_path / f"{name}.state",
        )
    first = sha256(run / "round0/encoder.safetensors")
    assert sha256(tmp_path / "same/encoder.safetensors") == first
    assert sha256(tmp_path / "other/encoder.safetensors") != first


@pytest.mark.parametrize("optimiser", ["sgd", "lars", "adamw"])
@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_the_loss_falls(tmp_path, params_of, encoded, optimiser, precision):
    lr = {"sgd": 0.5, "lars": 30.0, "adamw": 0.02}[optimiser]
    train = {"epochs": 6, "optimiser": optimiser, "precision": precision, "lr": lr}
    pretrain(params_of(train=train), seed=0, data=encoded.folder, out=tmp_path, threads=1, state=tmp_path / "state")
    history = pd.read_csv(tmp_path / "history.csv")
    figures = ["alignment", "uniformity", "positive", "hardest", "rank", "spread", "gradient_norm", "knn", "collapse"]
    assert list(history.columns) == ["seed", "round", "epoch", "loss", "lr", *figures]
    assert history.epoch.tolist() == [1, 2, 3, 4, 5, 6]
    assert history.loss.iloc[-1] < history.loss.iloc[0] - 0.1


@pytest.mark.parametrize("optimiser", ["sgd", "lars", "adamw"])
def test_a_training_killed_after_any_epoch_goes_on_to_the_same_bytes(
    monkeypatch, tmp_path, params_of, encoded, optimiser
):
    params = params_of(train={"epochs": 3, "optimiser": optimiser})

    def train(name):
        pretrain(params, seed=0, data=encoded.folder, out=tmp_path / name, threads=1, state=tmp_path / f"{name}.state")

    train("whole")
    epochs, keep = [], loop.save_state

    def keep_and_die(path, state):
        keep(path, state)
        epochs.append(len(state["history"]))
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", keep_and_die)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train("killed")
    train("killed")  # every epoch was done: nothing is left but to write
    assert epochs == [1, 2, 3]
    for file in ("encoder.safetensors", "history.csv"):
        assert sha256(tmp_path / "killed" / file) == sha256(tmp_path / "whole" / file)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_state_is_refused_by_name(tmp_path, params_of, encoded, damage):
    state = tmp_path / "state"
    pretrain(params_of(), seed=0, data=encoded.folder, out=tmp_path, threads=1, state=state)
    content = bytearray(state.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    state.write_bytes(content)
    with pytest.raises(UserError, match=f"{state}.* is damaged: delete it"):
        pretrain(params_of(), seed=0, data=encoded.folder, out=tmp_path, threads=1, state=state)
    assert state.read_bytes() == content


def test_a_checkpoint_says_what_it_was_made_from(run, params_of, encoded):
    pretrained, mined = (read_provenance(run / f"round{r}/encoder.safetensors") for r in (0, 1))
    assert pretrained["params"]["loss"] == params_of().loss.model_dump()
    assert pretrained["inputs"] == {"data": encoded.digest}
    assert mined["inputs"] == {
        "data": encoded.digest,
        "encoder": sha256(run / "round0/encoder.safetensors"),
        "negatives": sha256(run / "negatives.npz"),
    }
    assert (mined["seed"], mined["round"]) == (3, 1)
    for checkpoint in (pretrained, mined):
        assert (checkpoint["mean"], checkpoint["std"]) == (encoded.card.mean, encoded.card.std)
        assert (checkpoint["data"], checkpoint["channels"], checkpoint["image_size"]) == ("folder", 1, 16)


def test_validation_images_are_neither_anchors_nor_negatives(run, encoded):
    arrays, _ = load_arrays(run / "negatives.npz")
    assert np.array_equal(arrays["anchor"], encoded.training)
    assert arrays["negative"].shape == (len(encoded.training), 2)
    assert not np.isin(arrays["negative"], encoded.validation).any()
    assert (arrays["negative"] != arrays["anchor"][:, None]).all()


def test_views_and_windows_reach_the_search(run, tmp_path, params_of, encoded):
    """A threshold that everything reaches: the nearest few to any view are suspected, and left out."""
    mining = {"false_negatives": "views", "fn_threshold": -1.0, "fn_top": 3, "fn_views": 2, "policy": "semi_hard"}
    params = params_of(mining=mining | {"band": [0.0, 1.0]}, negatives={"exclude_window": 4})
    checkpoint = run / "round0/encoder.safetensors"
    for name in ("one", "two"):
        mine(params, encoder=checkpoint, data=encoded.folder, out=tmp_path / f"{name}.npz", threads=1)
    assert sha256(tmp_path / "one.npz") == sha256(tmp_path / "two.npz")
    arrays, provenance = load_arrays(tmp_path / "one.npz")
    assert (provenance["search"], provenance["recall"]) == ("exact", 1) and (arrays["suspected"] == 3).all()
    assert (np.abs(arrays["negative"] - arrays["anchor"][:, None]) > 4).all()
    assert provenance["params"]["negatives.exclude_window"] == 4


@pytest.mark.parametrize("name", ["mutual", "views"])
def test_shards_come_to_the_bytes_of_one_job(run, tmp_path, monkeypatch, params_of, encoded, name):
    monkeypatch.setattr(step, "EMBEDDING_BATCH", 16)  # a shard begins and ends within a batch
    checkpoint = run / "round0/encoder.safetensors"

    def params(shards, memory_mb=256):
        mining = {"false_negatives": name, "fn_threshold": 0.9, "policy": "weighted"}
        return params_of(mining=mining | {"shards": shards, "memory_mb": memory_mb})

    common = {"encoder": checkpoint, "data": encoded.folder}
    mine(params(1), out=tmp_path / "one.npz", threads=1, **common)
    shards = [tmp_path / f"{i}.npz" for i in range(3)]
    for i, path in enumerate(shards):
        mine(params(3, memory_mb=1), out=path, threads=2, shard=i, **common)
    merge_shards(params(3), shards=shards[::-1], out=tmp_path / "merged.npz", **common)
    assert sha256(tmp_path / "merged.npz") == sha256(tmp_path / "one.npz")
    with pytest.raises(UserError, match=r"of 3 shards are to be put together, got those of \[0, 2\]"):
        merge_shards(params(3), shards=[shards[0], shards[2]], out=tmp_path / "lacking.npz", **common)
    with pytest.raises(UserError, match=r"1\.npz is one of 3 shards, not of mining\.shards, 2"):
        merge_shards(params(2), shards=[shards[1]], out=tmp_path / "lacking.npz", **common)
    with pytest.raises(UserError, match=r"0\.npz was made from another encoder"):
        common["encoder"] = run / "round1/encoder.safetensors"
        merge_shards(params(3), shards=shards, out=tmp_path / "lacking.npz", **common)


@pytest.fixture
def train_with(run, tmp_path, params_of, encoded):
    """`train_with("name", use="stored", epochs=2)`: another first round with the same negatives; its folder."""

    def train(name, **mining):
        train_mined(
            params_of(mining=mining),
            encoder=run / "round0/encoder.safetensors",
            history=run / "round0/history.csv",
            negatives=run / "negatives.npz",
            data=encoded.folder,
            out=tmp_path / name,
            threads=1,
            state=tmp_path / f"{name}.state",
        )
        return tmp_path / name

    return train


@pytest.mark.parametrize("use", ["forward", "stored"])
def test_images_meet_their_negatives_beside_the_batch_and_the_same_twice(train_with, use):
    one, same, two = (train_with(n, use=use, companions=m) for n, m in (("one", 1), ("same", 1), ("two", 2)))
    assert sha256(one / "history.csv") == sha256(same / "history.csv")
    losses = [pd.read_csv(folder / "history.csv").loss.item() for folder in (one, two)]
    assert losses[0] < losses[1]  # of more, and harder, keys


def test_slots_outlive_a_kill_and_are_no_part_of_the_checkpoint(train_with, monkeypatch):
    settings = {"use": "stored", "epochs": 3}
    whole, keep = train_with("whole", **settings), loop.save_state

    def keep_and_die(path, state):
        keep(path, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", keep_and_die)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train_with("killed", **settings)
    for file in ("encoder.safetensors", "history.csv"):
        assert sha256(train_with("killed", **settings) / file) == sha256(whole / file)
    with safe_open(whole / "encoder.safetensors", framework="pt") as checkpoint:
        assert not [name for name in checkpoint.keys() if "slots" in name]  # noqa: SIM118 (safe_open is no dict)


def test_mined_rounds_count_their_epochs_on(run):
    assert pd.read_csv(run / "round1/history.csv").epoch.tolist() == [2]


@pytest.mark.parametrize(("made_from", "words"), [("encoder", "encoder"), ("data", "data set")])
def test_negatives_of_another_encoder_or_data_set_are_refused_by_name(
    run, tmp_path, params_of, encoded, made_from, words
):
    arrays, provenance = load_arrays(run / "negatives.npz")
    foreign = provenance | {"inputs": provenance["inputs"] | {made_from: "0" * 64}}
    save_arrays(tmp_path / "foreign.npz", foreign, **arrays)
    with pytest.raises(UserError, match=rf"foreign\.npz was made from another {words}"):
        train_mined(
            params_of(),
            encoder=run / "round0/encoder.safetensors",
            history=run / "round0/history.csv",
            negatives=tmp_path / "foreign.npz",
            data=encoded.folder,
            out=tmp_path,
            threads=1,
            state=tmp_path / "state",
        )


def test_a_batch_larger_than_the_data_is_refused(tmp_path, params_of, encoded):
    with pytest.raises(UserError, match=r"train\.batch_size must be at most"):
        pretrain(
            params_of(train={"batch_size": 500}),
            seed=0,
            data=encoded.folder,
            out=tmp_path,
            threads=1,
            state=tmp_path / "state",
        )


def test_a_loss_that_is_not_finite_is_named_and_leaves_no_checkpoint(tmp_path, params_of, encoded):
    with pytest.raises(UserError, match=r"the training of seed 0 · round 0 failed: the loss became nan in epoch 1 "):
        pretrain(
            params_of(train={"lr": 1e30}),
            seed=0,
            data=encoded.folder,
            out=tmp_path,
            threads=1,
            state=tmp_path / "state",
        )
    assert not list(tmp_path.iterdir())


def test_summary_has_one_row_a_table_and_none_without_mining(run, tmp_path):
    summarise_mining(negatives=[run / "negatives.npz"], out=tmp_path / "one.csv")
    summarise_mining(negatives=[], out=tmp_path / "none.csv")
    row = pd.read_csv(tmp_path / "one.csv").iloc[0]
    assert (row.seed, row["round"], row.k) == (3, 1, 2) and -1 <= row.mean_similarity <= 1
    assert pd.read_csv(tmp_path / "none.csv").empty

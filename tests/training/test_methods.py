"""Each method through the training loop."""

import math

import numpy as np
import pytest
from fixtures.devices import as_on_a_card
from fixtures.kills import die_after_each_epoch

from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import TAKES, WITH_TEXTS
from contraflow.training import loop, rounds

OF_IMAGES = [name for name in METHODS if name not in WITH_TEXTS and TAKES.get(name) != "texts"]
RATES = {"barlow_twins": 0.02, "vicreg": 0.02}


@pytest.fixture(scope="module")
def settings(params_of):
    """Three epochs of 2,000 images, a queue that fills within the first."""

    def make(name, weight):
        return params_of(
            model={"projection_hidden": 64, "projection_dim": 32},
            method={"name": name, "queue": 256},
            loss={"cross_entropy": weight},
            train={"epochs": 3, "batch_size": 128, "lr": RATES.get(name, 0.2)},
        )

    return make


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        *((name, 0.0) for name in OF_IMAGES),
        *((name, 1.0) for name in OF_IMAGES if name != "supervised"),
    ],
)
def test_the_loss_falls_on_2000_images_without_alarm(history_of, settings, fashion_mnist, tmp_path, name, weight):
    history = history_of(settings(name, weight), fashion_mnist, tmp_path)
    filled = 1 if name == "moco" else 0  # the first epoch, in which its queue is empty at first
    assert history.loss.iloc[-1] < history.loss.iloc[filled]
    assert history.collapse.isna().all() and history.knn.between(0.2, 1).all()


@pytest.fixture(scope="module")
def grouped(tmp_path_factory, params_of, image_folder, encoded_of):
    """80 images of two classes, in groups of four in order, with three texts each."""
    root = tmp_path_factory.mktemp("grouped")
    folder = image_folder(root / "images", 80)
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*.png"))
    rows = [f"{path},{path.parent},{i // 4},{i % 4}" for i, path in enumerate(paths)]
    rows = [
        f"{row},{path.parent} {i % 3} {text}"
        for i, (row, path) in enumerate(zip(rows, paths, strict=True))
        for text in "abc"
    ]
    (folder / "images.csv").write_text("\n".join(["path,label,group,order,text", *rows]))
    return encoded_of(params_of(data={"path": str(folder), "table": "images.csv"}), root)


@pytest.mark.usefixtures("trained_on")
@pytest.mark.parametrize(
    ("name", "source", "device"),
    [
        *(
            (name, source, "cpu")
            for name in (*OF_IMAGES, *WITH_TEXTS)
            for source in (["image"] if name in WITH_TEXTS else ["image", "label", "group", "order"])
        ),
        *(pytest.param(name, "image", "cuda", marks=pytest.mark.gpu) for name in (*OF_IMAGES, *WITH_TEXTS)),
    ],
    indirect=["device"],
)
def test_a_training_killed_after_any_epoch_goes_on_to_the_same_bytes(
    monkeypatch, params_of, grouped, history_of, tmp_path, name, source
):
    """With all that keeps state or draws: a queue that no batch divides, a learned temperature, moving negatives, and
    where labels are learned from a classifier beside it."""
    weight = 0.5 if source == "label" and name != "supervised" else 0.0
    params = params_of(
        train={"epochs": 3, "lr": 0.02},
        method={"name": name, "queue": 23},
        loss={"temperature": "learned", "triplet": "random", "cross_entropy": weight},
        negatives={"selection": "adaptive", "outer": 0.5, "mix_pairs": 3},
        positives={"from": source, "window": 3},
        data={"name": "folder", "path": "images", "table": "images.csv"},
    )
    history_of(params, grouped, tmp_path / "whole")
    die_after_each_epoch(monkeypatch)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            history_of(params, grouped, tmp_path / "killed")
    history_of(params, grouped, tmp_path / "killed")
    for file in ("encoder.safetensors", "history.csv"):
        assert sha256(tmp_path / "killed" / file) == sha256(tmp_path / "whole" / file)


class NeverWaiting:
    """A loader whose batches are made and trained on without a wait for the device."""

    def __init__(self, loader, device):
        self.loader, self.device = loader, device

    def __len__(self):
        return len(self.loader)

    def epoch(self, epoch, order):
        with as_on_a_card(self.device):
            yield from self.loader.epoch(epoch, order=order)


@pytest.mark.usefixtures("trained_on")
@pytest.mark.parametrize("name", [*OF_IMAGES, *WITH_TEXTS])
def test_no_step_takes_double_precision_or_waits_for_the_device(
    monkeypatch, params_of, grouped, history_of, tmp_path, device, name
):
    """With all that is computed or drawn in a step; of float16 the scaler's look at overflows is an exception."""
    if name in WITH_TEXTS and device.type == "cpu":
        pytest.skip("short texts are cut short on the CPU, where nobody waits for their lengths")
    params = params_of(
        train={"epochs": 2, "ema": 0.9, "clip": 1.0, "lr": 0.02},
        method={"name": name, "queue": 23},
        loss={"temperature": "learned", "triplet": "random", "cross_entropy": 0.0 if name == "supervised" else 0.5},
        negatives={"selection": "adaptive", "outer": 0.5, "mix_pairs": 3},
        data={"name": "folder", "path": "images", "table": "images.csv"},
    )
    make = rounds.item_views
    monkeypatch.setattr(rounds, "item_views", lambda *a, **options: NeverWaiting(make(*a, **options), device))
    monkeypatch.setattr(loop, "LOOK", math.inf)
    assert history_of(params, grouped, tmp_path).loss.notna().all()


def test_a_training_ends_early_where_it_is_told_to(params_of, encoded, history_of, tmp_path):
    train = {"epochs": 9, "lr": 1e-9, "stop_on": "knn", "patience": 2, "knn_every": 1}
    assert len(history_of(params_of(train=train), encoded, tmp_path)) == 3


def test_knn_is_measured_every_so_many_epochs(params_of, encoded, history_of, tmp_path):
    history = history_of(params_of(train={"epochs": 5, "knn_every": 2}), encoded, tmp_path)
    assert history.knn.notna().tolist() == [False, True, False, True, False]


def test_labels_are_hidden_from_methods_that_need_none_and_missed_by_those_that_do(
    params_of, encoded, history_of, tmp_path, monkeypatch
):
    seen = []

    def spy(*arguments, labels, **more):
        seen.append(labels.numpy())
        return []

    monkeypatch.setattr("contraflow.training.rounds.train", spy)
    for name, weight in (("simclr", 0), ("supcon", 0), ("simclr", 0.5)):
        params = params_of(method={"name": name}, loss={"cross_entropy": weight}, data={"labelled_fraction": 0.2})
        history_of(params, encoded, tmp_path)
    hidden, missed, classified = seen
    assert (hidden == -1).all()
    known = np.flatnonzero(missed >= 0)
    assert 0 < len(known) <= 0.25 * len(encoded.training)
    assert set(known) <= set(encoded.training)  # of the held-out images none is known
    assert np.array_equal(missed[known], encoded.labels("train")[known])
    assert np.array_equal(classified, missed)


@pytest.mark.parametrize(
    ("changes", "asking"),
    [
        ({"method": {"name": "supcon"}}, r"method\.name supcon"),
        ({"loss": {"cross_entropy": 0.5}}, r"loss\.cross_entropy 0\.5"),
    ],
)
def test_what_needs_labels_refuses_data_without(
    params_of, image_folder, encoded_of, history_of, tmp_path, changes, asking
):
    folder = image_folder(tmp_path / "images") / "upright"
    params = params_of(**changes, data={"path": str(folder)})
    data = encoded_of(params, tmp_path)
    with pytest.raises(UserError, match=rf"^{asking} needs labels, and folder has none$"):
        history_of(params, data, tmp_path)


@pytest.mark.parametrize("recipe", ["byol", "multicrop", "none"])
def test_every_recipe_reaches_the_method(params_of, encoded, history_of, tmp_path, recipe):
    """Unlike views, small crops beside them, and views that are all alike: another loss each time."""
    plain = history_of(params_of(), encoded, tmp_path / "plain")
    other = history_of(params_of(augment={"recipe": recipe}), encoded, tmp_path / "other")
    assert other.loss.notna().all()
    assert abs(plain.loss.iloc[0] - other.loss.iloc[0]) > 1e-4

"""The step evaluate on real, tiny data."""

import json
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from contraflow.encoded.names import CARD
from contraflow.encoded.pixels import read_images
from contraflow.evaluation.hits import Hits
from contraflow.foundations.arrays import load_arrays, save_arrays
from contraflow.foundations.artefacts import read_json, sha256, write_json
from contraflow.foundations.errors import UserError
from contraflow.methods.parts.base import DataShape
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import MethodSettings
from contraflow.models.checkpoint import load_encoder, save_model
from contraflow.steps.evaluate.evaluate import Evaluating, evaluate
from contraflow.steps.evaluate.evaluate_rounds import RoundsSettings, evaluate_rounds
from contraflow.steps.evaluate.summarise import SummarySettings, summarise
from contraflow.steps.mine.mine import MiningSettings, mine

LABEL_FIGURES = {"linear", "linear_10pct", "linear_2each", "knn5", "knn3"}


@pytest.fixture(scope="module")
def run(tmp_path_factory, params_of, encoded, pretrained):
    """All evaluations of two seeds, without mining, and one table of negatives a seed."""
    root, params = tmp_path_factory.mktemp("run"), params_of(seeds=[3, 4])
    for seed in (3, 4):
        folder = pretrained(params, encoded, root / f"seed{seed}", seed=seed)
        files = {"encoder": folder / "encoder.safetensors", "negatives": folder / "negatives.npz"}
        mine(MiningSettings.of(params), data=encoded.folder / CARD, **files, threads=1)
    names = ["raw_pixels", *(f"{kind}-seed{seed}" for kind in ("untrained", "encoder") for seed in (3, 4))]
    for name in names:
        evaluated(params, encoded, root, name, root / f"{name[-5:]}/encoder.safetensors")
    return root


def evaluated(params, data, root, name, checkpoint):
    """What the workflow has the step write of a representation."""
    files = {"figures": root / f"{name}.json"}
    if name.startswith("encoder"):
        files |= {"checkpoint": checkpoint, "features": root / f"{name}.npz"}
    if name == "raw_pixels":
        files["components"] = root / "pca_pixels.json"
    evaluate(Evaluating.of(params), representation=name, data=data.folder / CARD, **files, threads=1)
    return read_json(root / f"{name}.json")


def summed_up(params, data, root, **changes):
    files = {
        "evaluations": sorted(root.glob("*.json")),
        "histories": sorted(root.glob("seed*/history.csv"), reverse=True),
        "negatives": sorted(root.glob("seed*/negatives.npz")),
        "rounds": sorted(root.glob("rounds/*.json")),
        "extras": sorted(root.glob("extras/*.json")),
        "features": min(root.glob("encoder-seed*.npz")),
        "projection": root / "summary/projection.npz",
        "metrics": root / "summary/metrics.json",
        "curves": root / "summary/curves.csv",
        "confusion": root / "summary/confusion.csv",
    }
    summarise(SummarySettings.of(params), data=data.folder / CARD, **files | changes)
    return read_json(root / "summary/metrics.json")


def test_an_evaluation_has_all_figures_and_says_how_they_were_measured(params_of, run, encoded):
    found = read_json(run / "encoder-seed3.json")
    assert (found["representation"], found["seed"], found["dimension"]) == ("encoder", 3, 64)
    for split in ("test", "validation"):
        assert set(found[split]) == LABEL_FIGURES
        assert all(0 <= value <= 1 for value in found[split].values())
    assert [row["class"] for row in found["per_class"]] == encoded.card.classes
    assert np.array(found["confusion"]).sum() == encoded.card.test.images
    accuracy = np.trace(found["confusion"]) / np.sum(found["confusion"])
    assert accuracy == pytest.approx(found["test"]["linear"])
    assert 0 <= found["alignment"] <= 4 and -8 <= found["uniformity"] <= 0
    pairs = {kind: sum(counts) for kind, counts in found["similarities"].items()}
    n = len(encoded.labels("test"))
    assert (pairs["positive"], pairs["negative"]) == (n, n * (n - 1)) == (n, pairs["same_class"] + pairs["other_class"])
    sweep = found["probe_sweep"]
    decays = [row["weight_decay"] for row in sweep]
    assert decays == sorted(decays, reverse=True) and set(params_of().eval.linear.weight_decay) <= set(decays)
    assert all(f"{decay:g}" in found["protocol"]["weight_decay"] for decay in decays)
    assert all(row["converged"] for row in sweep)
    assert found["validation"]["linear"] == max(row["validation_accuracy"] for row in sweep)
    assert found["probe"]["converged"]
    assert all(low <= found["test"][name] <= high for name, (low, high) in found["intervals"].items())
    assert set(found["intervals"]) == set(found["right"]) == LABEL_FIGURES
    means = {name: Hits.model_validate(hits).scores().mean() for name, hits in found["right"].items()}
    assert means == found["test"]
    assert found["few_labels"]["linear_2each"]["images"] == 4
    bins = found["calibration"]["bins"]
    assert sum(b["images"] for b in bins) == encoded.card.test.images
    right = sum(b["images"] * b["accuracy"] for b in bins) / encoded.card.test.images
    assert right == pytest.approx(found["test"]["linear"], abs=1e-5)
    assert "k = 5, tau = 0.1; k = 3, tau = 0.07" in found["protocol"]["knn"]
    assert found["provenance"]["inputs"] == {
        "data": encoded.digest,
        "encoder": sha256(run / "seed3/encoder.safetensors"),
    }


def test_features_lie_beside_an_encoders_figures_and_no_others(run, encoded):
    arrays, provenance = load_arrays(run / "encoder-seed3.npz")
    figures = read_json(run / "encoder-seed3.json")
    assert arrays["features"].shape == (encoded.card.test.images, 64) and arrays["features"].dtype == np.float32
    assert np.array_equal(arrays["label"], encoded.labels("test"))
    right = Hits.model_validate(figures["right"]["linear"]).scores()
    assert np.array_equal(arrays["predicted"] == arrays["label"], right)
    assert right.mean() == pytest.approx(figures["test"]["linear"])
    assert provenance.content() == figures["provenance"]
    assert {path.stem for path in run.glob("*.npz")} == {"encoder-seed3", "encoder-seed4"}


def test_pairs_near_each_other_have_the_regions_that_make_them_so(run, encoded, params_of, tmp_path):
    """Features of `small` are the mean of its last map, so that all places of an image give the cosine."""
    arrays, _ = load_arrays(run / "encoder-seed3.npz")
    vectors = arrays["features"] / np.linalg.norm(arrays["features"], axis=1, keepdims=True)
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -1)
    queries, nearest = arrays["pair"].T
    assert len(queries) == 6 and not arrays["worst"].any()
    np.testing.assert_allclose(arrays["cosine"], cosine[queries, nearest], atol=1e-6)
    np.testing.assert_allclose(arrays["cosine"], cosine[queries].max(1), atol=1e-6)
    assert arrays["regions"].shape == (6, 2, 2, 2)
    np.testing.assert_allclose(arrays["regions"].sum((2, 3)), np.repeat(arrays["cosine"][:, None], 2, 1), atol=1e-5)
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("contraflow.steps.evaluate.evaluate.job_cores", lambda: 3)
        evaluated(params_of(seeds=[3, 4]), encoded, tmp_path, "encoder-seed3", run / "seed3/encoder.safetensors")
    torch.set_num_threads(before)
    assert (tmp_path / "encoder-seed3.npz").read_bytes() == (run / "encoder-seed3.npz").read_bytes()


def test_of_retrieval_the_features_have_what_each_query_finds(run, tmp_path, params_of, encoded):
    params = params_of(seeds=[3, 4], eval={"retrieval": [1, 2]})
    figures = evaluated(params, encoded, tmp_path, "encoder-seed3", run / "seed3/encoder.safetensors")
    arrays, _ = load_arrays(tmp_path / "encoder-seed3.npz")
    assert arrays["query"].tolist() == list(range(encoded.card.test.images))
    for k in (1, 2):
        right = Hits.model_validate(figures["right"][f"recall@{k}"]).scores()
        assert np.array_equal(arrays["first"] <= k, right) and np.array_equal(arrays["right"][:, :k].any(1), right)
    assert np.array_equal(arrays["right"], arrays["label"][arrays["nearest"]] == arrays["label"][:, None])


def test_queries_and_groups_of_a_table_reach_the_figures(tmp_path, params_of, encoded_of, image_folder):
    """From the table to the words: 9 queries search 11 images of the gallery for others of their group."""
    folder = image_folder(tmp_path / "images", 80)
    rows = []
    for i, file in enumerate(sorted(folder.glob("*/*.png"))):
        role = "query" if i % 4 and i % 8 < 4 else "gallery"
        rest = f"test,{i % 2},{role}" if i >= 60 else f"train,{i % 9},"
        rows.append(
            f"{file.relative_to(folder)},{file.parent.name if i < 60 else ('lying', 'upright')[i // 2 % 2]},{rest}"
        )
    (folder / "t.csv").write_text("\n".join(["path,label,split,group,role", *rows]))
    asked = {"retrieval": [1, 2], "retrieval_by": "group"}
    params = params_of(data={"path": str(folder), "table": "t.csv"}, eval=asked)
    data = encoded_of(params, tmp_path)
    names = sorted((row.split(",") for row in rows[60:]), key=lambda row: row[3])  # as groups are stored
    queries = [place for place, row in enumerate(names) if row[4] == "query"]
    assert data.gallery.tolist() == [row[4] == "gallery" for row in names]
    figures = evaluated(params, data, tmp_path, "raw_pixels", None)
    pixels = read_images(data.test_beton, np.arange(20), 16).reshape(20, -1) / 255 - data.card.mean[0]
    unit = pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
    hits = []
    for query in queries:
        nearest = max(np.flatnonzero(data.gallery), key=lambda other: unit[query] @ unit[other])
        hits.append(names[nearest][3] == names[query][3])
    assert figures["test"]["recall@1"] == pytest.approx(np.mean(hits))
    said = f"{len(queries)} test images, each compared with the {20 - len(queries)} of the gallery by cosine"
    assert figures["protocol"]["queries"].startswith(said) and "their group" in figures["protocol"]["recall"]


def test_raw_pixels_are_all_pixels_and_have_no_seed(run):
    found = read_json(run / "raw_pixels.json")
    assert (found["representation"], found["seed"], found["dimension"]) == ("raw_pixels", None, 256)
    assert set(found["test"]) == LABEL_FIGURES


def test_principal_components_are_of_pixels_and_have_no_seed(run, encoded):
    found = read_json(run / "pca_pixels.json")
    count = min(128, len(encoded.training) - 1)  # as many as vary
    assert (found["representation"], found["seed"], found["dimension"]) == ("pca_pixels", None, count)
    assert f"{count} dimensions" in found["protocol"]["features"] and set(found["test"]) == LABEL_FIGURES


def simclr(params, encoded):
    """The method as a training with these parameters begins with it."""
    card = encoded.card
    shape = DataShape(card.channels, card.image_size, card.train.images, len(card.classes))
    return METHODS["simclr"](MethodSettings.of(params), shape)


def test_untrained_is_the_encoder_that_training_starts_from(run, params_of, encoded):
    params = params_of()
    torch.manual_seed(3)
    start = simclr(params, encoded)
    save_model(run / "start/encoder.safetensors", start, load_encoder(run / "seed3/encoder.safetensors")[1])
    evaluated(params, encoded, run / "start", "encoder-seed3", run / "start/encoder.safetensors")
    same, untrained = (read_json(path) for path in (run / "start/encoder-seed3.json", run / "untrained-seed3.json"))
    for key in ("test", "validation", "alignment", "uniformity", "similarities", "confusion", "probe_sweep"):
        assert same[key] == untrained[key]


def test_the_same_call_gives_the_same_bytes_and_leaves_the_checkpoint(run, tmp_path, params_of, encoded):
    checkpoint = run / "seed3/encoder.safetensors"
    before = checkpoint.read_bytes()
    evaluated(params_of(seeds=[3, 4]), encoded, tmp_path, "encoder-seed3", checkpoint)
    for suffix in (".json", ".npz"):
        name = f"encoder-seed3{suffix}"
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes()
    assert checkpoint.read_bytes() == before


def test_the_encoder_is_as_it_was_bit_by_bit(run, tmp_path, params_of, encoded, monkeypatch):
    """Weights and the statistics of BatchNorm, whatever was measured."""
    import contraflow.evaluation.representation as step

    used = []

    def remembered(path):
        encoder, made_from = load_encoder(path)
        used.append(encoder)
        return encoder, made_from

    monkeypatch.setattr(step, "load_encoder", remembered)
    checkpoint = run / "seed3/encoder.safetensors"
    evaluated(params_of(seeds=[3, 4]), encoded, tmp_path, "encoder-seed3", checkpoint)
    [encoder], [fresh, _] = used, load_encoder(checkpoint)
    after, before = encoder.state_dict(), fresh.state_dict()
    assert any("running_var" in name for name in before) and after.keys() == before.keys()
    assert all(after[name].numpy().tobytes() == tensor.numpy().tobytes() for name, tensor in before.items())


def test_nothing_is_chosen_on_the_test_images(run, tmp_path, params_of, encoded, monkeypatch):
    """Other labels of the test images change the test figures and no other."""
    import contraflow.views.items as items

    class Mirrored(items.ImageLoader):
        def __iter__(self):
            test = self.indices.size == encoded.card.test.images
            return ((images, 1 - labels if test else labels) for images, labels in super().__iter__())

    monkeypatch.setattr(items, "ImageLoader", Mirrored)
    found = evaluated(params_of(seeds=[3, 4]), encoded, tmp_path, "raw_pixels", None)
    expected = read_json(run / "raw_pixels.json")
    for key in ("validation", "probe", "probe_sweep", "protocol", "alignment", "uniformity"):
        assert found[key] == expected[key]
    assert found["test"]["linear"] == pytest.approx(1 - expected["test"]["linear"])


def test_a_failed_training_is_named(run, tmp_path, params_of, encoded):
    checkpoint = run / "seed3/encoder.safetensors"
    params = params_of()
    broken = simclr(params, encoded)
    broken.load_state_dict({name: t * float("nan") for name, t in load_file(checkpoint).items()})
    save_model(tmp_path / "encoder.safetensors", broken, load_encoder(checkpoint)[1])
    with pytest.raises(UserError, match=r"the encoder of seed 3 \(.*\) gives NaN or infinite features for \d+ of"):
        evaluated(params, encoded, tmp_path, "encoder-seed3", tmp_path / "encoder.safetensors")
    assert not list(tmp_path.glob("*.json")) and not list(tmp_path.glob("*.npz"))


def test_mistakes_are_refused_in_a_sentence(run, tmp_path, params_of, encoded):
    checkpoint = run / "seed3/encoder.safetensors"

    def refused(sentence, name, path):
        with pytest.raises(UserError, match=sentence):
            files = {"checkpoint": path, "figures": tmp_path / "x"}
            evaluate(Evaluating.of(params_of()), representation=name, data=encoded.folder / CARD, **files, threads=1)

    refused(
        "must be raw_pixels, untrained-seedN, supervised-seedN, control-seedN or encoder-seedN, got 'encoder'",
        "encoder",
        checkpoint,
    )
    refused("encoder-seed3 needs a checkpoint", "encoder-seed3", None)
    refused("raw_pixels takes no checkpoint", "raw_pixels", checkpoint)
    refused("was trained with seed 3, but is to be evaluated as seed 4", "encoder-seed4", checkpoint)


def test_an_encoder_of_other_data_is_refused(run, tmp_path, params_of, encoded_of, image_folder):
    params = params_of(data={"path": str(image_folder(tmp_path / "images", 40))})
    with pytest.raises(UserError, match=r"encoder\.safetensors was made from another data set"):
        evaluated(
            params,
            encoded_of(params, tmp_path),
            tmp_path,
            "encoder-seed3",
            run / "seed3/encoder.safetensors",
        )


def test_summary_of_two_seeds(run, params_of, encoded):
    summary = summed_up(params_of(seeds=[3, 4]), encoded, run)
    assert set(summary) == {"encoder", "untrained", "raw_pixels", "pca_pixels", "validation", "mining", "rounds"}
    assert set(summary["encoder"]) == LABEL_FIGURES | {"alignment", "uniformity", "ece"}
    ends = [read_json(run / f"encoder-seed{seed}.json")["intervals"]["linear"] for seed in (3, 4)]
    assert [summary["encoder"]["linear"][end] for end in ("low", "high")] == pytest.approx(np.mean(ends, axis=0))
    accuracies = [read_json(run / f"encoder-seed{seed}.json")["test"]["linear"] for seed in (3, 4)]
    assert summary["encoder"]["linear"]["mean"] == pytest.approx(np.mean(accuracies))
    assert summary["encoder"]["linear"]["std"] == pytest.approx(np.std(accuracies, ddof=1))
    assert (summary["encoder"]["linear"]["n"], summary["raw_pixels"]["linear"]["n"]) == (2, 1)
    assert set(summary["validation"]["untrained"]) == LABEL_FIGURES
    labels, shares = encoded.labels("train"), []
    for seed in (3, 4):
        arrays, _ = load_arrays(run / f"seed{seed}/negatives.npz")
        pairs = zip(arrays["anchor"], arrays["negative"], strict=True)
        shares.append(np.mean([labels[other] == labels[one] for one, negatives in pairs for other in negatives]))
    assert summary["mining"]["same_class_share"]["mean"] == pytest.approx(np.mean(shares))


def test_every_round_is_measured_on_validation_images(run, tmp_path, params_of, encoded):
    """With one checkpoint for two rounds: as good as the full evaluation says, which has no more images here."""
    params = params_of(seeds=[3, 4])
    first = run / "seed3/encoder.safetensors"
    later = load_encoder(first)[1].model_copy(update={"round": 1})
    torch.manual_seed(3)
    save_model(tmp_path / "later.safetensors", simclr(params, encoded), later)
    settings = RoundsSettings.of(params)
    checkpoints, out = [tmp_path / "later.safetensors", first], tmp_path / "rounds/seed3.json"
    evaluate_rounds(settings, checkpoints=checkpoints, data=encoded.folder / CARD, figures=out, threads=1)
    before = out.read_bytes()
    evaluate_rounds(settings, checkpoints=checkpoints, data=encoded.folder / CARD, figures=out, threads=1)
    found = read_json(out)
    assert out.read_bytes() == before and found["seed"] == 3
    trained, untrained = (read_json(run / f"{name}-seed3.json")["validation"] for name in ("encoder", "untrained"))
    confusions = [np.array(entry.pop("confusion")) for entry in found["rounds"]]
    right = [Hits.model_validate(entry.pop("right")).scores() for entry in found["rounds"]]
    of_rounds = ("linear", "knn5", "knn3")
    expected = [{"round": i, **{key: of[key] for key in of_rounds}} for i, of in enumerate((trained, untrained))]
    assert found["rounds"] == expected
    for confusion, hits, entry in zip(confusions, right, found["rounds"], strict=True):
        assert np.trace(confusion) / confusion.sum() == pytest.approx(entry["linear"])
        labels = encoded.labels("validation")
        assert [hits[labels == label].sum() for label in (0, 1)] == np.diag(confusion).tolist()
        assert confusion.sum(1).tolist() == np.bincount(encoded.labels("validation"), minlength=2).tolist()
    assert found["provenance"]["inputs"] == {"data": encoded.digest, "encoders": [sha256(path) for path in checkpoints]}
    summary = summed_up(params, encoded, run, rounds=[out])
    assert [entry["round"] for entry in summary["rounds"]] == [0, 1]
    assert summary["rounds"][0]["linear"] == {"mean": trained["linear"], "std": 0, "n": 1}
    assert summary["rounds"][1]["same_class_share"] == summary["mining"]["same_class_share"]
    with pytest.raises(UserError, match=r"takes the encoders of one seed, got those of \[3, 4\]"):
        others = [first, run / "seed4/encoder.safetensors"]
        evaluate_rounds(settings, checkpoints=others, data=encoded.folder / CARD, figures=out, threads=1)


def test_tables_of_the_summary(run, params_of, encoded):
    summed_up(params_of(seeds=[4, 3]), encoded, run)
    curves = pd.read_csv(run / "summary/curves.csv")
    assert list(curves.columns) == list(pd.read_csv(run / "seed3/history.csv").columns)
    assert curves[["seed", "round", "epoch"]].values.tolist() == [[3, 0, 1], [4, 0, 1]]
    pairs = pd.read_csv(run / "summary/confusion.csv")
    counted = pd.crosstab(pairs.actual, pairs.predicted).reindex(
        index=encoded.card.classes, columns=encoded.card.classes, fill_value=0
    )
    assert counted.values.tolist() == read_json(run / "encoder-seed4.json")["confusion"]


def test_only_the_last_round_of_mining_counts(run, tmp_path, params_of, encoded):
    arrays, provenance = load_arrays(run / "seed3/negatives.npz")
    other_class = np.array([np.flatnonzero(encoded.labels("train") == 1 - c)[:2] for c in (0, 1)])
    arrays["negative"] = other_class[encoded.labels("train")[arrays["anchor"]]].astype(np.int32)
    save_arrays(tmp_path / "later.npz", provenance.model_copy(update={"round": 2}), **arrays)
    for tables in permutations([run / "seed3/negatives.npz", tmp_path / "later.npz"]):
        summary = summed_up(params_of(seeds=[3, 4]), encoded, run, negatives=list(tables))
        assert summary["mining"]["same_class_share"] == {"mean": 0, "std": 0, "n": 1}
    assert "mining" not in summed_up(params_of(seeds=[3, 4]), encoded, run, negatives=[])


def test_evaluations_of_other_data_or_missing_ones_are_refused(run, tmp_path, params_of, encoded):
    content = read_json(run / "raw_pixels.json")
    content["provenance"]["inputs"]["data"] = "0" * 64
    write_json(tmp_path / "foreign.json", content)
    with pytest.raises(UserError, match=r"foreign\.json was made from another data set"):
        summed_up(params_of(seeds=[3]), encoded, run, evaluations=[tmp_path / "foreign.json"])
    with pytest.raises(UserError, match="the summary needs an evaluation of encoder-seed9"):
        summed_up(params_of(seeds=[9]), encoded, run)


def test_unlabelled_images_leave_the_label_figures_out(tmp_path, params_of, encoded_of, pretrained):
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for i in range(40):
        Image.fromarray(rng.integers(0, 256, (16, 16), np.uint8)).save(tmp_path / f"images/{i}.png")
    params = params_of(data={"path": str(tmp_path / "images")})
    data = encoded_of(params, tmp_path)
    assert not data.card.labelled
    pretrained(params, data, tmp_path / "run/seed0")
    for name in ("raw_pixels", "encoder-seed0"):
        found = evaluated(params, data, tmp_path / "run", name, tmp_path / "run/seed0/encoder.safetensors")
        assert found["test"] == found["validation"] == found["intervals"] == {} and found["calibration"] is None
        assert found["confusion"] == found["probe_sweep"] == []
        assert found["alignment"] >= 0 >= found["uniformity"]
        assert "linear" not in found["protocol"]
    arrays, _ = load_arrays(tmp_path / "run/encoder-seed0.npz")
    assert (arrays["label"] == -1).all() and (arrays["predicted"] == -1).all()
    summary = summed_up(params, data, tmp_path / "run")
    assert set(summary) == {"raw_pixels", "pca_pixels", "encoder"}
    assert set(summary["encoder"]) == {"alignment", "uniformity"}
    assert (tmp_path / "run/summary/confusion.csv").read_text() == "actual,predicted\n"


def test_files_name_no_path(run):
    for path in run.glob("*.json"):
        assert str(run) not in json.dumps(read_json(path))

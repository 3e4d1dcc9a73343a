"""Features of any folder are those of the encoder, and the file says whose."""

import json
import os
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

from contraflow.commands import embed as command
from contraflow.commands.embed import Embedded, embed
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import load_encoder, save_model


@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_the_encoders_by_name(tmp_path, monkeypatch, checkpoint_of, image_folder, channels):
    monkeypatch.setattr(command, "BATCH", 4)
    folder = image_folder(tmp_path / "images", 10)
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors", channels=channels)
    embed(folder, checkpoint=checkpoint, out=tmp_path / "out/embeddings.npz")
    arrays, provenance = load_arrays(tmp_path / "out/embeddings.npz", Embedded)
    files = sorted(folder.rglob("*.png"))
    assert arrays["files"].tolist() == [path.relative_to(folder).as_posix() for path in files]
    assert arrays["classes"].tolist() == ["lying", "upright"] and arrays["label"].tolist() == [0] * 5 + [1] * 5
    assert provenance == Embedded(step="embed", inputs={"encoder": sha256(checkpoint)}, skipped=[])
    encoder, made_from = load_encoder(checkpoint)
    mean, std = (torch.tensor(each)[:, None, None] for each in (made_from.mean, made_from.std))
    pixels = np.stack([np.asarray(Image.open(path)) for path in files])[:, None] / np.float32(255)
    with torch.inference_mode():
        expected = encoder((torch.from_numpy(pixels).expand(-1, channels, -1, -1) - mean) / std)
    np.testing.assert_allclose(arrays["features"], expected.numpy(), atol=1e-5)
    plain = np.load(tmp_path / "out/embeddings.npz")  # opens without contraflow
    assert json.loads(str(plain["provenance"]))["inputs"]["encoder"] == sha256(checkpoint)


def test_photographs_of_all_kinds_with_broken_ones_left_out(tmp_path, checkpoint_of, photographs):
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors", channels=3)
    for name in ("a.npz", "b.npz"):
        embed(photographs, checkpoint=checkpoint, out=tmp_path / name, skip_broken=True)
    assert sha256(tmp_path / "a.npz") == sha256(tmp_path / "b.npz")
    arrays, provenance = load_arrays(tmp_path / "a.npz", Embedded)
    assert arrays["features"].shape == (298, 64) and np.isfinite(arrays["features"]).all()
    assert [arrays["classes"][label] for label in arrays["label"]] == [name.split("/")[0] for name in arrays["files"]]
    assert provenance.skipped == ["Äpfel und Birnen/half a photo 000.jpg", "犬/notes 犬.jpg"]


def test_all_broken_files_are_named_and_what_was_there_stays(tmp_path, checkpoint_of, photographs):
    checkpoint, out = checkpoint_of(tmp_path / "encoder.safetensors", channels=3), tmp_path / "embeddings.npz"
    out.write_text("of before")
    with pytest.raises(UserError, match=r"2 of 300 images in .* cannot be read") as refused:
        embed(photographs, checkpoint=checkpoint, out=out)
    assert "half a photo 000.jpg (truncated)" in str(refused.value) and "notes 犬.jpg (not an image)" in str(
        refused.value
    )
    assert out.read_text() == "of before"
    assert {path.name for path in tmp_path.iterdir()} == {"encoder.safetensors", "embeddings.npz"}


def test_nothing_but_broken_files_is_refused(tmp_path, checkpoint_of):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_text("no picture")
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors")
    with pytest.raises(UserError, match="none is left"):
        embed(tmp_path / "images", checkpoint=checkpoint, out=tmp_path / "out.npz", skip_broken=True)


def test_a_checkpoint_without_normalisation_is_refused_by_name(tmp_path, checkpoint_of):
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors")
    network, made_from = load_encoder(checkpoint)
    without = made_from.model_copy(update={"mean": None})
    save_model(checkpoint, torch.nn.ModuleDict({"encoder": network}), without)
    with pytest.raises(UserError, match=r"encoder\.safetensors is damaged, or of another version: delete it"):
        embed(tmp_path, checkpoint=checkpoint, out=tmp_path / "out.npz")


def test_a_table_says_which_images_and_labels_there_are(tmp_path, checkpoint_of, image_folder):
    folder = image_folder(tmp_path / "images", 10)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    rows = [f"{name},{'b' if i % 2 else 'a'}" for i, name in enumerate(names[:8])]
    (folder / "labels.csv").write_text("\n".join(["path,label", *reversed(rows)]))
    checkpoint, out = checkpoint_of(tmp_path / "encoder.safetensors"), tmp_path / "out.npz"
    embed(folder, checkpoint=checkpoint, out=out, table="labels.csv")
    arrays, _ = load_arrays(out, Embedded)
    assert arrays["files"].tolist() == names[:8] and arrays["classes"].tolist() == ["a", "b"]
    assert arrays["label"].tolist() == [0, 1] * 4
    with pytest.raises(UserError, match=r"other\.csv is missing: name with --table a CSV file that lies in"):
        embed(folder, checkpoint=checkpoint, out=out, table="other.csv")


@pytest.mark.parametrize("images", [1000, 3000])
def test_so_many_pictures_are_in_memory_at_a_time_however_many_there_are(tmp_path, monkeypatch, checkpoint_of, images):
    (tmp_path / "images").mkdir()
    for i in range(images):
        (tmp_path / f"images/{i:05}.png").touch()
    alive, most = set(), 0

    def generate(path, size, channels):
        nonlocal most
        picture = np.full((size, size, channels), int(path.stem) % 256, np.uint8)
        alive.add(path.stem)
        weakref.finalize(picture, alive.discard, path.stem)
        most = max(most, len(alive))
        return picture

    monkeypatch.setattr(command, "read_input", generate)
    embed(tmp_path / "images", checkpoint=checkpoint_of(tmp_path / "encoder.safetensors"), out=tmp_path / "out.npz")
    features = np.load(tmp_path / "out.npz")["features"]
    assert len(features) == images and np.array_equal(features[:256], features[256:512])
    assert most <= 2 * command.BATCH + 10 * os.cpu_count()

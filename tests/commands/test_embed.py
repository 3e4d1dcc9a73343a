"""Features of any folder are those of the encoder, and the file says whose."""

import csv
import json
import os
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

from contraflow.commands import embed as command
from contraflow.commands.embed import Embedded, embed
from contraflow.encoded.names import CARD
from contraflow.encoded.tokens import tokenise
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import load_encoder, save_model
from contraflow.models.towers import load_towers


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


SAID = ["a red dress", "<b>bold</b>, and a comma", "שמש", "long " * 20_000]


def one_by_one(network, tokenizer, texts, key=()):
    with torch.inference_mode():
        rows = [torch.tensor([[*key, *each.tolist()]]) for each in tokenise(tokenizer, texts)]
        return np.concatenate([network(row).numpy() for row in rows])


def test_images_and_texts_become_vectors_of_one_space(tmp_path, captioned, checkpoint_beside):
    checkpoint, files = (
        checkpoint_beside(tmp_path / "encoder.safetensors", captioned),
        {"data": captioned.folder / CARD},
    )
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["label", "text"], *zip(["b", "", "a", "b"], SAID, strict=True)])
    embed(tmp_path / "t.csv", checkpoint=checkpoint, out=tmp_path / "texts.npz", **files)
    arrays, provenance = load_arrays(tmp_path / "texts.npz", Embedded)
    assert arrays["files"].tolist() == ["line 2", "line 3", "line 4", "line 5"]
    assert arrays["classes"].tolist() == ["a", "b"] and arrays["label"].tolist() == [1, -1, 0, 1]
    assert provenance.inputs == {"encoder": sha256(checkpoint)}
    towers = load_towers(checkpoint)[0]
    expected = one_by_one(towers.text, captioned.tokenizer, [text.strip() for text in SAID])
    np.testing.assert_allclose(arrays["features"], expected, atol=1e-6)
    folder = captioned.folder.parent / "images"
    embed(folder, checkpoint=checkpoint, out=tmp_path / "images.npz")
    images, card = load_arrays(tmp_path / "images.npz", Embedded)[0], captioned.card
    pixels = np.stack([np.asarray(Image.open(folder / name)) for name in images["files"]])[:, None] / np.float32(255)
    with torch.inference_mode():
        expected = towers.images((torch.from_numpy(pixels) - card.mean[0]) / card.std[0]).numpy()
    np.testing.assert_allclose(images["features"], expected, atol=1e-5)
    assert images["features"].shape[1] == arrays["features"].shape[1] == towers.dimension


def test_lines_of_texts_alone_are_embedded_and_empty_ones_left_out(tmp_path, sentences, checkpoint_beside):
    checkpoint = checkpoint_beside(tmp_path / "encoder.safetensors", sentences)
    (tmp_path / "t.txt").write_text("\ufeffone, \u2028two\r\n\n  three\n \n四", encoding="utf-8")
    for name in ("a.npz", "b.npz"):
        embed(tmp_path / "t.txt", checkpoint=checkpoint, out=tmp_path / name, data=sentences.folder / CARD)
    assert sha256(tmp_path / "a.npz") == sha256(tmp_path / "b.npz")
    arrays, _ = load_arrays(tmp_path / "a.npz", Embedded)
    assert arrays["files"].tolist() == ["line 1", "line 3", "line 5"] and set(arrays["label"]) == {-1}
    texts = ["one, \u2028two", "three", "四"]
    expected = one_by_one(load_encoder(checkpoint)[0], sentences.tokenizer, texts, key=(0,))
    np.testing.assert_allclose(arrays["features"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", "text,label\na,\n  ,\n", r"t\.csv: text must not be empty, as it is in line 3$"),
        ("t.csv", "said\na\n", r"t\.csv needs a column text, separated by commas: found said$"),
        (
            "t.csv",
            "text\n",
            r"t\.csv lists no texts: it needs a line of column names and then one for each of them$",
        ),
        ("t.csv", "text,text\na,b\n", r"t\.csv needs a column text"),
        ("t.txt", " \n\n", r"t\.txt holds no texts$"),
        ("t.txt", b"\xff\xfe", r"t\.txt is not a text file in UTF-8"),
        ("t.png", "", r"t\.png must be a folder of images, a \.csv file with the column text, or a \.txt with one a"),
    ],
)
def test_what_is_no_file_of_texts_is_one_sentence(tmp_path, sentences, checkpoint_beside, name, content, says):
    checkpoint = checkpoint_beside(tmp_path / "encoder.safetensors", sentences)
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=says):
        embed(tmp_path / name, checkpoint=checkpoint, out=tmp_path / "out.npz", data=sentences.folder / CARD)
    assert not (tmp_path / "out.npz").exists()


def test_what_an_encoder_does_not_take_is_refused(tmp_path, sentences, checkpoint_of, checkpoint_beside, image_folder):
    (tmp_path / "t.csv").write_text("text,label\na,\nb,\n")
    images, texts = checkpoint_of(tmp_path / "i.safetensors"), checkpoint_beside(tmp_path / "t.safetensors", sentences)
    out, data = tmp_path / "out.npz", sentences.folder / CARD
    with pytest.raises(UserError, match=r"i\.safetensors has no encoder of texts"):
        embed(tmp_path / "t.csv", checkpoint=images, out=out, data=data)
    with pytest.raises(UserError, match=r"t\.safetensors takes texts: name an encoder of images"):
        embed(image_folder(tmp_path / "images", 4), checkpoint=texts, out=out, data=data)
    with pytest.raises(
        UserError, match=r"t\.csv lists texts without images: name it itself, contraflow embed .*t\.csv$"
    ):
        embed(tmp_path, checkpoint=images, out=out, table="t.csv")
    for option, of_folders in (("--table", {"table": "t.csv"}), ("--skip-broken", {"skip_broken": True})):
        with pytest.raises(UserError, match=rf"^{option} is of the images in a folder, and .*t\.csv is none$"):
            embed(tmp_path / "t.csv", checkpoint=texts, out=out, data=data, **of_folders)
    for checkpoint in (images, texts):
        with pytest.raises(UserError, match=r"tt\.csv is not there: name a folder of images, or a file of texts"):
            embed(tmp_path / "tt.csv", checkpoint=checkpoint, out=out, data=data)

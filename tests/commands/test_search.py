"""The nearest training images are found and shown."""

import re
import shutil

import numpy as np
import pytest
import torch

from contraflow.commands.search import search
from contraflow.commands.trained import normalised, read_input
from contraflow.encoded.names import CARD
from contraflow.encoded.pixels import read_images
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import load_encoder


@pytest.fixture
def checkpoint(tmp_path, checkpoint_of, encoded):
    return checkpoint_of(tmp_path / "encoder.safetensors", data=encoded.digest)


def shown(page):
    """Places in the file and similarities, image by image."""
    sections = page.read_text().split("<section")[1:]
    found = [re.findall(r"([\d.\u2212]+)<br>no\.&nbsp;(\d+)", section) for section in sections]
    return [
        ([int(index) for _, index in one], [float(value.replace("\u2212", "-")) for value, _ in one]) for one in found
    ]


def features(checkpoint, images):
    encoder, made_from = load_encoder(checkpoint)
    with torch.inference_mode():
        vectors = encoder(normalised(images, made_from.mean, made_from.std)).numpy().astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_nearest_are_those_of_a_slow_search_and_a_training_image_finds_itself(tmp_path, checkpoint, encoded):
    images = read_images(encoded.train_beton, encoded.training, 16)
    pixels = {path: read_input(path, 16, 1) for path in sorted((encoded.folder.parent / "images").rglob("*.png"))}
    wanted = encoded.training[3]
    itself = next(path for path, image in pixels.items() if np.array_equal(image, images[3]))
    other = next(path for path, image in pixels.items() if not (image == images).all(axis=(1, 2, 3)).any())
    search([itself, other], checkpoint=checkpoint, data=encoded.folder / CARD, k=5, out=tmp_path / "page.html")
    (first, similarity), second = shown(tmp_path / "page.html")
    assert first[0] == wanted and similarity[0] == 1
    cosine = features(checkpoint, np.stack([pixels[itself], pixels[other]])) @ features(checkpoint, images).T
    for (index, values), row in zip(((first, similarity), second), cosine, strict=True):
        assert len(index) == 5 and set(index) <= set(encoded.training.tolist())
        np.testing.assert_allclose(values, np.sort(row)[::-1][:5], atol=6e-4)
        np.testing.assert_allclose(row[np.searchsorted(encoded.training, index)], values, atol=6e-4)
    text = (tmp_path / "page.html").read_text()
    assert f"{itself.parent.name}<br>" in text and itself.name in text


def test_recall_is_said_of_pictures_in_folders_of_a_class(tmp_path, checkpoint, encoded, capfd):
    """Against a loop; a training image is not its own neighbour, and what lies in another folder has no class."""
    paths = sorted((encoded.folder.parent / "images").rglob("*.png"))[::9]
    stray = tmp_path / "elsewhere.png"
    shutil.copy(paths[0], stray)
    images, names = read_images(encoded.train_beton, encoded.training, 16), encoded.card.classes
    cosine = (
        features(checkpoint, np.stack([read_input(path, 16, 1) for path in paths])) @ features(checkpoint, images).T
    )
    hits = {1: [], 5: []}
    for path, row in zip(paths, cosine, strict=True):
        found = [names[encoded.labels("training")[i]] for i in np.argsort(-row) if row[i] < 1 - 1e-7]
        for k, hit in hits.items():
            hit.append(path.parent.name in found[:k])
    search([*paths, stray], checkpoint=checkpoint, data=encoded.folder / CARD, k=5, out=tmp_path / "page.html")
    said = capfd.readouterr().err
    recalls = f"recall@1 {np.mean(hits[1]):.3f}, recall@5 {np.mean(hits[5]):.3f}, over the {len(paths)} in a folder"
    assert recalls in said
    text = (tmp_path / "page.html").read_text()
    assert text.count("✓ right") + text.count("✗ wrong") == 5 * len(paths)
    search(paths, checkpoint=checkpoint, data=encoded.folder / CARD, k=1, out=tmp_path / "page.html")
    assert f"recall@1 {np.mean(hits[1]):.3f}, over" in capfd.readouterr().err
    search([stray], checkpoint=checkpoint, data=encoded.folder / CARD, k=5, out=tmp_path / "page.html")
    assert "recall@" not in capfd.readouterr().err and "right</strong>" not in (tmp_path / "page.html").read_text()


def test_of_the_nearest_it_is_shown_what_makes_them_so(tmp_path, checkpoint, encoded, checkpoint_of):
    images = sorted((encoded.folder.parent / "images").rglob("*.png"))[:2]
    search(images, checkpoint=checkpoint, data=encoded.folder / CARD, k=5, out=tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert text.count("Why the nearest are near</h3>") == 2 and text.count("lit where it gives") == 2 * 3 * 2
    for (places, similarities), section in zip(shown(tmp_path / "page.html"), text.split("<section")[1:], strict=True):
        told = re.findall(r"no\. (\d+)</span>.*?similarity</span> ([\d.\u2212]+)", section)
        assert [(int(place), float(value)) for place, value in told] == [*zip(places, similarities, strict=True)][:3]
    search(images, checkpoint=checkpoint, data=encoded.folder / CARD, k=1, out=tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().count("lit where it gives") == 2 * 2


def test_equal_searches_give_equal_bytes(tmp_path, checkpoint, encoded):
    image = next((encoded.folder.parent / "images").rglob("*.png"))
    for name in ("a.html", "b.html"):
        search([image], checkpoint=checkpoint, data=encoded.folder / CARD, k=1000, out=tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert len(shown(tmp_path / "a.html")[0][0]) == len(encoded.training)  # more than there are means all


def test_all_images_that_cannot_be_read_are_named(tmp_path, checkpoint, encoded):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match=r"images: .*nowhere\.png \(missing\), .*text\.png \(not an image\)"):
        search(
            [tmp_path / "nowhere.png", tmp_path / "text.png"],
            checkpoint=checkpoint,
            data=encoded.folder / CARD,
            k=3,
            out=tmp_path / "page.html",
        )
    assert not (tmp_path / "page.html").exists()


def test_a_checkpoint_of_other_data_is_refused(tmp_path, checkpoint_of, encoded):
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors")
    with pytest.raises(UserError, match=r"encoder\.safetensors was trained on other images than .* holds"):
        search([tmp_path / "a.png"], checkpoint=checkpoint, data=encoded.folder / CARD, k=3, out=tmp_path / "page.html")

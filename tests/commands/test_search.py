"""The nearest training images are found and shown."""

import html
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from contraflow.commands.search import search
from contraflow.commands.trained import normalised, read_input
from contraflow.encoded.names import CARD
from contraflow.encoded.pixels import read_images
from contraflow.encoded.tokens import tokenise
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import load_encoder
from contraflow.models.towers import load_towers
from contraflow.neighbours.bank import unit


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


ASKED = ["picture 3 lying", "<script>alert(1)</script>", "שלום " * 30_000]


def of_texts(network, tokenizer, texts, key=()):
    with torch.inference_mode():
        rows = [torch.tensor([[*key, *each.tolist()]]) for each in tokenise(tokenizer, texts)]
        return unit(np.concatenate([network(row).numpy() for row in rows]))


@pytest.fixture(scope="module")
def beside(tmp_path_factory, captioned, checkpoint_beside):
    """Checkpoint, and what it makes of the training images, of length 1."""
    path = checkpoint_beside(tmp_path_factory.mktemp("beside") / "encoder.safetensors", captioned)
    pixels, card = read_images(captioned.train_beton, captioned.training, 16), captioned.card
    with torch.inference_mode():
        images = load_towers(path)[0].images(normalised(pixels, card.mean, card.std)).numpy()
    return path, unit(images)


def test_a_text_finds_images_in_the_space_of_both(tmp_path, beside, captioned):
    path, images = beside
    search(text=ASKED, checkpoint=path, data=captioned.folder / CARD, k=5, out=tmp_path / "page.html")
    cosine = of_texts(load_towers(path)[0].text, captioned.tokenizer, ASKED) @ images.T
    for (index, values), row in zip(shown(tmp_path / "page.html"), cosine, strict=True):
        np.testing.assert_allclose(values, np.sort(row)[::-1][:5], atol=6e-4)
        np.testing.assert_allclose(row[np.searchsorted(captioned.training, index)], values, atol=6e-4)
    text = (tmp_path / "page.html").read_text()
    assert "<script" not in text and html.escape(ASKED[1]) in text and len(text) < 300_000
    said = captioned.texts["train"]
    place = shown(tmp_path / "page.html")[0][0][0]
    assert html.escape(said[said.begins[place]]) in text and "Why the nearest" not in text
    assert "No layer of this encoder" not in text


def test_an_image_finds_texts_too(tmp_path, beside, captioned):
    path, _ = beside
    image = min((captioned.folder.parent / "images").rglob("*.png"))
    search([image], text=["one"], checkpoint=path, data=captioned.folder / CARD, k=4, out=tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    found = re.findall(r"<li><bdi>(.*?)</bdi> <span class=\"quiet\">([\d.\u2212]+)</span>", text, re.DOTALL)
    texts = captioned.texts["train"]
    known = sorted({texts[i] for image in captioned.training for i in range(*texts.begins[image : image + 2])})
    towers, card = load_towers(path)[0], captioned.card
    with torch.inference_mode():
        own = unit(towers.images(normalised(read_input(image, 16, 1)[None], card.mean, card.std)).numpy())
    cosine = (of_texts(towers.text, captioned.tokenizer, known) @ own.T)[:, 0]
    values = [float(value.replace("\u2212", "-")) for _, value in found]
    np.testing.assert_allclose(values, np.sort(cosine)[::-1][:4], atol=6e-4)
    for (said, _), value in zip(found, values, strict=True):
        cut = html.unescape(said).removesuffix("…")
        assert any(each.startswith(cut) and abs(c - value) < 6e-4 for each, c in zip(known, cosine, strict=True))
    assert text.count("<section") == 2 and text.count("The nearest training texts") == 1
    assert "1\u00a0image and 1\u00a0text, each" in text and "Texts and images are compared" in text


def test_a_text_finds_texts_where_they_are_alone(tmp_path, sentences, checkpoint_beside):
    path, out = checkpoint_beside(tmp_path / "encoder.safetensors", sentences), tmp_path / "page.html"
    texts = sentences.texts["train"]
    asked = [min((texts[i] for i in sentences.training), key=len), "<i>odd</i> one"]
    for name in ("page.html", "again.html"):
        search(text=asked, checkpoint=path, data=sentences.folder / CARD, k=5, out=tmp_path / name)
    assert out.read_bytes() == (tmp_path / "again.html").read_bytes()
    encoder = load_encoder(path)[0]
    own, known = (
        of_texts(encoder, sentences.tokenizer, said, key=(0,))
        for said in (asked, [texts[i] for i in sentences.training])
    )
    for (index, values), row in zip(shown(out), own @ known.T, strict=True):
        np.testing.assert_allclose(values, np.sort(row)[::-1][:5], atol=6e-4)
        np.testing.assert_allclose(row[np.searchsorted(sentences.training, index)], values, atol=6e-4)
    assert shown(out)[0][1][0] == 1
    page = re.sub(r"<style>.*?</style>", "", out.read_text(), flags=re.DOTALL)
    assert html.escape(asked[0]) in page and "<i>odd" not in page and "image" not in page
    assert "2\u00a0texts, each with the most similar of" in page and "<code>texts.npz</code>" in page


def test_words_that_were_taken_for_a_picture_are_shown_their_place(tmp_path, beside, captioned):
    says = r"^cannot be read as an image: a red dress \(missing\); what is said of images goes behind --text$"
    with pytest.raises(UserError, match=says):
        search([Path("a red dress")], checkpoint=beside[0], data=captioned.folder / CARD, out=tmp_path / "page.html")


def test_what_an_encoder_does_not_take_is_one_sentence(tmp_path, checkpoint, encoded, sentences, checkpoint_beside):
    image, out = next((encoded.folder.parent / "images").rglob("*.png")), {"out": tmp_path / "page.html"}
    with pytest.raises(UserError, match=r"encoder\.safetensors has no encoder of texts: name one"):
        search(text=["a"], checkpoint=checkpoint, data=encoded.folder / CARD, **out)
    alone = checkpoint_beside(tmp_path / "alone.safetensors", sentences)
    with pytest.raises(UserError, match=r"alone\.safetensors takes texts: ask by --text, or name an encoder of images"):
        search([image], checkpoint=alone, data=sentences.folder / CARD, **out)
    for empty in ("", " \n"):
        with pytest.raises(UserError, match=r"^--text must not be empty$"):
            search(text=["a", empty], checkpoint=alone, data=sentences.folder / CARD, **out)
    with pytest.raises(UserError, match=r"^name pictures to find images like them, or by --text what is said of"):
        search(checkpoint=checkpoint, data=encoded.folder / CARD, **out)
    assert not out["out"].exists()

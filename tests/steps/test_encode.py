"""Data sets become FFCV files and a card: from torchvision's files, and from a folder as people have it."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from contraflow.encoded.beton import open_beton
from contraflow.encoded.card import Amount, EncodedData, Repeats
from contraflow.encoded.claim import claim
from contraflow.encoded.names import CARD, FILES
from contraflow.encoded.pixels import read_images, square
from contraflow.foundations.artefacts import sha256, write_json
from contraflow.foundations.errors import UserError
from contraflow.images.decoding import open_picture
from contraflow.params import parse_params
from contraflow.steps.encode import Encoding, encode
from contraflow.steps.fetch import Fetching, fetch

ROOT = Path(__file__).parents[2]
SIZE = 24


def _encode(fetched: Path, out: Path, **data: object) -> Path:
    """Let the step encode the files that lie in `fetched`, with some parameters of data changed; its card."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["train"]["batch_size"], content["mining"]["k"] = 2, 1  # never more than data.limit
    settings = Encoding.of(parse_params(content | {"data": content["data"] | data}))
    encode(settings, source=fetched / "source.json", card=out / CARD)
    return out / CARD


def _pixels(beton: Path) -> np.ndarray:
    opened = open_beton(beton)
    shape = (*opened.size, opened.channels)
    return np.stack([opened.stored(i).reshape(shape) for i in range(len(opened))])


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def fashion(tmp_path) -> Path:
    """What fetch leaves, of 40 training and 12 test images."""
    random, files = np.random.default_rng(0), {}
    for part, n in {"train": 40, "t10k": 12}.items():
        for name, array in {
            f"{part}-images-idx3-ubyte": random.integers(0, 256, (n, 28, 28)),
            f"{part}-labels-idx1-ubyte": np.arange(n) % 10,
        }.items():
            file = tmp_path / "fetch/FashionMNIST/raw" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
            file.write_bytes(header + array.astype(np.uint8).tobytes())
            files[f"FashionMNIST/raw/{name}"] = sha256(file)
    write_json(tmp_path / "fetch/source.json", {"name": "fashion_mnist", "files": files, "provenance": {}})
    return tmp_path / "fetch"


def test_fashion_mnist(tmp_path, fashion):
    data = EncodedData.open(_encode(fashion, tmp_path / "encode"))
    card = data.card
    raw = np.fromfile(fashion / "FashionMNIST/raw/train-images-idx3-ubyte", np.uint8, offset=16).reshape(40, 28, 28, 1)
    assert (_pixels(data.train_beton) == raw).all()
    assert (card.name, card.image_size, card.channels, card.skipped) == ("fashion_mnist", 28, 1, [])
    assert card.classes[4] == "Coat"
    assert card.train == Amount(images=40, per_class=[4] * 10)
    assert card.test == Amount(images=12, per_class=[2, 2] + [1] * 8)
    assert card.validation.images == 4 == len(data.validation)
    assert sorted([*data.training, *data.validation]) == list(range(40))
    assert card.mean == pytest.approx([raw.mean() / 255])
    assert card.std == pytest.approx([raw.std() / 255])
    assert card.digests == {name: sha256(tmp_path / "encode" / name) for name in card.digests}
    assert card.provenance.inputs == {"source.json": sha256(fashion / "source.json")}
    assert not {"data.path", "data.labelled_fraction"} & set(card.provenance.params)
    assert data.labels("train").tolist() == [i % 10 for i in range(40)]
    assert data.positions.tolist() == list(range(40))


def test_same_bytes_twice_wherever_the_files_lie(tmp_path, fashion):
    _encode(fashion, tmp_path / "one")
    shutil.move(fashion, tmp_path / "moved")
    for _ in range(2):  # the second time over its own files
        _encode(tmp_path / "moved", tmp_path / "two", path="elsewhere")
        assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")
    assert str(tmp_path).encode() not in (tmp_path / "one/card.json").read_bytes()


def test_limit_and_size(tmp_path, fashion):
    data = EncodedData.open(_encode(fashion, tmp_path / "encode", limit=9, image_size=16))
    assert (data.card.train.images, data.card.validation.images, data.card.test.images) == (9, 1, 12)
    assert _pixels(data.test_beton).shape == (12, 16, 16, 1)
    assert data.labels("train").tolist() == list(range(9))


def test_glyphs_keep_whole_characters_for_validation_and_others_for_the_test(tmp_path, typefaces):
    whole = EncodedData.open(_encode(typefaces, tmp_path / "whole", name="glyphs"))
    card, (training, validation, test) = whole.card, (set(whole.labels(s)) for s in ("training", "validation", "test"))
    assert (card.image_size, card.channels, card.train.images, card.test.images) == (32, 1, 4 * 4734, 4 * 2029)
    assert len(training) + len(validation) + len(test) == len(training | validation | test) == len(card.classes)
    assert len(whole.validation) == 4 * len(validation) == 4 * 474
    assert card.train.per_class == [4] * 4734 + [0] * 2029
    assert card.test.per_class == [0] * 4734 + [4] * 2029
    assert (card.duplicates.images, card.leaks.images) == (0, 0)

    few = EncodedData.open(_encode(typefaces, tmp_path / "few", name="glyphs", limit=40, image_size=16))
    assert few.labels("train").tolist() == np.repeat(np.arange(10), 4).tolist()
    assert few.labels("test").tolist() == whole.labels("test").tolist()
    assert _pixels(few.test_beton).shape == (4 * 2029, 16, 16, 1)
    with pytest.raises(UserError, match="glyphs gives training images of one class"):
        _encode(typefaces, tmp_path / "one", name="glyphs", limit=4)


def test_too_few_images_are_refused(tmp_path, fashion):
    with pytest.raises(UserError, match="gives 3 training images, but at least 4"):
        _encode(fashion, tmp_path / "encode", limit=3)


def test_what_fetch_left_must_be_what_is_asked_for(tmp_path, fashion):
    with pytest.raises(UserError, match=r"holds fashion_mnist, but data\.name is mnist"):
        _encode(fashion, tmp_path / "encode", name="mnist")
    file = fashion / "FashionMNIST/raw/t10k-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte is missing or was changed"):
        _encode(fashion, tmp_path / "encode")
    with pytest.raises(UserError, match=r"source\.json is missing"):
        _encode(tmp_path, tmp_path / "encode")


def test_an_older_card_does_not_outlive_a_failure(tmp_path, fashion):
    _encode(fashion, tmp_path / "encode")
    with pytest.raises(UserError):
        _encode(fashion, tmp_path / "encode", name="mnist")
    assert not (tmp_path / "encode/card.json").exists()


def test_copies_and_leaks_are_named_by_file_and_said_once(tmp_path, capfd):
    root = tmp_path / "images"
    _paint(root, [f"{part}/{label}/{i}.png" for part in ("train", "test") for label in "ab" for i in range(3)])
    shutil.copy(root / "train/a/0.png", root / "train/b/9.png")
    shutil.copy(root / "train/b/1.png", root / "test/a/8.png")
    data = _encode_folder(root, tmp_path)
    assert data.card.duplicates == Repeats(images=1, listed=[["train/b/9.png", "train/a/0.png"]])
    assert data.copies.tolist() == [0, 1, 2, 3, 4, 5, 0]  # in the order of their names, the copy last
    assert data.card.leaks == Repeats(images=1, listed=[["test/a/8.png", "train/b/1.png"]])
    said = [line for line in capfd.readouterr().err.splitlines() if "among the training images" in line]
    assert len(said) == 1
    assert "1 of 7 test images" in said[0]
    assert "test/a/8.png equals training image train/b/1.png" in said[0]


def test_without_leaks_nothing_is_said(tmp_path, fashion, capfd):
    card = EncodedData.open(_encode(fashion, tmp_path / "encode")).card
    assert card.leaks == card.duplicates == Repeats(images=0, listed=[])
    assert "also" not in capfd.readouterr().err


CLASSES = ("Äpfel und Birnen", "кошки", "犬")
BROKEN = {"Äpfel und Birnen/half a photo 000.jpg": "truncated", "犬/notes 犬.jpg": "not an image"}


def _encode_folder(path: Path, work: Path, **data: object) -> EncodedData:
    fetch(Fetching("folder", str(path), data.get("table")), source=work / "fetch/source.json")
    data = {"name": "folder", "path": str(path), "image_size": SIZE} | data
    return EncodedData.open(_encode(work / "fetch", work / "encode", **data))


def test_broken_photographs_are_all_named_in_one_message(tmp_path, photographs):
    with pytest.raises(UserError) as caught:
        _encode_folder(photographs, tmp_path)
    first, *rest = str(caught.value).splitlines()
    assert "2 of 300 images" in first
    assert "data.skip_broken" in first
    assert sorted(rest) == sorted(f"  {name} ({reason})" for name, reason in BROKEN.items())
    assert list((tmp_path / "encode").iterdir()) == []


def test_photographs_without_the_broken_ones(tmp_path, photographs):
    data = _encode_folder(photographs, tmp_path, skip_broken=True)
    card = data.card
    assert sorted(card.skipped) == sorted(BROKEN)
    assert card.classes == sorted(CLASSES)
    assert (card.image_size, card.channels) == (SIZE, 3)
    assert card.train.images + card.test.images == 298
    assert 58 <= card.test.images <= 60
    assert all(n in (19, 20) for n in card.test.per_class)
    assert _pixels(data.train_beton).shape == (card.train.images, SIZE, SIZE, 3)
    assert set(_bytes(data.folder)) == {CARD, *FILES}


def test_skipped_files_are_said(tmp_path, photographs, capfd):
    _encode_folder(photographs, tmp_path, skip_broken=True)
    said = capfd.readouterr().err
    assert "2 of 300 images" in said
    assert all(name in said for name in BROKEN)


def test_a_folder_gives_the_same_bytes_wherever_it_lies(tmp_path, photographs):
    shutil.copytree(photographs, tmp_path / "copy")
    one = _encode_folder(photographs, tmp_path / "1", skip_broken=True)
    two = _encode_folder(tmp_path / "copy", tmp_path / "2", skip_broken=True)
    assert _bytes(one.folder) == _bytes(two.folder)


def _paint(root: Path, names: list[str], channels: int = 3) -> None:
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shade = np.arange(30 * 40 * channels, dtype=np.int64).reshape(30, 40, channels) * (i + 1) % 256
        Image.fromarray(shade.astype(np.uint8).squeeze()).save(root / name)


def test_unlabelled_grey_images(tmp_path):
    _paint(tmp_path / "images", [f"{i:02}.png" for i in range(20)], channels=1)
    data = _encode_folder(tmp_path / "images", tmp_path)
    assert not data.card.labelled
    assert data.card.classes == data.card.train.per_class == data.card.test.per_class == []
    assert (data.card.channels, data.card.train.images, data.card.test.images) == (1, 16, 4)
    assert (data.labels("train") == -1).all()
    assert (data.labels("test") == -1).all()


def test_a_test_of_ones_own(tmp_path):
    names = [
        f"{part}/{label}/{i}.png" for part, n in {"train": 4, "test": 2}.items() for label in "ab" for i in range(n)
    ]
    _paint(tmp_path / "images", names)
    data = _encode_folder(tmp_path / "images", tmp_path, limit=5)
    assert data.card.train.images == 5
    assert data.card.test == Amount(images=4, per_class=[2, 2])


def test_a_validation_of_ones_own(tmp_path, capfd):
    names = [
        f"{part}/{label}/{i}.png"
        for part, n in {"Train": 4, "valid": 3, "test": 2}.items()
        for label in "ab"
        for i in range(n)
    ]
    _paint(tmp_path / "images", names)
    (tmp_path / "images/test/b/1.png").unlink()
    (tmp_path / "images/test/b/0.png").rename(tmp_path / "images/test/b/0.heic")  # b has no test image then
    data = _encode_folder(tmp_path / "images", tmp_path, limit=4)
    assert data.card.train.images == 10
    assert data.card.validation.images == 6
    assert data.validation.tolist() == [4, 5, 6, 7, 8, 9]
    assert np.bincount(data.labels("validation")).tolist() == [3, 3]
    assert data.card.test == Amount(images=2, per_class=[2, 0])
    assert data.card.splits == {"train": "Train", "validation": "valid", "test": "test"}
    assert data.card.not_taken == {".heic": 1}
    assert "files that are not taken: 1 .heic" in capfd.readouterr().err


def test_validation_that_serves_as_the_test_is_said(tmp_path, capfd):
    for part in ("train", "val"):
        _paint(tmp_path / "images", [f"{part}/{label}/{i}.png" for label in "ab" for i in "123"])
    data = _encode_folder(tmp_path / "images", tmp_path)
    assert (data.card.test.images, data.card.validation.images, data.card.train.images) == (6, 1, 6)
    assert "val is the test set, for there is no other" in capfd.readouterr().err


def test_validation_images_that_cannot_be_read_leave_none(tmp_path):
    _paint(tmp_path / "images", [f"{part}/{i}.png" for part in ("train", "test") for i in range(5)])
    (tmp_path / "images/val").mkdir()
    (tmp_path / "images/val/1.png").touch()
    with pytest.raises(UserError, match="no image of val can be read"):
        _encode_folder(tmp_path / "images", tmp_path, skip_broken=True)


def _write_table(root: Path, header: str, rows: list[str]) -> None:
    root.mkdir(exist_ok=True)
    (root / "labels.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def test_a_table_gives_labels_split_and_order(tmp_path):
    root = tmp_path / "images"
    _paint(root, [f"{i}.png" for i in range(12)])
    _paint(root, ["not listed.png"])
    rows = [f"{i}.png,{'cat' if i % 3 else 'ape'},{'test' if i > 9 else 'train'},film {i % 2},{-i}" for i in range(12)]
    rows[4] = "4.png,,train,film 0,-4"
    _write_table(root, "path,label,split,group,order,width", [f"{row},40" for row in rows])
    data = _encode_folder(root, tmp_path, table="labels.csv")
    stored = [8, 6, 4, 2, 0, 9, 7, 5, 3, 1]  # the films one after the other, in order
    assert data.card.classes == ["ape", "cat"]
    assert data.labels("train").tolist() == [-1 if i == 4 else int(i % 3 > 0) for i in stored]
    assert data.positions.tolist() == [1, 2, 3, 4, 5] + [2**32 + place for place in (1, 2, 3, 4, 5)]
    assert data.card.train == Amount(images=10, per_class=[4, 5])
    assert data.card.test == Amount(images=2, per_class=[0, 2])
    assert 2 not in data.validation  # it has no label to choose by
    pixels = [square(open_picture(root / f"{i}.png")[0], SIZE) for i in stored]
    assert (_pixels(data.train_beton) == np.stack(pixels)).all()


def test_missing_and_broken_images_of_a_table_are_named_at_once(tmp_path, capfd):
    root = tmp_path / "images"
    _paint(root, [f"{i}.png" for i in range(20)])
    (root / "3.png").write_text("broken")
    (root / "7.png").unlink()
    _write_table(root, "label,path,note", [f"{'ab'[i % 2]},{i}.png,x" for i in range(20)])
    with pytest.raises(UserError, match=r"2 of 20 images") as caught:
        _encode_folder(root, tmp_path, table="labels.csv")
    assert str(caught.value).splitlines()[1:] == ["  3.png (not an image)", "  7.png (missing)"]
    assert "columns not used: note" in capfd.readouterr().err
    assert _encode_folder(root, tmp_path, table="labels.csv", skip_broken=True).card.skipped == ["3.png", "7.png"]


def test_too_small_folders_are_refused(tmp_path):
    _paint(tmp_path / "three", ["1.png", "2.png", "3.png", "4.png"])
    with pytest.raises(UserError, match="gives 3 training images"):
        _encode_folder(tmp_path / "three", tmp_path)
    _paint(tmp_path / "no test", [f"{label}/1.png" for label in "abcde"])
    with pytest.raises(UserError, match="no image for the test"):
        _encode_folder(tmp_path / "no test", tmp_path)
    _paint(tmp_path / "lost", [f"a/{i}.png" for i in range(10)])
    (tmp_path / "lost/b").mkdir()
    (tmp_path / "lost/b/1.png").write_text("broken")
    with pytest.raises(UserError, match="no training image of the class b can be read"):
        _encode_folder(tmp_path / "lost", tmp_path, skip_broken=True)


def _photograph(path: Path, height: int, width: int, seed: int, **options: object) -> None:
    """A smooth picture in colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path, **options)


@pytest.fixture
def large(tmp_path) -> Path:
    """20 photographs of two classes: every other one JPEG that may stay as it is, one of them too large for that."""
    for i in range(20):
        _photograph(tmp_path / "images" / "ab"[i % 2] / f"{i:02}.{'jpg' if i % 4 < 2 else 'png'}", 100 + i, 130, i)
    _photograph(tmp_path / "images/a/00.jpg", 300, 450, 0)
    return tmp_path / "images"


def _stored(beton: Path) -> list[tuple[int, bytes]]:
    """Mode and bytes of every image, as FFCV's own reader finds them."""
    from ffcv.reader import Reader

    reader = Reader(str(beton))
    content, sizes = beton.read_bytes(), {int(row["ptr"]): int(row["size"]) for row in reader.alloc_table}
    images = reader.metadata["f0"]
    return [(int(row["mode"]), content[row["data_ptr"] :][: sizes[int(row["data_ptr"])]]) for row in images]


def test_above_a_size_jpeg_stays_jpeg_and_the_rest_becomes_pixels(tmp_path, large):
    data = _encode_folder(large, tmp_path, image_size=72)
    names = sorted(str(path.relative_to(large)) for path in large.rglob("*.*"))
    stored = _stored(data.train_beton) + _stored(data.test_beton)
    by_content = {content: name for name in names for content in [(large / name).read_bytes()]}
    kept = {by_content[content] for mode, content in stored if mode == 0 and content in by_content}
    assert kept == {name for name in names if name.endswith("jpg")} - {"a/00.jpg"}
    anew = [content for mode, content in stored if mode == 0 and content not in by_content]
    assert [Image.open(BytesIO(content)).size for content in anew] == [(216, 144)]
    pixels = {square(open_picture(large / name)[0], 72).tobytes() for name in names if name.endswith("png")}
    assert {content for mode, content in stored if mode == 1} == pixels
    assert (data.card.image_size, data.card.channels) == (72, 3)


def test_what_is_read_again_is_the_middle_of_each_picture(tmp_path, large):
    data = _encode_folder(large, tmp_path, image_size=72)
    found = read_images(data.train_beton, np.arange(data.card.train.images), 72)
    wanted = {square(open_picture(path)[0], 72).tobytes(): path.name for path in large.rglob("*.*")}
    unlike = [pixels for pixels in found if pixels.tobytes() not in wanted]
    assert len(unlike) <= 1  # the one that was encoded anew
    near = [
        np.abs(np.frombuffer(other, np.uint8).astype(int) - pixels.ravel()).max()
        for pixels in unlike
        for other in wanted
    ]
    assert not near or min(near) <= 12


def test_statistics_of_jpeg_are_those_of_the_squares(tmp_path, large):
    jpeg, raw = (
        _encode_folder(large, tmp_path / "1", image_size=72),
        _encode_folder(large, tmp_path / "2", image_size=64),
    )
    assert {mode for mode, _ in _stored(raw.train_beton)} == {1}
    np.testing.assert_allclose(jpeg.card.mean, raw.card.mean, atol=0.01)
    np.testing.assert_allclose(jpeg.card.std, raw.card.std, atol=0.01)


def test_ffcv_decodes_the_jpeg_that_was_kept(tmp_path, large):
    from ffcv.libffcv import imdecode
    from ffcv.reader import Reader

    Image.open(large / "a/04.jpg").convert("L").save(large / "a/04.jpg")
    data = _encode_folder(large, tmp_path, image_size=72)
    reader = Reader(str(data.train_beton))
    content = np.fromfile(data.train_beton, np.uint8)
    sizes = {int(row["ptr"]): int(row["size"]) for row in reader.alloc_table}
    for row in reader.metadata["f0"]:
        if row["mode"] == 0:
            pointer, height, width = (int(row[name]) for name in ("data_ptr", "height", "width"))
            file = np.ascontiguousarray(content[pointer : pointer + sizes[pointer]])
            decoded = np.empty((height, width, 3), np.uint8)
            imdecode(file, decoded, height, width, height, width, 0, 0, 1, 1, False, False)
            expected = np.asarray(Image.open(BytesIO(file.tobytes())).convert("RGB"))
            assert np.abs(decoded.astype(int) - expected).max() <= 12  # FFCV takes the fast transform


def test_jpeg_twice_gives_the_same_bytes_and_copies_are_found(tmp_path, large):
    shutil.copy(large / "b/01.jpg", large / "a/99.jpg")
    one, two = (_encode_folder(large, tmp_path / run, image_size=72) for run in "12")
    assert _bytes(one.folder) == _bytes(two.folder)
    assert one.card.duplicates.images + one.card.leaks.images == 1


def test_grey_jpeg_becomes_one_channel_at_any_size(tmp_path):
    for i in range(20):
        path = tmp_path / "images" / f"{i:02}.jpg"
        _photograph(path, 100, 130, i)
        Image.open(path).convert("L").save(path)
    data = _encode_folder(tmp_path / "images", tmp_path, image_size=72)
    assert data.card.channels == len(data.card.mean) == 1
    pixels = _pixels(data.train_beton)
    assert pixels.shape == (16, 72, 72, 1)
    assert data.card.mean == pytest.approx([pixels.mean() / 255])


@pytest.mark.parametrize("images", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_of_many_images_every_broken_one_is_named_in_one_list(tmp_path, images):
    root = tmp_path / "images"
    _paint(tmp_path / "some", [f"{i}.png" for i in range(40)])
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()
    whole = (tmp_path / "some/0.png").read_bytes()
    kinds = {"empty": b"", "not an image": b"plain text", "truncated": whole[:-40]}
    broken = {}
    for i in range(images):
        path = root / "ab"[i % 2] / f"{i:05}.png"
        if i % 100 == 57:
            reason = list(kinds)[i // 100 % 3]
            path.write_bytes(kinds[reason])
            broken[str(path.relative_to(root))] = reason
        else:
            path.hardlink_to(tmp_path / "some" / f"{i % 40}.png")
    with pytest.raises(UserError, match=f"^{images // 100} of {images} images") as caught:
        _encode_folder(root, tmp_path, image_size=8)
    named = str(caught.value).splitlines()[1:]
    assert [line.strip().split(" ")[0] for line in named] == sorted(broken)
    assert len(named) == images // 100


def test_two_at_once_corrupt_nothing(tmp_path, fashion):
    _encode(fashion, tmp_path / "alone")
    with claim(tmp_path / "encode"), pytest.raises(UserError, match="encode is being written by another process"):
        _encode(fashion, tmp_path / "encode")

    def run(_: int) -> str:
        try:
            _encode(fashion, tmp_path / "encode")
        except UserError as error:
            return str(error)
        return "done"

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(run, range(8)))
    assert "done" in ends
    assert all(end == "done" or "is being written by another process" in end for end in ends)
    assert _bytes(tmp_path / "encode") == _bytes(tmp_path / "alone")

"""The loaders on a file of images of several sizes, some stored as JPEG and some raw."""

import io
import re

import numpy as np
import pytest
import torch
from fixtures.views import EVERYTHING
from PIL import Image, ImageOps

from contraflow.encoded.beton import open_beton
from contraflow.encoded.pixels import read_images
from contraflow.foundations.errors import UserError
from contraflow.images.writer import IntField, RGBImageField
from contraflow.views.loader import ImageLoader, ViewLoader
from contraflow.views.settings import ViewRecipe

N, SIZE = 24, 32
RECIPE = ViewRecipe(**EVERYTHING)
LEVELS = {"mean": [0.0] * 3, "std": [1 / 255] * 3}  # views in grey levels


def images_of(n):
    """Smooth colours, from 20 to 150 pixels a side."""
    random = np.random.default_rng(0)
    for _ in range(n):
        height, width = random.integers(20, 150, 2)
        wave = np.sin(random.uniform(0.01, 0.2, 3) * np.add.outer(np.arange(height), np.arange(width))[..., None])
        yield (127 + 100 * wave + random.normal(0, 8, wave.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def file(tmp_path_factory, write_ffcv):
    """A file, every other image or so JPEG, and its images as Pillow decodes them."""
    path = tmp_path_factory.mktemp("sizes") / "mixed.beton"
    image = RGBImageField(write_mode="proportion", compress_probability=0.5)
    write_ffcv(path, list(images_of(N)), list(range(N)), image=image, label=IntField())
    beton = open_beton(path)
    pixels = []
    for i in range(N):
        stored = beton.stored(i)
        if beton.jpeg[i]:
            pixels.append(np.asarray(Image.open(io.BytesIO(stored.tobytes())).convert("RGB")))
        else:
            pixels.append(stored.reshape(*beton.places[i, 1:], 3).copy())
    assert beton.size is None and 3 < beton.jpeg.sum() < N - 3
    return path, pixels


def by_sample(loader, epoch=1):
    """Both views and the small crops of each sample."""
    return {
        int(index): [part[:, i] for part in (batch.views, batch.local) if part is not None]
        for batch in loader.epoch(epoch, drop_last=False)
        for i, index in enumerate(batch.index)
    }


def view_loader(path, **changes):
    options = {"seed": 2, "batch_size": 5, "threads": 2, "size": SIZE, **LEVELS, **changes}
    return ViewLoader(path, [RECIPE, RECIPE], **options)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(x, y) for i in a for x, y in zip(a[i], b[i], strict=True))


def test_views_of_a_jpeg_are_those_of_its_pixels(file, tmp_path, write_ffcv):
    raw = write_ffcv(tmp_path / "raw.beton", file[1], list(range(N)))
    assert same(by_sample(view_loader(file[0])), by_sample(view_loader(raw)))


def test_views_depend_on_nothing_around_them(file):
    expected = by_sample(view_loader(file[0]))
    for changes in ({"threads": 1}, {"threads": 8}, {"batch_size": 1}, {"batch_size": N}):
        assert same(by_sample(view_loader(file[0], **changes)), expected)


def test_small_crops_come_beside_the_views(file):
    """They are views on their own: numbered on, of another size."""
    small = RECIPE.model_copy(update={"crop_scale": [0.05, 0.2]})
    batch = next(view_loader(file[0], local=[small] * 3, local_size=12).epoch(0))
    assert batch.views.shape == (2, 5, 3, SIZE, SIZE)
    assert batch.local.shape == (3, 5, 3, 12, 12)
    both = by_sample(view_loader(file[0], local=[small] * 3, local_size=12))
    plain = by_sample(view_loader(file[0]))
    alone = ViewLoader(file[0], [small] * 5, seed=2, batch_size=5, threads=1, size=12, **LEVELS)
    for i, (views, local) in both.items():
        assert torch.equal(views, plain[i][0])
        assert torch.equal(local, by_sample(alone)[i][0][2:])


def test_images_are_the_middle_squares(file):
    path, pixels = file
    images = torch.cat([batch for batch, _ in ImageLoader(path, batch_size=7, threads=2, size=SIZE, **LEVELS)])
    fitted = [ImageOps.fit(Image.fromarray(image), (SIZE, SIZE), Image.Resampling.BILINEAR) for image in pixels]
    expected = np.stack([np.asarray(image) for image in fitted])
    assert np.abs(images.numpy().transpose(0, 2, 3, 1) - expected).max() < 1.01  # one grey level: `geometry.fit`
    assert np.array_equal(read_images(path, np.arange(N), SIZE), expected)


def test_half_precision_and_channels_last_are_the_same_views_otherwise_stored(file):
    small = {"local": [RECIPE], "local_size": 12}
    expected = next(view_loader(file[0], **small).epoch(0))
    found = next(view_loader(file[0], half=True, channels_last=True, **small).epoch(0))
    for views, of_all in ((found.views, expected.views), (found.local, expected.local)):
        assert views.dtype == torch.float16
        assert views.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(views, of_all.half())


def test_a_size_is_needed(file):
    with pytest.raises(ValueError, match=r"mixed.beton holds images of several sizes"):
        view_loader(file[0], size=None)


def test_a_damaged_jpeg_is_named(file, tmp_path):
    beton = open_beton(file[0])
    index = int(np.flatnonzero(beton.jpeg)[3])
    content = bytearray(file[0].read_bytes())
    start, length = int(beton.places[index, 0]), int(beton.bytes[index])
    content[start + length // 2 : start + length] = bytes(length - length // 2)
    path = tmp_path / "damaged.beton"
    path.write_bytes(content)
    says = re.escape(f"{path}: image {index} is damaged (") + r".+\): delete the file and run the step encode again"
    for batches in (
        view_loader(path).epoch(0, drop_last=False),
        ImageLoader(path, batch_size=4, threads=2, size=SIZE, **LEVELS),
    ):
        with pytest.raises(UserError, match=says):
            list(batches)
    with pytest.raises(UserError, match=says):
        read_images(path, np.arange(N), SIZE)

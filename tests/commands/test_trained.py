import numpy as np
import pytest
import torch
from PIL import Image

from contraflow.commands.trained import normalised, read_input
from contraflow.views.loader import ImageLoader


def test_images_are_normalised_bit_for_bit_as_the_loader_does(encoded):
    folder, card = encoded.folder.parent / "images", encoded.card
    loader = ImageLoader(encoded.train_beton, batch_size=1000, threads=1, **card.loading)
    known = {image.numpy().tobytes() for image in next(iter(loader))[0]}
    files = sorted(folder.rglob("*.png"))
    images = normalised(np.stack([read_input(file, card.image_size, 1) for file in files]), card.mean, card.std)
    assert len(known) == card.train.images and known <= {image.numpy().tobytes() for image in images}


@pytest.mark.parametrize("size", [16, 10])
def test_grey_stays_as_it_is_and_colour_becomes_grey_for_one_channel(tmp_path, size):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(levels).save(tmp_path / "grey.png")
    Image.fromarray(np.stack([levels] * 3, axis=2)).save(tmp_path / "equal.png")
    grey, equal = (read_input(tmp_path / name, size, 1) for name in ("grey.png", "equal.png"))
    assert grey.shape == (size, size, 1) and np.array_equal(grey, equal)
    assert np.array_equal(read_input(tmp_path / "grey.png", size, 3), np.repeat(grey, 3, axis=2))
    if size == 16:
        assert np.array_equal(grey[..., 0], levels)
    Image.new("RGB", (16, 16), (0, 255, 0)).save(tmp_path / "green.png")
    assert np.unique(read_input(tmp_path / "green.png", size, 1)).tolist() == [round(0.587 * 255)]


def test_normalised_is_the_formula():
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.25, 0.3])
    expected = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(normalised(images, mean.tolist(), std.tolist()), expected)

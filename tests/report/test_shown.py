"""The page shows what the training sees."""

import numpy as np
import pytest

from contraflow.report.shown import read_views
from contraflow.views.loader import ViewLoader


@pytest.fixture(scope="module")
def augment(params_of):
    return params_of(augment={"recipe": "multicrop", "solarise": 0.3}).augment.chosen()


@pytest.mark.parametrize(("channels", "size"), [(1, 12), (3, 9)])
def test_views_are_those_of_the_loader(tmp_path, write_ffcv, random_images, augment, channels, size):
    path = write_ffcv(tmp_path / "images.beton", random_images(20, 12, channels), list(range(20)))
    mean, std = [0.5] * channels, [0.25] * channels
    chosen, small = np.array([7, 3, 19]), augment.local_pixels(size)
    loader = ViewLoader(
        path,
        augment.whole(),
        seed=5,
        batch_size=3,
        threads=1,
        mean=mean,
        std=std,
        size=size,
        local=augment.local(),
        local_size=small,
    )
    (batch,) = loader.epoch(2, order=chosen)

    def shown(views):
        return ((views.numpy() * 0.25 + 0.5) * 255).round().astype(np.uint8).transpose(0, 1, 3, 4, 2)

    common = {"seed": 5, "epoch": 2}
    whole = read_views(path, chosen, augment.whole(), size=size, **common)
    local = read_views(path, chosen, augment.local(), size=small, first=2, **common)
    assert whole.shape == (2, 3, size, size, channels) and local.shape == (4, 3, small, small, channels)
    assert np.array_equal(whole, shown(batch.views)) and np.array_equal(local, shown(batch.local))
    assert (whole[0] != whole[1]).any()


def test_no_small_crops_are_none(tmp_path, write_ffcv, random_images):
    path = write_ffcv(tmp_path / "images.beton", random_images(5, 12, 1), [0] * 5)
    assert read_views(path, np.arange(2), [], seed=0, epoch=0, size=6).shape == (0, 2, 6, 6, 1)

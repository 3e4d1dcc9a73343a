"""Views made in torch, on the CPU and on a card, against those of the kernels."""

import numpy as np
import pytest
import torch
from fixtures.devices import as_on_a_card
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contraflow.encoded.beton import open_beton
from contraflow.encoded.kin import Kin
from contraflow.images.writer import IntField, RGBImageField
from contraflow.views.device_loader import DeviceViewLoader, fits, view_loader
from contraflow.views.device_steps import _turn_hue
from contraflow.views.kernels.colour import turn_hue
from contraflow.views.loader import ViewLoader
from contraflow.views.settings import ViewRecipe

ALL = {
    "crop_scale": [0.1, 1.0],
    "crop_ratio": [0.6, 1.7],
    "flip": 0.5,
    "rotation": 30.0,
    "jitter": 0.9,
    "brightness": 0.8,
    "contrast": 0.8,
    "saturation": 0.8,
    "hue": 0.5,
    "grey": 0.3,
    "blur": 0.5,
    "blur_sigma": [0.1, 2.0],
    "solarise": 0.3,
}
N, SIZE = 60, 20
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=[1, 3])
def file(request, tmp_path_factory, write_ffcv):
    """Smooth, noisy and grey images."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (N, SIZE, SIZE, request.param), np.uint8)
    ramp = np.add.outer(np.arange(SIZE), np.arange(SIZE))[..., None]
    images[::3] = (6 * ramp + random.integers(0, 20, (N // 3, 1, 1, request.param))).clip(0, 255)
    images[1::3] = images[1::3, ..., :1]
    return write_ffcv(tmp_path_factory.mktemp("device") / "images.beton", images, [0] * N), request.param


def loading(file, changes):
    channels = file[1]
    options = {"seed": 3, "batch_size": 25, "threads": 1, "mean": [0.0] * channels, "std": [1 / 255] * channels}
    return options | changes


def both(file, views, device, epoch=0, **changes):
    path, options = file[0], loading(file, changes)
    loaders = ViewLoader(path, views, **options), DeviceViewLoader(path, views, device=device, **options)
    for ours, theirs in zip(*(loader.epoch(epoch, drop_last=False) for loader in loaders), strict=True):
        assert theirs.views.device.type == device.type
        yield ours, theirs.to(CPU)


def assert_same(ours, theirs):
    """In fact the same bits, where one grey level would do."""
    assert torch.equal(ours.index, theirs.index) and torch.equal(ours.views, theirs.views)
    assert (ours.local is None) == (theirs.local is None)
    assert ours.local is None or torch.equal(ours.local, theirs.local)


def test_the_same_bits_with_the_whole_recipe(file, device):
    first, second = ViewRecipe(**ALL), ViewRecipe(**{**ALL, "blur": 1.0, "rotation": 0.0, "solarise": 0.0})
    batches = list(both(file, [first, second], device, epoch=2))
    assert len(batches) == 3
    for ours, theirs in batches:
        assert_same(ours, theirs)


def test_the_hue_of_every_colour(device):
    """It goes by which channel is highest, here always at 255, and how far the others are below."""
    levels = np.arange(256, dtype=np.uint8)
    full, first, second = (x.ravel() for x in np.broadcast_arrays(np.uint8(255), levels[:, None], levels))
    for colours in ([full, first, second], [second, full, first], [first, second, full]):
        for turns in (0.0, 0.3, -0.5):
            theirs = torch.from_numpy(np.stack(colours))[None, :, :, None].to(device)
            theirs = _turn_hue(theirs, torch.tensor([float(int(turns * 255.0))], device=device)).cpu()
            ours = np.stack(colours)
            turn_hue(ours, turns)
            assert np.array_equal(theirs[0, :, :, 0], ours)


def test_no_view_takes_double_precision_or_waits_for_the_device(file, device):
    view = ViewRecipe(**{**ALL, "rotation": 0.0})
    loader = DeviceViewLoader(file[0], [view] * 2, device=device, **loading(file, {"local": [view], "local_size": 7}))
    with as_on_a_card(device):
        assert len(list(loader.epoch(0))) == N // 25


def test_small_crops(file, device):
    view = ViewRecipe(**ALL)
    for ours, theirs in both(file, [view, view], device, local=[view] * 3, local_size=7):
        assert ours.local.shape == (3, len(ours.index), file[1], 7, 7)
        assert_same(ours, theirs)


@given(
    size=st.integers(1, 40),
    changes=st.fixed_dictionaries(
        {},
        optional={
            **{name: st.sampled_from([0.0, 1.0]) for name in ("flip", "jitter", "grey", "blur", "solarise", "hue")},
            "rotation": st.sampled_from([0.0, 180.0]),
            "crop_scale": st.sampled_from([[0.01, 0.1], [1.0, 1.0]]),
            "blur_sigma": st.sampled_from([[0.05, 0.2], [3.0, 6.0]]),
        },
    ),
    epoch=st.integers(0, 1000),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_bits_with_any_recipe_and_size(file, device, size, changes, epoch):
    changes = {name: 0.5 if name == "hue" and value else value for name, value in changes.items()}
    for ours, theirs in both(file, [ViewRecipe(**{**ALL, **changes})], device, epoch, size=size):
        assert_same(ours, theirs)


def test_what_does_not_fit(file, tmp_path, write_ffcv, random_images):
    assert fits(open_beton(file[0]))
    colour, small = random_images(2, 8, 3), random_images(1, 5, 3)
    jpeg = write_ffcv(tmp_path / "jpeg.beton", colour, [0, 1], image=RGBImageField(write_mode="jpg"), label=IntField())
    sizes = write_ffcv(tmp_path / "sizes.beton", [*colour, *small], [0, 1, 2])
    for path in (jpeg, sizes):
        assert not fits(open_beton(path))
        options = {"seed": 0, "batch_size": 2, "threads": 1, "mean": [0.0] * 3, "std": [1.0] * 3, "size": 8}
        with pytest.raises(ValueError, match="cannot live on a device"):
            DeviceViewLoader(path, [ViewRecipe(**ALL)], device=CPU, **options)


def test_a_cpu_keeps_its_kernels(file):
    options = {"seed": 0, "batch_size": 2, "threads": 1, "mean": [0.0] * file[1], "std": [1.0] * file[1]}
    loader = view_loader(file[0], [ViewRecipe(**ALL)], device=CPU, half=True, **options)
    assert type(loader) is ViewLoader and next(loader.epoch(0)).views.dtype == torch.float32


def test_the_same_partners(file, device):
    views = [ViewRecipe(**ALL)] * 2
    for ours, theirs in both(file, views, device, kin=Kin(np.arange(N) // 3)):
        assert_same(ours, theirs)
        assert torch.equal(ours.partner, theirs.partner) and not torch.equal(ours.partner, ours.index)

"""Views against what torchvision makes of Pillow images with the same drawn numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.views import EVERYTHING
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from contraflow.views.kernels.blur import blur_radius
from contraflow.views.kernels.colour import ORDERS, turn_hue
from contraflow.views.kernels.draws import DRAWN, draw
from contraflow.views.kernels.views import fill_images, fill_views
from contraflow.views.recipe import make_recipes
from contraflow.views.settings import ViewRecipe

OFF = {
    "crop_scale": [1.0, 1.0],
    "crop_ratio": [1.0, 1.0],
    "flip": 0.0,
    "rotation": 0.0,
    "jitter": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "saturation": 0.0,
    "hue": 0.0,
    "grey": 0.0,
    "blur": 0.0,
    "blur_sigma": [0.1, 2.0],
    "solarise": 0.0,
}
ALL = {**EVERYTHING, "crop_scale": [0.08, 1.0], "rotation": 20.0, "solarise": 0.2}
LEVELS = np.tile(np.arange(256, dtype=np.float32), (3, 1))  # a table that keeps grey levels


def recipe_with(**changes):
    return ViewRecipe(**{**OFF, **changes})


def places_of(images):
    """One memory that holds images (height, width, channels), read-only as a mapped file is, and where each lies."""
    storage = np.concatenate([image.reshape(-1) for image in images])
    storage.flags.writeable = False
    starts = np.cumsum([0, *(image.size for image in images[:-1])])
    return storage, np.array([[start, *image.shape[:2]] for start, image in zip(starts, images, strict=True)])


def pictures(n, size, channels, seed=0):
    """Smooth, noisy and flat pictures, (n, size, size, channels) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    result = np.empty((n, size, size, channels), np.uint8)
    for i in range(n):
        phase, speed = rng.uniform(0, 6, (2, channels))
        smooth = 127.5 + 127.5 * np.sin(phase + speed * (x + 2 * y)[..., None])
        result[i] = [smooth, rng.integers(0, 256, smooth.shape), np.full(smooth.shape, rng.integers(256))][i % 3]
    return result


def views_of(images, recipe, seed=0, epoch=0, views=2, size=None):
    """Grey levels (views, n, channels, height, width) of images (height, width, channels), as the loader does.

    `size` is a view's height and width; by default the first image's.
    """
    n, (height, width, channels) = len(images), images[0].shape
    storage, places = places_of(images)
    out = np.empty((views, n, channels, *(size or (height, width))), np.float32)
    indices = np.arange(n, dtype=np.int64)
    recipes = make_recipes([recipe] * views)
    fill_views(storage, places, indices, 0, n, seed, epoch, 0, recipes, LEVELS[:channels], out)
    return out.astype(np.int64)


def torchvision_view(image, recipe, drawn, size):
    """The view of `size` that torchvision makes of one image (height, width, channels) with the drawn numbers."""
    channels = image.shape[2]
    picture = Image.fromarray(image if channels == 3 else image[..., 0])
    picture = F.resized_crop(
        picture, drawn.top, drawn.left, drawn.height, drawn.width, list(size), InterpolationMode.BILINEAR
    )
    if drawn.flip:
        picture = F.hflip(picture)
    if recipe.rotation:
        picture = F.rotate(picture, drawn.rotation, InterpolationMode.BILINEAR, fill=0)
    if drawn.jitter:
        for step in ORDERS[drawn.order]:
            if step == 0 and recipe.brightness:
                picture = F.adjust_brightness(picture, drawn.brightness)
            if step == 1 and recipe.contrast:
                picture = F.adjust_contrast(picture, drawn.contrast)
            if step == 2 and recipe.saturation:
                picture = F.adjust_saturation(picture, drawn.saturation)
            if step == 3 and recipe.hue:
                picture = F.adjust_hue(picture, drawn.hue)
    if drawn.grey and channels == 3:
        picture = F.to_grayscale(picture, 3)
    if drawn.blur:
        picture = F.gaussian_blur(picture, 2 * blur_radius(drawn.sigma) + 1, drawn.sigma)
    if drawn.solarise:
        picture = F.solarize(picture, 128)
    return np.asarray(picture).reshape(*size, channels).transpose(2, 0, 1).astype(np.int64)


def compare(images, recipe, seed=3, epoch=2, size=None):
    """Greatest difference in grey levels of any view from torchvision's."""
    ours = views_of(images, recipe, seed, epoch, size=size)
    return max(
        np.abs(
            ours[v, i] - torchvision_view(image, recipe, drawn(image, recipe, i, v, seed, epoch), ours.shape[3:])
        ).max()
        for v in range(len(ours))
        for i, image in enumerate(images)
    )


def drawn(image, recipe, index, view, seed=0, epoch=0):
    """What is drawn for a view of the image at `index`."""
    view_of = np.empty(1, DRAWN)
    draw(seed, epoch, index, view, make_recipes([recipe])[0], *image.shape[:2], view_of[0])
    return SimpleNamespace(**dict(zip(DRAWN.names, view_of[0].item(), strict=True)))


JITTER = {"jitter": 0.8, "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"crop_scale": [0.02, 1.0], "crop_ratio": [0.5, 2.0]}, id="crop"),
        pytest.param({"flip": 1.0}, id="flip"),
        pytest.param({"rotation": 180.0}, id="rotation"),
        pytest.param({"jitter": 1.0, "brightness": 1.0}, id="brightness"),
        pytest.param({"jitter": 1.0, "contrast": 1.0}, id="contrast"),
        pytest.param({"jitter": 1.0, "saturation": 1.0}, id="saturation"),
        pytest.param({"jitter": 1.0, "hue": 0.5}, id="hue"),
        pytest.param(JITTER, id="jitter"),
        pytest.param({"grey": 1.0}, id="grey"),
        pytest.param({"solarise": 1.0}, id="solarise"),
        pytest.param({**ALL, "blur": 0.0}, id="all but blur"),
    ],
)
def test_a_step_equals_torchvision(changes, channels):
    assert compare(pictures(60, 28, channels), recipe_with(**changes)) == 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [[0.01, 0.1], [0.1, 2.0], [2.0, 4.0]])
def test_blur_is_within_one_level_of_torchvision(sigma, channels):
    assert compare(pictures(60, 28, channels), recipe_with(blur=1.0, blur_sigma=sigma)) <= 1


def test_the_steps_come_in_the_order_of_simclr_and_byol():
    """With every step on, only blur's rounding, made greater by what follows it (solarise), tells the two apart."""
    images = pictures(60, 32, 3)
    ours, recipe = views_of(images, recipe_with(**ALL)), recipe_with(**ALL)
    theirs = [
        [torchvision_view(image, recipe, drawn(image, recipe, i, v), (32, 32)) for i, image in enumerate(images)]
        for v in range(2)
    ]
    off = np.abs(ours - np.array(theirs))
    assert (off > 1).mean() < 1e-3


@pytest.mark.parametrize("turns", [0.0, 0.1, -0.37, 0.5])
def test_hue_equals_torchvision_for_every_fourth_colour(turns):
    codes = np.arange(2048 * 2048, dtype=np.uint32) * np.uint32(2654435761) % np.uint32(1 << 24)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255]).astype(np.uint8)
    theirs = F.adjust_hue(Image.fromarray(np.ascontiguousarray(colours.T).reshape(2048, 2048, 3)), turns)
    turn_hue(colours, turns)
    assert np.array_equal(colours, np.asarray(theirs).reshape(-1, 3).T)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    scale=st.floats(0.001, 1.0),
    ratio=st.floats(0.2, 5.0),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=100)
def test_any_size_and_crop_equals_torchvision(height, width, channels, scale, ratio, seed):
    """A crop or a rotation may differ by one grey level, of which colours make more: by factors of 1.4."""
    image = np.random.default_rng(seed).integers(0, 256, (1, height, width, channels), np.uint8)
    changes = {**ALL, "blur": 0.0, "crop_scale": [scale, 1.0], "crop_ratio": [min(ratio, 1.0), max(ratio, 1.0)]}
    assert compare(image, recipe_with(**changes | {"jitter": 0.0}), seed=seed) <= 1
    assert compare(image, recipe_with(**changes), seed=seed) <= 8


def resized(image, top, left, height, width, size):
    """The crop of an image (height, width, channels) resized to `size`, first across, then down: Pillow's rule, slowly.

    In Pillow 13.0 the sizes decide which comes first; one grey level is the difference.
    """

    def weights(length, size):
        scale = length / size
        wide = max(scale, 1.0)
        found = np.zeros((size, length))
        for i, k in np.ndindex(size, length):
            found[i, k] = max(0.0, 1.0 - abs((k + 0.5 - (i + 0.5) * scale) / wide))
        found /= found.sum(1, keepdims=True)
        return np.floor(found * 2**22 + 0.5).astype(np.int64)

    def rounded(sums):
        return (sums + 2**21) >> 22

    cut = image[top : top + height, left : left + width].astype(np.int64)
    across = rounded(np.einsum("yxc,ix->yic", cut, weights(width, size[1])))
    return rounded(np.einsum("yic,jy->jic", across, weights(height, size[0]))).astype(np.uint8)


@given(
    stored=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    channels=st.sampled_from([1, 3]),
    scale=st.floats(0.001, 1.0),
    seed=st.integers(0, 2**31 - 1),
)
@example(stored=(6, 1), size=(5, 37), channels=1, scale=1.0, seed=36)
@settings(max_examples=100)
def test_any_stored_size(stored, size, channels, scale, seed):
    """Crops that shrink, antialiased, or shrink in one direction only: within one grey level of torchvision's."""
    image = np.random.default_rng(seed).integers(0, 256, (*stored, channels), np.uint8)
    changes = {"crop_scale": [scale, 1.0], "crop_ratio": [0.5, 2.0]}
    crop = recipe_with(**changes)
    assert compare([image], crop, seed=seed, size=size) <= 1
    everything = recipe_with(**{**ALL, **changes, "blur": 0.0, "flip": 0.0})
    ours = views_of([image], everything, seed, size=size)
    for view in range(2):
        numbers = drawn(image, everything, 0, view, seed)
        picture = resized(image, numbers.top, numbers.left, numbers.height, numbers.width, size)
        whole = SimpleNamespace(**{**vars(numbers), "top": 0, "left": 0, "height": size[0], "width": size[1]})
        difference = np.abs(ours[view, 0] - torchvision_view(picture, everything, whole, size))
        # A rotation cuts fractions off: where a sum is a whole number its last bit decides, and brightness adds to it.
        assert (difference > 0).sum() <= 1 + difference.size // 100 and difference.max() <= 2


def test_images_of_several_sizes_side_by_side():
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, (*sides, 3), np.uint8) for sides in ((90, 7), (16, 16), (5, 60), (200, 150), (16, 16))
    ]
    together = views_of(images, recipe_with(**ALL), size=(16, 16))
    storage, places = places_of(images)
    for i in range(len(images)):
        out = np.empty((2, len(images), 3, 16, 16), np.float32)
        recipes, indices = make_recipes([recipe_with(**ALL)] * 2), np.arange(len(images))
        fill_views(storage, places, indices, i, i + 1, 0, 0, 0, recipes, LEVELS, out)
        assert np.array_equal(out[:, i], together[:, i])


def test_each_view_has_a_recipe_of_its_own():
    images = pictures(12, 20, 3)
    storage, places = places_of(images)
    plain, inverted = recipe_with(**ALL), recipe_with(**{**ALL, "solarise": 1.0})
    out = np.empty((2, 12, 3, 20, 20), np.float32)
    recipes, indices = make_recipes([plain, inverted]), np.arange(12)
    fill_views(storage, places, indices, 0, 12, 0, 0, 5, recipes, LEVELS, out)  # views 5 and 6
    assert np.array_equal(out[0], views_of(images, plain, views=7)[5])
    assert np.array_equal(out[1], views_of(images, inverted, views=7)[6])


@given(size=st.integers(1, 12), sigma=st.floats(0.05, 6.0), channels=st.sampled_from([1, 3]), level=st.integers(0, 255))
@settings(max_examples=50)
def test_blur_wider_than_the_image_keeps_a_flat_one(size, sigma, channels, level):
    image = np.full((1, size, size, channels), level, np.uint8)
    assert (views_of(image, recipe_with(blur=1.0, blur_sigma=[sigma, sigma])) == level).all()


def test_steps_for_colours_leave_one_channel_alone():
    images = pictures(30, 28, 1)
    plain = recipe_with(jitter=1.0, brightness=0.4)
    colour = recipe_with(jitter=1.0, brightness=0.4, saturation=0.4, hue=0.5, grey=1.0)
    assert np.array_equal(views_of(images, plain), views_of(images, colour))


def test_a_slot_for_each_decision():
    """Turning one step on moves no other decision."""
    images = pictures(30, 28, 3)
    flipped = recipe_with(flip=0.5)
    differs = views_of(images, flipped) != views_of(images, recipe_with(flip=0.5, solarise=0.5))
    inverted = views_of(images, recipe_with()) != views_of(images, recipe_with(solarise=0.5))
    assert np.array_equal(differs.any((2, 3, 4)), inverted.any((2, 3, 4)))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_as_they_are(channels):
    images = pictures(5, 9, channels)
    out = np.full((4, channels, 9, 9), -1, np.float32)
    wanted = np.array([4, 0, 0, 2])
    storage, places = places_of(images)
    fill_images(storage, places[wanted], 1, 3, LEVELS[:channels], out)
    assert np.array_equal(out[1:3], images[wanted[1:3]].transpose(0, 3, 1, 2))
    assert (out[[0, 3]] == -1).all()


@given(
    stored=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    size=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=100)
def test_the_middle_square_of_any_image_is_pillow_s(stored, size, channels, seed):
    image = np.random.default_rng(seed).integers(0, 256, (*stored, channels), np.uint8)
    storage, places = places_of([image])
    out = np.empty((1, channels, size, size), np.float32)
    fill_images(storage, places, 0, 1, LEVELS[:channels], out)
    picture = Image.fromarray(image if channels == 3 else image[..., 0])
    fitted = np.asarray(ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR))
    off = np.abs(out[0] - fitted.reshape(size, size, channels).transpose(2, 0, 1).astype(np.float32))
    assert off.max() <= 1  # see `resized`

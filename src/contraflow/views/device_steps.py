"""The steps of `contraflow.views.kernels` for a whole batch in torch: the same arithmetic, so the same grey levels.

Images are (N, C, H, W) uint8. Nothing here but the rotation is in double precision, for which many cards have a
sixty-fourth of their units: sums are of whole numbers, which no order of adding changes; what else the kernels compute
in float64 is computed by them on the host, or beforehand for every colour. Single operations in float32 and float64 are
rounded alike on every device, but for divisions by a number of Python's: a GPU multiplies by its inverse.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from contraflow.devices import send
from contraflow.views.kernels.blur import BITS as BLUR_BITS
from contraflow.views.kernels.blur import reflections
from contraflow.views.kernels.colour import ORDERS
from contraflow.views.kernels.resampling import BITS, HALF


def resize(images: Tensor, axis: int, first: Tensor, windows: Tensor) -> Tensor:
    """Resized along an axis, 2 or 3: each of `size` pixels there is a mean of `most` pixels from `first` (N, size) on,
    with the weights `windows` (N, most, size), both int32 (`kernels.views.fill_windows`)."""
    length, shape = images.shape[axis], list(images.shape)
    shape[axis] = first.shape[1]
    lay = (slice(None), None, None) if axis == 3 else (slice(None), None, slice(None), None)
    total = torch.full(shape, HALF, dtype=torch.int32, device=images.device)
    for k in range(windows.shape[1]):
        place = (first + k).clamp(max=length - 1).long()  # beyond the image weights are 0
        total += images.gather(axis, place[lay].expand(shape)) * windows[:, k][lay]
    return (total >> BITS).to(torch.uint8)


def rotate(images: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turned about the centre, bilinear, black where nothing comes from inside: `geometry.rotate`, in float64
    as there: a few operations for each pixel, which even a card with few units for it does in no time."""
    n, channels, height, width = images.shape
    cos, sin = (each[:, None, None] for each in (cos, sin))
    dy = (torch.arange(height, device=images.device, dtype=torch.float64) + 0.5 - height / 2)[:, None]
    dx = torch.arange(width, device=images.device, dtype=torch.float64) + 0.5 - width / 2
    from_x, from_y = cos * dx - sin * dy + width / 2, sin * dx + cos * dy + height / 2
    outside = (from_x < 0) | (from_x >= width) | (from_y < 0) | (from_y >= height)
    x0, y0 = (from_x - 0.5).floor(), (from_y - 0.5).floor()
    right, below = (from_x - 0.5 - x0)[:, None], (from_y - 0.5 - y0)[:, None]
    x0, x1 = (x.clamp(0, width - 1).long() for x in (x0, x0 + 1))
    y0, y1 = (y.clamp(0, height - 1).long() for y in (y0, y0 + 1))
    levels = images.double().flatten(2)

    def at(y: Tensor, x: Tensor) -> Tensor:
        place = (y * width + x).flatten(1)[:, None].expand(n, channels, height * width)
        return levels.gather(2, place).unflatten(2, (height, width))

    upper = at(y0, x0) + (at(y0, x1) - at(y0, x0)) * right
    lower = at(y1, x0) + (at(y1, x1) - at(y1, x0)) * right
    turned = (upper + (lower - upper) * below).to(torch.uint8)
    return torch.where(outside[:, None], torch.zeros_like(turned), turned)


def _luma(images: Tensor) -> Tensor:
    """Grey levels (N, 1, H, W) int32 of colours or grey levels."""
    if images.shape[1] == 1:
        return images.int()
    red, green, blue = images.int().split(1, dim=1)
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16


def _blend(a: Tensor, b: Tensor, alpha: Tensor) -> Tensor:
    a = a.float()
    return (a + alpha[:, None, None, None] * (b.float() - a)).clamp(0, 255).to(torch.uint8)


@cache
def _hue_levels(device: torch.device) -> Tensor:
    """The hue that `colour.turn_hue` finds, 0 to 255, of every colour: (3 * 256 * 256,) uint8.

    It goes by the channel with the highest level, and how far the two others are below that.
    """
    below = np.arange(256, dtype=np.float32)
    plus, minus = below[:, None], below
    spread = np.maximum(np.maximum(plus, minus), np.float32(1))
    apart = (plus / spread).astype(np.float64) - minus / spread
    angle = (np.array([0.0, 2.0, 4.0])[:, None, None] + apart).astype(np.float32)
    turned = angle.astype(np.float64) / 6.0 + 1.0
    level = (turned - np.floor(turned)).astype(np.float32).astype(np.float64) * 255.0
    return send(torch.from_numpy(level.astype(np.uint8).ravel()), device)


def _turn_hue(images: Tensor, shift: Tensor) -> Tensor:
    """`colour.turn_hue`; `shift` is 255 times the turns, cut to whole numbers."""
    r, g, b = images.int().unbind(1)
    high, low = images.int().amax(1), images.int().amin(1)
    of = torch.where(r == high, 0, torch.where(g == high, 1, 2))
    plus, minus = (torch.where(of == 0, x, torch.where(of == 1, y, z)) for x, y, z in ((b, r, g), (g, b, r)))
    level = _hue_levels(images.device)[(of << 16) + (high - plus << 8) + (high - minus)]
    hue = ((level.int() + shift.int()[:, None, None]) & 255).float()
    high, low = high.float(), low.float()
    full = high.new_full((), 255)
    saturation = ((high - low) / high.clamp(min=1) * 255).floor() / full
    along = hue * 6 / full
    sector = along.floor()
    along = along - sector
    p = (high * (1 - saturation) + 0.5).floor()
    q = (high * (1 - saturation * along) + 0.5).floor()
    t = (high * (1 - saturation * (1 - along)) + 0.5).floor()
    colours = torch.stack([high, p, q, t])
    sector = torch.where(sector < 6, sector, 0).long()
    channels = [colours.gather(0, channel[sector][None])[0] for channel in _sectors(images.device)]
    return torch.stack(channels, 1).to(torch.uint8)


@cache
def _sectors(device: torch.device) -> Tensor:
    """Which of high, p, q and t each channel is in each sixth of the circle, (3, 6)."""
    return send(torch.tensor([[0, 2, 1, 1, 3, 0], [3, 0, 0, 2, 1, 1], [1, 1, 3, 0, 0, 2]]), device)


def _jitter_step(step: int, images: Tensor, drawn: dict[str, Tensor]) -> Tensor:
    if step == 0:
        return _blend(torch.zeros_like(images), images, drawn["brightness"])
    if step == 1:
        pixels = images.shape[2] * images.shape[3]
        level = (2 * _luma(images).sum((1, 2, 3)) + pixels) // (2 * pixels)  # the mean, rounded
        return _blend(level[:, None, None, None], images, drawn["contrast"])
    if step == 2:
        return _blend(_luma(images), images, drawn["saturation"])
    return _turn_hue(images, drawn["hue"])


def jitter(images: Tensor, drawn: dict[str, Tensor], on_host: np.ndarray, strengths: list[float]) -> Tensor:
    """Brightness, contrast, saturation and hue in each image's drawn order, where it is drawn at all.

    `on_host` are the drawn numbers as records; `strengths` are the recipe's, of which 0 leaves a step out.
    """
    orders = ORDERS[on_host["order"]]
    for place in range(4):
        for step, strength in enumerate(strengths):
            if strength > 0 and (step < 2 or images.shape[1] == 3):
                chosen = np.flatnonzero(on_host["jitter"] & (orders[:, place] == step))
                at = send(torch.from_numpy(chosen), images.device)
                changed = _jitter_step(step, images[at], {name: values[at] for name, values in drawn.items()})
                images = images.index_copy(0, at, changed)
    return images


def to_grey(images: Tensor) -> Tensor:
    return _luma(images).to(torch.uint8).expand_as(images)


def blur(images: Tensor, bells: Tensor) -> Tensor:
    """Gaussian blur with each image's weights (N, radius + 1) int32: `blur.blur`."""
    radius = bells.shape[1] - 1
    for axis, rest in ((3, 8), (2, 2 * BLUR_BITS - 8)):
        length = images.shape[axis]
        padded = images.int().index_select(axis, send(torch.from_numpy(reflections(length, radius)), images.device))
        total = torch.zeros_like(images, dtype=torch.int32)
        for k in range(2 * radius + 1):
            total += padded.narrow(axis, k, length) * bells[:, abs(k - radius), None, None, None]
        images = (total + (1 << (rest - 1))) >> rest
    return images.to(torch.uint8)


def solarise(images: Tensor) -> Tensor:
    return torch.where(images < 128, images, 255 - images)

"""The steps of `contraflow.views.kernels` for a whole batch in torch: the same arithmetic, so the same grey levels.

Images are (N, C, H, W) uint8. Whole numbers in float64 are exact up to 2^53, whatever the order in which a matrix
product adds them; single operations in float32 and float64 are rounded alike on every device.
"""

import numpy as np
import torch
from torch import Tensor

from contraflow.views.kernels.blur import BITS as BLUR_BITS
from contraflow.views.kernels.blur import reflections
from contraflow.views.kernels.colour import ORDERS
from contraflow.views.kernels.resampling import BITS, HALF


def _windows(start: Tensor, length: Tensor, limit: int, size: int) -> Tensor:
    """Weights (N, size, limit), whole numbers in float64, of `limit` pixels in each of `size` output pixels, where the
    `length` (N,) pixels from `start` (N,) on are resized: `resampling.find_windows`."""
    device = start.device
    scale = (length / size)[:, None, None]
    wide = scale.clamp(min=1)
    centre = (torch.arange(size, device=device, dtype=torch.float64)[:, None] + 0.5) * scale
    k = torch.arange(limit, device=device, dtype=torch.float64) - start[:, None, None]
    weights = (1 - ((k - centre + 0.5) / wide).abs()).clamp(min=0)
    weights = torch.where((k >= 0) & (k < length[:, None, None]), weights, 0.0)
    return (0.5 + weights / weights.sum(2, keepdim=True) * (1 << BITS)).floor()


def crop(images: Tensor, drawn: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
    """The drawn crops, resized to `size` (height, width) and perhaps mirrored."""
    _, _, height, width = images.shape
    across = _windows(drawn["left"], drawn["width"], width, size[1])
    across = torch.where(drawn["flip"][:, None, None] > 0, across.flip(1), across)
    down = _windows(drawn["top"], drawn["height"], height, size[0])
    rows = ((images.double() @ across.transpose(1, 2)[:, None] + HALF) / (1 << BITS)).floor()
    return ((down[:, None] @ rows + HALF) / (1 << BITS)).floor().to(torch.uint8)


def rotate(images: Tensor, drawn: dict[str, Tensor]) -> Tensor:
    """Turned about the centre, bilinear, black where nothing comes from inside: `geometry.rotate`."""
    n, channels, height, width = images.shape
    cos, sin = (drawn[name][:, None, None] for name in ("cos", "sin"))
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
    return (a + alpha.float()[:, None, None, None] * (b.float() - a)).clamp(0, 255).to(torch.uint8)


def _turn_hue(images: Tensor, turns: Tensor) -> Tensor:
    """`colour.turn_hue`, operation for operation."""
    shift = (turns * 255.0).int()[:, None, None]
    r, g, b = images.float().unbind(1)
    high, low = images.float().amax(1), images.float().amin(1)
    spread = (high - low).clamp(min=1)
    part_r, part_g, part_b = (high - r) / spread, (high - g) / spread, (high - b) / spread
    second, third = 2.0 + part_r.double() - part_b, 4.0 + part_g.double() - part_r
    angle = torch.where(r == high, (part_b - part_g).double(), torch.where(g == high, second, third)).float()
    turned = angle.double() / 6.0 + 1.0
    level = (turned - turned.floor()).float().double() * 255.0
    hue = ((level.int() + shift) & 255).float()
    saturation = ((high - low) / high.clamp(min=1) * 255).floor() / 255
    sector = (hue * 6 / 255).floor()
    along = hue * 6 / 255 - sector
    p = (high * (1 - saturation) + 0.5).floor()
    q = (high * (1 - saturation * along) + 0.5).floor()
    t = (high * (1 - saturation * (1 - along)) + 0.5).floor()
    sector = torch.where(sector < 6, sector, 0).long()
    colours = torch.stack([high, p, q, t])
    picked = torch.tensor([[0, 2, 1, 1, 3, 0], [3, 0, 0, 2, 1, 1], [1, 1, 3, 0, 0, 2]], device=images.device)
    channels = [colours.gather(0, channel[sector][None])[0] for channel in picked]
    return torch.stack(channels, 1).to(torch.uint8)


def _jitter_step(step: int, images: Tensor, drawn: dict[str, Tensor]) -> Tensor:
    if step == 0:
        return _blend(torch.zeros_like(images), images, drawn["brightness"])
    if step == 1:
        pixels = images.shape[2] * images.shape[3]
        level = (_luma(images).sum((1, 2, 3)).double() / pixels + 0.5).floor()
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
                at = torch.from_numpy(chosen).to(images.device)
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
        padded = images.int().index_select(axis, torch.from_numpy(reflections(length, radius)).to(images.device))
        total = torch.zeros_like(images, dtype=torch.int32)
        for k in range(2 * radius + 1):
            total += padded.narrow(axis, k, length) * bells[:, abs(k - radius), None, None, None]
        images = (total + (1 << (rest - 1))) >> rest
    return images.to(torch.uint8)


def solarise(images: Tensor) -> Tensor:
    return torch.where(images < 128, images, 255 - images)

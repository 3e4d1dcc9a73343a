"""Two views by torchvision in a DataLoader: on Pillow images, as lightly makes them, and on tensors."""

import io
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import io as torchvision_io
from torchvision import transforms
from torchvision.transforms import v2

from contraflow.views.settings import ViewRecipe


class _Blur:
    """Pillow's Gaussian blur with a random standard deviation: what lightly's recipe has."""

    def __init__(self, sigma: Sequence[float]):
        self.sigma = sigma

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.filter(ImageFilter.GaussianBlur(np.random.uniform(*self.sigma)))


class _TwoViews(Dataset):
    """An item is both views of one image, made from what `decode` makes of its stored form."""

    def __init__(self, stored: Sequence, decode: Callable, view: Callable):
        self.stored, self.decode, self.view = stored, decode, view

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.decode(self.stored[index])
        return self.view(image), self.view(image)


def _loader(dataset: Dataset, batch_size: int, workers: int) -> DataLoader:
    return DataLoader(dataset, batch_size, shuffle=True, num_workers=workers, drop_last=True)


def _picture(stored: np.ndarray | bytes) -> Image.Image:
    if isinstance(stored, bytes):
        return Image.open(io.BytesIO(stored)).convert("RGB")
    return Image.fromarray(stored[..., 0] if stored.shape[2] == 1 else stored)


def _tensor(stored: np.ndarray | bytes) -> Tensor:
    if isinstance(stored, bytes):
        return torchvision_io.decode_jpeg(torch.frombuffer(bytearray(stored), dtype=torch.uint8))
    return torch.from_numpy(stored).permute(2, 0, 1)


def _jitter(module, recipe: ViewRecipe):
    strengths = recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue
    return module.RandomApply([module.ColorJitter(*strengths)], recipe.jitter)


def on_pillow(
    stored: Sequence,
    size: int,
    channels: int,
    recipe: ViewRecipe,
    batch_size: int,
    workers: int,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> DataLoader:
    """Views of arrays (H, W, C) or of JPEG files' bytes, by torchvision's first transforms and Pillow."""
    view = transforms.Compose(
        [
            transforms.RandomResizedCrop(size, recipe.crop_scale, recipe.crop_ratio),
            transforms.RandomHorizontalFlip(recipe.flip),
            _jitter(transforms, recipe),
            transforms.RandomGrayscale(recipe.grey),
            transforms.RandomApply([_Blur(recipe.blur_sigma)], recipe.blur),
            transforms.ToTensor(),
            transforms.Normalize(mean or [0.5] * channels, std or [0.25] * channels),
        ]
    )
    return _loader(_TwoViews(stored, _picture, view), batch_size, workers)


def on_tensors(
    stored: Sequence, size: int, channels: int, recipe: ViewRecipe, batch_size: int, workers: int
) -> DataLoader:
    """The same by torchvision's second transforms on tensors."""
    kernel = max(3, size // 10 // 2 * 2 + 1)  # a tenth of the image, as SimCLR has it
    view = v2.Compose(
        [
            v2.RandomResizedCrop(size, recipe.crop_scale, recipe.crop_ratio, antialias=True),
            v2.RandomHorizontalFlip(recipe.flip),
            _jitter(v2, recipe),
            v2.RandomGrayscale(recipe.grey),
            v2.RandomApply([v2.GaussianBlur(kernel, tuple(recipe.blur_sigma))], recipe.blur),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * channels, [0.25] * channels),
        ]
    )
    return _loader(_TwoViews(stored, _tensor, view), batch_size, workers)

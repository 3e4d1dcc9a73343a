"""Methods of a size that takes milliseconds, and batches for them."""

import pytest
import torch

from contraflow.methods.parts.base import DataShape
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import MethodSettings
from contraflow.views.batch import Batch

SHAPE = DataShape(channels=1, image_size=16, images=40, classes=3)


@pytest.fixture(scope="session")
def settings_of(params_of):
    """`settings_of("moco", queue=8, loss={"tau": 0.5})`: what a method reads; keywords are of `method`."""

    def make(name, *, loss=None, negatives=None, model=None, **method):
        changes = {"method": {"name": name} | method, "loss": loss or {}, "negatives": negatives or {}}
        return MethodSettings.of(params_of(**changes, model=model or {}))

    return make


@pytest.fixture(scope="session")
def method_of(settings_of):
    """The method itself, arguments as for `settings_of`; its weights are drawn from seed 0."""

    def make(name, **changes):
        torch.manual_seed(0)
        return METHODS[name](settings_of(name, **changes), SHAPE).train()

    return make


@pytest.fixture(scope="session")
def batch_of():
    """`batch_of(step)`: 6 of the 40 images, others each step, in two views."""

    def make(step=0, n=6, progress=0.0):
        generator = torch.Generator().manual_seed(step)
        index = torch.randperm(40, generator=generator)[:n]
        labels = torch.where(index % 4 == 3, -1, index % 3)
        return Batch(torch.randn(2, n, 1, 16, 16, generator=generator), index, labels, progress)

    return make

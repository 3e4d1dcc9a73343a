"""Methods of a size that takes milliseconds, and batches for them."""

from dataclasses import replace

import pytest
import torch

from contraflow.encoded.kin import Kin
from contraflow.methods.parts.base import DataShape
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import MethodSettings
from contraflow.views.batch import Batch

SHAPE = DataShape(channels=1, image_size=16, images=40, classes=3, taught=5, vocabulary=30)
LABELS = torch.where(torch.arange(40) % 4 == 3, -1, torch.arange(40) % 3)


@pytest.fixture(scope="session")
def settings_of(params_of):
    """`settings_of("moco", queue=8, loss={"tau": 0.5})`: what a method reads; keywords are of `method`."""

    def make(name, *, loss=None, negatives=None, model=None, **method):
        changes = {"method": {"name": name} | method, "loss": loss or {}, "negatives": negatives or {}}
        return MethodSettings.of(params_of(**changes, model=model or {}))

    return make


@pytest.fixture(scope="session")
def method_of(settings_of):
    """The method itself, other arguments as for `settings_of`; its weights are drawn from seed 0.

    Images are kin as `kin` says, by default by `labels` where that is the method's own way, else each is alone. A
    teacher's vectors have the length `taught`.
    """

    def make(name, *, labels=LABELS, kin=(), taught=SHAPE.taught, **changes):
        torch.manual_seed(0)
        if not kin and METHODS[name].positives_from == "label":
            kin = [Kin.by_label(labels.numpy())]
        return METHODS[name](settings_of(name, **changes), replace(SHAPE, kin=kin, taught=taught)).train()

    return make


@pytest.fixture(scope="session")
def batch_of():
    """`batch_of(step)`: 6 of the 40 images, others each step, in two views, with a teacher's vectors of these, and with
    a text each."""

    def make(step=0, n=6, progress=0.0):
        generator = torch.Generator().manual_seed(step)
        index = torch.randperm(40, generator=generator)[:n]
        views = torch.randn(2, n, 1, 16, 16, generator=generator)
        taught = torch.randn(2, n, SHAPE.taught, generator=generator)
        texts = torch.randint(1, SHAPE.vocabulary, (n, 8), generator=generator).tril(3)
        return Batch(views, index, LABELS[index], progress, taught=taught, texts=texts)

    return make

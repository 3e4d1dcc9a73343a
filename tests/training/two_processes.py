"""What tests/training/test_parallel.py lets each process do; a new process imports it by name."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from contraflow.collectives import average_gradients, from_first, gather, rank, world_size
from contraflow.foundations.errors import UserError
from contraflow.methods.parts.base import DataShape
from contraflow.methods.parts.registry import METHODS
from contraflow.models.norms import SyncBatchNorm
from contraflow.training import loop
from contraflow.views.batch import Batch

SHAPE = DataShape(channels=1, image_size=16, images=40, classes=3, taught=5, vocabulary=30)


def everything(settings, works, stopped, folder: Path, device) -> None:
    """Steps of every method, BatchNorms, trainings; what came out goes to `folder`, a file a process."""
    for work in works:
        work(device)
    found = {
        "steps": {key: steps(*of) for key, of in settings.items()},
        "norms": {key: norm(*of) for key, of in NORMS.items()},
        "epochs": stop_and_go_on(stopped, device),
    }
    torch.save(found, folder / f"rank{rank()}.pt")


def part(x, dim):
    """This process's part of what all share."""
    return x.chunk(world_size(), dim)[rank()]


def steps(name, settings, precision, along, small, micro_batch) -> dict:
    """Loss and mean gradients of a method's second step, and all that it keeps.

    Each image has so many `small` crops, and so many others come along with it.
    """
    torch.manual_seed(0)
    dtype = torch.float64 if precision == "double" else torch.float32
    method = METHODS[name](settings, SHAPE).to(dtype).train()
    method.micro_batch = micro_batch if world_size() > 1 else None
    optimiser = torch.optim.SGD(method.parameters(), lr=0.05)
    for number in range(2):
        generator = torch.Generator().manual_seed(number)
        index = torch.randperm(SHAPE.images, generator=generator)[:8]
        views = torch.randn(2, 8, 1, 16, 16, generator=generator).to(dtype)
        labels, taught = torch.where(index % 4 == 3, -1, index % 3), torch.randn(2, 8, 5, generator=generator)
        texts = torch.randint(1, SHAPE.vocabulary, (8, 8), generator=generator).tril(3)
        batch = Batch(part(views, 1), index, labels, number / 2, texts=texts, taught=part(taught.to(dtype), 1))
        if small:
            crops = torch.randn(small, 8, 1, 8, 8, generator=generator).to(dtype)
            batch = replace(batch, local=part(crops, 1))
        if along:
            others = torch.randn(along, 8, 1, 16, 16, generator=generator).to(dtype)
            whose = (index + torch.arange(1, along + 1)[:, None]) % SHAPE.images
            said = torch.randint(1, SHAPE.vocabulary, (*whose.shape, 8), generator=generator).tril(3)
            batch = replace(batch, companions=whose, companion_views=part(others, 1), companion_texts=said)
        optimiser.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "mixed"):
            output = method(batch)
        output.loss.backward()
        average_gradients(method.parameters())
        gradients = {key: p.grad.clone() for key, p in method.named_parameters() if p.grad is not None}
        optimiser.step()
    return {
        "loss": output.loss.detach(),
        "embeddings": output.embeddings.detach(),
        "gradients": gradients,
        "kept": method.state_dict(),
        "drawn": torch.rand(1),
    }


NORMS = {
    "vectors": (nn.BatchNorm1d(3).double(), (8, 3), 0.0),
    "maps": (nn.BatchNorm2d(3).double(), (8, 3, 4, 5), 0.0),
    "plain": (nn.BatchNorm1d(3, affine=False).double(), (8, 3), 0.0),
    "far from zero": (nn.BatchNorm2d(3), (8, 3, 4, 5), 100.0),
}


def norm(layer, shape, mean) -> dict:
    """A BatchNorm, forward and backward, on inputs whose parts differ in mean and spread."""
    generator = torch.Generator().manual_seed(0)
    x, weights = (torch.randn(shape, generator=generator).to(layer.running_mean.dtype) for _ in range(2))
    x = x + mean + torch.arange(8).view(8, *[1] * (len(shape) - 1))
    layer, own = SyncBatchNorm.of(layer).to(x.dtype).train(), part(x, 0).clone().requires_grad_()
    y = gather(layer(own), 0)
    (y * weights + y**3).sum().backward()
    if layer.affine:
        average_gradients(layer.parameters())
    return {
        "output": y.detach(),
        "gradient": gather(own.grad, 0) / world_size(),
        "weights": [p.grad for p in layer.parameters()],
        "kept": layer.state_dict(),
    }


def stop_and_go_on(work, device) -> list[int]:
    """Stop a training after its first epoch and start it again; the epochs done each time that this is looked at."""
    looked, ends = [], loop.ends_early

    def stop(history, settings):
        looked.append(len(history))
        return len(history) == 1

    loop.ends_early = stop
    work(device)
    from_first(None)  # the first has written what all read
    loop.ends_early = lambda history, settings: looked.append(len(history))
    work(device)
    loop.ends_early = ends
    return looked


def fail(how, device) -> None:
    """The second process fails; the first would go on for minutes."""
    if rank() == 0:
        time.sleep(300)
    elif how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "mistaken":
        raise UserError("loss.tau must be greater than 0, got -1")
    else:
        raise ZeroDivisionError(how)


def tell_and_wait(device) -> None:
    os.write(1, f"{os.getpid()}\n".encode())  # in one piece, beside what the other writes
    time.sleep(300)


if __name__ == "__main__":
    from contraflow.training.parallel import on_each

    on_each([torch.device("cpu")] * 2, tell_and_wait)

from dataclasses import fields

import torch

from contraflow.views.batch import Batch


def test_every_tensor_is_moved_and_the_rest_stays():
    tensors = {field.name: torch.zeros(2) for field in fields(Batch) if field.name not in ("progress", "local")}
    moved = vars(Batch(**tensors, progress=0.25).to(torch.device("meta")))
    assert (moved.pop("progress"), moved.pop("local")) == (0.25, None)
    assert moved.keys() == tensors.keys() and all(tensor.device.type == "meta" for tensor in moved.values())

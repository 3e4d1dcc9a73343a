import math

import pytest
import torch

from contraflow.views.batch import Batch


def test_the_loss_is_the_cross_entropy_of_labelled_images(method_of, batch_of):
    batch = batch_of(0)
    known = batch.labels >= 0
    assert 0 < known.sum() < len(known)
    method = method_of("supervised")
    output = method(batch)
    logits = method.projection(method.encoder(batch.views.flatten(0, 1))).unflatten(0, (2, -1))
    picked = torch.log_softmax(logits, dim=-1)[:, known].gather(2, batch.labels[known].repeat(2, 1)[..., None])
    torch.testing.assert_close(output.loss, -picked.mean())
    assert output.embeddings.shape == (2, len(known), method.encoder.dimension)


def test_images_without_a_label_say_nothing(method_of, batch_of):
    batch = batch_of(0)
    none = Batch(batch.views, batch.index, torch.full_like(batch.labels, -1), 0.0)
    loss = method_of("supervised")(none).loss
    loss.backward()
    assert loss.item() == 0


def test_equal_scores_cost_the_logarithm_of_the_classes(method_of, batch_of):
    method = method_of("supervised")
    torch.nn.init.zeros_(method.projection.weight)
    torch.nn.init.zeros_(method.projection.bias)
    assert method(batch_of(0)).loss.item() == pytest.approx(math.log(3))

from dataclasses import replace

import pytest
import torch
from torch import nn

from contraflow.losses.distillation import cosine_distance, standardised_mse


@pytest.mark.parametrize(("distillation", "distance"), [("cosine", cosine_distance), ("mse", standardised_mse)])
def test_each_view_is_compared_with_what_the_teacher_makes_of_it(method_of, batch_of, distillation, distance):
    method, batch = method_of("distil", loss={"distillation": distillation}), batch_of()
    output = method(batch)
    z, taught = method.projection(method.encoder(batch.views.flatten(0, 1))), batch.taught.flatten(0, 1)
    z, taught = z - z.mean(0), taught - taught.mean(0)
    torch.testing.assert_close(output.loss, distance(z, taught))
    torch.testing.assert_close(output.embeddings, z.unflatten(0, (2, 6)))


@pytest.mark.parametrize("distillation", ["cosine", "mse"])
def test_what_the_features_of_all_images_have_in_common_does_not_count(method_of, batch_of, distillation):
    method, batch = method_of("distil", loss={"distillation": distillation}), batch_of()
    loss = method(batch).loss
    torch.testing.assert_close(method(replace(batch, taught=batch.taught + 3)).loss, loss, rtol=1e-4, atol=1e-5)


def test_a_linear_layer_is_there_only_where_lengths_differ(method_of):
    assert isinstance(method_of("distil").projection, nn.Linear)
    alike = method_of("distil", taught=64)
    assert isinstance(alike.projection, nn.Identity) and alike.encoder.dimension == 64


@pytest.mark.parametrize("distillation", ["cosine", "mse"])
def test_a_teacher_that_is_the_encoder_is_learned_already(method_of, batch_of, distillation):
    method, batch = method_of("distil", taught=64, loss={"distillation": distillation}), batch_of()
    with torch.no_grad():
        taught = method.encoder(batch.views.flatten(0, 1)).unflatten(0, (2, 6))
    assert method(replace(batch, taught=3 * taught)).loss.item() == pytest.approx(0, abs=1e-4)

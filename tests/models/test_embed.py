import numpy as np
import torch
from torch import nn

from contraflow.models.embed import embed


def test_features_in_order_in_evaluation_mode_with_batchnorm_untouched():
    encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    images, labels = torch.randn(5, 1, 6, 6), torch.arange(5)
    features, found = embed(encoder, [(images[:3], labels[:3]), (images[3:], labels[3:])], torch.device("cpu"))
    assert features.dtype == np.float32 and features.shape == (5, 64)
    assert found.tolist() == [0, 1, 2, 3, 4]
    with torch.no_grad():
        np.testing.assert_allclose(features, encoder.eval()(images).numpy(), atol=1e-6)
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())

import torch
import torch.nn.functional as F

from contraflow.losses.comparison import Comparison, softmax_loss
from contraflow.losses.mixing import mix
from contraflow.losses.selection import hardest, within_margin


def test_mixed_negatives_lie_where_they_should(batch):
    base = hardest(batch(6, 5), 2)
    torch.manual_seed(0)
    mixed = mix(base, hardest=2, pairs=40, with_anchor=30)
    assert mixed.similarity.shape == mixed.negative.shape == mixed.positive.shape == (12, 82)
    assert torch.equal(mixed.similarity[:, :12], base.similarity)
    new = mixed.similarity[:, 12:]
    assert mixed.negative[:, 12:].all() and not mixed.positive[:, 12:].any()
    nearest = base.similarity.masked_fill(~base.negative, 2).amin(1, keepdim=True)
    # between two negatives nothing is farther than both, unless they lie on either side of the far pole
    keys = F.normalize(base.keys, dim=1)
    for i in range(12):
        a, b = keys[base.negative[i]]
        if a @ b > 0 and nearest[i] > 0:
            assert (new[i, :40] >= nearest[i] - 1e-9).all()
    assert (new[:, 40:] > nearest - 1e-9).all()  # pulled towards the anchor
    assert (new[:, 40:] <= 1).all()


def test_draws_are_torchs_and_gradients_reach_the_anchor_only(batch):
    base = batch(4, 3)
    anchors = base.anchors.clone().requires_grad_()
    keys = base.keys.clone().requires_grad_()
    similarity = base.similarity.detach()
    comparison = Comparison(anchors, keys, base.anchor_index, base.key_index, similarity, base.positive, base.negative)
    values = []
    for _ in range(2):
        torch.manual_seed(1)
        values.append(softmax_loss(mix(comparison, hardest=3, pairs=5, with_anchor=5), 0.2))
    assert torch.equal(*values)
    values[0].backward()
    assert anchors.grad.abs().sum() > 0 and keys.grad is None


def test_an_anchor_without_negatives_gets_none(vectors, batch):
    base = within_margin(batch(4, 3), -3.0)
    mixed = mix(base, hardest=3, pairs=2, with_anchor=2)
    assert not mixed.negative.any() and torch.isfinite(softmax_loss(mixed, 0.1))

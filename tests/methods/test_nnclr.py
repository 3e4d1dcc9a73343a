import torch

from contraflow.losses.infonce import Stored, info_nce
from contraflow.methods.nnclr import nearest_keys


def test_the_nearest_stored_key_by_cosine_and_oneself_while_none_is_stored():
    z = torch.tensor([[1.0, 0.1], [0.0, 3.0]])
    keys = torch.tensor([[0.0, 1.0], [5.0, 0.0], [1.0, 0.1]])
    assert nearest_keys(z, Stored(keys, torch.tensor([4, 8, -1]))).tolist() == [[5, 0], [0, 1]]
    assert torch.equal(nearest_keys(z, Stored(keys, torch.full((3,), -1))), z)


def test_loss_is_the_mean_of_both_directions(method_of, batch_of):
    method = method_of("nnclr", queue=8, loss={"tau": 0.3})
    method(batch_of(0))
    keys, index, batch = method.queue.keys.clone(), method.queue.index.clone(), batch_of(1)
    output = method(batch)
    z = output.embeddings
    p1, p2 = method.predictor(z.flatten(0, 1)).chunk(2)
    n1, n2 = (nearest_keys(view, Stored(keys, index)) for view in z)
    each = [info_nce(n, p, Stored(p, batch.index), 0.3, index=batch.index) for n, p in ((n1, p2), (n2, p1))]
    torch.testing.assert_close(output.loss, sum(each) / 2)

import torch

from contraflow.encoded.kin import Kin
from contraflow.losses.ntxent import ntxent
from contraflow.methods.parts.kinship import Kinship
from contraflow.views.batch import Batch


def of_label(labels):
    """The kinship of rows that have these labels, -1 for none."""
    return Kinship([Kin.by_label(labels.numpy())])


def test_supcon_is_its_loss_on_projections_and_without_labels_simclr(method_of, batch_of):
    batch = batch_of(0)
    output = method_of("supcon", loss={"tau": 0.3})(batch)
    torch.testing.assert_close(output.loss, ntxent(*output.embeddings, 0.3, kin=of_label(batch.labels)))
    unlabelled = Batch(batch.views, batch.index, torch.full_like(batch.labels, -1), 0.0)
    none = torch.full((40,), -1)
    output = method_of("supcon", loss={"tau": 0.3}, labels=none)(unlabelled)
    torch.testing.assert_close(output.loss, ntxent(*output.embeddings, 0.3))

import torch
import torch.nn.functional as F

from contraflow.encoded.kin import Kin
from contraflow.losses.ntxent import ntxent
from contraflow.methods.parts.kinship import Kinship
from contraflow.views.batch import Batch


def of_label(labels):
    """The kinship of rows that have these labels, -1 for none."""
    return Kinship(Kin.by_label(labels.numpy()))


def test_supcon_is_its_loss_on_projections_and_without_labels_simclr(method_of, batch_of):
    batch = batch_of(0)
    output = method_of("supcon", loss={"tau": 0.3})(batch)
    torch.testing.assert_close(output.loss, ntxent(*output.embeddings, 0.3, kin=of_label(batch.labels)))
    unlabelled = Batch(batch.views, batch.index, torch.full_like(batch.labels, -1), 0.0)
    none = torch.full((40,), -1)
    output = method_of("supcon", loss={"tau": 0.3}, labels=none)(unlabelled)
    torch.testing.assert_close(output.loss, ntxent(*output.embeddings, 0.3))


def test_the_mixed_objective_adds_the_cross_entropy_of_labelled_images(method_of, batch_of):
    batch = batch_of(0)
    known = batch.labels >= 0
    assert 0 < known.sum() < len(known)
    method = method_of("supcon_ce", loss={"tau": 0.3, "cross_entropy": 2.0})
    output = method(batch)
    logits = method.classifier(method.encoder(batch.views.flatten(0, 1))).unflatten(0, (2, -1))[:, known]
    entropy = F.cross_entropy(logits.flatten(0, 1), batch.labels[known].repeat(2))
    torch.testing.assert_close(output.loss, ntxent(*output.embeddings, 0.3, kin=of_label(batch.labels)) + 2 * entropy)
    unlabelled = Batch(batch.views, batch.index, torch.full_like(batch.labels, -1), 0.0)
    output = method(unlabelled)
    torch.testing.assert_close(output.loss, ntxent(*output.embeddings, 0.3, kin=of_label(batch.labels)))

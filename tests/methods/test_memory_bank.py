import torch
import torch.nn.functional as F

from contraflow.losses.infonce import Stored, info_nce
from contraflow.methods.memory_bank import MemoryBank
from contraflow.methods.parts.base import DataShape


def test_loss_is_info_nce_of_both_views_and_their_slots_which_then_move(method_of, batch_of):
    method, batch = method_of("memory_bank", queue=20, bank_momentum=0.75, loss={"tau": 0.3}), batch_of(0)
    before = method.slots.vectors.clone()
    torch.testing.assert_close(before.norm(dim=1), torch.ones(40))
    torch.manual_seed(5)
    output = method(batch)
    torch.manual_seed(5)
    drawn = torch.randint(40, (20,))
    assert set(drawn.tolist()) & set(batch.index.tolist())  # own slots are drawn too, and are no negatives
    each = [
        info_nce(z, before[batch.index], Stored(before[drawn], drawn), 0.3, index=batch.index)
        for z in output.embeddings
    ]
    torch.testing.assert_close(output.loss, sum(each) / 2)
    seen = F.normalize(F.normalize(output.embeddings.detach(), dim=2).mean(0))
    expected = before.clone()
    expected[batch.index] = F.normalize(0.75 * before[batch.index] + 0.25 * seen)
    torch.testing.assert_close(method.slots.vectors, expected)


def test_negatives_are_slots_of_the_images_that_are_trained_on(settings_of, batch_of):
    """The slots of held-out images are never refreshed: what they hold must not matter."""
    shape = DataShape(channels=1, image_size=16, images=60, classes=3, training=torch.arange(40))
    method = MemoryBank(settings_of("memory_bank", queue=500), shape).train()
    method.slots.vectors[40:] = torch.nan
    assert method(batch_of(0)).loss.isfinite()

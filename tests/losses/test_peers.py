"""Equal values and gradients to 1e-5 with lightly, pytorch-metric-learning, open_clip and sentence-transformers, where
these have the same.

`pip install --no-deps lightly pytorch-metric-learning open_clip_torch ftfy regex wcwidth`, `pip install
sentence-transformers` and `pytest -m peers`; without them the tests are skipped.
"""

import pytest
import torch
from torch.nn.functional import normalize as unit

from contraflow.encoded.kin import Kin
from contraflow.losses.comparison import in_batch
from contraflow.losses.image_text import clip, siglip
from contraflow.losses.infonce import Stored, info_nce
from contraflow.losses.margins import triplet
from contraflow.losses.ntxent import ntxent
from contraflow.losses.prototypes import predict_others, sharpened, sinkhorn
from contraflow.losses.without_negatives import barlow_twins, negative_cosine, vicreg
from contraflow.methods.parts.contrastive import Temperature
from contraflow.methods.parts.kinship import Kinship
from contraflow.methods.parts.negative_policy import NegativePolicy
from contraflow.methods.parts.settings import MethodSettings
from contraflow.training.diagnosis import alignment, uniformity

pytestmark = pytest.mark.peers
SIZES = pytest.mark.parametrize(("n", "d"), [(2, 3), (16, 8), (64, 32)])
TAU = pytest.mark.parametrize("tau", [0.07, 0.5])


def of_label(labels):
    """The kinship of rows that have these labels, -1 for none."""
    return Kinship([Kin.by_label(torch.as_tensor(labels).numpy())])


def agree(ours, theirs, z):
    found = []
    for loss in (ours, theirs):
        inputs = [x.clone().float().requires_grad_() for x in z]
        value = loss(*inputs)
        value.backward()
        found.append((value.detach(), [x.grad for x in inputs]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


@SIZES
@TAU
def test_ntxent(vectors, n, d, tau):
    lightly = pytest.importorskip("lightly.loss")
    agree(lambda a, b: ntxent(a, b, tau), lightly.NTXentLoss(tau), vectors(n, d))


@SIZES
@TAU
def test_info_nce(vectors, n, d, tau):
    peer = pytest.importorskip("lightly.loss").NTXentLoss(tau, memory_bank_size=(20, d))
    z, (keys,) = vectors(n, d), torch.nn.functional.normalize(vectors(20, d, 1, count=1).float(), dim=2)
    peer.memory_bank(keys, update=True)
    stored = Stored(peer.memory_bank.bank.clone().reshape(20, d), torch.arange(20))
    theirs = peer.memory_bank.bank.clone()

    def with_the_same_queue(a, b):
        peer.memory_bank.bank.copy_(theirs)
        return peer(a, b)

    agree(lambda a, b: info_nce(a, b, stored, tau), with_the_same_queue, z)


@SIZES
@TAU
def test_supcon(vectors, n, d, tau):
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    labels = torch.arange(n) % 3
    peer = losses.SupConLoss(tau)
    agree(
        lambda a, b: ntxent(a, b, tau, kin=of_label(labels)),
        lambda a, b: peer(torch.cat([a, b]), labels.repeat(2)),
        vectors(n, d),
    )


@SIZES
@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_triplet_with_the_hardest_negative(vectors, n, d, similarity):
    pytest.importorskip("pytorch_metric_learning")
    from pytorch_metric_learning import distances, losses, miners, reducers

    kind = {
        "cosine": distances.CosineSimilarity(),
        "euclidean": distances.LpDistance(normalize_embeddings=False),
    }[similarity]
    labels = torch.arange(n).repeat(2)
    miner = miners.BatchHardMiner(distance=kind)
    peer = losses.TripletMarginLoss(0.4, distance=kind, reducer=reducers.MeanReducer())

    def theirs(a, b):
        z = torch.cat([a, b])
        return peer(z, labels, miner(z, labels))

    agree(
        lambda a, b: triplet(in_batch(torch.stack([a, b]), torch.arange(n), similarity), 0.4, "hardest"),
        theirs,
        vectors(n, d),
    )


@SIZES
def test_barlow_twins(vectors, n, d):
    lightly = pytest.importorskip("lightly.loss")
    agree(lambda a, b: barlow_twins(a, b, 0.005), lightly.BarlowTwinsLoss(0.005), vectors(n, d))


@SIZES
def test_vicreg(vectors, n, d):
    lightly = pytest.importorskip("lightly.loss")
    agree(lambda a, b: vicreg(a, b, (25, 25, 1)), lightly.VICRegLoss(25, 25, 1), vectors(n, d))


@SIZES
def test_negative_cosine(vectors, n, d):
    module = pytest.importorskip("lightly.loss.negative_cosine_similarity")
    agree(negative_cosine, module.NegativeCosineSimilarity(), vectors(n, d))


@SIZES
@TAU
@pytest.mark.parametrize("crops", [0, 3])
def test_assignments_to_prototypes_and_swapped_prediction(vectors, n, d, tau, crops):
    peer = pytest.importorskip("lightly.loss").SwaVLoss(tau, sinkhorn_iterations=4, sinkhorn_epsilon=0.1)

    def ours(*scores):
        assigned = torch.stack([sinkhorn(view.detach(), 0.1, 4) for view in scores[:2]])
        return predict_others(assigned, torch.stack(scores), tau)

    agree(
        ours, lambda *scores: peer(list(scores[:2]), list(scores[2:])).squeeze(), vectors(n, d, count=2 + crops).tanh()
    )


@SIZES
@TAU
@pytest.mark.parametrize("crops", [0, 3])
def test_centred_and_sharpened_targets(vectors, n, d, tau, crops):
    lightly = pytest.importorskip("lightly.loss")
    taught, centre = (vectors(n, d, seed, count=2).tanh().float() for seed in (1, 2))
    peer = lightly.DINOLoss(d, teacher_temp=0.05, warmup_teacher_temp=0.05, student_temp=tau)

    def ours(*scores):
        return predict_others(sharpened(taught, centre[0, 0], 0.05), torch.stack(scores), tau)

    def theirs(*scores):
        peer.center = centre[0, 0].clone().view(1, 1, d)  # it moves on
        return peer(list(taught), list(scores), epoch=0)

    agree(ours, theirs, vectors(n, d, count=2 + crops).tanh())


@SIZES
def test_alignment_and_uniformity(vectors, n, d):
    module = pytest.importorskip("lightly.loss.hypersphere_loss")
    peer = module.HypersphereLoss(t=2.0, lam=1.0, alpha=2.0)
    agree(lambda a, b: alignment(a, b) + (uniformity(a) + uniformity(b)) / 2, peer, vectors(n, d))


@SIZES
@TAU
def test_model_aware(vectors, params_of, n, d, tau):
    lightly = pytest.importorskip("lightly.loss")
    settings = MethodSettings.of(params_of(loss={"temperature": "macl", "tau": tau}))
    temperature, weights = Temperature(settings.loss), NegativePolicy(settings)
    agree(
        lambda a, b: ntxent(a, b, temperature(a, b, 0), negatives=weights),
        lightly.MACLLoss(tau, settings.loss.macl_alpha),
        vectors(n, d),
    )


@SIZES
@pytest.mark.parametrize("scale", [2.0, 1 / 0.07])
def test_clip(vectors, n, d, scale):
    peer = pytest.importorskip("open_clip.loss").ClipLoss()
    agree(lambda a, b: clip(a, b, 1 / scale), lambda a, b: peer(unit(a), unit(b), scale), vectors(n, d))


@SIZES
@pytest.mark.parametrize("scale", [2.0, 10.0])
def test_siglip(vectors, n, d, scale):
    peer = pytest.importorskip("open_clip.loss").SigLipLoss()
    agree(lambda a, b: siglip(a, b, 1 / scale, -10.0), lambda a, b: peer(unit(a), unit(b), scale, -10.0), vectors(n, d))


@SIZES
@pytest.mark.parametrize("symmetric", [False, True])
def test_simcse_is_multiple_negatives_ranking(vectors, n, d, symmetric):
    """With its scale of 20, and in both directions."""
    peer = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    directions = ("query_to_doc", "doc_to_query") if symmetric else ("query_to_doc",)
    mode = "per_direction" if symmetric else "joint"
    theirs = peer.MultipleNegativesRankingLoss(None, scale=20.0, directions=directions, partition_mode=mode)
    index = torch.arange(n)

    def one_way(query, key):
        return info_nce(query, key, Stored(key, index), 1 / 20, index=index)

    def ours(a, b):
        return (one_way(a, b) + one_way(b, a)) / 2 if symmetric else one_way(a, b)

    agree(ours, lambda a, b: theirs.compute_loss_from_embeddings([a, b], None), vectors(n, d))

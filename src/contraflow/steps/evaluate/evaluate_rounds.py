"""The step `evaluate-rounds`: how good a seed's encoder is after each round, by a light measurement."""

from pathlib import Path

import numpy as np
import torch

from contraflow.arrays import evenly
from contraflow.artefacts import require_same, sha256, write_json
from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.errors import UserError
from contraflow.evaluation.classification import confusion_matrix
from contraflow.evaluation.frozen import frozen, require_finite
from contraflow.evaluation.probe import Problem, choose, sweep
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed
from contraflow.neighbours.knn import Labelled, knn_accuracies
from contraflow.params import Params
from contraflow.progress import track
from contraflow.stages import code_digest
from contraflow.views.loader import ImageLoader

READS = ("eval",)
LEARNED, HELD_OUT = 10_000, 5_000  # images at most: rounds are compared with each other, not with other figures


def evaluate_rounds(params: Params, *, checkpoints: list[Path], data: Path, out: Path, threads: int) -> None:
    """Measure a seed's encoders on validation images and write their figures, one entry a round, to `out` (.json).

    Probe and k-NN learn from `LEARNED` labelled training images at most and are measured on `HELD_OUT` validation
    images at most, both evenly spaced; the test images are not read. `confusion` counts what the probe takes the
    validation images of each class for. Without labels an entry holds the round alone.

    Raises:
        UserError: a checkpoint is missing, of other data or another seed, or its features are not finite.
    """
    settings = params.only(*READS).eval
    encoded = EncodedData.open(data)
    torch.set_num_threads(job_cores())
    card = encoded.card
    labelled = encoded.training[encoded.labels("training") >= 0]
    learned = labelled[evenly(len(labelled), LEARNED)]
    held_out = encoded.validation[evenly(len(encoded.validation), HELD_OUT)]
    images = ImageLoader(
        encoded.train_beton,
        batch_size=settings.batch_size,
        threads=threads,
        indices=np.concatenate([learned, held_out]),
        **card.loading,
    )
    rounds, inputs, seeds = [], {"data": encoded.digest, "encoders": []}, set()
    with lease() as (device,):
        for path in checkpoints:
            encoder, made_from = load_encoder(path)
            require_same(path, "data set", encoded.digest, made_from["inputs"]["data"])
            seeds.add(made_from["seed"])
            number = made_from["round"]
            inputs["encoders"].append(sha256(path))
            found = {}
            if card.labelled:
                with frozen(encoder):
                    label = f"seed {made_from['seed']} · round {number}"
                    batches = track(images, total=len(images), label=label, unit="batches")
                    both = Labelled(*embed(encoder, batches, device))
                require_finite(both.features, f"the encoder of seed {made_from['seed']} ({path})")
                train, test = both[np.arange(len(learned))], both[np.arange(len(learned), len(both.labels))]
                trials = sweep(
                    Problem(train.features, train.labels, device=device),
                    test.features,
                    test.labels,
                    weight_decays=settings.linear.weight_decay,
                    max_iterations=settings.linear.max_iterations,
                )
                best = choose(trials)
                found["linear"] = best.validation_accuracy
                predicted = best.probe.predict(test.features)
                found["confusion"] = confusion_matrix(test.labels, predicted, len(card.classes)).tolist()
                found |= knn_accuracies(test, train, settings.knn, classes=len(card.classes), device=device)
            rounds.append({"round": number, **found})
    if len(seeds) != 1:
        raise UserError(f"evaluate-rounds takes the encoders of one seed, got those of {sorted(seeds)}")
    provenance = {
        "step": "evaluate",
        "code": code_digest("evaluate"),
        "params": {"eval": settings.model_dump()},
        "inputs": inputs,
    }
    content = {
        "representation": "encoder_by_round",
        "seed": seeds.pop(),
        "images": {"learned": len(learned), "held_out": len(held_out)},
        "rounds": sorted(rounds, key=lambda entry: entry["round"]),
        "provenance": provenance,
    }
    write_json(out, content)

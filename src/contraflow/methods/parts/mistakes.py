"""What methods that compare images with texts ask of other parameters, and what the others cannot give."""

from collections.abc import Iterator, Mapping

from contraflow.methods.parts.settings import LEAST_TAU, WITH_TEXTS

# What such a method takes, and why not all.
TAKEN = {
    "positives.from": (["image"], "an image's positives are its texts"),
    "loss.temperature": (["fixed", "learned"], None),
    "loss.similarity": (["cosine"], None),
    "mining.use": (["batches", "forward"], "of texts nothing is stored"),
    "mining.false_negatives": (["none", "rank", "threshold", "mutual", "relative"], "its texts are an image's views"),
}


def text_mistakes(values: Mapping[str, object]) -> Iterator[str]:
    """One sentence for each.

    Args:
        values: Of all parameters, by their dotted names.
    """
    name, tau, captions = (values[key] for key in ("method.name", "loss.tau", "eval.captions"))
    if name not in WITH_TEXTS:
        if captions:
            yield f"eval.captions must be [] where method.name is {name}, which has no encoder of texts, got {captions}"
        return
    for key, (taken, why) in TAKEN.items():
        if values[key] not in taken:
            allowed = " or ".join(filter(None, (", ".join(taken[:-1]), taken[-1])))
            because = f": {why}; got" if why else ", got"
            yield f"{key} must be {allowed} where method.name is {name}{because} {values[key]}"
    if tau < LEAST_TAU:
        yield f"loss.tau must be at least {LEAST_TAU} where method.name is {name}, got {tau:g}"

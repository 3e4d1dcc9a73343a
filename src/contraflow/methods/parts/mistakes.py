"""What methods that compare images with texts ask of other parameters, and what the others cannot give."""

from collections.abc import Iterator, Mapping

from contraflow.methods.parts.settings import LEAST_TAU, WITH_TEXTS
from contraflow.settings.values import NOTHING

# What such a method takes, and why not all.
TAKEN = {
    "positives.from": (["image"], "an image's positives are its texts"),
    "loss.temperature": (["fixed", "learned"], None),
    "loss.similarity": (["cosine"], None),
    "model.whitening": ([0], "what it learns is a projection of features as they are"),
    "mining.use": (["batches", "forward"], "of texts nothing is stored"),
    "mining.false_negatives": (["none", "rank", "threshold", "mutual", "relative"], "its texts are an image's views"),
}
OF_TEXTS = ("data.tokenizer", "eval.sts", "model.text.weights")


def text_mistakes(items: str, values: Mapping[str, object]) -> Iterator[str]:
    """One sentence for each.

    Args:
        items: What the data set has: `images`, or `texts` that are alone.
        values: Of all parameters, by their dotted names.
    """
    name, tau = values["method.name"], values["loss.tau"]
    tokenizer = values["data.tokenizer"]
    if NOTHING not in (tokenizer, values["model.text.weights"]):
        yield f"data.tokenizer must be {NOTHING} where model.text.weights, which has its own, is named, got {tokenizer}"
    if name not in WITH_TEXTS:
        alone = items == "texts"
        lacks = "compares no images with texts" if alone else "has no encoder of texts"
        off = {"eval.captions": []} | ({} if alone else dict.fromkeys(OF_TEXTS, NOTHING))
        for key, none in off.items():
            if values[key] != none:
                yield f"{key} must be {none} where method.name is {name}, which {lacks}, got {values[key]}"
        return
    for key, (taken, why) in TAKEN.items():
        if values[key] not in taken:
            allowed = " or ".join(filter(None, (", ".join(map(str, taken[:-1])), str(taken[-1]))))
            because = f": {why}; got" if why else ", got"
            yield f"{key} must be {allowed} where method.name is {name}{because} {values[key]}"
    if tau < LEAST_TAU:
        yield f"loss.tau must be at least {LEAST_TAU} where method.name is {name}, got {tau:g}"

"""Extra evaluations, which a run makes where `eval` asks for them: one file of each kind and representation."""

from collections.abc import Iterable

from contraflow.evaluation.summary import spread

KINDS = ("corruptions", "transfer", "fine_tune")


def summarise_extras(contents: Iterable[dict]) -> dict:
    """Spread over seeds of every figure, by kind and by representation.

    Args:
        contents: Each with `kind`, `representation` and `figures`: accuracies (0 to 1), in dicts as deep as the kind
            has it, alike for all seeds.
    """
    found: dict = {}
    for content in contents:
        by_seed = found.setdefault(content["kind"], {}).setdefault(content["representation"], [])
        by_seed.append(content["figures"])
    return {
        kind: {name: _over_seeds(by_seed) for name, by_seed in found[kind].items()} for kind in KINDS if kind in found
    }


def _over_seeds(figures: list) -> dict:
    if isinstance(figures[0], dict):
        return {name: _over_seeds([each[name] for each in figures]) for name in figures[0]}
    return spread(figures)

"""What a table of mined negatives says of itself; apart from the search, which takes seconds to import."""

from dataclasses import dataclass

from contraflow.foundations.artefacts import Provenance


@dataclass(frozen=True, kw_only=True)
class MiningPass(Provenance):
    """What a table of mined negatives says of itself.

    Attributes:
        search: `exact` or `ivf`.
        recall: As in `contraflow.mining.negatives.MinedNegatives`.
        shard: Which of how many shards the table is of; None where it is of all images.
    """

    search: str
    recall: float
    shard: list[int] | None = None

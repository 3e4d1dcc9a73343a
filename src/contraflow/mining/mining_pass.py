"""A table of mined negatives. Apart from the search, which takes seconds to import."""

from contraflow.foundations.record import Provenance


class MiningPass(Provenance):
    """What the table says of itself.

    Attributes:
        search: `exact` or `ivf`.
        recall: As in `contraflow.mining.negatives.MinedNegatives`.
        shard: Which of how many shards the table is of; None where it is of all images.
    """

    search: str
    recall: float
    shard: list[int] | None = None

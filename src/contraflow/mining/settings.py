"""The section `mining`: hard negatives between rounds."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contraflow.settings.values import Cosine, Count, Number, Positive, Section, Share, refuse_empty_range


class Mining(Section):
    rounds: Annotated[int, Field(ge=0)]
    epochs: Count
    lr: Positive
    k: Count
    policy: Literal["hardest", "semi_hard", "margin", "weighted", "random"]
    candidates: Count
    exact_up_to: Annotated[int, Field(ge=0)]
    memory_mb: Count
    shards: Count
    use: Literal["batches", "forward", "stored"]
    companions: Count
    band: Annotated[list[Share], Field(min_length=2, max_length=2)]
    margin: Annotated[list[Cosine], Field(min_length=2, max_length=2)]
    tau: Positive
    false_negatives: Literal["none", "rank", "threshold", "mutual", "views"]
    fn_share: Annotated[Number, Field(ge=0, lt=1)]
    fn_threshold: Cosine
    fn_top: Count
    fn_views: Count

    @model_validator(mode="after")
    def _bounds_rise_and_candidates_suffice(self) -> Self:
        refuse_empty_range("mining.band", self.band)
        refuse_empty_range("mining.margin", self.margin)
        if self.candidates < self.k:
            raise ValueError(f"mining.candidates must be at least mining.k, which is {self.k}, got {self.candidates}")
        if self.use != "batches" and self.companions > self.k:
            raise ValueError(f"mining.companions must be at most mining.k, which is {self.k}, got {self.companions}")
        return self


# Names in the section mining that results depend on; the others only say how they are computed.
MINING = tuple(f"mining.{name}" for name in Mining.model_fields if name not in ("memory_mb", "shards"))

"""JSON files and parts of them as typed records."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, ValidationInfo

from contraflow.foundations.artefacts import Provenance
from contraflow.foundations.errors import UserError


def _provenance(content: Provenance | dict, info: ValidationInfo) -> Provenance:
    return content if isinstance(content, Provenance) else Provenance.of_content(content, info.context)


MadeFrom = Annotated[Provenance, BeforeValidator(_provenance), PlainSerializer(Provenance.content)]


class Record(BaseModel):
    """Base of records: a key is a field, in their order, and a field that was not given is no key.

    A record may be given as any object that has its fields as attributes.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_name=True, from_attributes=True)

    def content(self) -> dict[str, Any]:
        """As JSON has it."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    @classmethod
    def of_content(cls, content: Any, path: Path) -> Self:
        """What the file `path` holds.

        Raises:
            UserError: it is damaged or of another version.
        """
        try:
            return cls.model_validate(content, context=path)
        except ValidationError:
            raise UserError(f"{path} is damaged, or of another version: delete it and run its step again") from None

"""JSON files and parts of them as typed records, and the record of what a file was made from."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer

from contraflow.foundations.artefacts import fingerprint
from contraflow.foundations.errors import UserError
from contraflow.foundations.stages import code_digest

Parts = Iterable[tuple[str, memoryview]]


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
            return cls.model_validate(content)
        except ValidationError:
            raise UserError(f"{path} is damaged, or of another version: delete it and run its step again") from None


class Provenance(Record):
    """What an artefact was made from: the step, the parameters it read, and the SHA-256 of each input.

    It holds no time, path or machine fact, so equal runs write equal bytes. Kinds of artefacts add what only they know;
    read as another kind, it is left out.

    Attributes:
        step: The stage, or the command, that made it.
        code: SHA-256 of the code of the stage.
        representation: What was measured.
        seed: Of the training behind it.
        round: The number of the training behind it, 0 before mining.
        params: The parameters that it depends on, by their names in `params.yaml`.
        inputs: SHA-256 of each input, by name; a list for several of one name.
    """

    model_config = ConfigDict(extra="ignore")

    step: str
    code: str | None = None
    representation: str | None = None
    seed: int | None = None
    round: int | None = None
    params: dict[str, Any] | None = None
    inputs: dict[str, Any]

    @model_serializer(mode="wrap")
    def _known(self, dump: Callable) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value is not None}

    @classmethod
    def of_stage(cls, stage: str, **known: Any) -> Self:
        """Of what a stage makes with the code that is here."""
        return cls(step=stage, code=code_digest(stage), **known)

    def require(self, path: Path, *, data: str, encoder: str | None = None) -> None:
        """Refuse the artefact `path` where it was made from other encoded data, or with another encoder.

        Raises:
            UserError: its inputs have not these digests (`encoder` None: any).
        """
        for what, name, expected in (("encoder", "encoder", encoder), ("data set", "data", data)):
            found = self.inputs.get(name)
            if expected is not None and found != expected:
                made_from = found[:12] if found else "none"
                raise UserError(
                    f"{path} was made from another {what} (digest {made_from}, expected {expected[:12]}): "
                    "delete it and run the workflow again"
                )

    def sealed(self, parts: Parts) -> str:
        """As JSON, with the `fingerprint` of it and of the parts of its file."""
        content = self.content()
        return json.dumps(content | {"content": fingerprint(content, parts)}, sort_keys=True)

    @classmethod
    def of_sealed(cls, text: str, parts: Parts, path: Path) -> Self:
        """What `sealed` gave, of the file `path` with these parts.

        Raises:
            ValueError: something was changed.
            UserError: it is of another version.
        """
        content = json.loads(text)
        if content.pop("content") != fingerprint(content, parts):
            raise ValueError("its content is not what was written")
        return cls.of_content(content, path)

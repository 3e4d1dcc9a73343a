"""What several commands are told."""

from pathlib import Path
from typing import Annotated

import typer

PARAMS = Path("params.yaml")

ParamsFile = Annotated[Path, typer.Option("--params", help="Parameters of the run.")]
LogFile = Annotated[
    Path | None, typer.Option("--log", help="Where what is said is kept, for `contraflow watch`; nothing is written.")
]
DataCard = Annotated[Path, typer.Option("--data", help="Card of the encoded images.", dir_okay=False)]
CheckpointFile = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="Encoder (.safetensors); else the first seed's after its last round."),
]

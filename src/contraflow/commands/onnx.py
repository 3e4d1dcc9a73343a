"""Encoders as ONNX files."""

from pathlib import Path

import torch
from torch import nn

from contraflow.foundations.artefacts import atomic
from contraflow.foundations.errors import UserError


def require_onnx() -> None:
    """Check that ONNX files can be written.

    Raises:
        UserError: the packages that this needs are not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401 (torch's exporter needs both)
    except ImportError as error:
        raise UserError(
            f"ONNX needs the packages onnx and onnxscript, which nothing else here does ({error}): "
            "pip install -e '.[onnx]'"
        ) from None


def write_onnx(path: Path, encoder: nn.Module, channels: int, size: int) -> None:
    """Write an encoder as a graph from `images` (N, channels, size, size) to `features` (N, D), for any N from 1.

    Raises:
        UserError: as `require_onnx`.
    """
    require_onnx()
    example = torch.zeros(2, channels, size, size)  # of one image the batch would be taken for a constant
    program = torch.onnx.export(
        encoder.cpu().eval(),
        (example,),
        dynamo=True,
        input_names=["images"],
        output_names=["features"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    graph = program.model.graph
    for part in (program.model, graph, *graph, *graph.inputs, *graph.outputs):  # where in whose files a node was made
        part.metadata_props.clear()
    with atomic(path) as temporary:
        temporary.write_bytes(program.model_proto.SerializeToString(deterministic=True))

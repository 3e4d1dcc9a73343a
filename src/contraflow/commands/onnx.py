"""Encoders as ONNX files, of 32 bits and of 8."""

import tempfile
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from contraflow.devices import cores
from contraflow.foundations.artefacts import atomic
from contraflow.foundations.errors import UserError

PACKAGES = ("onnx", "onnxscript", "onnxruntime")  # torch's exporter needs the first two
IMAGES, FEATURES = "images", "features"


def require_onnx() -> None:
    """Check that ONNX files can be written.

    Raises:
        UserError: the packages that this needs are not installed.
    """
    try:
        for name in PACKAGES:
            import_module(name)
    except ImportError as error:
        raise UserError(
            f"ONNX needs the packages {', '.join(PACKAGES)}, which nothing else here does ({error}): "
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
        input_names=[IMAGES],
        output_names=[FEATURES],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    graph = program.model.graph
    for part in (program.model, graph, *graph, *graph.inputs, *graph.outputs):  # where in whose files a node was made
        part.metadata_props.clear()
    with atomic(path) as temporary:
        temporary.write_bytes(program.model_proto.SerializeToString(deterministic=True))


def write_int8(path: Path, graph: Path) -> None:
    """Write the graph of a file of `write_onnx` with weights of 8 bits. What comes into their layers gets 8 bits, too,
    scaled by the least and the greatest value of the whole batch (onnxruntime's dynamic quantisation).

    Both are unsigned: products with signed weights may overflow on processors that have AVX2 and no VNNI, and give
    other features there (onnxruntime.ai, "Quantize ONNX models", on U8S8).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with atomic(path) as temporary, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        shaped = Path(folder, "shaped.onnx")
        quant_pre_process(graph, shaped, skip_symbolic_shape=True)  # else it warns that this was not done
        quantize_dynamic(shaped, temporary, weight_type=QuantType.QUInt8)


class OnnxEncoder(nn.Module):
    """What a file of `write_onnx` or `write_int8` makes on the CPU, by onnxruntime: (N, C, H, W) to (N, D)."""

    def __init__(self, path: Path):
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores()
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def forward(self, images: Tensor) -> Tensor:
        (features,) = self._session.run([FEATURES], {IMAGES: images.contiguous().numpy()})
        return torch.from_numpy(features)

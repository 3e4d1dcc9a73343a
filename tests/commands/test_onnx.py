"""An encoder as ONNX gives its features, and in 8 bits nearly."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from contraflow.commands.onnx import OnnxEncoder, write_int8, write_onnx
from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model

MODEL = Model(encoder="small", width=8, norm="batch", projection_hidden=8, projection_dim=4, predictor_hidden=8)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_its_packages_a_sentence_says_how_to_get_them(package):
    without = (
        f"import sys; sys.modules['{package}'] = None; from contraflow.commands.onnx import require_onnx as r; r()"
    )
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True)
    assert "UserError: ONNX needs the packages onnx, onnxscript, onnxruntime" in done.stderr
    assert "pip install -e '.[onnx]'" in done.stderr


def test_the_graph_gives_the_encoders_features_for_any_number_of_images(tmp_path):
    encoder = build_encoder(MODEL, 1, 16).train()
    encoder(torch.rand(8, 1, 16, 16) * 2)
    for name in ("a.onnx", "b.onnx"):
        write_onnx(tmp_path / name, encoder, 1, 16)
    content = (tmp_path / "a.onnx").read_bytes()
    assert content == (tmp_path / "b.onnx").read_bytes()
    assert b".py" not in content
    onnx.checker.check_model(tmp_path / "a.onnx")
    graph = ReferenceEvaluator(str(tmp_path / "a.onnx"))
    for images in (1, 5):
        batch = torch.rand(images, 1, 16, 16)
        found = torch.from_numpy(graph.run(["features"], {"images": batch.numpy()})[0])
        with torch.inference_mode():
            torch.testing.assert_close(found, encoder(batch), atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(OnnxEncoder(tmp_path / "a.onnx")(batch), encoder(batch), atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module", params=["small", "vit_small"])
def both(request, tmp_path_factory):
    """An encoder, its graph, and this in 8 bits."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("int8")
    encoder = build_encoder(MODEL.model_copy(update={"encoder": request.param}), 1, 16).train()
    encoder(torch.rand(8, 1, 16, 16) * 2)
    write_onnx(folder / "float.onnx", encoder, 1, 16)
    write_int8(folder / "int8.onnx", folder / "float.onnx")
    return encoder.eval(), folder / "float.onnx", folder / "int8.onnx"


def test_in_8_bits_features_are_nearly_the_encoders(both):
    encoder, _, file = both
    batch = torch.rand(50, 1, 16, 16)
    with torch.inference_mode():
        found, expected = OnnxEncoder(file)(batch), encoder(batch)
    assert torch.cosine_similarity(found, expected).min() > 0.99
    assert not torch.equal(found, expected)


def test_weights_take_a_quarter_of_their_bytes_and_equal_graphs_equal_ones(both, tmp_path):
    _, graph, file = both
    weights, bytes8 = (sum(map(_bytes, onnx.load(path).graph.initializer)) for path in (graph, file))
    assert weights / 4 < bytes8 < 0.4 * weights
    write_int8(tmp_path / "again.onnx", graph)
    assert (tmp_path / "again.onnx").read_bytes() == file.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.onnx"]
    assert str(graph.parent).encode() not in file.read_bytes()


def test_nothing_is_signed_whose_products_overflow_on_some_processors(both):
    tensors = {tensor.name: tensor.data_type for tensor in onnx.load(both[2]).graph.initializer}
    nodes = [node for node in onnx.load(both[2]).graph.node if node.op_type in ("ConvInteger", "MatMulInteger")]
    assert nodes and all(tensors[node.input[1]] == onnx.TensorProto.UINT8 for node in nodes)


def _bytes(tensor):
    return onnx.numpy_helper.to_array(tensor).nbytes


def test_a_layer_in_8_bits_is_the_formula(tmp_path):
    """Images are rounded to 255 steps over the range of their batch, weights to those of their layer: that is all."""

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(12, 5, bias=False)

        def forward(self, images):
            return self.linear(images.flatten(1))

    torch.manual_seed(0)
    layer, batch = Layer(), torch.randn(4, 3, 2, 2)
    write_onnx(tmp_path / "float.onnx", layer, 3, 2)
    write_int8(tmp_path / "int8.onnx", tmp_path / "float.onnx")

    def rounded(values):
        low, high = min(0, values.min()), max(0, values.max())
        step = (high - low) / 255
        zero = np.round(-low / step)
        return (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step

    x, w = batch.flatten(1).numpy().astype(np.float64), layer.linear.weight.detach().numpy().astype(np.float64)
    np.testing.assert_allclose(OnnxEncoder(tmp_path / "int8.onnx")(batch), rounded(x) @ rounded(w).T, atol=1e-5)

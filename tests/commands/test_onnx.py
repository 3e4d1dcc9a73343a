from importlib.util import find_spec

import pytest
import torch

from contraflow.commands.onnx import require_onnx, write_onnx
from contraflow.foundations.errors import UserError
from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model

MODEL = Model(encoder="small", width=8, norm="batch", projection_hidden=8, projection_dim=4, predictor_hidden=8)


@pytest.mark.skipif(find_spec("onnxscript") is not None, reason="the extra `onnx` is installed")
def test_without_its_packages_a_sentence_says_how_to_get_them():
    with pytest.raises(
        UserError, match=r"ONNX needs the packages onnx and onnxscript, .*: pip install -e '\.\[onnx\]'"
    ):
        require_onnx()


def test_the_graph_gives_the_encoders_features_for_any_number_of_images(tmp_path):
    pytest.importorskip("onnxscript")
    import onnx
    from onnx.reference import ReferenceEvaluator

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

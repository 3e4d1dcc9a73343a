"""Rates that fall with depth are those of a training, not of the optimiser's groups alone."""

from safetensors.torch import load_file


def test_the_first_layer_moves_by_its_share_and_the_head_by_all(params_of, encoded, pretrained, tmp_path):
    def trained(**train):
        folder = tmp_path / "-".join(map(str, train.values()))
        params = params_of(train={"epochs": 1, "knn_every": 0, **train})
        return load_file(pretrained(params, encoded, folder) / "encoder.safetensors")

    start, less, whole = trained(lr=1e-9), trained(lr=0.05, first_layer_rate=1e-4), trained(lr=0.05)

    def moved(key):
        """How far, over how far with one rate for all layers."""
        return float((less[key] - start[key]).norm() / (whole[key] - start[key]).norm())

    assert 1e-5 < moved("encoder.0.weight") < 1e-3
    assert 0.1 < moved("projection.0.weight") < 10

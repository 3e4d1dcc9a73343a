import pytest

from contraflow.report.calibration import _over_seeds, reliability


def test_bins_are_those_of_all_images_of_all_seeds(evaluation_of):
    def evaluation(*bins):
        rows = [dict(zip(("images", "confidence", "accuracy"), b, strict=True)) for b in bins]
        return evaluation_of(calibration={"ece": 0.0, "bins": rows})

    found = _over_seeds([evaluation((0, 0, 0), (30, 0.9, 0.8)), evaluation((5, 0.4, 0.2), (10, 0.7, 0.6))])
    assert found.tolist() == [pytest.approx([5, 0.4, 0.2]), pytest.approx([40, 0.85, 0.75])]


def test_every_representation_is_named_with_its_error(run_of):
    found = reliability(run_of())
    names = ["Encoder", "Untrained encoder", "Raw pixels", "Principal components"]
    assert [row["name"] for row in found["errors"]] == names
    assert "Expected calibration error: Encoder 2.00 points" in found["wide"]
    assert "confidence</text>" in found["narrow"]
    assert [entry["mark"] for entry in found["legend"]] == ["●", "▲"]


def test_without_labels_there_is_none(run_of):
    assert reliability(run_of(classes=[])) is None

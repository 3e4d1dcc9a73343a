import pytest

from contraflow.baseline.measured import Figures
from contraflow.baseline.measures import Measure, measures
from contraflow.foundations.errors import UserError


def test_figures_are_in_one_order_few_labels_in_that_of_the_parameters(experiment_of):
    run = experiment_of("run")
    for content in run.evaluations.values():
        content.test.update({"linear_5each": 0.6, "linear_0_5pct": 0.4})
    names = [measure.name for measure in measures([run])]
    assert names[:5] == [*["Linear probe"] * 2, "Linear, 1\u202f%", "Linear, 5 a class", "Linear, 0.5\u202f%"]
    assert names[5:] == ["20-NN", "200-NN", "Alignment", "Uniformity"]
    assert Measure("linear_12_5pct", "").name == "Linear, 12.5\u202f%"


def test_figures_are_taken_from_evaluations_of_other_versions(tmp_path):
    content = {"seed": 3, "test": {"linear": 0.5}, "validation": {}, "alignment": 0.1, "uniformity": None}
    found = Figures.of_content(content | {"gone": 1, "provenance": {}}, tmp_path)
    assert (found.seed, found.test, found.alignment) == (3, {"linear": 0.5}, 0.1)
    with pytest.raises(UserError, match="is damaged, or of another version"):
        Figures.of_content({"seed": 3}, tmp_path)

from contraflow.baseline.measures import Measure, measures


def test_figures_are_in_one_order_few_labels_in_that_of_the_parameters(experiment_of):
    run = experiment_of("run")
    for content in run.evaluations.values():
        content.test.update({"linear_5each": 0.6, "linear_0_5pct": 0.4})
    names = [measure.name for measure in measures([run])]
    assert names[:5] == [*["Linear probe"] * 2, "Linear, 1\u202f%", "Linear, 5 a class", "Linear, 0.5\u202f%"]
    assert names[5:] == ["20-NN", "200-NN", "Alignment", "Uniformity"]
    assert Measure("linear_12_5pct", "").name == "Linear, 12.5\u202f%"

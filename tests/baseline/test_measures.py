import numpy as np
import pytest

from contraflow.baseline.measured import Figures
from contraflow.baseline.measures import Measure, headline, measures
from contraflow.evaluation.hits import Hits
from contraflow.foundations.errors import UserError


def test_figures_are_in_one_order_few_labels_in_that_of_the_parameters(experiment_of):
    run = experiment_of("run")
    for content in run.evaluations.values():
        content.test.update({"linear_5each": 0.6, "linear_0_5pct": 0.4})
    names = [measure.name for measure in measures([run])]
    assert names[:5] == [*["Linear probe"] * 2, "Linear, 1\u202f%", "Linear, 5 a class", "Linear, 0.5\u202f%"]
    assert names[5:] == ["20-NN", "200-NN", "Alignment", "Uniformity"]
    assert Measure("linear_12_5pct", "").name == "Linear, 12.5\u202f%"


def test_what_is_beside_the_evaluation_comes_after_its_accuracies_and_is_judged_by_seeds(experiment_of):
    def run(value):
        found = experiment_of("run", linear={0: 0.8, 1: 0.8, 2: 0.8})
        for seed, content in found.evaluations.items():
            content.test["spearman"] = value + seed / 1e4
        return found

    one, other = run(0.5), run(0.7)
    (found,) = (measure for measure in measures([one]) if measure.name == "Spearman")
    assert [measure.name for measure in measures([one])][-3:] == ["Spearman", "Alignment", "Uniformity"]
    assert found.note == "times 100, pairs of eval.sts"
    assert found.figure({"mean": 0.5, "std": 0, "n": 1}) == "50.00"
    assert not found.by_image(one) and found.difference(other, one, 1).why == "no spread"


def test_recalls_of_other_queries_or_by_other_kinds_are_not_judged(experiment_of):
    def run(by, queries):
        found = experiment_of("run", params={"eval.retrieval_by": by} if by else {})
        for content in found.evaluations.values():
            content.test["recall@1"], content.right["recall@1"] = 0.5, Hits.of(np.arange(queries) % 2)
        return found

    recall, base = Measure("recall@1", ""), run("label", 60)
    assert recall.difference(run("group", 60), base, 1).why == "by group, not by label"
    assert recall.difference(run("label", 40), base, 1).why == "other queries"
    assert recall.difference(run(None, 60), base, 1).why == "no difference"  # of a version that knew no groups
    assert Measure("linear", "").difference(run("group", 60), base, 1).why == "no difference"


def test_of_other_scored_pairs_the_correlation_is_not_judged_and_of_the_same_whatever_the_test_is(experiment_of):
    def run(scored, **more):
        found = experiment_of("run", linear={0: 0.8, 1: 0.8, 2: 0.8}, **more)
        for content in found.evaluations.values():
            content.test["spearman"], content.scored = 0.5, scored
        return found

    spearman, base = Measure("spearman", ""), run("one")
    assert spearman.difference(run("other"), base, 1).why == "other scored pairs"
    assert spearman.difference(run("one", test_images="x"), base, 1).why == "no difference"
    assert Measure("linear", "").difference(run("other"), base, 1).why == "no difference"


def test_where_nothing_has_labels_a_run_is_judged_by_its_scored_pairs(experiment_of):
    run = experiment_of("run", labelled=False)
    for content in run.evaluations.values():
        content.test["spearman"] = -0.1
    assert (headline(run).key, headline(run).note) == ("spearman", "times 100, pairs of eval.sts")
    assert [measure.key for measure in measures([run])] == ["spearman", "alignment", "uniformity"]


def test_figures_are_taken_from_evaluations_of_other_versions(tmp_path):
    content = {"seed": 3, "test": {"linear": 0.5}, "validation": {}, "alignment": 0.1, "uniformity": None}
    found = Figures.of_content(content | {"gone": 1, "provenance": {}}, tmp_path)
    assert (found.seed, found.test, found.alignment) == (3, {"linear": 0.5}, 0.1)
    more = found.beside({"spearman": 0.7}, "digest")
    assert more.test == {"linear": 0.5, "spearman": 0.7} and "spearman" not in found.test
    assert (more.scored, found.scored) == ("digest", "")
    with pytest.raises(UserError, match="is damaged, or of another version"):
        Figures.of_content({"seed": 3}, tmp_path)

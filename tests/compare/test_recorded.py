"""What a comparison takes from the records of a run, of this version or an earlier one."""

import json

import pytest

from contraflow.baseline.measures import Measure
from contraflow.compare.recorded import experiment_of

FIGURES = {"seed": 0, "test": {"linear": 0.5}, "validation": {}, "alignment": 0.1, "uniformity": None}


class Run:
    """As `contraflow.engines.experiments.Recorded`, with such a card, and pairs of such a digest."""

    def __init__(self, card, pairs=None):
        self.name, self.stages, self._params = "run", {}, {"eval.sts": "scores.csv"} if pairs else {}
        self._content = {
            "results/encode/card.json": json.dumps(card),
            "results/evaluate/encoder-seed0.json": json.dumps(FIGURES),
            "results/evaluate/curves.csv": "seed,round,epoch,loss,collapse\n",
        }
        if pairs:
            extra = {"figures": {"spearman": 0.7}, "provenance": {"inputs": {"sts": pairs}}, "of": "another version"}
            self._content["results/evaluate/sts/encoder-seed0.json"] = json.dumps(extra)

    def params(self):
        return self._params

    def files(self, folder):
        return {path: "" for path in self._content if path.startswith(f"{folder}/")}

    def read(self, path):
        return self._content[path].encode()


def card(size, tested=None, **digests):
    told = {"image_size": size, "digests": {f"{name}.{end}": digest for name, (digest, end) in digests.items()}}
    return told | ({"tested": tested} if tested else {})


@pytest.mark.parametrize(("one", "other", "same"), [("a", "a", True), ("a", "b", False)])
def test_texts_alone_are_of_one_test_where_their_cards_say_so(one, other, same):
    """Their `test.beton` is empty."""
    tests = [card(0, each, test=("empty", "beton"), texts=(f"{i}", "npz")) for i, each in enumerate((one, other))]
    first, second = (experiment_of(Run(each)) for each in tests)
    assert (first.test_images == second.test_images) == same


def test_earlier_cards_tell_their_test_by_its_file():
    images = experiment_of(Run(card(28, test=("i", "beton"), texts=("t", "npz"))))
    assert images.test_images == experiment_of(Run(card(28, "i", test=("i", "beton")))).test_images
    assert experiment_of(Run(card(0, test=("empty", "beton"), texts=("t", "npz")))).test_images == "t"


def test_scored_pairs_come_with_the_digest_of_their_file():
    one, same, other = (experiment_of(Run(card(28, "i", test=("i", "beton")), pairs)) for pairs in ("p", "p", "q"))
    assert one.evaluations[0].test == {"linear": 0.5, "spearman": 0.7}
    spearman = Measure("spearman", "")
    assert spearman.difference(other, one, 1).why == "other scored pairs"
    assert spearman.difference(same, one, 1).why != "other scored pairs"

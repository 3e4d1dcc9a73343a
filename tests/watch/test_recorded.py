"""What recorded runs came to, from git and DVC's cache."""

import pytest
from fixtures.recorded import Lab
from markupsafe import escape

from contraflow.watch.page import Sight, render
from contraflow.watch.recorded import Outcome, Outcomes

HEAD = "seed,round,epoch,loss,rank,spread,knn,collapse"


def curves(*rows):
    return "\n".join([HEAD, *rows, ""])


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("recorded"))
    lab.write_lock(
        0.2, curves=curves("0,0,1,3,9,0.9,0.4,", "0,1,2,2,10,0.9,0.5,", "1,0,1,4,9,0.9,0.4,", "1,1,2,1,12,0.8,0.6,")
    )
    lab.commit("first")
    lab.experiment("fallen", 0.1, curves("0,0,1,3,9,0.9,,", "0,0,2,,1,0.0,,the spread is 0", "1,0,1,3,9,0.9,0.4,"))
    lab.experiment("damaged", 0.3, curves("0,0,1,three,9,0.9,0.4,"))
    lab.experiment("lost", 0.4)
    for file in (lab.path / ".dvc/cache").rglob("*"):
        if file.is_file() and file.read_bytes() == b"curves 0.4":
            file.unlink()
    return lab


@pytest.fixture(scope="module")
def found(lab):
    outcomes = Outcomes([lab.path, lab.path])
    outcomes.read()
    return {outcome.name: outcome for outcome in outcomes.found}


def test_the_mean_over_seeds_in_their_last_epochs(lab, found):
    figures = {"loss": 1.5, "knn": pytest.approx(0.55), "rank": 11.0, "spread": pytest.approx(0.85)}
    assert found["main"] == Outcome("main", lab.path, 2, figures, [])
    assert next(iter(found)) == "main" and set(found) == {"main", "fallen", "damaged", "lost"}


def test_what_is_no_number_is_none_and_a_collapse_is_named(found):
    fallen = found["fallen"]
    assert (fallen.seeds, fallen.collapsed) == (2, ["0"])
    assert fallen.figures["loss"] is None and fallen.figures["knn"] is None and fallen.figures["rank"] == 5


def test_what_cannot_be_read_says_why(found):
    assert found["damaged"].unread == "results/evaluate/curves.csv of damaged is damaged, or of another version"
    assert "cache" in found["lost"].unread and not found["lost"].figures


def test_they_are_on_the_page(found):
    page = render(Sight([], list(found.values()))).decode()
    assert "<td>2</td><td>1.5000</td><td>55.0\u202f%</td><td>11.0</td><td>0.85</td><td>none</td>" in page
    assert "seed 0</b>" in page and escape(found["lost"].unread) in page


def test_without_git_and_dvc_there_is_none(tmp_path):
    outcomes = Outcomes([tmp_path])
    outcomes.read()
    assert outcomes.found == [] and "<code>dvc exp run</code> records one" in render(Sight([])).decode()

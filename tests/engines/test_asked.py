"""What Snakemake would pass over in silence, or make in vain, is refused in one sentence."""

from pathlib import Path

import pytest

from contraflow.engines.asked import require_meant, require_possible
from contraflow.foundations.errors import UserError

STAGES = {"encode": ["encode_images"], "mine": ["mine_negatives", "train_mined"]}


@pytest.mark.parametrize("word", ["--archive", "--archive=a.tar", "--generate-unit-tests", "--containerize"])
def test_what_would_run_nowhere_else_is_not_made(word):
    with pytest.raises(UserError, match=f"^{word[:9]}.* makes nothing that runs outside of this repository"):
        require_possible(["-n", word, "a"], Path())


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (
            "--omit-from mine",
            "--omit-from takes rules, and mine is a stage: name of its rules mine_negatives, ",
        ),
        ("-O encode_images mine", "--omit-from takes rules, and mine is a stage"),
        ("-n -Omine", "--omit-from takes rules, and mine is a stage"),
        ("--until=mine", "--until takes rules, and mine is a stage"),
        ("-n -R mine --cores 2", "--forcerun takes rules, and mine is a stage"),
        ("--omit-from nowhere", "--omit-from nowhere: there is no such rule"),
        ("--batch mine=1/2", "--batch mine divides nothing where `all` is made: type `snakemake mine --batch"),
        ("encode --batch=nowhere=1/2", "--batch nowhere: there is no such rule"),
    ],
)
def test_names_that_pick_nothing(typed, says):
    with pytest.raises(UserError) as caught:
        require_meant(typed.split(), STAGES)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    "typed",
    [
        "mine",
        "-R mine_negatives --until train_mined -n mine",
        "-R -n",
        "--until results/mine/seed0/round1/negatives.npz",
        "--batch mine=1/2 mine",
        "--batch train_mined=1/2 --cores mine",
    ],
)
def test_names_that_pick_something(typed):
    require_meant(typed.split(), STAGES)

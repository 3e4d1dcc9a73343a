"""params.yaml follows from the sections of the settings, but for its values."""

import sys
from pathlib import Path

import yaml

from contraflow.params import Params
from contraflow.settings.written import as_yaml

sys.path.append(str(Path(__file__).parents[2] / "workflow"))
from drift.parameters_file import written

SHIPPED = as_yaml(Params())


def test_the_file_in_line_stays():
    assert written(SHIPPED) == (SHIPPED, [])


def test_values_are_kept_and_the_rest_is_written_anew():
    own = SHIPPED.replace("tau: 0.2 #", "tau: 0.3 #")
    bare = yaml.safe_dump(yaml.safe_load(own), sort_keys=False)  # without comments
    text, [difference] = written(bare)
    assert text == own and difference.derived


def test_what_is_missing_has_its_default():
    lines = SHIPPED.splitlines(keepends=True)
    text, [difference] = written("".join(line for line in lines if "tau_max: " not in line))
    assert text == SHIPPED
    assert difference == ("params.yaml: loss.tau_max is missing: add it with its default", True)


def test_what_cannot_be_is_left_to_a_person():
    wrong = SHIPPED.replace("loss:\n", "loss:\n  other: 1.0\n").replace("  tau_swings: 1", "  tau_swings: 0")
    text, differences = written(wrong)
    assert text == wrong and [derived for _, derived in differences] == [False, False]
    assert {says.partition(" is not")[0] for says, _ in differences} == {
        "params.yaml: loss.other",
        "params.yaml: loss.tau_swings must be at least 1, got 0",
    }

import re
from pathlib import Path

import pytest
import yaml

from contraflow.commands.written import as_yaml
from contraflow.params import Params, load_params, parse_params
from contraflow.settings.values import Section

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def test_the_shipped_file_is_what_the_sections_write():
    assert load_params(SHIPPED) == Params()
    assert SHIPPED.read_text() == as_yaml(Params()) == as_yaml(load_params(SHIPPED))  # nor is 1 written for 1.0


def uncommented(section):
    lines = as_yaml(section).splitlines()
    for name in type(section).model_fields:
        if isinstance(getattr(section, name), Section):
            yield from uncommented(getattr(section, name))
        elif not any(re.match(rf"{name}:.* # \S", line) for line in lines):
            yield name


def test_every_parameter_and_recipe_has_a_comment():
    assert list(uncommented(Params())) == []
    recipes = as_yaml(Params().augment).partition("recipes:")[2]
    assert all(re.search(rf"^  {name}: # \S", recipes, re.MULTILINE) for name in Params().augment.recipes)


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("augment", {"recipes": {}}),
        ("augment", {"recipes": {"mine": {"flip": 0.25, "second": {"blur": 0.0}}, "none": {}}, "recipe": "mine"}),
        ("data", {"name": "folder", "path": "my # 'photos': \"é\"", "image_size": 64, "limit": 500}),
        ("eval", {"few_labels": [], "knn": [{"k": 3, "tau": 1e-5}]}),
        ("loss", {"tau": 0.2}),  # where null would say the same
        ("report", {"title": "yes " + "long " * 40}),
        ("train", {"lr": 1e-7, "weight_decay": 1e20}),
    ],
)
def test_what_is_written_is_read(section, values):
    content = Params().model_dump()
    content[section] |= values
    assert yaml.safe_load(as_yaml(parse_params(content))) == content

"""Every parameter of a run, and which differ from those that contraflow comes with."""

from contraflow.pages.numbers import words
from contraflow.params import Params
from contraflow.settings.values import ABSENT, flat


def sections(params: Params) -> list[dict]:
    """Each section of the parameters with its `settings`, single values first under the name `run`.

    A setting has `name` and `value`, and `default` where it differs from it, all in words.
    """
    defaults = dict(flat(Params().model_dump()))
    found: dict[str, list[dict]] = {"run": []}
    for key, value in flat(params.model_dump()):
        section, _, name = key.partition(".")
        setting = {"name": name or key, "value": words(value)}
        if value != defaults.get(key, ABSENT):
            setting["default"] = words(defaults.get(key, "none"))
        found.setdefault(section if name else "run", []).append(setting)
    return [{"name": name, "settings": settings} for name, settings in found.items()]

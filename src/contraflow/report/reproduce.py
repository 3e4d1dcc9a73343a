"""What a person needs to make the same page again: every parameter, and the versions that ran."""

from importlib.metadata import version

from contraflow.config import Params

LIBRARIES = ("contraflow", "torch", "ffcv", "numba", "numpy", "faiss-cpu", "scikit-learn", "matplotlib", "seaborn")


def library_versions() -> dict[str, str]:
    """Versions of the libraries whose arithmetic or drawing the results depend on."""
    return {name: version(name) for name in LIBRARIES}


def parameter_sections(params: Params) -> list[dict]:
    """Each section of the parameters with its settings as (name, value) in words; single values come first."""
    content = params.model_dump()
    single = [(key, words(value)) for key, value in content.items() if not isinstance(value, dict)]
    sections = [
        {"name": key, "settings": list(_flat(value))} for key, value in content.items() if isinstance(value, dict)
    ]
    return [{"name": "run", "settings": single}, *sections]


def _flat(content: dict, prefix: str = ""):
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", words(value)


def words(value: object) -> str:
    """A setting's value as a person writes it; lists and small tables included."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return (" · " if any(isinstance(item, dict) for item in value) else ", ").join(map(words, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)

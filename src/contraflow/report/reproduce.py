"""The versions that ran: what a person needs, beside the parameters, to make the same page again."""

from importlib.metadata import version

LIBRARIES = ("contraflow", "torch", "ffcv", "numba", "numpy", "faiss-cpu", "scikit-learn", "matplotlib", "seaborn")


def library_versions() -> dict[str, str]:
    """Versions of the libraries whose arithmetic or drawing the results depend on."""
    return {name: version(name) for name in LIBRARIES}

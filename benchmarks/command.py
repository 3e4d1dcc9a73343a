"""What the command lines of all benchmarks have in common: how much is measured, and the last line."""

import argparse
import json
from collections.abc import Mapping

from benchmarks.commit import commit

FULL = "full"
SHORTER = {"quick": "about a minute; writes no file", "tiny": "seconds: only whether it runs; writes no file"}


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser that knows --quick and --tiny; `size` of what it parses is full, quick or tiny."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = parser.add_mutually_exclusive_group()
    for name, meaning in SHORTER.items():
        sizes.add_argument(f"--{name}", dest="size", action="store_const", const=name, default=FULL, help=meaning)
    return parser


def tell(figures: Mapping[str, object], size: str) -> None:
    """Print the last line: the figures, how much was measured, and by which commit, as one JSON object."""
    print(json.dumps({**figures, "size": size, "commit": commit()}), flush=True)

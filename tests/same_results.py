"""Whether the working tree gives the results that an earlier revision gives: for changes that should change none.

python tests/same_results.py REVISION [--keep FOLDER]

Both run the whole workflow in throw-away repositories: 2,000 images, two seeds, two rounds of mining, and all extra
evaluations. Weights, tables, figures and the page must be the same, but for digests: of the code, and of files that
hold such digests. With `--keep` a run that lies in FOLDER already is not made again.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
CHANGES = {
    "seeds": [0, 1],
    "mining": {"rounds": 2},
    "data": {"limit": 2000},
    "eval": {
        "supervised": True,
        "corruptions": True,
        "transfer": {"name": "folder", "path": "pictures"},
        "fine_tune": {"share": 0.2, "epochs": 2, "lr": 0.05},
    },
}
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
TOLD_ELSEWHERE = ("provenance.html", "circumstances.html")  # what differs between equal runs


def make(revision: str | None, folder: Path) -> Path:
    """The results of a revision, or of the working tree for None, in a repository of its own in `folder`."""
    results = folder / "results"
    if revision and (results / "report.html").is_file():
        return results
    shutil.rmtree(folder, ignore_errors=True)  # of a run that failed, or of an earlier working tree
    folder.mkdir(parents=True)
    names = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    pack = (
        ["git", "archive", revision] if revision else ["tar", "c", "--null", "--ignore-failed-read", "--files-from=-"]
    )
    listed = None if revision else subprocess.run(names, cwd=ROOT, capture_output=True, check=True).stdout
    packed = subprocess.run(pack, cwd=ROOT, input=listed, capture_output=True, check=bool(revision)).stdout
    subprocess.run(["tar", "x"], cwd=folder, input=packed, check=True)
    _write_pictures(folder / "pictures")
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    for section, values in CHANGES.items():
        params[section] = {**params[section], **values} if isinstance(values, dict) else values
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    setup = "git init -q && git add -A && git -c user.name=same -c user.email=same@localhost commit -q -m same"
    subprocess.run(f"{setup} && snakemake", shell=True, cwd=folder, env=environment, check=True)
    assert {"corruptions", "fine_tune", "transfer"} <= {path.name for path in (results / "evaluate").iterdir()}
    return results


def _write_pictures(folder: Path) -> None:
    """300 pictures of three classes: bars of a direction of their own."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:28, :28]
    for i in range(300):
        label = i % 3
        along = (rows, columns, rows + columns)[label]
        picture = 128 + 100 * np.sin(along * random.uniform(0.3, 1.5)) + random.normal(0, 16, (28, 28))
        place = folder / f"{label}" / f"{i:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(place)


def differences(before: Path, after: Path) -> Iterator[str]:
    """What differs, a line each."""
    files = [
        {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} for root in (before, after)
    ]
    yield from (f"{name}: only before" for name in sorted(files[0] - files[1]))
    yield from (f"{name}: only after" for name in sorted(files[1] - files[0]))
    for name in sorted(files[0] & files[1]):
        if name not in TOLD_ELSEWHERE and _content(before / name) != _content(after / name):
            yield f"{name}: differs"


def _content(path: Path) -> object:
    """What a file holds, every digest in its texts replaced by one word."""
    if path.suffix == ".safetensors":
        content = path.read_bytes()
        header = 8 + int.from_bytes(content[:8], "little")
        return _without_digests(content[8:header].decode().rstrip()), content[header:]
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {
                name: _without_digests(str(array)) if array.dtype.kind in "US" else (array.dtype.str, array.tobytes())
                for name, array in arrays.items()
            }
    if path.suffix == ".json":  # in any order of the keys
        return _without_digests(json.dumps(json.loads(path.read_text(encoding="utf-8")), sort_keys=True))
    if path.suffix in (".csv", ".html"):
        return _without_digests(path.read_text(encoding="utf-8"))
    return path.read_bytes()


def _without_digests(text: str) -> str:
    return DIGEST.sub("digest", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", asked.revision], cwd=ROOT, capture_output=True, text=True, check=True)
    with TemporaryDirectory(prefix="contraflow-same-") as scratch:
        folder = asked.keep or Path(scratch)
        before, after = make(commit.stdout.strip(), folder / commit.stdout.strip()), make(None, folder / "working-tree")
        found = list(differences(before, after))
    print(*found or ["the same results"], sep="\n")
    print(json.dumps({"differences": len(found)}))
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()

"""Memory does not grow with the images."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
_PEAK = """
import sys
from pathlib import Path
import yaml
from contraflow.params import parse_params
from contraflow.steps.encode import Encoding, encode
from contraflow.steps.fetch import Fetching, fetch

def memory(what):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith(what))

content = yaml.safe_load(Path("params.yaml").read_text())
content["data"] |= {"name": "folder", "path": sys.argv[1], "image_size": int(sys.argv[2])}
params, work = parse_params(content), Path(sys.argv[1]).parent
fetch(Fetching.of(params), source=work / "fetch/source.json")
Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
before = memory("VmRSS")
encode(Encoding.of(params), source=work / "fetch/source.json", card=work / "encode/card.json")
print(memory("VmHWM") - before)
"""


def _growth(work: Path, images: int, size: int, suffix: str) -> float:
    """MiB by which encoding so many images raises the peak of a process's memory."""
    random = np.random.default_rng(0)
    for i in range(20):
        path = work / "some" / f"{i}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (size, size, 3), np.uint8)).save(path)
    for i in range(images):
        path = work / "images" / "ab"[i % 2] / f"{i:06}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(work / "some" / f"{i % 20}.{suffix}")
    command = [sys.executable, "-c", _PEAK, str(work / "images"), str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout) / 1024


@pytest.mark.slow
@pytest.mark.parametrize(("size", "suffix"), [(64, "ppm"), (96, "jpg")])
def test_ten_times_the_images_take_a_few_numbers_and_names_more(tmp_path, size, suffix):
    few, many = (_growth(tmp_path / str(n), n, size, suffix) for n in (2_000, 20_000))
    assert many - few < 18_000 * 1000 / 2**20  # 1 kB an image: names, labels, digests; its pixels take 12 kB and more

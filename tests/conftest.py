"""What many tests need: parameters, small image folders, and the data encoded from them."""

import subprocess
import sys
from pathlib import Path

from contraflow.environment import settle

settle()  # as the command line does; read when torch is imported

import numpy as np
import pytest
import yaml
from hypothesis import settings
from PIL import Image

from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import CARD
from contraflow.foundations.errors import UserError
from contraflow.params import Params, parse_params
from contraflow.steps.encode import Encoding, encode
from contraflow.steps.fetch import Fetching, fetch

settings.register_profile("contraflow", deadline=None)  # machines are busy: no test fails by the time it takes
settings.load_profile("contraflow")

FIXTURES = (
    "devices",
    "encoded",
    "checkpoints",
    "huggingface",
    "repositories",
    "runs",
    "browser",
    "slurm",
    "remotes",
    "watched",
    "hosts",
)
pytest_plugins = tuple(f"fixtures.{name}" for name in FIXTURES)

DEFAULTS = Path(__file__).parents[1] / "params.yaml"
QUICK = {
    "seeds": [0],
    "data": {"name": "folder", "image_size": 16},
    "model": {
        **{"width": 8, "pooling": "average", "whitening": 0.0},
        "projection_hidden": 16,
        "projection_dim": 8,
        "text": {"width": 16, "layers": 1, "heads": 2, "context": 8},
    },
    "method": {"prototypes": 8},
    "train": {"epochs": 1, "batch_size": 16},
    "mining": {"rounds": 1, "k": 2},
    "eval": {"batch_size": 16, "knn": [{"k": 5, "tau": 0.1}, {"k": 3, "tau": 0.07}], "few_labels": [0.1, 2]},
    "report": {"tsne_points": 20, "gallery_anchors": 2},
}
NEEDED = {  # without which a method is refused
    "distil": {"method": {"teacher": "teacher.safetensors"}},
    "simcse": {"data": {"table": "t.csv", "image_size": None}},
}


def merged(content: dict, changes: dict) -> dict:
    """`content` with `changes` laid over it, section by section."""
    return content | {
        key: merged(content[key], value) if isinstance(value, dict) else value for key, value in changes.items()
    }


@pytest.fixture(scope="session")
def params_of():
    """`params_of(train={"epochs": 2})`: the shipped parameters, made quick, with changes and what the method needs."""

    def make(**changes) -> Params:
        needed = NEEDED.get(changes.get("method", {}).get("name"), {})
        quick = merged(merged(yaml.safe_load(DEFAULTS.read_text()), QUICK), needed)
        return parse_params(merged(quick, changes))

    return make


@pytest.fixture(scope="session")
def image_folder():
    """`image_folder(path, images=60)`: two classes, stripes upright and lying, of 16 pixels and one channel."""

    def make(path: Path, images: int = 60) -> Path:
        rng = np.random.default_rng(0)
        for i in range(images):
            name, axis = (("upright", 1), ("lying", 0))[i % 2]
            wave = 128 + 100 * np.sin(np.arange(16) * rng.uniform(0.5, 2) + rng.uniform(0, 6))
            picture = np.broadcast_to(wave if axis == 1 else wave[:, None], (16, 16)) + rng.normal(0, 8, (16, 16))
            (path / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path / name / f"{i:03d}.png")
        return path

    return make


def encode_data(params: Params, folder: Path, fetched: Path | None = None) -> EncodedData:
    """What the steps fetch and encode leave in `folder`; the raw files in `fetched`, where that is named."""
    source, card = (fetched or folder / "fetch") / "source.json", folder / "encode" / CARD
    fetch(Fetching.of(params), source=source)
    encode(Encoding.of(params), source=source, card=card)
    return EncodedData.open(card)


@pytest.fixture(scope="session")
def encoded_of():
    """`encoded_of(params, folder)`: the data that params name, fetched and encoded into a folder."""
    return encode_data


@pytest.fixture(scope="session")
def encoded(tmp_path_factory, params_of, image_folder) -> EncodedData:
    """80 images of two classes as the steps fetch and encode leave them."""
    root = tmp_path_factory.mktemp("encoded")
    return encode_data(params_of(data={"path": str(image_folder(root / "images", 80))}), root)


@pytest.fixture(scope="session")
def pretrained():
    """`pretrained(params, data, folder, seed=0)`: a pretraining; its files lie in the folder, which comes back."""

    def train(params: Params, data: EncodedData, folder: Path, seed: int = 0, threads: int = 1) -> Path:
        from contraflow.steps.pretrain import Pretraining, pretrain

        files = {"encoder": folder / "encoder.safetensors", "history": folder / "history.csv"}
        card, state = data.folder / CARD, folder / "state"
        pretrain(Pretraining.of(params), seed=seed, data=card, **files, threads=threads, state=state)
        return folder

    return train


_RUN = """
import sys
from contraflow.cli import app
try:
    app()
except SystemExit as end:
    if end.code:
        raise
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.fixture(scope="session")
def imported_by():
    """`imported_by("fetch", "--source", path)`: run `contraflow fetch --source path`; the packages it imported."""

    def run(*arguments) -> set[str]:
        done = subprocess.run([sys.executable, "-c", _RUN, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    return run


@pytest.fixture(scope="session")
def fashion_mnist(tmp_path_factory, request) -> EncodedData:
    """The first 2,000 training images of Fashion-MNIST, encoded; the files are kept in pytest's cache."""
    params = parse_params(merged(yaml.safe_load(DEFAULTS.read_text()), {"data": {"limit": 2000}}))
    fetched, out = request.config.cache.mkdir("fashion_mnist"), tmp_path_factory.mktemp("fashion_mnist")
    try:
        return encode_data(params, out, fetched)
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def fetched_of(tmp_path_factory):
    """`fetched_of("emoji")`: what fetch leaves of a data set that Debian packs; tests are skipped where it is not
    here."""

    def fetched(name: str) -> Path:
        out = tmp_path_factory.mktemp(name)
        try:
            fetch(Fetching(name, str(out), table=None), source=out / "source.json")
        except UserError as error:
            pytest.skip(str(error))
        return out

    return fetched


@pytest.fixture(scope="session")
def typefaces(fetched_of) -> Path:
    """What fetch leaves of `glyphs`: the files of the typefaces, and their list."""
    return fetched_of("glyphs")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory) -> Path:
    """300 files of different sizes in three classes: JPEG, PNG with alpha, grey ones, two broken ones.

    Patches of random colours, upright in the first class, square in the second, lying in the third.
    """
    root = tmp_path_factory.mktemp("my photographs")
    random = np.random.default_rng(0)
    for i in range(300):
        name, width, height = ("Äpfel und Birnen", "кошки", "犬")[i % 3], *random.integers(20, 120, 2).tolist()
        mode, patches = {1: "RGBA", 2: "L"}.get(i % 5, "RGB"), ((2, 8), (5, 5), (8, 2))[i % 3]
        stem = {0: "half a photo", 1: "фото", 2: "写真 nr"}[i % 3]
        file = root / name / f"{stem} {i:03}.{'png' if mode == 'RGBA' else 'jpg'}"
        file.parent.mkdir(exist_ok=True)
        colours = random.integers(0, 256, (*patches, len(mode)), dtype=np.uint8)
        Image.fromarray(colours.squeeze()).resize((width, height), Image.Resampling.BICUBIC).save(file)
    half = root / "Äpfel und Birnen/half a photo 000.jpg"
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    (root / "犬/写真 nr 002.jpg").unlink()
    (root / "犬/notes 犬.jpg").write_text("these are my dogs")
    (root / "кошки/read me.txt").write_text("ignored")
    assert sum(file.suffix in (".jpg", ".png") for file in root.rglob("*")) == 300
    return root

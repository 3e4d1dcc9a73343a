"""Who is killed while features are made goes on where he was, to the same bytes."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contraflow.commands import embed as command
from contraflow.commands.embed import Embedded, embed
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError


class Killed(BaseException):
    """Nothing in the code catches it."""


@pytest.fixture
def interrupted(monkeypatch):
    """`interrupted(after)`: from now on the reading of that picture, counted from 0, ends all; the names that are read
    come back as a list that grows. None: nothing does."""
    read = command.read_input

    def arm(after: int | None) -> list[str]:
        names = []

        def read_or_die(path, **image):
            if after is not None and len(names) >= after:
                raise Killed
            names.append(path.name)
            return read(path, **image)

        monkeypatch.setattr(command, "read_input", read_or_die)
        return names

    return arm


@pytest.mark.parametrize("after", [0, 30, 100, 299])
def test_who_was_interrupted_goes_on_to_the_same_bytes(
    tmp_path, monkeypatch, checkpoint_of, photographs, interrupted, after
):
    monkeypatch.setattr(command, "BATCH", 8)
    checkpoint, out = checkpoint_of(tmp_path / "encoder.safetensors", channels=3), tmp_path / "out.npz"
    embed(photographs, checkpoint=checkpoint, out=tmp_path / "whole.npz", skip_broken=True)
    interrupted(after)
    with pytest.raises(Killed):
        embed(photographs, checkpoint=checkpoint, out=out, skip_broken=True)
    assert not out.exists()
    names = interrupted(None)
    embed(photographs, checkpoint=checkpoint, out=out, skip_broken=True)
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert len(names) <= 300 - after + 8 + command.BATCH + 8 * os.cpu_count()  # pictures read before their turn
    assert {path.name for path in tmp_path.iterdir()} == {"encoder.safetensors", "whole.npz", "out.npz"}


def test_a_kill_costs_no_more_than_a_batch(tmp_path, checkpoint_of, image_folder):
    """A real one, in a process of its own."""
    folder, checkpoint = image_folder(tmp_path / "images", 300), checkpoint_of(tmp_path / "encoder.safetensors")
    embed(folder, checkpoint=checkpoint, out=tmp_path / "whole.npz")
    killed = """
import os, signal, sys
from pathlib import Path
from contraflow.commands.unfinished import Unfinished
from contraflow.commands.embed import embed
add = Unfinished.add
def die(self, upto, *more):
    if upto > 200:
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, upto, *more)
Unfinished.add = die
folder, checkpoint, out = map(Path, sys.argv[1:])
embed(folder, checkpoint=checkpoint, out=out)
"""
    command = [sys.executable, "-c", killed, folder, checkpoint, tmp_path / "out.npz"]
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    assert not (tmp_path / "out.npz").exists() and (tmp_path / "out.npz.part").is_dir()
    again = [sys.executable, "-c", "from contraflow.cli import app; app()", "embed", folder, "--checkpoint", checkpoint]
    done = subprocess.run([*again, "--out", tmp_path / "out.npz"], capture_output=True, text=True, check=True)
    assert "out.npz: goes on after 192 of 300 images" in done.stderr
    assert (tmp_path / "out.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.fixture(scope="module")
def half_done(tmp_path_factory, checkpoint_of, image_folder):
    """A folder of images, a checkpoint, and of it what a whole run writes and what an interrupted one leaves."""
    root = tmp_path_factory.mktemp("half done")
    folder, checkpoint = image_folder(root / "images", 40), checkpoint_of(root / "encoder.safetensors")
    read = command.read_input
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "BATCH", 4)
        embed(folder, checkpoint=checkpoint, out=root / "whole.npz")

        def read_or_die(path, **image):
            if path.name == sorted(path.name for path in folder.rglob("*.png"))[-2]:
                raise Killed
            return read(path, **image)

        patch.setattr(command, "read_input", read_or_die)
        with pytest.raises(Killed):
            embed(folder, checkpoint=checkpoint, out=root / "out.npz")
    left = {name: (root / "out.npz.part" / name).read_bytes() for name in ("features", "journal.jsonl")}
    assert left["journal.jsonl"].count(b"\n") >= 4
    return folder, checkpoint, (root / "whole.npz").read_bytes(), left


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_of_the_unfinished_files_is_lost_or_damaged_the_bytes_are_the_same(
    half_done, tmp_path, monkeypatch, data
):
    folder, checkpoint, whole, left = half_done
    monkeypatch.setattr(command, "BATCH", 4)
    place = tmp_path / "out.npz.part"
    place.mkdir(exist_ok=True)
    for name, content in left.items():
        content = bytearray(content[: data.draw(st.integers(0, len(content)), f"kept of {name}")])
        if content and data.draw(st.booleans(), f"{name} is damaged"):
            content[data.draw(st.integers(0, len(content) - 1))] ^= 1
        (place / name).write_bytes(content)
    embed(folder, checkpoint=checkpoint, out=tmp_path / "out.npz")
    assert (tmp_path / "out.npz").read_bytes() == whole and not place.exists()


def test_what_was_mended_is_read_again_and_what_was_done_before_it_is_not(
    tmp_path, monkeypatch, checkpoint_of, image_folder, interrupted
):
    monkeypatch.setattr(command, "BATCH", 4)
    folder, checkpoint = image_folder(tmp_path / "images", 40), checkpoint_of(tmp_path / "encoder.safetensors")
    broken = sorted(folder.rglob("*.png"))[30]
    content = broken.read_bytes()
    broken.write_text("no picture")
    with pytest.raises(UserError, match=r"1 of 40 images in .* cannot be read"):
        embed(folder, checkpoint=checkpoint, out=tmp_path / "out.npz")
    broken.write_bytes(content)
    names = interrupted(None)
    embed(folder, checkpoint=checkpoint, out=tmp_path / "out.npz")
    assert len(names) == 12 and broken.name in names
    embed(folder, checkpoint=checkpoint, out=tmp_path / "whole.npz")
    assert (tmp_path / "out.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_what_another_encoder_left_unfinished_is_not_gone_on_with(
    tmp_path, monkeypatch, checkpoint_of, image_folder, interrupted
):
    monkeypatch.setattr(command, "BATCH", 4)
    folder = image_folder(tmp_path / "images", 40)
    first = checkpoint_of(tmp_path / "a.safetensors")
    interrupted(35)
    with pytest.raises(Killed):
        embed(folder, checkpoint=first, out=tmp_path / "out.npz")
    other, names = checkpoint_of(tmp_path / "b.safetensors", norm="group"), interrupted(None)
    embed(folder, checkpoint=other, out=tmp_path / "out.npz")
    assert len(names) == 40
    assert load_arrays(tmp_path / "out.npz", Embedded)[1].inputs == {"encoder": sha256(other)}

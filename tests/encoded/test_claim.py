"""A folder has one writer at a time, and none when that one is gone, however it went."""

import signal
import subprocess
import sys

import pytest

from contraflow.encoded.claim import claim, claimed
from contraflow.foundations.errors import UserError

_HOLD = """
import sys, time
from pathlib import Path
from contraflow.encoded.claim import claim
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_holds_it_until_it_is_killed(tmp_path):
    folder = tmp_path / "new"
    assert not claimed(folder)
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert claimed(folder)
        with pytest.raises(UserError, match=f"{folder} is being written by another process"), claim(folder):
            raise AssertionError("claimed twice")
        holder.send_signal(signal.SIGKILL)
    with claim(folder):
        assert claimed(folder)
    assert not claimed(folder)
    assert list(folder.iterdir()) == []


def test_an_error_within_ends_the_claim_and_is_raised(tmp_path):
    with pytest.raises(OSError, match="full"), claim(tmp_path):
        raise OSError("full")
    assert not claimed(tmp_path)

"""What a log says is read as `contraflow.foundations.progress` writes it."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from contraflow.foundations import progress
from contraflow.watch.log import TAIL, Progress, last_lines


def line(label="seed 0 · round 0", *, done, total, elapsed, unit=" images", postfix=""):
    """What tqdm makes of the project's format, for times that it does not measure."""
    return tqdm.format_meter(
        done, total, elapsed, prefix=label, unit=unit, bar_format=progress._BAR, postfix=postfix or None
    )


@given(
    done=st.integers(0, 10**9),
    more=st.integers(1, 10**9),
    elapsed=st.floats(0, 10**7),
    epoch=st.integers(1, 10**4),
    loss=st.floats(0, 10**6),
)
def test_a_line_of_a_training(done, more, elapsed, epoch, loss):
    said = line(
        done=done, total=done + more, elapsed=elapsed, postfix=f"epoch {epoch} of {epoch + 1} · loss {loss:.4f}"
    )
    found = Progress.of(said.strip())
    assert found.done == done / (done + more) and found.unit == "images"
    assert (found.epoch, found.epochs) == (epoch, epoch + 1) and found.loss == pytest.approx(loss, abs=5e-5)
    assert (found.rate is None) == (" ? images/s" in said) and (found.left is None) == ("· ? left" in said)
    if found.rate is not None:
        assert found.rate == pytest.approx(done / elapsed, abs=0.006, rel=1e-3)


def test_lines_that_tell_no_progress():
    for text in ("", "epoch 3 · loss 1.2 · rank 4.0", "contraflow: the loss became nan", "100% sure"):
        assert Progress.of(text) is None


def test_real_lines_through_a_real_log(tmp_path, monkeypatch):
    """Of a bar that is not on a terminal, as jobs have it."""
    path = tmp_path / "a.log"
    with path.open("w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        with progress.track(total=40, label="raw_pixels · 5% of the labels · test", unit="batches") as bar:
            bar.set_postfix_str("epoch 2 of 3 · loss 0.5000", refresh=False)
            bar.update(30)
            bar.refresh()
            progress.say("words in between")
            bar.update(10)
    lines = last_lines(path)
    assert "words in between" in lines
    found = [read for each in lines if (read := Progress.of(each))]
    assert [read.done for read in found[-2:]] == [0.75, 1.0] and {read.unit for read in found} == {"batches"}
    assert (found[-1].epoch, found[-1].epochs, found[-1].loss) == (2, 3, 0.5)


def test_a_line_that_is_being_written_is_left_out_and_a_long_log_is_not_read_whole(tmp_path):
    path = tmp_path / "a.log"
    assert last_lines(path) == []
    path.write_bytes(b"half a line \xc3")
    assert last_lines(path) == []
    path.write_bytes(b"whole\n\n  \nhalf \xc3")
    assert last_lines(path) == ["whole"]
    path.write_text("".join(f"line {i}\n" for i in range(10_000)))
    assert last_lines(path)[-1] == "line 9999" and sum(map(len, last_lines(path))) < TAIL

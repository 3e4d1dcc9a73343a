"""Steps themselves, on small data."""

import pytest

from contraflow.encoded.names import CARD
from contraflow.steps.mine.train_control import ControlTraining, train_control

MEASURING = ("evaluate", "evaluate_captions", "evaluate_corruptions", "evaluate_transfer")


@pytest.fixture
def one_thread(monkeypatch):
    """Two threads on cores that others use wait for each other more than they compute."""
    for step in MEASURING:
        monkeypatch.setattr(f"contraflow.steps.evaluate.{step}.job_cores", lambda: 1)
    monkeypatch.setattr("contraflow.training.rounds.job_cores", lambda: 1)


@pytest.fixture(scope="module")
def trained_control(encoded):
    """`trained_control(params, before, folder)`: a round of the control that goes on from the one in `before`."""

    def train(params, before, folder):
        train_control(
            ControlTraining.of(params),
            start=before / "encoder.safetensors",
            before=before / "history.csv",
            data=encoded.folder / CARD,
            encoder=folder / "encoder.safetensors",
            history=folder / "history.csv",
            threads=1,
            state=folder / "state",
        )
        return folder

    return train

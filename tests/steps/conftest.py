"""Steps themselves, on small data."""

import pytest

MEASURING = ("evaluate", "evaluate_captions", "evaluate_corruptions", "evaluate_transfer")


@pytest.fixture
def one_thread(monkeypatch):
    """Two threads on cores that others use wait for each other more than they compute."""
    for step in MEASURING:
        monkeypatch.setattr(f"contraflow.steps.evaluate.{step}.job_cores", lambda: 1)
    monkeypatch.setattr("contraflow.training.rounds.job_cores", lambda: 1)

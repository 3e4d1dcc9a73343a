"""Trainings through the step itself, on small data."""

import pandas as pd
import pytest


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Two threads on cores that others use wait for each other more than they compute."""
    monkeypatch.setattr("contraflow.training.rounds.job_cores", lambda: 1)


@pytest.fixture(scope="session")
def history_of(pretrained):
    """`history_of(params, data, folder)`: the history of a training with seed 0."""

    def train(params, data, folder):
        return pd.read_csv(pretrained(params, data, folder) / "history.csv")

    return train

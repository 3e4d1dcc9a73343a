"""Trainings through the step itself, on small data."""

import pandas as pd
import pytest

from contraflow.steps.pretrain import pretrain


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Two threads on cores that others use wait for each other more than they compute."""
    monkeypatch.setattr("contraflow.training.rounds.job_cores", lambda: 1)


@pytest.fixture(scope="session")
def history_of():
    """`history_of(params, data, folder)`: the history of a training with seed 0."""

    def train(params, data, folder):
        pretrain(params, seed=0, data=data.folder, out=folder, threads=1, state=folder / "state")
        return pd.read_csv(folder / "history.csv")

    return train

"""Trainings through the step itself, on small data."""

from contextlib import chdir

import pandas as pd
import pytest


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Two threads on cores that others use wait for each other more than they compute."""
    monkeypatch.setattr("contraflow.training.rounds.job_cores", lambda: 1)


@pytest.fixture(scope="session")
def history_of(pretrained, tmp_path_factory, checkpoint_of):
    """`history_of(params, data, folder)`: the history of a training with seed 0, where a teacher is at hand."""
    here = tmp_path_factory.mktemp("taught")
    checkpoint_of(here / "teacher.safetensors")

    def train(params, data, folder):
        with chdir(here):
            return pd.read_csv(pretrained(params, data, folder) / "history.csv")

    return train

import os
from pathlib import Path

import pytest
import yaml

from contraflow.engines.jobs import Store, content_digest, job
from contraflow.foundations.artefacts import md5

READ = ["loss", "mining.rounds"]
PIPELINE = {
    "stages": {
        "pretrain": {
            "cmd": "true",
            "deps": ["results/encode", "src/train.py"],
            "params": ["seeds", *READ],
            "outs": ["results/pretrain"],
        }
    }
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    for name in ("src/train.py", "results/encode/card.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(repository, params, **changes):
    inputs, outputs = [repository / "results/encode/card.json"], [repository / "results/pretrain/seed0/encoder"]
    with job("pretrain", params, READ, **{"inputs": inputs, "outputs": outputs} | changes) as state:
        state.parent.mkdir(parents=True, exist_ok=True)
        state.write_text("after epoch 1")
        outputs[0].parent.mkdir(parents=True, exist_ok=True)
        outputs[0].write_text("weights")
    return state


def test_a_finished_job_says_what_it_was_made_from_and_keeps_its_files(repository, params_of):
    state = train(repository, params_of(loss={"tau": 0.3}))
    [trace] = Store(repository).traces()
    assert trace.stage == "pretrain"
    assert trace.params["loss"]["tau"] == 0.3 and trace.params["mining.rounds"] == 1 and "seeds" not in trace.params
    assert trace.inputs == {"results/encode/card.json": md5(repository / "results/encode/card.json")}
    assert trace.outputs == {"results/pretrain/seed0/encoder": md5(repository / "results/pretrain/seed0/encoder")}
    assert not state.exists()
    (repository / "results/pretrain/seed0/encoder").unlink()  # as DVC does
    assert Store(repository).find(trace.outputs["results/pretrain/seed0/encoder"]).read_text() == "weights"


def test_what_a_killed_training_was_writing_is_gone_with_its_state(repository, params_of):
    state = train(repository, params_of())
    other = state.with_name(".another-training.7.tmp")
    for file in (state.with_name(f".{state.name}.7.tmp"), other):
        file.write_text("half")
    assert train(repository, params_of()) == state
    assert [*state.parent.iterdir()] == [other]


def test_a_job_that_fails_leaves_no_trace_but_the_state_of_its_training(repository, params_of):
    with (
        pytest.raises(KeyboardInterrupt),
        job("pretrain", params_of(), READ, inputs=[], outputs=[Path("out")]) as state,
    ):
        state.parent.mkdir(parents=True)
        state.write_text("after epoch 1")
        raise KeyboardInterrupt
    assert Store(repository).traces() == [] and state.exists()


def test_the_state_belongs_to_one_job_alone(repository, params_of):
    def state(params=None, **changes):
        outputs = [repository / "results/pretrain/seed0/encoder"]
        with (
            pytest.raises(ZeroDivisionError),
            job(
                "pretrain", params or params_of(), READ, **{"inputs": [Path("dvc.yaml")], "outputs": outputs} | changes
            ) as path,
        ):
            raise ZeroDivisionError
        return path

    same, others = (
        state(),
        [
            state(params_of(loss={"tau": 0.3})),
            state(inputs=[Path("src/train.py")]),
            state(outputs=[Path("results/pretrain/seed1/encoder")]),
        ],
    )
    assert state() == same == state(params_of(seeds=[7, 8]))
    (repository / "src/train.py").write_text("# a comment")
    assert len({same, *others, state()}) == 5


def test_a_file_that_was_changed_since_is_not_found(repository, params_of):
    train(repository, params_of())
    [trace] = Store(repository).traces()
    file = repository / "results/pretrain/seed0/encoder"
    assert os.stat(file).st_nlink == 2
    file.write_text("edited in place, through the link")
    assert Store(repository).find(trace.outputs["results/pretrain/seed0/encoder"]) is None


def test_what_dvc_has_is_let_go(repository, params_of):
    train(repository, params_of())
    [trace] = Store(repository).traces()
    Store(repository).drop(trace.outputs.values())
    assert Store(repository).find(trace.outputs["results/pretrain/seed0/encoder"]) is None
    assert Store(repository).traces() == [trace]


def test_what_nobody_came_back_for_is_forgotten(repository, params_of):
    train(repository, params_of())
    store = Store(repository)
    store.forget()
    assert len(store.traces()) == 1
    [trace] = (store.folder / "traces").iterdir()
    [kept] = (store.folder / "objects").iterdir()
    os.utime(kept, (1, 1))  # as `align` does with the results that share it
    store.forget()
    assert kept.exists()
    os.utime(trace, (1, 1))
    store.forget()
    assert not list(store.folder.glob("*/*"))


def test_an_experiment_in_a_copy_shares_the_store(repository, params_of, monkeypatch):
    train(repository, params_of())
    copy = repository / ".dvc/tmp/exps/standalone/run"
    copy.mkdir(parents=True)
    for name in ("dvc.yaml", "src/train.py", "results/encode/card.json"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((repository / name).read_bytes())
    assert Store(copy).traces() == Store(repository).traces()
    monkeypatch.chdir(copy)
    train(copy, params_of())
    assert len(Store(repository).traces()) == 1  # the same job


def test_files_outside_the_repository_leave_no_trace(repository, params_of, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "encoder"
    elsewhere.write_text("weights")
    with job("pretrain", params_of(), READ, inputs=[], outputs=[elsewhere]):
        pass
    assert Store(repository).traces() == []


def test_without_a_pipeline_there_is_only_the_state(tmp_path, monkeypatch, params_of):
    monkeypatch.chdir(tmp_path)
    with job("pretrain", params_of(), READ, inputs=[], outputs=[tmp_path / "encoder"]) as state:
        assert state.is_relative_to(tmp_path / ".contraflow")
    assert not (tmp_path / ".contraflow").exists()


def test_a_damaged_trace_counts_as_none(repository, params_of):
    train(repository, params_of())
    [file] = (repository / ".contraflow/traces").iterdir()
    file.write_text(file.read_text()[:50])
    assert Store(repository).traces() == []


def test_a_folder_is_known_by_its_files(tmp_path):
    (tmp_path / "a").write_text("1")
    before = content_digest(tmp_path)
    assert content_digest(tmp_path) == before
    (tmp_path / "b").write_text("")
    assert content_digest(tmp_path) != before
    assert content_digest(tmp_path / "nothing") is None

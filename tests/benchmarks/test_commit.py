import subprocess

import pytest

from benchmarks import commit as module


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit of code and of figures; `commit` tells of it."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name, text in {"benchmarks/rows.py": "x = 1\n", "params.yaml": "a: 1\n", "benchmarks/runs.csv": "a\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    run = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "code"]):
        subprocess.run([*run, *command], cwd=tmp_path, check=True)
    module.commit.cache_clear()
    yield tmp_path
    module.commit.cache_clear()


def head(folder):
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True).stdout[:12]


def test_names_the_commit(repository):
    assert module.commit() == head(repository)


def test_figures_written_by_the_benchmark_itself_do_not_make_it_dirty(repository):
    (repository / "benchmarks/runs.csv").write_text("a\n1\n")
    (repository / "benchmarks/table.md").write_text("new\n")
    assert module.commit() == head(repository)


@pytest.mark.parametrize("name", ["benchmarks/rows.py", "benchmarks/new.py", "params.yaml"])
def test_changed_or_new_code_makes_it_dirty(repository, name):
    (repository / name).write_text("x: 2\n")
    assert module.commit() == head(repository) + "-dirty"

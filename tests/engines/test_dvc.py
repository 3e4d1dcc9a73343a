import subprocess
import sys

import pytest
import yaml

from contraflow.engines.dvc import Dvc
from contraflow.foundations.errors import UserError


@pytest.fixture
def repository(tmp_path):
    """A stage with a folder and a file as outputs, run and recorded."""
    stage = {"cmd": "mkdir -p many && echo 1 > many/a && echo 2 > one", "outs": ["many", "one"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": stage}}))
    for command in (
        "git init -q",
        "git config user.name test",
        "git config user.email test@localhost",
        f"{sys.executable} -m dvc init -q",
        f"{sys.executable} -m dvc config core.analytics false",
        f"{sys.executable} -m dvc repro -q",
        "git add -A",
        "git commit -q -m made",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True)
    return Dvc(tmp_path)


def test_what_is_recorded_can_be_found_in_the_cache(repository):
    recorded = repository.recorded("make")
    assert sorted(recorded) == ["many/a", "one"]
    assert {path: repository.cached(digest).read_text() for path, digest in recorded.items()} == {
        "many/a": "1\n",
        "one": "2\n",
    }
    assert repository.recorded("other") == {} and repository.cached("0" * 32) is None


def test_changes_are_those_of_dvc(repository):
    assert repository.changes() == {}
    (repository.root / "one").write_text("edited")
    assert repository.changes() == {"make": [{"changed outs": {"one": "modified"}}]}
    repository.commit(["make"])
    assert repository.changes() == {}


@pytest.mark.parametrize(
    "left", ["schema: '2.0'\nstages:\n  make:\n    cmd: mkdir\n    de", "stages:\n  make: {outs: 3}\n"]
)
def test_a_lock_file_that_dvc_cannot_read_is_taken_from_git_again(repository, capsys, left):
    whole = repository.lock.read_bytes()
    repository.lock.write_text(left)
    assert repository.changes() == {} and repository.lock.read_bytes() == whole
    assert "dvc.lock was damaged" in capsys.readouterr().err
    assert (repository.root / ".dvc/tmp/dvc.lock.damaged").read_text() == left


def test_one_cut_in_the_middle_of_a_number_is_taken_from_git_again(repository):
    """What is left can be read, and DVC, which goes by hashes, finds nothing changed."""
    whole = repository.lock.read_bytes()
    repository.lock.write_bytes(whole[:-1])
    assert repository.changes() == {} and repository.lock.read_bytes() == whole


def test_one_that_git_does_not_know_is_made_anew(repository):
    subprocess.run(["git", "rm", "-q", "--cached", "dvc.lock"], cwd=repository.root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "without"], cwd=repository.root, check=True)
    repository.lock.write_text("schema: '2.0'\nsta")
    assert "make" in repository.changes() and not repository.lock.exists()


def test_dvcs_own_lock_file_cut_short_is_removed(repository, capsys):
    (repository.root / ".dvc/tmp/rwlock").write_text('{"write": {"')
    repository.commit(["make"])
    assert ".dvc/tmp/rwlock was cut short" in capsys.readouterr().err


def test_no_repository_is_said_in_dvcs_words(tmp_path):
    with pytest.raises(UserError, match=r"`dvc status --json` failed: .*not inside of a DVC repository"):
        Dvc(tmp_path).changes()

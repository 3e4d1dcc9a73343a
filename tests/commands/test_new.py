"""`contraflow new` with two versions: this working tree, and a copy of it in which something is new."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fixtures.repositories import BIN, ROOT, Repository, clone

from contraflow.commands.shipped import shipped
from contraflow.params import Params, load_params

KNOWN = {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "test"}
KNOWN |= {"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "test@localhost"}
PAGE = "src/contraflow/report/page.html.j2"


def new(version: Path, *arguments, **environment) -> subprocess.CompletedProcess:
    """What a version says when its `contraflow new` is typed, by somebody whom git knows."""
    return subprocess.run(
        [BIN / "contraflow", "new", *map(str, arguments)],
        cwd="/",
        capture_output=True,
        text=True,
        env=os.environ | KNOWN | {"PYTHONPATH": str(version / "src")} | environment,
    )


def renewed(version: Path, folder: Path) -> str:
    done = new(version, folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


def refused(version: Path, *arguments, **environment) -> str:
    done = new(version, *arguments, **environment)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.fixture
def own(tmp_path) -> Repository:
    """A repository that this version made."""
    assert "is a repository of your own" in renewed(ROOT, tmp_path / "own")
    own = Repository(tmp_path / "own")
    own.run("git config user.name test && git config user.email test@localhost")
    return own


@pytest.fixture
def newer(tmp_path) -> Path:
    """A version with a new default and comment of a parameter, one parameter more, a changed page and a lost module."""
    path = clone(tmp_path / "newer").path
    settings = path / "src/contraflow/pages/settings.py"
    settings.write_text(settings.read_text() + '    colour: Annotated[Text, "of everything"] = "green"\n')
    training = path / "src/contraflow/training/settings.py"
    training.write_text(training.read_text().replace("# images; each gives", "# new: each gives"))
    (path / PAGE).write_text((path / PAGE).read_text() + "<!-- new -->\n")
    (path / "src/contraflow/report/alike.py").unlink()
    return path


def test_it_is_a_commit_in_which_both_engines_work(own):
    assert own.run("git status --porcelain") == "" and "contraflow 0" in own.run("git log -1 --format=%s")
    files = own.run("git -c core.quotePath=false ls-files").splitlines()
    assert sorted(files) == sorted(shipped())
    assert load_params(own.path / "params.yaml") == Params()
    assert (own.path / "baseline.json").read_text() == "{}\n" and os.access(own.path / "setup.sh", os.X_OK)
    assert os.path.islink(own.path / ".venv") == (BIN.parent / "lock").is_file()
    assert "write_report" in own.planned() and "fetch" in own.json("dvc status --json")


def test_an_environment_that_is_linked_is_asked_each_time_and_stays_as_it_is(own, tmp_path):
    """And as soon as it is the repository's own, it is made once."""
    sums = own.run("sha256sum requirements.lock pyproject.toml | sha256sum")
    (tmp_path / "env/bin").mkdir(parents=True)
    (tmp_path / "env/ready").touch()
    (tmp_path / "env/lock").write_text(sums.split()[0])
    own.run(f"rm -f .venv && ln -s {tmp_path}/env .venv")
    assert "./setup.sh" in own.run("make -n run")
    before = (tmp_path / "env/ready").stat().st_mtime_ns
    own.run("./setup.sh")
    assert os.path.islink(own.path / ".venv") and (tmp_path / "env/ready").stat().st_mtime_ns == before
    own.run(f"rm .venv && mv {tmp_path}/env .venv && ./setup.sh")
    assert "./setup.sh" not in own.run("make -n run")


def test_what_is_shipped_is_in_git(own):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    kept = ("README.md", "baseline.json", "params.yaml")  # written
    assert {name for name in shipped() if name not in kept} <= set(listed.stdout.splitlines())
    for name, file in shipped().items():
        assert name in kept or file.content == (ROOT / name).read_bytes()


def test_nothing_is_done_where_nothing_is_new(own):
    before = own.run("git rev-parse HEAD")
    assert "has contraflow" in renewed(ROOT, own.path) and "already" in renewed(ROOT, own.path)
    assert own.run("git rev-parse HEAD; git status --porcelain") == before


def test_what_is_new_comes_and_what_is_the_owners_stays(own, newer):
    own.set(loss={"tau": 0.07}, report={"title": "mine"})
    own.run("echo mine >README.md; sed -i '1s/.*/{# mine #}/' " + PAGE + "; rm LICENSE; mkdir nets; echo 1 >nets/a.py")
    own.run("echo '{\"a\": 1}' >baseline.json; git add -A; git commit -q -m mine")
    page = (own.path / PAGE).read_text()
    said = renewed(newer, own.path)
    assert f"; your changes are merged in {PAGE}" in said and "README" not in said
    assert (own.path / PAGE).read_text() == page + "<!-- new -->\n"
    params = yaml.safe_load((own.path / "params.yaml").read_text())
    assert (
        params["loss"]["tau"] == 0.07 and params["report"]["title"] == "mine" and params["report"]["colour"] == "green"
    )
    assert (own.path / "README.md").read_text() == "mine\n" and (own.path / "nets/a.py").is_file()
    assert not (own.path / "LICENSE").exists() and not (own.path / "src/contraflow/report/alike.py").exists()
    assert own.run("git status --porcelain") == "" and len(own.run("git log -1 --format=%P").split()) == 2
    assert "already" in renewed(newer, own.path)


def test_changes_are_committed_first(own, newer):
    own.run("echo mine >README.md")
    assert "has changes that are not committed (README.md): commit them first" in refused(newer, own.path)


def test_parameters_that_cannot_be_read_are_named(own, newer):
    own.run("echo '}{' >params.yaml; git commit -q -a -m mine")
    assert f"{own.path}/params.yaml is not valid YAML" in refused(newer, own.path)


def test_a_parameter_that_is_no_more_is_named(own, newer):
    params = own.params()
    (own.path / "params.yaml").write_text(yaml.safe_dump(params | {"old": 1}))
    before = own.run("git commit -q -a -m mine; git rev-parse HEAD")
    assert f"{own.path}/params.yaml: " in (said := refused(newer, own.path)) and "old" in said
    assert own.run("git rev-parse HEAD; git status --porcelain") == before


def test_where_both_changed_the_same_lines_the_owner_is_asked(own, newer):
    own.set(loss={"tau": 0.07})
    own.run("echo '<!-- mine -->' >>" + PAGE + "; git commit -q -a -m mine")
    said = refused(newer, own.path)
    assert f"you and contraflow changed the same lines of {PAGE} in {own.path}" in said
    assert "<<<<<<<" in (own.path / PAGE).read_text() and own.params()["loss"]["tau"] == 0.07
    own.run("git merge --abort")
    assert own.run("git status --porcelain") == ""
    refused(newer, own.path)
    own.run(f"cp {newer / PAGE} {PAGE}; git add -A && git commit -q -m merged")
    assert "already" in renewed(newer, own.path) and own.params()["report"]["colour"] == "green"


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    renewed(ROOT, tmp_path / "empty")
    assert (tmp_path / "empty/Snakefile").is_file() and sorted(os.listdir(tmp_path)) == ["empty"]


def test_what_holds_something_else_is_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.txt").touch()
    for path in (tmp_path / "full", tmp_path / "full/a.txt"):
        assert f"{path} is not empty, and `contraflow new` did not make it" in refused(ROOT, path)
    Repository(tmp_path / "full").run("git init -q")
    assert "`contraflow new` did not make it" in refused(ROOT, tmp_path / "full")
    assert sorted(os.listdir(tmp_path)) == ["full"]


def test_git_is_there_and_knows_whose_it_is(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    assert "git is not installed" in refused(ROOT, tmp_path / "own", PATH=str(tmp_path / "bin"))
    nobody = {"GIT_CONFIG_COUNT": "0", "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_GLOBAL": os.devnull}
    assert "git knows no name and address for you" in refused(ROOT, tmp_path / "own", **nobody)
    assert not (tmp_path / "own").exists()

"""Machines, shells and folders as people have them: the same files, or one sentence on what to type.

Each test goes on where the last one ended.
"""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

SHELL = """
    CUDA_VISIBLE_DEVICES=0 MPLBACKEND=module://matplotlib_inline.backend_inline
    OMP_NUM_THREADS=3 OMP_PROC_BIND=true OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=Nehalem MKL_CBWR=COMPATIBLE
    ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 NPY_DISABLE_CPU_FEATURES=AVX2 NUMBA_DISABLE_JIT=1
    NUMBA_NUM_THREADS=0 LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 PYTHONHASHSEED=1 PYTHONWARNINGS=ignore
    TZ=Asia/Tokyo HOME=/proc/nowhere
"""  # a notebook's, a cluster's and a debugger's in one
MATPLOTLIBRC = "backend: module://nowhere\nfont.size: 20\nlines.linewidth: 9\nsavefig.bbox: tight\n"


@pytest.fixture(scope="module")
def repository(new_repository):
    """One with few jobs, where other users may look: pytest's own folders are closed to them."""
    with TemporaryDirectory(prefix="contraflow-") as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "repository"
        path.mkdir()
        made = new_repository(path, mining={"rounds": 0})
        made.run("snakemake")
        yield made


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where compiled kernels are kept, also for those without a home."""
    from platformdirs import user_cache_dir

    return f"NUMBA_CACHE_DIR={user_cache_dir('contraflow')}/numba"


@pytest.mark.slow
def test_another_shell_gives_the_same_bytes(repository, cache):
    expected = repository.results()
    (repository.path / "matplotlibrc").write_text(MATPLOTLIBRC)
    (repository.path / ".numba_config.yaml").write_text("disable_jit: 1\n")
    said = repository.run(f"umask 077; {' '.join(SHELL.split())} {cache} snakemake --forceall")
    assert "No GPU here: training on the CPU" in said and "Traceback" not in said
    assert len(repository.finished(said)) == 9
    assert repository.results() == expected


def test_a_clone_that_turns_line_ends_can_be_set_up(repository):
    clone = "git -c core.autocrlf=true -c core.eol=crlf clone -q . ../clone && cd ../clone"
    turned = repository.run(f"{clone} && git ls-files --eol | grep -v ^i/-text | grep -v w/lf; rm -r ../clone")
    assert [line for line in turned.splitlines() if "w/none" not in line] == []


def test_a_folder_without_git(repository):
    aside = repository.path.with_name("git")
    (repository.path / ".git").rename(aside)
    sentence = "this folder is no git repository, in which DVC keeps its experiments: type `git init && git add -A"
    for command in ("snakemake -n", "contraflow compare", "contraflow baseline --name first"):
        said = repository.run(command, fails=True)
        assert sentence in said and "dvc status" not in said
    repository.run("git init -q")
    assert "Nothing to be done" in repository.run("snakemake -n 2>&1")
    shutil.rmtree(repository.path / ".git")
    aside.rename(repository.path / ".git")


@pytest.fixture
def unknown_to_git(repository, tmp_path):
    """A user without a name and an address; the beginning of a command as that user types it."""
    repository.run("git config --rename-section user aside")
    yield f"export HOME={tmp_path} GIT_CONFIG_NOSYSTEM=1;"
    repository.run("git config --remove-section user; git config --rename-section aside user")


def test_a_user_whom_git_does_not_know(repository, unknown_to_git):
    with (repository.path / "params.yaml").open("a") as file:
        file.write("# a thought\n")
    for command in ("dvc exp run", "dvc exp save"):
        said = repository.run(f"{unknown_to_git} {command}", fails=True)
        assert "Git user name and email must be configured" in said and not repository.finished(said)
    assert "Nothing to be done" in repository.run(f"{unknown_to_git} snakemake 2>&1")
    named = "git config user.name NAME && git config user.email ADDRESS"
    assert "has been saved" in repository.run(f"{unknown_to_git} {named} && dvc exp save")
    repository.run("git checkout -q params.yaml")


def test_set_up_says_what_git_does_not_know(repository, unknown_to_git):
    made = "mkdir .venv && sha256sum requirements.lock pyproject.toml | sha256sum | cut -d ' ' -f 1 > .venv/lock"
    said = repository.run(f"{unknown_to_git} {made} && ./setup.sh; rm -r .venv")
    assert "type `git config --global user.name NAME` and `git config --global user.email ADDRESS`" in said


OTHER = 12345  # an id that no user has
AS_OTHER = f"setpriv --reuid {OTHER} --regid {OTHER} --clear-groups --inh-caps +{{0}} --ambient-caps +{{0}}".format(
    "dac_read_search"  # this Python may lie where only root can read
)


@pytest.fixture
def owned_by_other(repository):
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("only root can give files away and be somebody else")
    for folder, _, names in os.walk(repository.path):
        for name in (".", *names):
            os.chown(os.path.join(folder, name), OTHER, OTHER, follow_symlinks=False)
    yield
    for folder, _, names in os.walk(repository.path):
        for name in (".", *names):
            os.chown(os.path.join(folder, name), 0, 0, follow_symlinks=False)


def test_a_clone_of_another_user(repository, owned_by_other, tmp_path):
    trust = f"git config --global --add safe.directory {repository.path}"
    home = f"export HOME={tmp_path};"
    said = repository.run(f"{home} snakemake -n 2>&1")
    assert f"type `{trust}`" in said and "Nothing to be done" in said
    assert f"type `{trust}`" in repository.run(f"{home} contraflow baseline", fails=True)
    assert "not owned by current user" in repository.run(f"{home} dvc exp show", fails=True)
    said = repository.run(f"{home} {trust}; dvc exp show --json > shown.json; snakemake -n 2>&1; rm shown.json")
    assert trust not in said and "Nothing to be done" in said


def test_a_user_whom_the_system_does_not_know(repository, owned_by_other, cache):
    """A container's user: no entry in /etc/passwd, and a home that may not be written to."""
    said = repository.run(f"unset USER LOGNAME; HOME=/ {cache} {AS_OTHER} snakemake --forcerun write_report")
    assert repository.finished(said) == ["write_report"] and "Traceback" not in said
    assert "uid not found" in repository.run(f"unset USER LOGNAME; HOME=/ {AS_OTHER} dvc status", fails=True)
    for command in ("snakemake -n", "dvc status"):
        said = repository.run(f"unset USER LOGNAME HOME; {AS_OTHER} {command}", fails=True)
        assert "could not determine the home directory" in said or "uid not found" in said
        repository.run(f"export LOGNAME=me HOME=/tmp/me; {AS_OTHER} {command}")
    said = repository.run(f"unset USER LOGNAME HOME; {AS_OTHER} contraflow compare", fails=True)
    assert "to compare: make an experiment" in said and "Traceback" not in said  # asked DVC for those that there are

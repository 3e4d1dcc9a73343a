"""A wheel of the repository, in a fresh environment, can do what the editable installation can."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from contraflow.commands.shipped import File, shipped
from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import DATA
from contraflow.foundations.stages import files_at

ROOT = Path(__file__).parents[1]
SOURCES = "src/contraflow/"
BESIDE = (".dvc/", "data/", "profiles/", "workflow/")
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[2:]:
    found = importlib.import_module(name).__file__
    assert found.startswith(sys.argv[1]), f"{name} came from {found}"
"""


def run(*command, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_git():
    """The files that a commit of all that is here would have."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    return [path for path in listed if (ROOT / path).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: setuptools builds in place, and takes in what earlier builds left there."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in in_git():
        if path.startswith((SOURCES, *BESIDE)) or "/" not in path:
            (folder / "copy" / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / "copy" / path)
    run(*PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", ".", "./copy", cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of a fresh environment: the wheel, and of the one that runs this all packages but contraflow."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv")
    python, dependencies = folder / "venv/bin/python", folder / "dependencies"
    dependencies.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            if "contraflow" not in path.name:
                (dependencies / path.name).symlink_to(path)
    run(*PIP, "--python", python, "install", "--no-index", "--no-deps", wheel, cwd=folder)
    there = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    Path(there, "dependencies.pth").write_text(f"{dependencies}\n")
    return python.parent


def test_it_holds_the_files_of_the_package_and_no_others(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {path.removeprefix("src/") for path in in_git() if path.startswith(SOURCES)}
    assert {name for name in names if ".dist-info/" not in name and ".data/" not in name} == wanted


def test_it_makes_the_same_repository_of_ones_own(installed, tmp_path):
    run("git", "config", "--file", tmp_path / "git", "user.name", "test", cwd=tmp_path)
    run("git", "config", "--file", tmp_path / "git", "user.email", "test@localhost", cwd=tmp_path)
    run("env", f"GIT_CONFIG_GLOBAL={tmp_path / 'git'}", installed / "contraflow", "new", "own", cwd=tmp_path)
    made = {path.relative_to(tmp_path / "own").as_posix(): path for path in files_at(tmp_path / "own")}
    made = {name: path for name, path in made.items() if not name.startswith(".git/")}
    assert {name: File(path.read_bytes(), os.access(path, os.X_OK)) for name, path in made.items()} == shipped()


def test_every_module_is_imported_from_it(installed, tmp_path):
    files = [path for path in in_git() if path.startswith(SOURCES) and path.endswith(".py")]
    modules = [path[len("src/") : -len(".py")].replace("/", ".").removesuffix(".__init__") for path in files]
    run(installed / "python", "-c", IMPORT_ALL, installed.parent, *modules, cwd=tmp_path)


def test_its_command_works(installed, tmp_path, image_folder, params_of):
    contraflow = installed / "contraflow"
    assert "pretrain" in run(contraflow, "--help", cwd=tmp_path)
    images = image_folder(tmp_path / "images")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params_of(data={"path": str(images)}).model_dump()))
    assert "params.yaml is right" in run(contraflow, "check", cwd=tmp_path)
    run(contraflow, "fetch", "--source", "results/fetch/source.json", cwd=tmp_path)
    run(contraflow, "encode", cwd=tmp_path)
    assert EncodedData.open(tmp_path / DATA).card.train.images > 0


def test_its_pages_are_written(installed, tmp_path):
    tests = ["search/test_page.py", "report/test_page.py::test_equal_runs_give_equal_bytes"]
    tests += ["compare/test_compare_page.py::test_equal_runs_give_equal_bytes", "engines/test_circumstances.py"]
    command = [installed / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run(*command, *(ROOT / "tests" / test for test in tests), cwd=tmp_path)

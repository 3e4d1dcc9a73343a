"""`contraflow watch` beside real runs, in a real browser, through kills of both."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from urllib.error import HTTPError

import pytest
from fixtures.browser import requested, scrolls_sideways, show
from fixtures.repositories import BIN
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from contraflow.training.history import Epoch, read_history, save_history

EPOCHS = 300  # of a few hundredths of a second each
PATIENCE = 120  # seconds, for a busy machine


@pytest.fixture(scope="module")
def repository(tmp_path_factory, new_repository):
    return new_repository(tmp_path_factory.mktemp("followed"), train={"epochs": EPOCHS, "knn_every": 50})


@pytest.fixture
def watch(repository):
    """`watch()`: start `contraflow watch` there; the process and its address."""
    started = []

    def start(*folders):
        command = [BIN / "contraflow", "watch", *folders]
        process = subprocess.Popen(command, cwd=repository.path, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]

    yield start
    for process in started:
        process.kill()
        process.wait()


def told(address):
    """The parts of the page, by name."""
    with urllib.request.urlopen(f"{address}changing.json") as answer:
        return json.load(answer)["parts"]


def until(look, holds):
    """What `look` gives as soon as it holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def epoch(parts):
    """The last whole epoch of the training, 0 before its first."""
    cells = re.search(r"pretrain/seed0</th>.*?</tr>", parts["experiment-0-trainings"], re.DOTALL)
    found = cells and re.search(rf"<td>(\d+)(?: of {EPOCHS})?", cells[0])
    return int(found[1]) if found else 0


def at_rest(parts):
    return "No run of Snakemake is at work" in parts["experiment-0-state"]


def files(folder):
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


def test_a_training_is_followed_through_kills_to_its_end(repository, watch, online_browser):
    watcher, address = watch()
    assert "No training has left a record" in told(address)["experiment-0-trainings"]
    show(online_browser, address, 1200)
    run = repository.start("snakemake pretrain")
    try:
        parts = until(lambda: told(address), lambda parts: epoch(parts) > 2)
        assert "At work." in parts["experiment-0-state"] and "Pretraining with seed 0" in parts["experiment-0-jobs"]
        assert "<polyline" in parts["experiment-0-curves"] and parts["alarms"].strip() == ""

        # the open page keeps up by itself
        online_browser.execute_script("window.still = true")
        cells = "return document.querySelector('[data-part$=trainings]').textContent"
        first = online_browser.execute_script(cells)
        WebDriverWait(online_browser, PATIENCE).until(lambda b: b.execute_script(cells) != first)
        assert online_browser.execute_script("return window.still")
        assert re.match("1\u00a0training at work", online_browser.title)
        assert online_browser.get_log("browser") == [] and not scrolls_sideways(online_browser)
        assert set(requested(online_browser)) == {address, f"{address}changing.json"}
    finally:
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()

    def stopped(parts):  # Snakemake and its jobs do not end in the same moment
        return "goes on with the same command" in parts["experiment-0-trainings"]

    parts = until(lambda: told(address), lambda parts: at_rest(parts) and stopped(parts))
    reached = epoch(parts)
    assert "stopped" in parts["experiment-0-jobs"]

    # looking writes nothing, and a killed watch leaves nothing behind
    before = files(repository.path)
    told(address)
    os.kill(watcher.pid, signal.SIGKILL)
    watcher.wait()
    watcher, address = watch()
    assert epoch(told(address)) == reached and files(repository.path) == before

    # what is damaged is said, and the rest is shown
    record = next(path for path in (repository.path / ".contraflow/running").iterdir() if "seed0" in path.read_text())
    whole = record.read_text()
    record.write_text(whole[: len(whole) // 2])
    parts = until(lambda: told(address), lambda parts: record.name in parts["alarms"])
    record.write_text(whole)

    run = repository.start("snakemake pretrain")
    parts = until(lambda: told(address), lambda parts: "running" in parts["experiment-0-trainings"])
    assert epoch(parts) >= reached  # it goes on
    assert run.communicate()[0] and run.returncode == 0
    parts = until(lambda: told(address), at_rest)
    history = read_history(repository.path / "results/pretrain/seed0/history.csv")
    assert len(history) == EPOCHS and "done" in parts["experiment-0-trainings"] and epoch(parts) == EPOCHS
    assert f"<td>{history[-1].loss:.4f}</td>" in parts["experiment-0-trainings"]
    assert [*(repository.path / ".contraflow/training").iterdir()] == []  # neither state nor history so far

    # Ctrl-C ends it in silence
    watcher.send_signal(signal.SIGINT)
    assert watcher.wait(timeout=PATIENCE) == 130  # at the lowest priority


def test_several_folders_and_a_foreign_name(repository, watch, tmp_path):
    other = tmp_path / "other worktree"
    repository.run(f"git worktree add -q -b other '{other}'")
    _, address = watch(".", other)
    titles = re.findall(r'<h2 class="name"[^>]*>(.*?)</h2>', urllib.request.urlopen(address).read().decode())
    assert titles == [f"workspace in {repository.path.name}", "workspace in other worktree"]
    request = urllib.request.Request(address, headers={"Host": "rebound.example.org"})
    with pytest.raises(HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_mistakes_are_a_sentence(repository, tmp_path):
    said = repository.run(f"contraflow watch {tmp_path}", fails=True)
    assert said == f"contraflow: {tmp_path} has no dvc.yaml: name a folder that holds a repository of contraflow\n"


def test_without_javascript_the_page_can_be_read_and_loads_itself_again(repository, watch, online_browser):
    save_history(repository.path / "results/pretrain/seed7/history.csv", [Epoch(1, *[0.5] * 10)], 7, 0)
    _, address = watch()
    online_browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        online_browser.get(address)
        assert "pretrain/seed7" in online_browser.find_element(By.TAG_NAME, "main").text
        online_browser.get_log("performance")
        until(lambda: requested(online_browser), lambda asked: address in asked)
    finally:
        online_browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

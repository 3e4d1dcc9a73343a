"""The jobs that Snakemake would run in an empty directory, and the rules that its files hold."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import yaml


class Job(NamedTuple):
    """A rule, and the paths and the command of one of its jobs."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    command: str


def rules_of_stages(root: Path) -> dict[str, list[str]]:
    """For each stage, which is a file with rules, from first to last, those in it that make something."""
    included = re.findall(r'^include: "(workflow/rules/(\w+)\.smk)"', (root / "Snakefile").read_text(), re.MULTILINE)
    found = {stage: _makers((root / path).read_text()) for path, stage in included}
    return {stage: makers for stage, makers in found.items() if makers}


def _makers(text: str) -> list[str]:
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    named = ((re.match(r"(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:", block), block) for block in blocks)
    return [match[1] for match, block in named if match and re.search("^use |^ +output:", block, re.MULTILINE)]


def plans(root: Path, contents: list[dict]) -> list[list[Job]]:
    """The jobs of whole runs with several contents of params.yaml, planned side by side.

    Raises:
        SystemExit: Snakemake finds a mistake, with its own words.
    """
    with tempfile.TemporaryDirectory() as scratch:
        running = [_start(root, Path(scratch) / str(i), content) for i, content in enumerate(contents)]
        said = [process.communicate() for process in running]
    for process, (_, errors) in zip(running, said, strict=True):
        if process.returncode:
            raise SystemExit(f"Snakemake cannot plan a run:\n{errors}")
    return [[Job(rule, tuple(i), tuple(o), command) for rule, i, o, command in json.loads(found)] for found, _ in said]


def _start(root: Path, folder: Path, content: dict) -> subprocess.Popen:
    folder.mkdir()
    for name in ("src", "baseline.json"):  # inputs of rules
        (folder / name).symlink_to(root / name)
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    command = [sys.executable, __file__, "--snakefile", root / "Snakefile", "--cores", "1", "--dry-run", "--forceall"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _print_jobs(arguments: list[str]) -> None:
    """Run Snakemake with `arguments` and print the jobs that it reports as JSON."""
    from snakemake.cli import main
    from snakemake.logging import logger
    from snakemake_interface_logger_plugins.common import LogEvent

    jobs = []

    def keep(record) -> bool:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            jobs.append((record.rule_name, list(record.input), list(record.output), record.shellcmd))
        return getattr(record, "event", None) == LogEvent.ERROR or record.levelname == "ERROR"

    logger.addFilter(keep)  # Snakemake replaces handlers that it finds, but no filters
    try:
        main(arguments)
    except SystemExit as end:
        if end.code:
            raise
    print(json.dumps(jobs))


if __name__ == "__main__":
    _print_jobs(sys.argv[1:])

"""The workflow on a real cluster of one node: the files of a local run, whatever ends a job or a run."""

import pytest

from contraflow.devices import job_cores

# As many cores a job as locally, so that the last digits are the same; and looks at them as often as can be.
SNAKEMAKE = (
    f"snakemake --profile profiles/slurm --default-resources cpus_per_task={job_cores()} runtime=60 "
    "--slurm-init-seconds-before-status-checks 1"
)


@pytest.fixture(scope="module")
def on_slurm(slurm):
    return f"{slurm.exports} {SNAKEMAKE}"


def test_short(tmp_path_factory, new_repository, on_slurm, slurm):
    local, there = (new_repository(tmp_path_factory.mktemp(name)) for name in ("local", "slurm"))
    local.run("snakemake pretrain")
    said = there.run(f"{on_slurm} --retries 0 pretrain 2>&1")
    print(said)
    assert [job[2] for job in slurm.jobs("all")] == ["rule_encode_images", "rule_pretrain_seed_wildcards_0"]
    assert there.results() == local.results()

# The workflow at a glance. A stage has one name: of a target rule, a stage in dvc.yaml, a file in workflow/rules:
#
#   fetch -> encode -> pretrain -> mine -> evaluate -> report
#
#   snakemake --cores 8 --resources gpu=4      everything
#   snakemake --cores 8 pretrain               a stage and what it needs
#
# Parameters are in params.yaml; workflow/rules/common.smk checks them before any job starts.
#
# `snakemake --lint` asks every rule for a conda environment or a container. There is none on purpose: requirements.lock
# pins one environment for Snakemake, DVC and all steps, and a second one would be a second truth.

from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/mine.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/engines.smk"


rule all:
    default_target: True
    input:
        rules.report.input,

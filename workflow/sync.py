"""Keep the workflow's files in line: Snakefile, workflow/rules, dvc.yaml, params.yaml, settings and imports of steps.

python workflow/sync.py          say what differs, a line each; exit 1 if anything does
python workflow/sync.py --fix    write what follows from the rest: in dvc.yaml deps, params and cmd, in params.yaml
                                 all but the values
"""

import sys

import yaml
from drift import ROOT, Difference, parameters, parameters_file, stages
from drift.code import Code
from drift.plan import rules_of_stages
from ruamel.yaml import YAML


def differences(content: dict, params: dict) -> list[Difference]:
    """All differences; those that follow from the rest are put right in `content`, that of dvc.yaml."""
    of_stage, specs = rules_of_stages(ROOT), content["stages"]
    names = [name for name in specs if name in of_stage]
    jobs, by_workflow = parameters.plan_and_reads(
        ROOT, params, {rule: name for name, rules in of_stage.items() for rule in rules}
    )
    jobs_of = {name: [job for job in jobs if job.rule in of_stage[name]] for name in names}
    code = Code(ROOT)
    reads = {
        name: {key for job in jobs_of[name] for path in job.inputs for key in code.reads(path)}
        | {key for key, readers in by_workflow.items() if name in readers}
        for name in names
    }
    found = [
        *parameters.unread(params, reads),
        *stages.rules(specs, of_stage, jobs),
        *stages.outputs(specs, jobs_of),
    ]
    for name in names:
        found += stages.command(name, specs[name], of_stage[name])
        found += stages.steps(name, jobs_of[name], code)
        found += stages.dependencies(name, specs, jobs_of[name], code, reads[name])
        found += stages.parameters(name, specs[name], reads[name])
    return found


def main() -> None:
    round_trip = YAML()
    round_trip.width = 4096  # never fold a command
    file = ROOT / "dvc.yaml"
    content = round_trip.load(file)
    params = ROOT / "params.yaml"
    text, found = parameters_file.written(params.read_text(encoding="utf-8"))
    if all(derived for _, derived in found):  # else Snakemake refuses to plan
        found += differences(content, yaml.safe_load(text))
    fix = "--fix" in sys.argv
    for says, derived in found:
        print(f"{says} ({'written' if fix else '--fix does'})" if derived else says)
    if fix and any(derived for _, derived in found):
        round_trip.dump(content, file)
        params.write_text(text, encoding="utf-8")
    left = sum(not (fix and derived) for _, derived in found)
    if left:
        raise SystemExit("1 difference" if left == 1 else f"{left} differences")
    print("the workflow's files are in line")


if __name__ == "__main__":
    main()

rule report:
    input:
        "results/report.html",


rule write_report:
    input:
        rules.encode.input,
        code="src/contraflow/steps/report.py",
        metrics="results/metrics.json",
        curves="results/evaluate/curves.csv",
        baselines=rules.summarise_evaluations.input.baselines,
        encoders=rules.summarise_evaluations.input.encoders,
        features=expand("results/evaluate/encoder-seed{seed}.npz", seed=SEEDS),
        negatives=rules.summarise_evaluations.input.negatives,
        rounds=BY_ROUND,
        extras=rules.summarise_evaluations.input.extras,
        pinned="baseline.json",
    output:
        report("results/report.html", caption="../report/page.rst", category="Report", labels={"page": "report"}),
    log:
        "logs/report/page.log",
    benchmark:
        "logs/benchmarks/report/page.tsv"
    threads: ONE_CORE
    resources:
        mem_mb=4000,
    params:
        evaluations=lambda _, input: [
            f"--evaluation {path}" for path in input.baselines + input.encoders + input.features
        ],
        negatives=rules.summarise_evaluations.params.negatives,
        rounds=rules.summarise_evaluations.params.rounds,
        extras=rules.summarise_evaluations.params.extras,
    message:
        "Writing the report"
    shell:
        "contraflow report {params.evaluations} {params.negatives} {params.rounds} {params.extras} --data results/encode"
        " --metrics {input.metrics} --curves {input.curves} --baseline {input.pinned} --out {output} 2>&1 | tee {log}"

use rule summarise_mining as write_report with:
    input:
        "src/contraflow/steps/report.py",
        data=DATA,
        metrics="results/metrics.json",
        curves="results/evaluate/curves.csv",
        evaluations=rules.summarise_evaluations.input.evaluations,
        features=FEATURES,
        projection="results/evaluate/projection.npz",
        negatives=rules.summarise_evaluations.input.negatives,
        rounds=BY_ROUND,
        extras=EXTRAS,
        baseline="baseline.json",
    output:
        page=report("results/report.html", caption="../report/page.rst", category="Report", labels={"page": "report"}),
    pathvars:
        job="report/page",
    resources:
        mem_mb=4000,
    message:
        "Writing the report"


rule report:
    input:
        rules.write_report.output,

rule fetch:
    input:
        "results/fetch/source.json",


rule fetch_files:
    input:
        code="src/contraflow/steps/fetch.py",
    output:
        "results/fetch/source.json",
    log:
        "logs/fetch/files.log",
    benchmark:
        "logs/benchmarks/fetch/files.tsv"
    threads: ONE_CORE
    resources:
        mem_mb=1000,
    message:
        "Getting the files of the data set"
    shell:
        "contraflow fetch --out results/fetch 2>&1 | tee {log}"

rule fetch:
    input:
        "results/fetch/source.json",


rule fetch_files:
    input:
        "src/contraflow/steps/fetch.py",
    output:
        source="results/fetch/source.json",
    log:
        "logs/<job>.log",
    benchmark:
        "logs/benchmarks/<job>.tsv"
    pathvars:
        job="fetch/files",
    threads: ONE_CORE
    resources:
        mem_mb=1000,
    params:
        step="fetch",
        files=by_name,
    message:
        "Getting the files of the data set"
    shell:
        "contraflow {params.step} {params.files} 2>&1 | tee {log}"

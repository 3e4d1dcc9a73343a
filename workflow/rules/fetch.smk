rule fetch:
    input:
        "results/fetch/source.json",


rule fetch_files:
    input:
        "src/contraflow/steps/fetch.py",
    output:
        source="results/fetch/source.json",
    log:
        "logs/fetch/files.log",
    benchmark:
        "logs/benchmarks/fetch/files.tsv"
    threads: ONE_CORE
    resources:
        mem_mb=1000,
    params:
        files=by_name,
    message:
        "Getting the files of the data set"
    shell:
        "contraflow fetch {params.files} 2>&1 | tee {log}"

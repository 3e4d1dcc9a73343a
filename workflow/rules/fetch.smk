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
        call=call,
        options="",
    message:
        "Getting the files of the data set"
    shell:
        "contraflow {params.call} {params.options} --log {log} 2>&1 | tee {log}"


rule fetch:
    input:
        rules.fetch_files.output,

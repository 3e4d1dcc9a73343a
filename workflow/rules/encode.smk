rule encode:
    input:
        expand("results/encode/{file}", file=ENCODED),


rule encode_images:
    input:
        "src/contraflow/steps/encode.py",
        source="results/fetch/source.json",
    output:
        expand("results/encode/{file}", file=ENCODED[1:]),
        card="results/encode/card.json",
    log:
        "logs/encode/images.log",
    benchmark:
        "logs/benchmarks/encode/images.tsv"
    threads: GIVEN
    resources:
        mem_mb=4000,
    params:
        step="encode",
        files=by_name,
    message:
        "Writing the images to FFCV files"
    shell:
        "contraflow {params.step} {params.files} 2>&1 | tee {log}"

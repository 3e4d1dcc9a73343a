rule encode:
    input:
        expand(
            "results/encode/{file}", file=["train.beton", "test.beton", "validation.npy", "positions.npy", "card.json"]
        ),


rule encode_images:
    input:
        "results/fetch/source.json",
        code="src/contraflow/steps/encode.py",
    output:
        train="results/encode/train.beton",
        test="results/encode/test.beton",
        validation="results/encode/validation.npy",
        positions="results/encode/positions.npy",
        card="results/encode/card.json",
    log:
        "logs/encode/images.log",
    benchmark:
        "logs/benchmarks/encode/images.tsv"
    threads: GIVEN
    resources:
        mem_mb=4000,
    message:
        "Writing the images to FFCV files"
    shell:
        "contraflow encode --fetched results/fetch --out results/encode 2>&1 | tee {log}"

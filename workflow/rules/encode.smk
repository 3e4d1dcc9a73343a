rule encode:
    input:
        expand("results/encode/{file}", file=ENCODED),


use rule fetch_files as encode_images with:
    input:
        "src/contraflow/steps/encode.py",
        source="results/fetch/source.json",
    output:
        expand("results/encode/{file}", file=ENCODED[1:]),
        card="results/encode/card.json",
    pathvars:
        job="encode/images",
    threads: GIVEN
    resources:
        mem_mb=4000,
    message:
        "Writing the images to FFCV files"

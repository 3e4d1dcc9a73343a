use rule fetch_files as encode_images with:
    input:
        "src/contraflow/steps/encode.py",
        source="results/fetch/source.json",
    output:
        [f"{ENCODED}/{file}" for file in FILES],
        card=DATA,
    pathvars:
        job="encode/images",
    threads: GIVEN
    resources:
        mem_mb=4000,
    message:
        "Writing the images to FFCV files"


rule encode:
    input:
        rules.encode_images.output,

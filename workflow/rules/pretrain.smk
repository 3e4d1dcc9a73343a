rule pretrain_seed:
    input:
        "src/contraflow/steps/pretrain.py",
        data=DATA,
    output:
        encoder="results/<job>/encoder.safetensors",
        history="results/<job>/history.csv",
    log:
        "logs/<job>.log",
    benchmark:
        "logs/benchmarks/<job>.tsv"
    pathvars:
        job="pretrain/seed{seed}",
    threads: TRAINING
    resources:
        gpu=TRAINING_GPUS,
        mem_mb=8000,
    params:
        launch=launcher,
        call=call,
        options="--seed {seed}",
    message:
        "Pretraining with seed {wildcards.seed}"
    shell:
        "{params.launch}contraflow {params.call} {params.options} --threads {threads} --log {log} 2>&1 | tee {log}"


rule pretrain:
    input:
        expand(rules.pretrain_seed.output, seed=SEEDS),

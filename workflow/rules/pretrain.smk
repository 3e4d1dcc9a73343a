rule pretrain:
    input:
        expand("results/pretrain/seed{seed}/{file}", seed=SEEDS, file=["encoder.safetensors", "history.csv"]),


rule pretrain_seed:
    input:
        "src/contraflow/steps/pretrain.py",
        data=CARD,
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
        gpu=PARAMS.train.gpus,
        mem_mb=8000,
    params:
        step="pretrain --seed {seed}",
        files=by_name,
    message:
        "Pretraining with seed {wildcards.seed}"
    shell:
        "contraflow {params.step} {params.files} --threads {threads} 2>&1 | tee {log}"

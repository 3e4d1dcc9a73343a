rule pretrain:
    input:
        expand("results/pretrain/seed{seed}/{file}", seed=SEEDS, file=["encoder.safetensors", "history.csv"]),


rule pretrain_seed:
    input:
        rules.encode.input,
        code="src/contraflow/steps/pretrain.py",
    output:
        encoder="results/pretrain/seed{seed}/encoder.safetensors",
        history="results/pretrain/seed{seed}/history.csv",
    log:
        "logs/pretrain/seed{seed}.log",
    benchmark:
        "logs/benchmarks/pretrain/seed{seed}.tsv"
    threads: TRAINING
    resources:
        gpu=PARAMS.train.gpus,
        mem_mb=8000,
    message:
        "Pretraining with seed {wildcards.seed}"
    shell:
        "contraflow pretrain --seed {wildcards.seed} --data results/encode"
        " --out results/pretrain/seed{wildcards.seed} --threads {threads} 2>&1 | tee {log}"

SHARDS = range(PARAMS.mining.shards) if PARAMS.mining.shards > 1 else []


rule mine:
    input:
        "results/mine/summary.csv",
        expand("results/mine/seed{seed}/round{round}/shards/{shard}.npz", seed=SEEDS, round=ROUNDS, shard=SHARDS),
        expand(
            "results/mine/seed{seed}/round{round}/{file}",
            seed=SEEDS,
            round=ROUNDS,
            file=["negatives.npz", "encoder.safetensors", "history.csv"],
        ),


rule summarise_mining:
    input:
        code="src/contraflow/steps/mine/summarise_mining.py",
        encoders=rules.pretrain.input,
        negatives=expand("results/mine/seed{seed}/round{round}/negatives.npz", seed=SEEDS, round=ROUNDS),
    output:
        report(
            "results/mine/summary.csv", caption="../report/mining.rst", category="Tables", labels={"table": "mining"}
        ),
    log:
        "logs/mine/summary.log",
    benchmark:
        "logs/benchmarks/mine/summary.tsv"
    threads: ONE_CORE
    resources:
        mem_mb=1000,
    params:
        negatives=lambda _, input: [f"--negatives {path}" for path in input.negatives],
    message:
        "Summing up the mining rounds"
    shell:
        "contraflow summarise-mining {params.negatives} --out {output} 2>&1 | tee {log}"


rule mine_negatives:
    input:
        rules.encode.input,
        code="src/contraflow/steps/mine/mine.py",
        encoder=lambda w: f"{trained(w.seed, int(w.round) - 1)}/encoder.safetensors",
        shards=[f"results/mine/seed{{seed}}/round{{round}}/shards/{shard}.npz" for shard in SHARDS],
    output:
        "results/mine/seed{seed}/round{round}/negatives.npz",
    log:
        "logs/mine/seed{seed}.round{round}.log",
    benchmark:
        "logs/benchmarks/mine/seed{seed}.round{round}.tsv"
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        shards=lambda _, input: [f"--merge {path}" for path in input.shards],
    message:
        "Mining hard negatives: seed {wildcards.seed}, round {wildcards.round}"
    shell:
        "contraflow mine --encoder {input.encoder} {params.shards} --data results/encode --out {output}"
        " --threads {threads} 2>&1 | tee {log}"


rule mine_shard:
    input:
        rules.encode.input,
        code="src/contraflow/steps/mine/mine.py",
        encoder=rules.mine_negatives.input.encoder,
    output:
        "results/mine/seed{seed}/round{round}/shards/{shard}.npz",
    log:
        "logs/mine/seed{seed}.round{round}.shard{shard}.log",
    benchmark:
        "logs/benchmarks/mine/seed{seed}.round{round}.shard{shard}.tsv"
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    message:
        "Mining hard negatives: seed {wildcards.seed}, round {wildcards.round}, shard {wildcards.shard}"
    shell:
        "contraflow mine --shard {wildcards.shard} --encoder {input.encoder} --data results/encode --out {output}"
        " --threads {threads} 2>&1 | tee {log}"


rule train_mined:
    input:
        rules.encode.input,
        code="src/contraflow/steps/mine/train_mined.py",
        encoder=rules.mine_negatives.input.encoder,
        history=lambda w: f"{trained(w.seed, int(w.round) - 1)}/history.csv",
        negatives="results/mine/seed{seed}/round{round}/negatives.npz",
    output:
        encoder="results/mine/seed{seed}/round{round}/encoder.safetensors",
        history="results/mine/seed{seed}/round{round}/history.csv",
    log:
        "logs/mine/seed{seed}.round{round}.train.log",
    benchmark:
        "logs/benchmarks/mine/seed{seed}.round{round}.train.tsv"
    threads: TRAINING
    resources:
        gpu=PARAMS.train.gpus,
        mem_mb=8000,
    message:
        "Training with mined negatives: seed {wildcards.seed}, round {wildcards.round}"
    shell:
        "contraflow train-mined --encoder {input.encoder} --history {input.history} --negatives {input.negatives}"
        " --data results/encode --out results/mine/seed{wildcards.seed}/round{wildcards.round}"
        " --threads {threads} 2>&1 | tee {log}"

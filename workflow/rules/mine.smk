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
        "src/contraflow/steps/mine/summarise_mining.py",
        rules.pretrain.input,
        negatives=expand("results/mine/seed{seed}/round{round}/negatives.npz", seed=SEEDS, round=ROUNDS),
    output:
        summary=report(
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
        step="summarise-mining",
        files=by_name,
    message:
        "Summing up the mining rounds"
    shell:
        "contraflow {params.step} {params.files} 2>&1 | tee {log}"


rule mine_negatives:
    input:
        "src/contraflow/steps/mine/mine.py",
        data=CARD,
        encoder=lambda w: f"{trained(w.seed, int(w.round) - 1)}/encoder.safetensors",
        shards=[f"results/mine/seed{{seed}}/round{{round}}/shards/{shard}.npz" for shard in SHARDS],
    output:
        negatives="results/mine/seed{seed}/round{round}/negatives.npz",
    log:
        "logs/mine/seed{seed}.round{round}.log",
    benchmark:
        "logs/benchmarks/mine/seed{seed}.round{round}.tsv"
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        step="mine",
        files=by_name,
    message:
        "Mining hard negatives: seed {wildcards.seed}, round {wildcards.round}"
    shell:
        "contraflow {params.step} {params.files} --threads {threads} 2>&1 | tee {log}"


use rule mine_negatives as mine_shard with:
    input:
        "src/contraflow/steps/mine/mine.py",
        data=CARD,
        encoder=rules.mine_negatives.input.encoder,
    output:
        negatives="results/mine/seed{seed}/round{round}/shards/{shard}.npz",
    log:
        "logs/mine/seed{seed}.round{round}.shard{shard}.log",
    benchmark:
        "logs/benchmarks/mine/seed{seed}.round{round}.shard{shard}.tsv"
    params:
        step="mine --shard {shard}",
    message:
        "Mining hard negatives: seed {wildcards.seed}, round {wildcards.round}, shard {wildcards.shard}"


use rule pretrain_seed as train_mined with:
    input:
        "src/contraflow/steps/mine/train_mined.py",
        data=CARD,
        start=rules.mine_negatives.input.encoder,
        before=lambda w: f"{trained(w.seed, int(w.round) - 1)}/history.csv",
        negatives="results/mine/seed{seed}/round{round}/negatives.npz",
    output:
        encoder="results/mine/seed{seed}/round{round}/encoder.safetensors",
        history="results/mine/seed{seed}/round{round}/history.csv",
    log:
        "logs/mine/seed{seed}.round{round}.train.log",
    benchmark:
        "logs/benchmarks/mine/seed{seed}.round{round}.train.tsv"
    params:
        step="train-mined",
    message:
        "Training with mined negatives: seed {wildcards.seed}, round {wildcards.round}"

SHARDS = range(PARAMS.mining.shards) if PARAMS.mining.shards > 1 else []


use rule fetch_files as summarise_mining with:
    input:
        "src/contraflow/steps/mine/summarise_mining.py",
        rules.pretrain.input,
        negatives=expand("results/mine/seed{seed}/round{round}/negatives.npz", seed=SEEDS, round=ROUNDS),
    output:
        summary=report(
            "results/mine/summary.csv", caption="../report/mining.rst", category="Tables", labels={"table": "mining"}
        ),
    pathvars:
        job="mine/summary",
    message:
        "Summing up the mining rounds"


use rule pretrain_seed as mine_negatives with:
    input:
        "src/contraflow/steps/mine/mine.py",
        data=DATA,
        encoder=lambda w: f"{trained(w.seed, int(w.round) - 1)}/encoder.safetensors",
        shards=[f"results/mine/seed{{seed}}/round{{round}}/shards/{shard}.npz" for shard in SHARDS],
    output:
        negatives="results/mine/seed{seed}/round{round}/negatives.npz",
    pathvars:
        job="mine/seed{seed}.round{round}",
    threads: ONE_GPU
    resources:
        gpu=MEASURING_GPUS,
        mem_mb=8000,
    params:
        options="",
    message:
        "Mining hard negatives: seed {wildcards.seed}, round {wildcards.round}"


use rule mine_negatives as mine_shard with:
    input:
        "src/contraflow/steps/mine/mine.py",
        data=DATA,
        encoder=rules.mine_negatives.input.encoder,
    output:
        negatives="results/mine/seed{seed}/round{round}/shards/{shard}.npz",
    pathvars:
        job="mine/seed{seed}.round{round}.shard{shard}",
    params:
        options="--shard {shard}",
    message:
        "Mining hard negatives: seed {wildcards.seed}, round {wildcards.round}, shard {wildcards.shard}"


use rule pretrain_seed as train_mined with:
    input:
        "src/contraflow/steps/mine/train_mined.py",
        data=DATA,
        start=rules.mine_negatives.input.encoder,
        before=lambda w: f"{trained(w.seed, int(w.round) - 1)}/history.csv",
        negatives="results/mine/seed{seed}/round{round}/negatives.npz",
    output:
        encoder="results/mine/seed{seed}/round{round}/encoder.safetensors",
        history="results/mine/seed{seed}/round{round}/history.csv",
    pathvars:
        job="mine/seed{seed}.round{round}.train",
    params:
        options="",
    message:
        "Training with mined negatives: seed {wildcards.seed}, round {wildcards.round}"


use rule pretrain_seed as train_control with:
    input:
        "src/contraflow/steps/mine/train_control.py",
        data=DATA,
        start=lambda w: f"{trained(w.seed, int(w.round) - 1, 'mine/control')}/encoder.safetensors",
        before=lambda w: f"{trained(w.seed, int(w.round) - 1, 'mine/control')}/history.csv",
    pathvars:
        job="mine/control/seed{seed}/round{round}",
    params:
        options="",
    message:
        "Training with random batches, as the control: seed {wildcards.seed}, round {wildcards.round}"


rule mine:
    input:
        rules.summarise_mining.output,
        expand(rules.mine_shard.output, seed=SEEDS, round=ROUNDS, shard=SHARDS),
        expand([*rules.mine_negatives.output, *rules.train_mined.output], seed=SEEDS, round=ROUNDS),
        expand(rules.train_control.output, seed=CONTROLLED, round=ROUNDS),

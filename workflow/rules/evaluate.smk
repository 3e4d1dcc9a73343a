CEILING = SEEDS if PARAMS.eval.supervised else []
BASELINES = [
    "raw_pixels",
    "pca_pixels",
    *expand("untrained-seed{seed}", seed=SEEDS),
    *expand("supervised-seed{seed}", seed=CEILING),
]
REPRESENTATIONS = [
    "raw_pixels",
    *expand("{kind}-seed{seed}", kind=["untrained", "encoder"], seed=SEEDS),
    *expand("supervised-seed{seed}", seed=CEILING),
]
TRANSFER = expand(
    "results/evaluate/transfer/data/{file}",
    file=["train.beton", "test.beton", "validation.npy", "positions.npy", "card.json"],
)
EXTRAS = [
    *expand("results/evaluate/corruptions/{name}.json", name=REPRESENTATIONS if PARAMS.eval.corruptions else []),
    *expand("results/evaluate/transfer/{name}.json", name=REPRESENTATIONS if PARAMS.eval.transfer.name else []),
    *expand(
        "results/evaluate/fine_tune/{name}-seed{seed}.json",
        name=["encoder", "untrained"],
        seed=SEEDS if PARAMS.eval.fine_tune.share else [],
    ),
]
BY_ROUND = expand("results/evaluate/rounds-seed{seed}.json", seed=SEEDS if ROUNDS else [])


rule evaluate:
    input:
        "results/metrics.json",
        "results/evaluate/curves.csv",
        "results/evaluate/confusion.csv",
        expand("results/evaluate/{baseline}.json", baseline=BASELINES),
        expand("results/evaluate/encoder-seed{seed}.{kind}", seed=SEEDS, kind=["json", "npz"]),
        BY_ROUND,
        EXTRAS,
        TRANSFER if PARAMS.eval.transfer.name else [],
        expand(
            "results/evaluate/supervised/seed{seed}/{file}", seed=CEILING, file=["encoder.safetensors", "history.csv"]
        ),


rule summarise_evaluations:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/summarise.py",
        baselines=expand("results/evaluate/{baseline}.json", baseline=BASELINES),
        encoders=expand("results/evaluate/encoder-seed{seed}.json", seed=SEEDS),
        histories=[f"{trained(seed, number)}/history.csv" for seed in SEEDS for number in [0, *ROUNDS]],
        negatives=rules.summarise_mining.input.negatives,
        rounds=BY_ROUND,
        extras=EXTRAS,
        mining="results/mine/summary.csv",
    output:
        metrics=report(
            "results/metrics.json", caption="../report/metrics.rst", category="Tables", labels={"table": "summary"}
        ),
        curves=report(
            "results/evaluate/curves.csv",
            caption="../report/curves.rst",
            category="Tables",
            labels={"table": "training"},
        ),
        confusion="results/evaluate/confusion.csv",
    log:
        "logs/evaluate/summary.log",
    benchmark:
        "logs/benchmarks/evaluate/summary.tsv"
    threads: ONE_CORE
    resources:
        mem_mb=2000,
    params:
        evaluations=lambda _, input: [f"--evaluation {path}" for path in input.baselines + input.encoders],
        histories=lambda _, input: [f"--history {path}" for path in input.histories],
        negatives=lambda _, input: [f"--negatives {path}" for path in input.negatives],
        rounds=lambda _, input: [f"--rounds {path}" for path in input.rounds],
        extras=lambda _, input: [f"--extra {path}" for path in input.extras],
    message:
        "Summing up the evaluations"
    shell:
        "contraflow summarise {params.evaluations} {params.histories} {params.negatives} {params.rounds} {params.extras}"
        " --data results/encode --metrics {output.metrics} --curves {output.curves} --confusion {output.confusion} 2>&1 | tee {log}"


rule evaluate_pixels:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/evaluate.py",
    output:
        raw="results/evaluate/raw_pixels.json",
        pca="results/evaluate/pca_pixels.json",
    log:
        "logs/evaluate/pixels.log",
    benchmark:
        "logs/benchmarks/evaluate/pixels.tsv"
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    message:
        "Evaluating the pixels and their principal components"
    shell:
        "contraflow evaluate --representation raw_pixels --data results/encode"
        " --out {output.raw} --threads {threads} 2>&1 | tee {log}"


rule evaluate_untrained:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/evaluate.py",
    output:
        "results/evaluate/untrained-seed{seed}.json",
    log:
        "logs/evaluate/untrained-seed{seed}.log",
    benchmark:
        "logs/benchmarks/evaluate/untrained-seed{seed}.tsv"
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    message:
        "Evaluating the untrained encoder of seed {wildcards.seed}"
    shell:
        "contraflow evaluate --representation untrained-seed{wildcards.seed} --data results/encode"
        " --out {output} --threads {threads} 2>&1 | tee {log}"


rule evaluate_encoder:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/evaluate.py",
        checkpoint=lambda w: f"{trained(w.seed, PARAMS.mining.rounds)}/encoder.safetensors",
    output:
        evaluation="results/evaluate/encoder-seed{seed}.json",
        features="results/evaluate/encoder-seed{seed}.npz",
    log:
        "logs/evaluate/encoder-seed{seed}.log",
    benchmark:
        "logs/benchmarks/evaluate/encoder-seed{seed}.tsv"
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    message:
        "Evaluating the encoder of seed {wildcards.seed}"
    shell:
        "contraflow evaluate --representation encoder-seed{wildcards.seed} --checkpoint {input.checkpoint}"
        " --data results/encode --out {output.evaluation} --threads {threads} 2>&1 | tee {log}"


rule evaluate_rounds:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/evaluate_rounds.py",
        checkpoints=lambda w: [f"{trained(w.seed, number)}/encoder.safetensors" for number in [0, *ROUNDS]],
    output:
        "results/evaluate/rounds-seed{seed}.json",
    log:
        "logs/evaluate/rounds-seed{seed}.log",
    benchmark:
        "logs/benchmarks/evaluate/rounds-seed{seed}.tsv"
    threads: TRAINING
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        checkpoints=lambda _, input: [f"--checkpoint {path}" for path in input.checkpoints],
    message:
        "Evaluating every round of seed {wildcards.seed}"
    shell:
        "contraflow evaluate-rounds {params.checkpoints} --data results/encode --out {output}"
        " --threads {threads} 2>&1 | tee {log}"


rule train_supervised:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/train_supervised.py",
    output:
        encoder="results/evaluate/supervised/seed{seed}/encoder.safetensors",
        history="results/evaluate/supervised/seed{seed}/history.csv",
    log:
        "logs/evaluate/supervised/seed{seed}.log",
    benchmark:
        "logs/benchmarks/evaluate/supervised/seed{seed}.tsv"
    threads: TRAINING
    resources:
        gpu=PARAMS.train.gpus,
        mem_mb=8000,
    message:
        "Training with all labels, as the ceiling: seed {wildcards.seed}"
    shell:
        "contraflow train-supervised --seed {wildcards.seed} --data results/encode"
        " --out results/evaluate/supervised/seed{wildcards.seed} --threads {threads} 2>&1 | tee {log}"


rule evaluate_supervised:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/evaluate.py",
        checkpoint="results/evaluate/supervised/seed{seed}/encoder.safetensors",
    output:
        "results/evaluate/supervised-seed{seed}.json",
    log:
        "logs/evaluate/supervised-seed{seed}.log",
    benchmark:
        "logs/benchmarks/evaluate/supervised-seed{seed}.tsv"
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    message:
        "Evaluating the supervised encoder of seed {wildcards.seed}"
    shell:
        "contraflow evaluate --representation supervised-seed{wildcards.seed} --checkpoint {input.checkpoint}"
        " --data results/encode --out {output} --threads {threads} 2>&1 | tee {log}"


rule evaluate_corruptions:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/evaluate_corruptions.py",
        checkpoint=measured_checkpoint,
    output:
        "results/evaluate/corruptions/{representation}.json",
    log:
        "logs/evaluate/corruptions/{representation}.log",
    benchmark:
        "logs/benchmarks/evaluate/corruptions/{representation}.tsv"
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        checkpoint=checkpoint_option,
    message:
        "Evaluating {wildcards.representation} on corrupted images"
    shell:
        "contraflow evaluate-corruptions --representation {wildcards.representation} {params.checkpoint}"
        " --data results/encode --out {output} --threads {threads} 2>&1 | tee {log}"


rule encode_transfer:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/encode_transfer.py",
    output:
        TRANSFER,
    log:
        "logs/evaluate/transfer/images.log",
    benchmark:
        "logs/benchmarks/evaluate/transfer/images.tsv"
    threads: GIVEN
    resources:
        mem_mb=4000,
    message:
        "Getting and encoding the data set to transfer to"
    shell:
        "contraflow encode-transfer --data results/encode --out results/evaluate/transfer/data 2>&1 | tee {log}"


rule evaluate_transfer:
    input:
        rules.encode.input,
        TRANSFER,
        code="src/contraflow/steps/evaluate/evaluate_transfer.py",
        checkpoint=measured_checkpoint,
    output:
        "results/evaluate/transfer/{representation}.json",
    log:
        "logs/evaluate/transfer/{representation}.log",
    benchmark:
        "logs/benchmarks/evaluate/transfer/{representation}.tsv"
    wildcard_constraints:
        representation="[^/]+",
    threads: ONE_GPU
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        checkpoint=checkpoint_option,
    message:
        "Evaluating {wildcards.representation} on another data set"
    shell:
        "contraflow evaluate-transfer --representation {wildcards.representation} {params.checkpoint}"
        " --data results/encode --transfer results/evaluate/transfer/data"
        " --out {output} --threads {threads} 2>&1 | tee {log}"


rule fine_tune:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate/fine_tune.py",
        checkpoint=measured_checkpoint,
    output:
        "results/evaluate/fine_tune/{representation}.json",
    log:
        "logs/evaluate/fine_tune/{representation}.log",
    benchmark:
        "logs/benchmarks/evaluate/fine_tune/{representation}.tsv"
    threads: TRAINING
    resources:
        gpu=PARAMS.train.gpus,
        mem_mb=8000,
    params:
        checkpoint=checkpoint_option,
    message:
        "Fine-tuning {wildcards.representation}"
    shell:
        "contraflow fine-tune --representation {wildcards.representation} {params.checkpoint}"
        " --data results/encode --out {output} --threads {threads} 2>&1 | tee {log}"

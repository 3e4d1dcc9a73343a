BASELINES = ["raw_pixels", "pca_pixels", *expand("untrained-seed{seed}", seed=SEEDS)]
BY_ROUND = expand("results/evaluate/rounds-seed{seed}.json", seed=SEEDS if ROUNDS else [])


rule evaluate:
    input:
        "results/metrics.json",
        "results/evaluate/curves.csv",
        "results/evaluate/confusion.csv",
        expand("results/evaluate/{baseline}.json", baseline=BASELINES),
        expand("results/evaluate/encoder-seed{seed}.{kind}", seed=SEEDS, kind=["json", "npz"]),
        BY_ROUND,


rule summarise_evaluations:
    input:
        rules.encode.input,
        code="src/contraflow/steps/summarise.py",
        baselines=expand("results/evaluate/{baseline}.json", baseline=BASELINES),
        encoders=expand("results/evaluate/encoder-seed{seed}.json", seed=SEEDS),
        histories=[f"{trained(seed, number)}/history.csv" for seed in SEEDS for number in [0, *ROUNDS]],
        negatives=rules.summarise_mining.input.negatives,
        rounds=BY_ROUND,
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
    message:
        "Summing up the evaluations"
    shell:
        "contraflow summarise {params.evaluations} {params.histories} {params.negatives} {params.rounds} --data results/encode"
        " --metrics {output.metrics} --curves {output.curves} --confusion {output.confusion} 2>&1 | tee {log}"


rule evaluate_pixels:
    input:
        rules.encode.input,
        code="src/contraflow/steps/evaluate.py",
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
        code="src/contraflow/steps/evaluate.py",
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
        code="src/contraflow/steps/evaluate.py",
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
        code="src/contraflow/steps/evaluate_rounds.py",
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

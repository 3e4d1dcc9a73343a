ENCODERS = expand("encoder-seed{seed}", seed=SEEDS)
UNTRAINED = expand("untrained-seed{seed}", seed=SEEDS)
CEILING = SEEDS if PARAMS.eval.supervised else []
SUPERVISED = expand("supervised-seed{seed}", seed=CEILING)
CONTROLS = expand("control-seed{seed}", seed=CONTROLLED)
BASELINES = ["raw_pixels", "pca_pixels", *UNTRAINED, *CONTROLS, *SUPERVISED]
REPRESENTATIONS = ["raw_pixels", *UNTRAINED, *ENCODERS, *CONTROLS, *SUPERVISED]
FIGURES = expand("results/evaluate/{representation}.json", representation=[*BASELINES, *ENCODERS])
FEATURES = expand("results/evaluate/{encoder}.npz", encoder=ENCODERS)
BY_ROUND = expand("results/evaluate/rounds-seed{seed}.json", seed=SEEDS if ROUNDS else [])
TRANSFER = "results/evaluate/transfer/data"
ASKED = {
    "corruptions": REPRESENTATIONS if PARAMS.eval.corruptions else [],
    "transfer": REPRESENTATIONS if PARAMS.eval.transfer.name else [],
    "captions": [*ENCODERS, *UNTRAINED, *CONTROLS, "raw_pixels", "chance"] if PARAMS.eval.captions else [],
    "sts": [*ENCODERS, *UNTRAINED, *CONTROLS, "raw_pixels"] if named(PARAMS.eval.sts) else [],
    "fine_tune": [*ENCODERS, *UNTRAINED] if PARAMS.eval.fine_tune.share else [],
}
EXTRAS = [f"results/evaluate/{kind}/{name}.json" for kind, names in ASKED.items() for name in names]


use rule summarise_mining as summarise_evaluations with:
    input:
        "src/contraflow/steps/evaluate/summarise.py",
        "results/mine/summary.csv",
        data=DATA,
        evaluations=FIGURES,
        histories=[f"{trained(seed, number)}/history.csv" for seed in SEEDS for number in [0, *ROUNDS]],
        negatives=rules.summarise_mining.input.negatives,
        rounds=BY_ROUND,
        extras=EXTRAS,
        features=FEATURES[0],
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
        projection="results/evaluate/projection.npz",
    pathvars:
        job="evaluate/summary",
    resources:
        mem_mb=2000,
    message:
        "Summing up the evaluations"


use rule mine_negatives as evaluate_pixels with:
    input:
        "src/contraflow/steps/evaluate/evaluate.py",
        data=DATA,
    output:
        figures="results/evaluate/raw_pixels.json",
        components="results/evaluate/pca_pixels.json",
    pathvars:
        job="evaluate/pixels",
    params:
        options="--representation raw_pixels",
    message:
        "Evaluating the pixels and their principal components"


use rule evaluate_pixels as evaluate_encoder with:
    input:
        "src/contraflow/steps/evaluate/evaluate.py",
        data=DATA,
        checkpoint=measured_checkpoint,
    output:
        figures="results/evaluate/{representation}.json",
        features="results/evaluate/{representation}.npz",
    pathvars:
        job="evaluate/{representation}",
    wildcard_constraints:
        representation=r"encoder-seed\d+",
    params:
        options="--representation {representation}",
    message:
        "Evaluating {wildcards.representation}"


use rule evaluate_encoder as evaluate_untrained with:
    output:
        figures="results/evaluate/{representation}.json",
    wildcard_constraints:
        representation=r"untrained-seed\d+",


use rule evaluate_encoder as evaluate_control with:
    output:
        figures="results/evaluate/{representation}.json",
    wildcard_constraints:
        representation=r"control-seed\d+",


use rule evaluate_encoder as evaluate_supervised with:
    output:
        figures="results/evaluate/{representation}.json",
    wildcard_constraints:
        representation=r"supervised-seed\d+",


use rule evaluate_pixels as evaluate_rounds with:
    input:
        "src/contraflow/steps/evaluate/evaluate_rounds.py",
        data=DATA,
        checkpoints=lambda w: [f"{trained(w.seed, number)}/encoder.safetensors" for number in [0, *ROUNDS]],
    output:
        figures="results/<job>.json",
    pathvars:
        job="evaluate/rounds-seed{seed}",
    threads: TRAINING
    params:
        options="",
    message:
        "Evaluating every round of seed {wildcards.seed}"


use rule pretrain_seed as train_supervised with:
    input:
        "src/contraflow/steps/evaluate/train_supervised.py",
        data=DATA,
    pathvars:
        job="evaluate/supervised/seed{seed}",
    params:
        options="--seed {seed}",
    message:
        "Training with all labels, as the ceiling: seed {wildcards.seed}"


use rule evaluate_rounds as evaluate_corruptions with:
    input:
        "src/contraflow/steps/evaluate/evaluate_corruptions.py",
        data=DATA,
        checkpoint=measured_checkpoint,
    pathvars:
        job="evaluate/corruptions/{representation}",
    threads: ONE_GPU
    params:
        options="--representation {representation}",
    message:
        "Evaluating {wildcards.representation} on corrupted images"


use rule evaluate_corruptions as evaluate_captions with:
    input:
        "src/contraflow/steps/evaluate/evaluate_captions.py",
        data=DATA,
        checkpoint=measured_checkpoint,
    pathvars:
        job="evaluate/captions/{representation}",
    params:
        options="--representation {representation}",
    message:
        "Evaluating {wildcards.representation} between images and texts"


use rule evaluate_corruptions as evaluate_sts with:
    input:
        "src/contraflow/steps/evaluate/evaluate_sts.py",
        data=DATA,
        checkpoint=measured_checkpoint,
    pathvars:
        job="evaluate/sts/{representation}",
    params:
        options="--representation {representation}",
    message:
        "Evaluating {wildcards.representation} on texts that people have scored"


use rule encode_images as encode_transfer with:
    input:
        "src/contraflow/steps/evaluate/encode_transfer.py",
        data=DATA,
    output:
        [f"{TRANSFER}/{file}" for file in FILES],
        card=f"{TRANSFER}/{CARD}",
    pathvars:
        job="evaluate/transfer/images",
    message:
        "Getting and encoding the data set to transfer to"


use rule evaluate_corruptions as evaluate_transfer with:
    input:
        "src/contraflow/steps/evaluate/evaluate_transfer.py",
        data=DATA,
        transfer=f"{TRANSFER}/{CARD}",
        checkpoint=measured_checkpoint,
    pathvars:
        job="evaluate/transfer/{representation}",
    wildcard_constraints:
        representation="[^/]+",
    params:
        options="--representation {representation}",
    message:
        "Evaluating {wildcards.representation} on another data set"


use rule pretrain_seed as fine_tune with:
    input:
        "src/contraflow/steps/evaluate/fine_tune.py",
        data=DATA,
        checkpoint=measured_checkpoint,
    output:
        figures="results/evaluate/fine_tune/{representation}.json",
    pathvars:
        job="evaluate/fine_tune/{representation}",
    params:
        options="--representation {representation}",
    message:
        "Fine-tuning {wildcards.representation}"


rule evaluate:
    input:
        rules.summarise_evaluations.output,
        FIGURES,
        FEATURES,
        BY_ROUND,
        EXTRAS,
        rules.encode_transfer.output if PARAMS.eval.transfer.name else [],
        expand(rules.train_supervised.output, seed=CEILING),

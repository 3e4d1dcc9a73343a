"""The command line: each step of the workflow alone.

Modules of a step are imported when the step is called, so that `--help` is quick and a step pays for its own alone.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from contraflow.devices import cores
from contraflow.engines.alone import end_with_employer
from contraflow.engines.jobs import job
from contraflow.errors import UserError
from contraflow.evaluation.settings import Transfer
from contraflow.images.settings import Data
from contraflow.params import load_params

_typer = typer.Typer(
    help="Contrastive representation learning as a reproducible pipeline. `snakemake` runs all steps; these run one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ParamsFile = Annotated[Path, typer.Option("--params", help="Parameters of the run.")]
DataFolder = Annotated[Path, typer.Option("--data", help="Folder that `encode` wrote.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="CPU threads; never more than there are cores.")]
Encoder = Annotated[Path, typer.Option("--encoder", help="Checkpoint (.safetensors).")]
Negatives = Annotated[
    list[Path],
    typer.Option("--negatives", help="Table of mined negatives (.npz); may be repeated.", default_factory=list),
]
Extras = Annotated[
    list[Path],
    typer.Option("--extra", help="Result of an extra evaluation (.json); may be repeated.", default_factory=list),
]
Evaluations = Annotated[list[Path], typer.Option("--evaluation", help="Result of `evaluate` (.json); may be repeated.")]
Rounds = Annotated[
    list[Path],
    typer.Option("--rounds", help="Result of `evaluate-rounds` (.json); may be repeated.", default_factory=list),
]

Called = Annotated[
    str, typer.Option("--representation", help="raw_pixels, or untrained-, supervised- or encoder-seedN.")
]
Checkpoint = Annotated[Path | None, typer.Option("--checkpoint", help="Of what was trained (.safetensors).")]
Trained = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="Encoder (.safetensors); else the first seed's after its last round."),
]

Figures = Annotated[Path, typer.Option("--out", help="File to write (.json).")]
TrainingFolder = Annotated[Path, typer.Option("--out", help="Folder for the checkpoint and its history.")]

ALL_CORES = cores()
PARAMS = Path("params.yaml")
DATA = Path("results/encode")
CARD = "card.json"
TRANSFER = Path("results/evaluate/transfer/data")
ROUNDS = "mining.rounds"  # decides which encoder the workflow hands to a job of the stage evaluate
METRICS = Path("results/metrics.json")
CURVES = Path("results/evaluate/curves.csv")
BASELINE = Path("baseline.json")


def _threads(asked: int) -> int:
    return min(asked, cores())


@_typer.command()
def check(params: ParamsFile = PARAMS) -> None:
    """Check a parameter file."""
    load_params(params)
    print(f"{params} is right")


@_typer.command()
def fetch(out: Annotated[Path, typer.Option("--out")] = Path("results/fetch"), params: ParamsFile = PARAMS) -> None:
    """Get the files of the data set and check them."""
    from contraflow.steps.fetch import fetch

    settings = load_params(params)
    with job("fetch", settings, inputs=_images(settings.data), outputs=[out]):
        fetch(settings, out=out)


@_typer.command()
def encode(
    fetched: Annotated[Path, typer.Option("--fetched", help="Folder that `fetch` wrote.")] = Path("results/fetch"),
    out: Annotated[Path, typer.Option("--out")] = DATA,
    params: ParamsFile = PARAMS,
) -> None:
    """Write the images to FFCV files, with a data card."""
    from contraflow.steps.encode import encode

    settings = load_params(params)
    with job("encode", settings, inputs=[fetched / "source.json", *_images(settings.data)], outputs=[out]):
        encode(settings, fetched=fetched, out=out)


@_typer.command()
def pretrain(
    seed: Annotated[int, typer.Option("--seed", min=0)],
    out: TrainingFolder,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Train an encoder from random weights."""
    from contraflow.steps.pretrain import pretrain

    settings = load_params(params)
    with job("pretrain", settings, inputs=[data / CARD], outputs=_training_files(out)) as state:
        pretrain(settings, seed=seed, data=data, out=out, threads=_threads(threads), state=state)


@_typer.command()
def mine(
    encoder: Encoder,
    out: Annotated[Path, typer.Option("--out", help="Table to write (.npz).")],
    merge: Annotated[
        list[Path],
        typer.Option("--merge", help="Table of a shard; those of all are put together.", default_factory=list),
    ],
    data: DataFolder = DATA,
    shard: Annotated[
        int | None, typer.Option("--shard", min=0, help="Mine for this one of mining.shards shares of the images.")
    ] = None,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Find the hard negatives of every training image."""
    from contraflow.steps.mine.mine import merge_shards, mine

    settings = load_params(params)
    with job("mine", settings, inputs=[data / CARD, encoder, *merge], outputs=[out]):
        if merge:
            merge_shards(settings, shards=merge, encoder=encoder, data=data, out=out)
        else:
            mine(settings, encoder=encoder, data=data, out=out, threads=_threads(threads), shard=shard)


@_typer.command()
def train_mined(
    encoder: Encoder,
    history: Annotated[Path, typer.Option("--history", help="History of the encoder's training (.csv).")],
    negatives: Annotated[Path, typer.Option("--negatives", help="Table that `mine` wrote with this encoder.")],
    out: TrainingFolder,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Go on training with mined negatives."""
    from contraflow.steps.mine.train_mined import train_mined

    settings = load_params(params)
    inputs = [data / CARD, encoder, history, negatives]
    with job("mine", settings, inputs=inputs, outputs=_training_files(out)) as state:
        train_mined(
            settings,
            encoder=encoder,
            history=history,
            negatives=negatives,
            data=data,
            out=out,
            threads=_threads(threads),
            state=state,
        )


@_typer.command()
def summarise_mining(
    out: Annotated[Path, typer.Option("--out", help="Table to write (.csv).")],
    negatives: Negatives,
    params: ParamsFile = PARAMS,
) -> None:
    """Tabulate all mining rounds."""
    from contraflow.steps.mine.summarise_mining import summarise_mining

    with job("mine", load_params(params), inputs=negatives, outputs=[out], all_seeds=True):
        summarise_mining(negatives=negatives, out=out)


@_typer.command()
def evaluate(
    representation: Called,
    out: Figures,
    checkpoint: Checkpoint = None,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Measure one representation: linear probe, k-NN, alignment and uniformity."""
    from contraflow.steps.evaluate.evaluate import READS, evaluate_representation

    settings = load_params(params)
    inputs = _measured(data, checkpoint)
    beside = {"encoder": [out.with_suffix(".npz")], "raw_pixels": [out.with_name("pca_pixels.json")]}
    outputs = [out, *beside.get(representation.partition("-")[0], [])]
    with job("evaluate", settings, inputs=inputs, outputs=outputs, reads=(*READS, ROUNDS)):
        evaluate_representation(
            settings,
            representation=representation,
            data=data,
            checkpoint=checkpoint,
            out=out,
            threads=_threads(threads),
        )


@_typer.command()
def train_supervised(
    seed: Annotated[int, typer.Option("--seed", min=0)],
    out: TrainingFolder,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Train an encoder with labels, as a ceiling for the others."""
    from contraflow.steps.evaluate.train_supervised import READS, train_supervised

    settings = load_params(params)
    with job("evaluate", settings, inputs=[data / CARD], outputs=_training_files(out), reads=READS) as state:
        train_supervised(settings, seed=seed, data=data, out=out, threads=_threads(threads), state=state)


@_typer.command()
def evaluate_rounds(
    checkpoints: Annotated[list[Path], typer.Option("--checkpoint", help="Encoder of a round; may be repeated.")],
    out: Figures,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Measure the encoders of one seed after each round on validation images."""
    from contraflow.steps.evaluate.evaluate_rounds import READS, evaluate_rounds

    settings = load_params(params)
    with job("evaluate", settings, inputs=[data / CARD, *checkpoints], outputs=[out], reads=(*READS, ROUNDS)):
        evaluate_rounds(settings, checkpoints=checkpoints, data=data, out=out, threads=_threads(threads))


@_typer.command()
def evaluate_corruptions(
    representation: Called,
    out: Figures,
    checkpoint: Checkpoint = None,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Measure one representation by k-NN on corrupted test images."""
    from contraflow.steps.evaluate.evaluate_corruptions import READS, evaluate_corruptions

    settings = load_params(params)
    inputs = _measured(data, checkpoint)
    with job("evaluate", settings, inputs=inputs, outputs=[out], reads=(*READS, ROUNDS)):
        evaluate_corruptions(
            settings,
            representation=representation,
            data=data,
            checkpoint=checkpoint,
            out=out,
            threads=_threads(threads),
        )


@_typer.command()
def encode_transfer(
    out: Annotated[Path, typer.Option("--out")] = TRANSFER,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
) -> None:
    """Fetch the data set to transfer to, and write its images to FFCV files."""
    from contraflow.steps.evaluate.encode_transfer import READS, encode_transfer

    settings = load_params(params)
    with job("evaluate", settings, inputs=[data / CARD, *_images(settings.eval.transfer)], outputs=[out], reads=READS):
        encode_transfer(settings, data=data, out=out)


@_typer.command()
def evaluate_transfer(
    representation: Called,
    out: Figures,
    checkpoint: Checkpoint = None,
    transfer: Annotated[Path, typer.Option("--transfer", help="Folder that `encode-transfer` wrote.")] = TRANSFER,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Measure one representation by linear probe and k-NN on another data set."""
    from contraflow.steps.evaluate.evaluate_transfer import READS, evaluate_transfer

    settings = load_params(params)
    inputs = [*_measured(data, checkpoint), transfer / CARD]
    with job("evaluate", settings, inputs=inputs, outputs=[out], reads=(*READS, ROUNDS)):
        evaluate_transfer(
            settings,
            representation=representation,
            data=data,
            transfer=transfer,
            checkpoint=checkpoint,
            out=out,
            threads=_threads(threads),
        )


@_typer.command()
def fine_tune(
    representation: Called,
    out: Figures,
    checkpoint: Checkpoint = None,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
    threads: Threads = ALL_CORES,
) -> None:
    """Train an encoder on with few labels and measure it."""
    from contraflow.steps.evaluate.fine_tune import READS, fine_tune

    settings = load_params(params)
    inputs = _measured(data, checkpoint)
    with job("evaluate", settings, inputs=inputs, outputs=[out], reads=(*READS, ROUNDS)) as state:
        fine_tune(
            settings,
            representation=representation,
            data=data,
            checkpoint=checkpoint,
            out=out,
            threads=_threads(threads),
            state=state,
        )


@_typer.command()
def summarise(
    metrics: Annotated[Path, typer.Option("--metrics", help="Summary to write (.json).")],
    curves: Annotated[Path, typer.Option("--curves", help="Table of training curves to write (.csv).")],
    confusion: Annotated[
        Path, typer.Option("--confusion", help="Table of actual and predicted classes to write (.csv).")
    ],
    evaluations: Evaluations,
    histories: Annotated[list[Path], typer.Option("--history", help="Training history (.csv); may be repeated.")],
    negatives: Negatives,
    rounds: Rounds,
    extras: Extras,
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
) -> None:
    """Sum up all evaluations: means and spread over seeds."""
    from contraflow.steps.evaluate.summarise import summarise

    settings = load_params(params)
    inputs = [data / CARD, *evaluations, *histories, *negatives, *rounds, *extras]
    with job("evaluate", settings, inputs=inputs, outputs=[metrics, curves, confusion], all_seeds=True):
        summarise(
            settings,
            evaluations=evaluations,
            histories=histories,
            negatives=negatives,
            rounds=rounds,
            extras=extras,
            data=data,
            metrics=metrics,
            curves=curves,
            confusion=confusion,
        )


@_typer.command()
def report(
    evaluations: Evaluations,
    negatives: Negatives,
    rounds: Rounds,
    extras: Extras,
    metrics: Annotated[Path, typer.Option("--metrics", help="Summary that `summarise` wrote.")] = METRICS,
    curves: Annotated[Path, typer.Option("--curves", help="Training curves that `summarise` wrote.")] = CURVES,
    baseline: Annotated[Path, typer.Option("--baseline", help="What `contraflow baseline` wrote.")] = BASELINE,
    out: Annotated[Path, typer.Option("--out", help="Page to write (.html).")] = Path("results/report.html"),
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
) -> None:
    """Write the page that tells what came out."""
    from contraflow.steps.report import report

    settings = load_params(params)
    inputs = [data / CARD, metrics, curves, *evaluations, *negatives, *rounds, *extras, baseline]
    with job("report", settings, inputs=inputs, outputs=[out], all_seeds=True):
        report(
            settings,
            data=data,
            metrics=metrics,
            evaluations=evaluations,
            curves=curves,
            negatives=negatives,
            rounds=rounds,
            extras=extras,
            baseline=baseline,
            out=out,
        )


@_typer.command()
def export(
    checkpoint: Trained = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("results/export"),
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Write ONNX, too; needs the packages of the extra `onnx`.")
    ] = False,
    params: ParamsFile = PARAMS,
) -> None:
    """Write an encoder for use without contraflow."""
    from contraflow.commands.export import export

    export(checkpoint=checkpoint or _last_checkpoint(params), out=out, onnx=onnx)


@_typer.command()
def embed(
    folder: Annotated[Path, typer.Argument(help="Images, in class folders or not.")],
    checkpoint: Trained = None,
    out: Annotated[Path, typer.Option("--out", help="File to write (.npz).")] = Path("embeddings.npz"),
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out what cannot be read.")] = False,
    params: ParamsFile = PARAMS,
) -> None:
    """Write the features of all images in a folder."""
    from contraflow.commands.embed_folder import embed_folder

    embed_folder(folder, checkpoint=checkpoint or _last_checkpoint(params), out=out, skip_broken=skip_broken)


@_typer.command()
def search(
    images: Annotated[list[Path], typer.Argument(help="Picture files.")],
    checkpoint: Trained = None,
    k: Annotated[int, typer.Option("--k", min=1, help="Training images to show for each.")] = 24,
    out: Annotated[Path, typer.Option("--out", help="Page to write (.html).")] = Path("results/search.html"),
    data: DataFolder = DATA,
    params: ParamsFile = PARAMS,
) -> None:
    """Show the training images that are most like some images."""
    from contraflow.commands.search import search

    search(images, checkpoint=checkpoint or _last_checkpoint(params), data=data, k=k, out=out)


def _last_checkpoint(params: Path) -> Path:
    from contraflow.commands.trained import last_checkpoint

    return last_checkpoint(load_params(params))


@_typer.command()
def baseline(
    name: Annotated[
        str | None, typer.Option("--name", help="How reports shall call it; else the commit that is checked out.")
    ] = None,
    params: ParamsFile = PARAMS,
) -> None:
    """Pin the results: later reports say what changed against them."""
    from contraflow.commands.baseline import baseline

    pinned = baseline(load_params(params), root=Path(), name=name, out=BASELINE)
    print(f"{BASELINE} holds the figures of {pinned}: the next report says what changed")


@_typer.command()
def compare(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXP]...",
            help="Names of DVC experiments or commits, or `workspace`; the first is the baseline. One alone is "
            "compared with the present commit, none takes all experiments of it.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Page to write (.html).")] = Path("results/compare.html"),
) -> None:
    """Write a page that compares runs which DVC has recorded."""
    from contraflow.commands.compare import compare

    compare(experiments or [], root=Path(), out=out)
    print(out)


def _training_files(out: Path) -> list[Path]:
    return [out / "encoder.safetensors", out / "history.csv"]


def _measured(data: Path, checkpoint: Path | None) -> list[Path]:
    """What a representation is made from: the card of the data and, where it was trained, its checkpoint."""
    return [data / CARD, checkpoint] if checkpoint else [data / CARD]


def _images(data: Data | Transfer) -> list[Path]:
    """The user's own folder of images, where the parameters name one."""
    return [Path(data.path).expanduser()] if data.name == "folder" else []


def app() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit status 1, Ctrl-C in status 130."""
    end_with_employer()
    # Threads of OpenMP spin while they wait for each other: too long, and any other busy process takes most of their
    # speed; not at all, and they lose some even when alone.
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    try:
        _typer()
    except UserError as error:
        print(f"contraflow: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:  # unreadable or vanished; a full disk is named where the file is written
        print(f"contraflow: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(1) from None

"""Encoders of texts in Hugging Face's format, by `transformers`: a folder with `config.json`, `tokenizer.json` and
`model.safetensors`.

Nothing is asked of a hub, and no code of a folder is run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from contraflow.encoded.names import CONFIG, TOKENIZER
from contraflow.encoded.texts import exchanged
from contraflow.foundations.errors import UserError, few
from contraflow.foundations.record import Record
from contraflow.models.dropout import Dropout
from contraflow.models.settings import TextModel
from contraflow.models.text import OfRows, OfTexts, mean_of

WEIGHTS = "model.safetensors"
ADAPTER = "adapter_config.json"  # of peft
POOLING = "1_Pooling/config.json"  # of sentence-transformers
POOLED = {"mean_tokens": "mean", "mean": "mean", "cls_token": "cls", "cls": "cls"}  # by its words


class Architecture(Record):
    """What the network of a folder is, without its weights.

    Attributes:
        config: Its `config.json`.
        pooling: What makes an embedding of what it makes of tokens: `mean` of all, or that of the first (`cls`).
        filling: The token that fills up, as its tokenizer numbers it.
        ending: Tokens that end each text, as rows have them.
    """

    config: dict[str, Any]
    pooling: str
    filling: int
    ending: list[int]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """That of a folder.

        Raises:
            UserError: a file is missing or damaged, or asks for what is not done here.
        """
        from contraflow.encoded.tokens import ending_of, filling_of, read_config, read_tokenizer, vocabulary_size

        require_folder(folder)
        config, tokenizer = read_config(folder), read_tokenizer(folder)
        if "auto_map" in config:
            raise UserError(
                f"model.text.weights {folder} asks in {CONFIG} for code of its own (auto_map), which is not run"
            )
        if (folder / ADAPTER).exists():
            raise UserError(
                f"model.text.weights {folder} has an {ADAPTER}, by which weights would be read from elsewhere: merge "
                "the adapter into the model, or remove the file"
            )
        if (tokens := vocabulary_size(tokenizer)) > config.get("vocab_size", tokens):
            raise UserError(
                f"model.text.weights {folder} has a {TOKENIZER} of {tokens:,} tokens, but by its {CONFIG} "
                f"{config['vocab_size']:,} vectors"
            )
        return cls(config=config, pooling=_pooling(folder), filling=filling_of(tokenizer), ending=ending_of(tokenizer))


def require_folder(folder: Path) -> None:
    """Refuse `model.text.weights` where it is no folder of this format.

    Raises:
        UserError: it is none, or a file of it is not there.
    """
    files = (CONFIG, TOKENIZER, WEIGHTS)
    if missing := [name for name in files if not (folder / name).is_file()]:
        there = "where there is none" if not folder.is_dir() else f"which has no {' and no '.join(missing)}"
        raise UserError(f"model.text.weights must be a folder with {', '.join(files)}, got {folder}, {there}")


class FolderEncoder(OfTexts):
    """The network of `model.text.weights` with the pooling of its folder, and a linear layer to a dimension.

    Of its code each call of dropout, of attention, too, is one by keys, with the share `model.text.dropout`, whatever
    its configuration says; otherwise it is in evaluation mode and draws nothing. Of a text that is longer than
    `context` the tokens that end each text take the place of the last that are read.

    Args:
        settings: The section.
        dimension: D, of an embedding; None for what the network makes.
        architecture: Of a checkpoint, whose weights are to be filled in; None for the folder's, with its weights.

    Raises:
        UserError: transformers is not installed, or the folder is no fit one.
    """

    def __init__(self, settings: TextModel, dimension: int | None = None, architecture: Architecture | None = None):
        super().__init__(settings)
        self.architecture = architecture or Architecture.of(settings.pretrained)
        folder = None if architecture else settings.pretrained
        self.network = _network(self.architecture.config, folder, settings.context)
        width = self.network.config.hidden_size
        self.projection = nn.Linear(width, dimension, bias=False) if dimension else nn.Identity()
        self.dimension = dimension or width
        self.register_buffer("ending", torch.tensor(self.architecture.ending, dtype=torch.int64), persistent=False)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.network.eval()
        return self

    def embed(self, tokens: Tensor, padding: Tensor, drop: Dropout) -> Tensor:
        if (ends := len(self.ending)) and tokens.shape[1] == self.context:  # what is longer was cut to this
            ended = torch.cat([tokens[:, :-ends], self.ending.expand(len(tokens), -1)], 1)
            tokens = torch.where(padding[:, -1:], tokens, ended)
        with _Keyed(drop, self.context):
            numbers = exchanged(tokens, self.architecture.filling)
            made = self.network(input_ids=numbers, attention_mask=(~padding).long(), return_dict=True)
        x = made.last_hidden_state
        return self.projection(x[:, 0] if self.architecture.pooling == "cls" else mean_of(x, padding))


class FolderRows(OfRows, FolderEncoder):
    """The same of texts alone, to as many features as the network makes."""


class _Keyed(TorchFunctionMode):
    """Meanwhile dropout is by keys, whoever calls it: each call is a place of its own.

    Attention (N, H, T, T) is numbered by its first token, head and second token, of which there are `context` at most,
    all else (N, T, D) by its token: a text loses the same whatever it is filled up to.
    """

    def __init__(self, drop: Dropout, context: int):
        super().__init__()
        self.drop, self.context, self.place = drop, context, 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is not F.dropout:
            return function(*args, **(kwargs or {}))
        x, self.place = args[0], self.place + 1
        if x.ndim == 4:
            return self.drop(x.transpose(1, 2), self.place, longest=self.context).transpose(1, 2)
        return self.drop(x, self.place)


def _network(config: Mapping[str, Any], folder: Path | None, context: int) -> nn.Module:
    """What a configuration describes, with the weights of its folder, or random ones."""
    try:
        import transformers  # takes seconds
    except ImportError as error:
        raise UserError(
            f"model.text.weights needs transformers, which nothing else does ({error}): ./setup.sh text, or "
            "pip install -e '.[text]'"
        ) from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    kind = config.get("model_type")
    if kind not in transformers.CONFIG_MAPPING:
        raise UserError(f"model.text.weights {folder} must be of a kind that transformers knows, got model_type {kind}")
    positions = config.get("max_position_embeddings", context)
    if context > positions:
        raise UserError(
            f"model.text.context must be at most {positions}, of which {folder} has positions, got {context}"
        )
    how = {"attn_implementation": "eager", "dtype": torch.float32}  # that of torch drops what nobody sees
    try:
        described = transformers.CONFIG_MAPPING[kind].from_dict(dict(config))
        if folder is None:
            network = transformers.AutoModel.from_config(described, **how)
        else:
            network, found = transformers.AutoModel.from_pretrained(
                folder,
                config=described,
                local_files_only=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **how,
            )
            _require_fit(folder, network, found)
    except UserError:
        raise
    except Exception as error:  # each kind has its own way to refuse
        raise UserError(
            f"model.text.weights {folder} cannot be loaded ({type(error).__name__}: {' '.join(str(error).split())})"
        ) from None
    if getattr(network, "pooler", None) is not None:
        network.pooler = None  # of another training: no feature depends on it
    return network.eval()


def _require_fit(folder: Path, network: nn.Module, found: Mapping[str, Any]) -> None:
    """Refuse weights that are not all of the network, or of more layers; heads of other trainings may be there."""
    parts, prefix = {name for name, _ in network.named_children()}, f"{network.base_model_prefix}."
    more = [name for name in found["unexpected_keys"] if name.removeprefix(prefix).split(".")[0] in parts - {"pooler"}]
    wrong = {
        "missing": [name for name in found["missing_keys"] if not name.startswith("pooler.")],
        "unexpected": [name for name in more if not name.endswith("position_ids")],
        "of another shape": [each[0] for each in found["mismatched_keys"]],
    }
    if says := [f"{len(names)} {how} ({few(sorted(names))})" for how, names in wrong.items() if names]:
        raise UserError(
            f"model.text.weights {folder} has weights that do not fit its {CONFIG}: of their tensors {', '.join(says)}"
        )


def _pooling(folder: Path) -> str:
    from contraflow.encoded.tokens import read_part

    if not (folder / POOLING).is_file():
        return "mean"
    said, switch = read_part(folder, POOLING), "pooling_mode_"
    modes = [name.removeprefix(switch) for name, on in said.items() if name.startswith(switch) and on]
    mode = said.get("pooling_mode", " and ".join(modes))
    if mode not in POOLED:
        raise UserError(
            f"model.text.weights {folder} must pool by the mean of tokens or by the first one (cls), and does by "
            f"{mode or 'nothing'} in {POOLING}"
        )
    return POOLED[mode]

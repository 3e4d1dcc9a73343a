"""Texts as numbers: a vocabulary of byte pairs (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with
Subword Units"), trained and used by Hugging Face's `tokenizers`.

Bytes are the letters (Radford et al. 2019): every text of every language has tokens, and none is unknown.
"""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PADDING = 0  # fills what is shorter than others; each text begins with the other special token, so that none is empty
_SPECIAL = ["<padding>", "<start>"]


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> str:
    """A tokenizer of at most so many tokens, at least one for each byte, as the JSON that `tokenizers` reads.

    Texts are composed (NFC) and in lower case, as in Radford et al. 2021; the same texts in the same order give the
    same tokenizer.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    start = _SPECIAL[1]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{start} $A", special_tokens=[(start, 1)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=_SPECIAL, initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str(pretty=True)


def tokenise(tokenizer: str, texts: Sequence[str]) -> list[np.ndarray]:
    """The tokens of each text, (n,) int32 with n at least 1, by a tokenizer as JSON has it."""
    found = Tokenizer.from_str(tokenizer).encode_batch(list(texts))
    return [np.array(each.ids, np.int32) for each in found]


def vocabulary_size(tokenizer: str) -> int:
    """How many tokens a tokenizer has."""
    return Tokenizer.from_str(tokenizer).get_vocab_size()

"""Encoders of texts of Hugging Face's format: equal to the library's own, dropped by keys, refused in a sentence."""

import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from contraflow.encoded.texts import Rows
from contraflow.encoded.tokens import read_tokenizer, tokenise
from contraflow.engines.encoder import require_text_encoder
from contraflow.foundations.errors import UserError
from contraflow.models import huggingface as ours
from contraflow.models.dropout import Dropout
from contraflow.models.huggingface import Architecture, FolderEncoder, FolderRows
from contraflow.models.settings import TextModel

pytestmark = pytest.mark.usefixtures("huggingface")
SAID = ["a cat", "", "a [PAD] <pad> [SEP]", "the dog barks at night", "x", "one two three four five six seven eight"]
CONTEXT = 14


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings_of(folder, **changes):
    return TextModel(**{"weights": folder.name, "context": CONTEXT, "dropout": 0.2} | changes)


def rows_of(folder, keys=None):
    tokens = Rows.of(tokenise(read_tokenizer(folder), SAID), np.int32).padded(np.arange(len(SAID)), 40)
    return torch.from_numpy(np.column_stack([np.zeros(len(SAID), np.int64) if keys is None else keys, tokens]))


KEYS = np.array([3, -5, 2**60, 7, 11, 13])


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "modernbert", "electra"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_features_are_those_of_the_library(here, model_folder, change_json, kind, pooling):
    """Each text alone, cut as its tokenizer cuts."""
    import transformers

    folder = model_folder(here / "model", kind, **({"global_attn_every_n_layers": 1} if kind == "modernbert" else {}))
    change_json(
        folder / ours.POOLING, pooling_mode_mean_tokens=pooling == "mean", pooling_mode_cls_token=pooling == "cls"
    )
    tokenizer, network = (
        Tokenizer.from_file(str(folder / "tokenizer.json")),
        transformers.AutoModel.from_pretrained(folder),
    )
    tokenizer.enable_truncation(CONTEXT)
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    found = FolderRows(settings_of(folder)).train()(rows_of(folder))
    for text, feature in zip(SAID, found, strict=True):
        with torch.no_grad():
            states = network.eval()(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
        torch.testing.assert_close(feature, states.mean(0) if pooling == "mean" else states[0], rtol=1e-5, atol=1e-6)


def test_what_is_dropped_is_by_keys_alone(here, model_folder):
    folder = model_folder(here / "model")
    encoder, rows = FolderRows(settings_of(folder)), rows_of(folder, KEYS)
    before = torch.get_rng_state()
    whole = encoder.train()(rows)
    assert torch.equal(encoder.eval()(rows), whole) and torch.equal(torch.get_rng_state(), before)
    for part in (slice(0, 1), slice(1, 5), slice(4, 6)):
        torch.testing.assert_close(encoder(rows[part]), whole[part], rtol=1e-5, atol=1e-6)
    assert not torch.isclose(whole, encoder(rows_of(folder, KEYS + 1)), atol=1e-3).all(1).any()
    assert not torch.isclose(whole, encoder(rows_of(folder)), atol=1e-3).all(1).any()
    longer = torch.nn.functional.pad(rows, (0, 100))
    assert torch.equal(encoder(longer), whole)


def test_every_place_at_which_the_code_drops_has_a_number_of_its_own(here, model_folder, monkeypatch):
    """After the embeddings, and of two layers their attention and the ends of both parts; the same bits in a part."""
    folder, plain, calls = model_folder(here / "model"), Dropout.__call__, []

    def recorded(self, x, place, longest=None):
        dropped = plain(self, torch.ones_like(x), place, longest)
        calls.append((place, x.ndim, self.keys, dropped))
        return plain(self, x, place, longest)

    monkeypatch.setattr(Dropout, "__call__", recorded)
    encoder, rows = FolderRows(settings_of(folder)), rows_of(folder, KEYS)
    encoder(rows)
    whole = {(place, key): kept[i] for place, _, keys, kept in calls for i, key in enumerate(keys.tolist())}
    assert [(place, ndim) for place, ndim, _, _ in calls[:7]] == list(enumerate((3, 4, 3, 3, 4, 3, 3), start=1))
    calls.clear()
    encoder(rows[3:4])
    for place, _, [key], [kept] in calls:
        other = whole[place, int(key)][tuple(map(slice, kept.shape))]
        assert torch.equal(kept, other) and (kept == 0).any()


def test_a_checkpoint_needs_the_folder_no_more(here, model_folder):
    folder = model_folder(here / "model", "roberta")
    first = FolderEncoder(settings_of(folder), 5)
    rows, weights = rows_of(folder)[:, 1:], first.state_dict()
    told = Architecture.of_content(first.architecture.content(), folder)
    (folder / "model.safetensors").unlink()
    again = FolderEncoder(settings_of(folder), 5, told)
    assert not torch.equal(again(rows), first(rows))
    again.load_state_dict(weights)
    assert torch.equal(again(rows), first(rows)) and first(rows).shape == (6, 5)


def test_heads_of_other_trainings_are_left_out(here, model_folder):
    import transformers

    folder = model_folder(here / "model")
    plain = FolderEncoder(settings_of(folder)).state_dict()
    config = transformers.AutoConfig.from_pretrained(folder)
    whole = transformers.BertForMaskedLM(config)
    whole.bert.load_state_dict({k: v for k, v in load_file(folder / ours.WEIGHTS).items() if "pooler" not in k})
    whole.save_pretrained(folder)
    found = FolderEncoder(settings_of(folder)).state_dict()
    assert found.keys() == plain.keys() and all(torch.equal(found[name], plain[name]) for name in plain)


def break_config(**values):
    return lambda folder, change: change(folder / "config.json", **values)


def remove(name):
    return lambda folder, change: (folder / name).unlink()


def fill_with_nothing(folder, change):
    change(folder / "config.json", pad_token_id=None)
    change(folder / "tokenizer.json", padding=None)


def pickled(folder, change):
    (folder / ours.WEIGHTS).rename(folder / "pytorch_model.bin")


def reshaped(folder, change):
    weights = load_file(folder / ours.WEIGHTS)
    weights["embeddings.LayerNorm.weight"] = torch.ones(3)
    save_file(weights, folder / ours.WEIGHTS, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (
            remove("tokenizer.json"),
            r"must be a folder with config\.json, tokenizer\.json, model\.safetensors, got model, ",
        ),
        (pickled, r"which has no model\.safetensors$"),
        (break_config(model_type="mine"), r"must be of a kind that transformers knows, got model_type mine$"),
        (
            break_config(auto_map={"AutoModel": "m.M"}),
            r"asks in config\.json for code of its own \(auto_map\), which is",
        ),
        (
            break_config(max_position_embeddings=8),
            r"^model\.text\.context must be at most 8, of which model has .*, got 14",
        ),
        (break_config(vocab_size=30), r"has a tokenizer\.json of 56 tokens, but by its config\.json 30 vectors$"),
        (fill_with_nothing, r"must say in its config\.json which token fills up .*, got None$"),
        (break_config(pad_token_id=99), r"must say in its config\.json which token fills up .*, got 99$"),
        (break_config(pad_token_id=2**80), r"must say in its config\.json which token fills up .*, got 1208925"),
        (break_config(pad_token_id=-1), r"must have as pad_token_id in its config\.json a whole number, .*, got -1$"),
        (break_config(pad_token_id="0"), r"must have as pad_token_id in its config\.json a whole number, .*, got '0'$"),
        (break_config(pad_token_id=[0]), r"must have as pad_token_id in its .* a whole number, 0 or more, got \[0\]$"),
        (break_config(vocab_size="56"), r"must have as vocab_size in its .* a whole number, 0 or more, got '56'$"),
        (break_config(max_position_embeddings=40.5), r"must have as max_position_embeddings in its .*, got 40\.5$"),
        (
            break_config(vocab_size=None),
            r"of their tensors 1 of another shape \(embeddings\.word_embeddings\.weight\)$",
        ),
        (
            lambda folder, change: change(folder / "adapter_config.json", base_model_name_or_path="other"),
            r"^model\.text\.weights model has an adapter_config\.json, by which weights would be read from elsewhere: ",
        ),
        (
            break_config(num_hidden_layers=3),
            r"that do not fit its config\.json: of their tensors 16 missing \(encoder\.la",
        ),
        (break_config(num_hidden_layers=1), r"of their tensors 16 unexpected \(encoder\.layer\.1\..* and 13 more\)$"),
        (reshaped, r"of their tensors 1 of another shape \(embeddings\.LayerNorm\.weight\)$"),
        (
            lambda folder, change: (folder / ours.WEIGHTS).write_bytes(b"no"),
            r"cannot be loaded \(SafetensorError: .*\)$",
        ),
        (lambda folder, change: (folder / "config.json").write_text("{"), r"must have a config\.json that can be read"),
        (
            lambda folder, change: (folder / "tokenizer.json").write_text("{"),
            r"must have a tokenizer\.json that can be re",
        ),
        (
            lambda folder, change: change(folder / ours.POOLING, pooling_mode_max_tokens=True),
            r"must pool by the mean of tokens or by the first one \(cls\), and does by max_tokens in 1_Pooling",
        ),
    ],
    ids=str,
)
def test_a_folder_that_cannot_be_is_refused_in_one_sentence(here, model_folder, change_json, params_of, harm, sentence):
    folder = model_folder(here / "model")
    params = params_of(method={"name": "simcse"}, model={"text": {"weights": "model", "context": CONTEXT}})
    require_text_encoder(params)
    harm(folder, change_json)
    with pytest.raises(UserError, match=sentence) as error:
        require_text_encoder(params)
    assert "\n" not in str(error.value)


def test_a_number_that_is_null_is_as_if_it_were_not_there(here, model_folder, change_json):
    """The tokenizer names what it fills with, and the library has as many positions as it has by default."""
    folder = model_folder(here / "model", max_position_embeddings=512)
    expected = FolderRows(settings_of(folder))(rows_of(folder))
    change_json(folder / "config.json", pad_token_id=None, max_position_embeddings=None)
    assert not {"pad_token_id", "max_position_embeddings"} & Architecture.of(folder).config.keys()
    assert torch.equal(FolderRows(settings_of(folder))(rows_of(folder)), expected)


def test_what_the_parameters_say_of_it_is_looked_at_first(here, model_folder, params_of, monkeypatch):
    with pytest.raises(UserError, match=r"got model, where there is none$"):
        require_text_encoder(params_of(method={"name": "clip"}, model={"text": {"weights": "model"}}))
    model_folder(here / "model", "roberta")
    text = {"weights": "model", "context": 40}  # of its positions two are not for tokens
    with pytest.raises(
        UserError, match=r"cannot be trained on texts of 40 tokens, as model\.text\.context says \(Runtime"
    ):
        require_text_encoder(params_of(method={"name": "clip"}, model={"text": text}))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        UserError, match=r"needs transformers, which nothing else does \(.*\): \./setup\.sh text, or pip"
    ):
        require_text_encoder(params_of(method={"name": "clip"}, model={"text": {"weights": "model"}}))

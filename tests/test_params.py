from pathlib import Path

import pytest
import yaml

from contraflow.foundations.errors import UserError
from contraflow.params import Params, load_params, parse_params
from contraflow.settings.values import Section

DEFAULTS = Path(__file__).parents[1] / "params.yaml"


def changed(**values):
    content = yaml.safe_load(DEFAULTS.read_text())
    for key, value in values.items():
        *sections, name = key.split("__")
        target = content
        for section in sections:
            target = target[section]
        target[name] = value
    return content


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"loss__tau": -1}, "loss.tau must be greater than 0, got -1"),
        ({"loss__tau": "warm"}, "loss.tau must be a number, got 'warm'"),
        ({"loss__tau": float("nan")}, "loss.tau must be a finite number, got nan"),
        ({"loss__tua": 0.1}, "loss.tua is not a parameter; allowed are tau"),
        ({"los": {}}, "los is not a parameter; allowed are seeds, data"),
        ({"train__epochs": 1.5}, "train.epochs must be a whole number, got 1.5"),
        ({"train__epochs": 0}, "train.epochs must be at least 1, got 0"),
        ({"train__epochs": True}, "train.epochs must be a whole number, got True"),
        ({"model__norm": "none"}, "model.norm must be one of 'batch', 'sync', 'instance' or 'group', got 'none'"),
        ({"method__name": "simsam"}, "method.name must be one of 'barlow_twins', 'byol'"),
        ({"method__momentum": [0.9, 1.1]}, "method.momentum.1 must be at most 1, got 1.1"),
        ({"loss__temperature": "cosine", "loss__tau_max": 0.1}, "loss.tau_max must be at least loss.tau, 0.2, got 0.1"),
        (
            {"eval__transfer": {"name": "minst", "path": "data"}},
            "eval.transfer.name must be one of 'fashion_mnist', 'mnist'",
        ),
        ({"eval__fine_tune__share": 1.5}, "eval.fine_tune.share must be at most 1, got 1.5"),
        ({"eval__supervised": "yes"}, "eval.supervised must be true or false, got 'yes'"),
        ({"method__name": "simcse"}, "method.name simcse takes texts alone, and fashion_mnist has images"),
        (
            {"data__name": "wordnet", "method__name": "clip"},
            "method.name clip takes images alone, and wordnet has texts",
        ),
        ({"data__name": "wordnet", "data__image_size": 32}, "data.image_size must be null where data.name is wordnet"),
        (
            {"data__name": "wordnet", "augment__recipe": "simclr"},
            "augment.recipe is of images alone: leave it at its default where wordnet has texts, got simclr",
        ),
        (
            {"augment__word_dropout": 0.1},
            "augment.word_dropout is of texts that are alone: leave it at its default where fashion_mnist has images",
        ),
        ({"augment__word_crop": [0.5, 1.5]}, "augment.word_crop.1 must be at most 1, got 1.5"),
        ({"data__name": "wordnet", "eval__corruptions": True}, "eval.corruptions is of images alone"),
        ({"data__name": "wordnet", "model__encoder": "resnet18"}, "model.encoder is of images alone"),
        ({"data__name": "wordnet", "method__name": "simcse", "train__lora": 4}, "train.lora is of images alone"),
        (
            {"model__text__weights": "data/minilm"},
            "model.text.weights must be data where method.name is simclr, which has no encoder of texts, got",
        ),
        ({"eval__transfer": {"name": "wordnet", "path": "data"}}, "eval.transfer.name must be a data set of images"),
        ({"eval__corruptions": 3}, "eval.corruptions must be true or false, got 3"),
        ({"negatives__inner": 0.5}, "negatives.outer must be greater than negatives.inner, 0.5, got 0.1"),
        (
            {"method__name": "triplet", "negatives__weighting": "hcl"},
            "negatives.weighting must be uniform where method.name is triplet, which sums over no softmax, got hcl",
        ),
        (
            {"method__name": "supervised", "loss__cross_entropy": 0.5},
            "loss.cross_entropy must be 0 where method.name is supervised, which is that alone, got 0.5",
        ),
        ({"loss__cross_entropy": -1.0}, "loss.cross_entropy must be at least 0, got -1"),
        ({"method__name": "margin", "loss__similarity": "dot"}, "loss.similarity must be cosine or euclidean"),
        (
            {"loss__similarity": "dot", "negatives__weighting": "debiased"},
            "loss.similarity must be cosine where negatives.weighting is debiased, got dot",
        ),
        ({"loss__similarity": "dot", "negatives__mix_pairs": 4}, "loss.similarity must be cosine where negatives are"),
        ({"train__stop_on": "knn", "train__knn_every": 0}, "train.knn_every must be at least 1 where train.stop_on is"),
        (
            {"model__encoder": "vit_small", "data__image_size": 30},
            "data.image_size must be a multiple of 4 where model.encoder is vit_small, got 30",
        ),
        (
            {"model__norm": "instance", "data__image_size": 8},
            "model.norm must be batch, sync or group where a view has 8 pixels a side",
        ),
        (
            {"model__norm": "instance", "augment__local_views": 2, "augment__local_side": 0.25},
            "model.norm must be batch, sync or group where a view has 7 pixels a side",
        ),
        (
            {"augment__local_views": 2, "augment__local_side": 0.15},
            "a view must be of more than 4 pixels a side (data.image_size, or augment.local_side of it) where "
            "model.encoder is small: a stride would be larger than its map; got 4",
        ),
        (
            {"method__name": "moco", "data__image_size": 8, "train__batch_size": 127},
            "train.batch_size 127 makes groups of one image that are normalised apart",
        ),
        (
            {"method__name": "moco", "train__gpus": 12, "train__batch_size": 96 * 9},
            "train.gpus must divide the 32 groups of a batch that moco normalises apart, got 12",
        ),
        ({"data__limit": 100}, "train.batch_size must be at most data.limit, 100, got 128"),
        ({"train__batch_size": 60_000}, "train.batch_size must be at most the number of training images, 54000, got"),
        (
            {"eval__fine_tune": {"share": 0.001, "epochs": 2, "lr": 0.1}},
            "eval.fine_tune.share must leave at least train.batch_size, 128, labelled images, but 0.001 leaves at",
        ),
        ({"train__warmup_epochs": 6}, "train.warmup_epochs must be less than train.epochs, 6, got 6"),
        (
            {"train__warmup_epochs": 1.5},
            "train.warmup_epochs must be less than mining.epochs, 1, got 1.5",
        ),
        (
            {"train__warmup_epochs": 1, "mining__rounds": 0, "eval__fine_tune": {"share": 0.1, "epochs": 1, "lr": 0.1}},
            "train.warmup_epochs must be less than eval.fine_tune.epochs, 1, got 1",
        ),
        ({"train__gpus": 3}, "train.batch_size must be a multiple of train.gpus, 3, got 128"),
        ({"train__micro_batch": 48}, "train.micro_batch must divide the images of a GPU, 128, got 48"),
        (
            {"train__micro_batch": 128, "train__gpus": 2},
            "train.micro_batch must divide the images of a GPU, 64, got 128",
        ),
        ({"train__micro_batch": 1}, "train.micro_batch must be at least 2, got 1"),
        (
            {"train__micro_batch": 32, "method__name": "moco"},
            "model.norm must be instance or group where method.name is moco and train.micro_batch is not null: a part",
        ),
        (
            {"model__norm": "sync", "method__name": "moco"},
            "model.norm must be batch, instance or group where method.name is moco: statistics of the whole batch give",
        ),
        ({"eval__retrieval_by": "group"}, "data.table must name a table where eval.retrieval_by is group, got null"),
        ({"data__name": "folder"}, "data.image_size must be a number of pixels where data.name is folder, got null"),
        (
            {"data__name": "folder", "model__encoder": "timm/vit_tiny_patch16_224"},
            "where data.name is folder, got null; weights of timm/vit_tiny_patch16_224 are made for 224",
        ),
        (
            {"data__name": "folder", "model__encoder": "timm/resnet18.nosuchtag"},
            "data.image_size must be a number of pixels where data.name is folder, got null",
        ),
        (
            {"data__name": "sop", "model__encoder": "torchvision/inception_v3"},
            "where data.name is sop, got null; weights of torchvision/inception_v3 are made for 299",
        ),
        (
            {"data__path": "~/photos"},
            "data.path must be written out, since DVC does not know what ~ is, got '~/photos'",
        ),
        ({"data__skip_broken": "yes"}, "data.skip_broken must be true or false, got 'yes'"),
        ({"augment__crop_scale": [0.9, 0.2]}, "augment.crop_scale must rise, got [0.9, 0.2]"),
        ({"augment__crop_scale": [0.5]}, "augment.crop_scale must have at least 2 items, got [0.5]"),
        (
            {"augment__recipe": "moco"},
            "augment.recipe must be above or one of simclr, mocov2, byol, multicrop, digits, ",
        ),
        ({"augment__second": {"blur": 2}}, "augment.second.blur must be at most 1, got 2"),
        ({"augment__second": {"blr": 1}}, "augment.second.blr is not a parameter; allowed are crop_scale, crop_ratio"),
        ({"augment__second": {"crop_scale": [0.9, 0.2]}}, "augment.second.crop_scale must rise, got [0.9, 0.2]"),
        ({"augment__local_crop_scale": [0.5, 1.1]}, "augment.local_crop_scale.1 must be at most 1, got 1.1"),
        (
            {"mining__rounds": 0, "mining__control": True},
            "mining.control must be false where mining.rounds is 0: nothing is mined that it could judge",
        ),
        ({"mining__margin": [0.9, 0.5]}, "mining.margin must rise, got [0.9, 0.5]"),
        ({"augment__recipes__none__flip": "no"}, "augment.recipes.none.flip must be a number, got 'no'"),
        ({"augment__recipes__byol__flop": 0}, "augment.recipes.byol.flop is not a parameter; allowed are crop_scale"),
        (
            {"augment__recipes__byol__second__blur": -1},
            "augment.recipes.byol.second.blur must be at least 0, got -1",
        ),
        (
            {"augment__local_views": 2, "method__name": "byol"},
            "augment.local_views must be 0 where method.name is byol: small crops are taken by simclr, swav, dino",
        ),
        (
            {"augment__recipe": "multicrop", "model__encoder": "vit_small"},
            "augment.local_views must be 0 where model.encoder is vit_small",
        ),
        (
            {"mining__use": "forward", "method__name": "vicreg"},
            "mining.use must be batches where method.name is vicreg",
        ),
        (
            {"mining__use": "stored", "method__name": "nnclr"},
            "mining.use must be batches or forward where method.name is nnclr",
        ),
        ({"mining__use": "stored", "method__name": "byol"}, "mining.use must be batches where method.name is byol"),
        (
            {"mining__use": "forward", "mining__k": 2, "mining__companions": 3},
            "mining.companions must be at most mining.k, which is 2, got 3",
        ),
        ({"eval__knn": [{"k": 5, "tau": 0.1}, {"k": 5, "tau": 0.2}]}, "eval.knn must name each k once"),
        ({"eval__knn": [{"k": 5, "tau": 0.1, "x": 1}]}, "eval.knn.0.x is not a parameter; allowed are k, tau"),
        ({"eval__few_labels": [0.1, 0]}, "eval.few_labels.1 must be greater than 0, got 0"),
        ({"eval__few_labels": [2.5]}, "eval.few_labels must hold shares of the labels (0.01) or whole numbers of"),
        ({"eval__few_labels": [5, 5.0]}, "eval.few_labels must name each amount once"),
        ({"seeds": [1, 1]}, "seeds must differ from each other, got [1, 1]"),
        (
            {"method__name": "clip", "model__whitening": 0.5},
            "model.whitening must be 0 where method.name is clip: what it learns is a projection of features as they "
            "are; got 0.5",
        ),
        (
            {"model__pooling": "linear", "augment__recipe": "multicrop"},
            "augment.local_views must be 0 where model.pooling is linear",
        ),
        (
            {"model__pooling": "linear", "model__encoder": "vit_small"},
            "model.pooling must be average where model.encoder is vit_small",
        ),
        (
            {"model__pooling": "linear", "model__encoder": "timm/test_vit"},
            "model.pooling must be average where model.encoder is timm/test_vit, which pools, got linear",
        ),
        *[
            (
                {"model__encoder": name},
                f"timm/NAME, torchvision/NAME or package.module:function, got {name!r}",
            )
            for name in ("resnet19", "timm/", "tim/resnet18", "timm/hf-hub:a/b", "a-b:c", "a:", "a:b:c", "a/b:c")
        ],
        (
            {"method__name": "swav", "method__prototypes": 129},
            "method.prototypes must be at most train.batch_size, 128, where method.name is swav, which gives each an "
            "equal share of a batch; got 129",
        ),
        ({"method__prototypes": 1}, "method.prototypes must be at least 2, got 1"),
        (
            {"method__name": "dino", "loss__teacher_tau": [0.3, 0.1]},
            "loss.teacher_tau must be less than loss.tau, 0.2, where method.name is dino: the teacher's outputs are to "
            "be the sharper ones; got 0.3",
        ),
        ({"method__name": "distil"}, "method.teacher must be a file of weights where method.name is distil, got data"),
        (
            {"method__teacher": "teacher.pth"},
            "method.teacher must be data where method.name is simclr, which has no teacher; got teacher.pth",
        ),
        (
            {"method__teacher_encoder": "timm/test_vit"},
            "method.teacher_encoder must be null where method.name is simclr, which has no teacher; got timm/test_vit",
        ),
        (
            {"method__name": "distil", "method__teacher": "results/pretrain/seed0/encoder.safetensors"},
            "method.teacher must lie in this directory, but not in results, which a run replaces",
        ),
        (
            {"method__teacher_encoder": "vit"},
            "method.teacher_encoder must be small, resnet18, resnet34, resnet50, vit_small, timm/NAME, torchvision/",
        ),
        (
            {"mining__use": "stored", "method__name": "swav"},
            "mining.use must be batches where method.name is swav: it compares no image with others as negatives",
        ),
        (
            {"model__code": "nets.py"},
            "model.code must be data where model.encoder is small, which is no package",
        ),
        (
            {"model__code": "../nets.py", "model__encoder": "nets:build"},
            "model.code must lie in this directory, but not in results, which a run replaces, got '../nets.py'",
        ),
        ({"train__frozen_epochs": 6}, "train.frozen_epochs must be less than train.epochs, 6, got 6"),
        (
            {"train__frozen_epochs": 1, "model__projection": "none"},
            "train.frozen_epochs must be 0 where model.projection is none, which leaves no head to learn alone, got 1",
        ),
        ({"train__first_layer_rate": 0}, "train.first_layer_rate must be greater than 0, got 0"),
        ({"train__head_rate": 0}, "train.head_rate must be greater than 0, got 0"),
        ({"train__ema": 1}, "train.ema must be less than 1, got 1"),
        ({"train__clip": 0}, "train.clip must be greater than 0, got 0"),
        (
            {"method__name": "clip", "positives__from": "label"},
            "positives.from must be image where method.name is clip: an image's positives are its texts; got label",
        ),
        (
            {"method__name": "siglip", "loss__temperature": "cosine"},
            "loss.temperature must be fixed or learned where method.name is siglip, got cosine",
        ),
        (
            {"method__name": "clip", "loss__similarity": "dot"},
            "loss.similarity must be cosine where method.name is clip, got dot",
        ),
        ({"method__name": "clip", "loss__tau": 0.001}, "loss.tau must be at least 0.01 where method.name is clip"),
        (
            {"method__name": "clip", "mining__use": "stored"},
            "mining.use must be batches or forward where method.name is clip: of texts nothing is stored; got stored",
        ),
        (
            {"method__name": "siglip", "mining__false_negatives": "views"},
            "mining.false_negatives must be none, rank, threshold, mutual or relative where method.name is siglip",
        ),
        (
            {"method__name": "siglip", "negatives__weighting": "hcl"},
            "negatives.weighting must be uniform where method.name is siglip, which sums over no softmax",
        ),
        (
            {"eval__captions": [1]},
            "eval.captions must be [] where method.name is simclr, which has no encoder of texts, got [1]",
        ),
        (
            {"data__name": "wordnet", "method__name": "simcse", "eval__captions": [1]},
            "eval.captions must be [] where method.name is simcse, which compares no images with texts, got [1]",
        ),
        (
            {"eval__sts": "scores.csv"},
            "eval.sts must be data where method.name is simclr, which has no encoder of texts, got scores.csv",
        ),
        (
            {"data__tokenizer": "data/tokenizer.json"},
            "data.tokenizer must be data where method.name is simclr, which has no encoder of texts, got",
        ),
        (
            {
                "data__name": "wordnet",
                "method__name": "simcse",
                "data__tokenizer": "data/own.json",
                "model__text__weights": "data/model",
            },
            "data.tokenizer must be data where model.text.weights, which has its own, is named, got data/own.json",
        ),
        ({"method__name": "clip", "eval__sts": "../scores.csv"}, "eval.sts must lie in this directory, but not in"),
        ({"method__name": "clip", "eval__captions": [1, 1]}, "eval.captions must name each k once, got [1, 1]"),
        ({"eval__templates": ["a photo"]}, "eval.templates must have {} where the name of the class stands"),
        (
            {"model__text__width": 30},
            "model.text.width must be a multiple",
        ),
        ({"seeds": []}, "seeds must have at least 1 items, got []"),
        ({"mining": None}, "mining must be a section of settings, got None"),
    ],
)
def test_a_mistake_is_one_sentence(change, sentence):
    with pytest.raises(UserError) as error:
        parse_params(changed(**change))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(UserError) as error:
        parse_params(changed(loss__tau=-1, train__lr=0))
    assert len(str(error.value).splitlines()) == 2


def test_a_missing_section_and_a_missing_file_are_named(tmp_path):
    content = changed()
    del content["report"]
    with pytest.raises(UserError, match="report is missing"):
        parse_params(content)
    with pytest.raises(UserError, match=r"nowhere\.yaml is missing"):
        load_params(tmp_path / "nowhere.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(UserError, match=r"broken\.yaml is not valid YAML"):
        load_params(tmp_path / "broken.yaml")


def _names(section, at=""):
    """Dotted names of all parameters in a section, and of the sections in it."""
    for name in type(section).model_fields:
        yield f"{at}{name}"
        if isinstance(getattr(section, name), Section):
            yield from _names(getattr(section, name), f"{at}{name}.")


@pytest.mark.parametrize("name", [*_names(Params()), "eval.knn.0.tau"])
def test_a_file_names_every_parameter_and_code_only_what_differs(name):
    content = changed()
    *sections, last = name.split(".")
    target = content
    for section in sections:
        target = target[int(section) if section.isdecimal() else section]
    del target[last]
    with pytest.raises(UserError) as error:
        parse_params(content)
    assert str(error.value) == f"params.yaml: {name} is missing"
    if "knn." not in name:
        assert parse_params(content, complete=False) == Params()


def test_a_misspelt_parameter_is_missing_and_unknown():
    content = changed(loss__tua=0.1)
    del content["loss"]["tau"]
    with pytest.raises(UserError, match=r"loss\.tau is missing\n.*loss\.tua is not a parameter"):
        parse_params(content)


def test_numbers_as_people_write_them():
    assert parse_params(changed(train__weight_decay="1e-4", loss__tau=1)).train.weight_decay == 1e-4


def test_parameters_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        parse_params(changed()).loss.tau = 3


def test_null_is_the_default_or_what_suits_the_data_set():
    assert parse_params(changed()).loss.tau == Params().loss.tau == 0.2
    glyphs = parse_params(changed(data__name="glyphs"))
    chosen = glyphs.loss.tau, glyphs.model.pooling, glyphs.model.projection, glyphs.augment.chosen().flip
    assert chosen == (0.1, "linear", "none", 0.0)
    assert parse_params(changed(data__name="mnist")).augment.recipe == "digits"


@pytest.mark.parametrize(("encoder", "pooling"), [("small", "quarters"), ("resnet18", "average")])
def test_null_is_what_suits_the_encoder_after_the_data_set(encoder, pooling):
    assert parse_params(changed(model__encoder=encoder)).model.pooling == pooling
    assert parse_params(changed(model__encoder=encoder, data__name="glyphs")).model.pooling == "linear"


@pytest.mark.parametrize(("name", "tau"), [("clip", 0.07), ("siglip", 0.1)])
def test_null_is_what_suits_the_method_before_the_data_set(name, tau):
    found = parse_params(changed(method__name=name, data__name="glyphs"))
    assert (found.loss.tau, found.loss.temperature, found.train.optimiser) == (tau, "learned", "adamw")
    assert (found.mining.rounds, found.eval.captions, found.model.pooling) == (0, [1, 5, 10], "linear")
    assert parse_params(changed(method__name=name, mining__rounds=1, loss__tau=0.2)).loss.tau == 0.2


def test_a_value_wins_over_what_suits_the_data_set():
    named = parse_params(changed(data__name="glyphs", loss__tau=0.2, augment__recipe="above", model__pooling="average"))
    assert (named.loss.tau, named.augment.chosen().flip, named.model.pooling) == (0.2, 0.5, "average")


@pytest.mark.parametrize("name", ["train__momentum", "model__encoder", "data__name"])
def test_where_nothing_depends_on_the_data_set_null_is_a_mistake(name):
    with pytest.raises(UserError, match="got None"):
        parse_params(changed(**{name: None}))


def test_without_a_recipe_both_views_are_as_the_section_says():
    augment = parse_params(changed()).augment
    first, second = augment.chosen().whole()
    assert first == second
    assert first.model_dump().items() <= augment.model_dump().items()
    assert augment.chosen().local() == []


def test_a_recipe_takes_the_place_of_what_it_names():
    augment = parse_params(changed(augment__recipe="byol", augment__hue=0.3)).augment
    first, second = augment.chosen().whole()
    assert (first.blur, first.solarise, first.crop_scale) == (1.0, 0.0, [0.08, 1.0])
    assert (second.blur, second.solarise, second.crop_scale) == (0.1, 0.2, [0.08, 1.0])
    assert first.hue == second.hue == 0.3
    small = parse_params(changed(augment__recipe="multicrop")).augment.chosen().local()
    assert [view.crop_scale for view in small] == [[0.05, 0.14]] * 4


def test_values_of_the_second_view():
    augment = parse_params(changed(augment__second={"flip": "1e-1"})).augment
    assert [view.flip for view in augment.chosen().whole()] == [0.5, 0.1]


@pytest.mark.parametrize("name", ["simclr", "mocov2", "byol", "multicrop", "digits", "none"])
def test_the_shipped_recipes(name):
    views = parse_params(changed(augment__recipe=name)).augment.chosen()
    assert len(views.whole()) == 2 and len(views.local()) == views.local_views


def test_few_labels_have_names_that_are_keys():
    content = yaml.safe_load(DEFAULTS.read_text())
    content["eval"]["few_labels"] = [0.01, 0.005, 0.29, 1, 20]
    names = ["linear_1pct", "linear_0_5pct", "linear_29pct", "linear_1each", "linear_20each"]
    assert list(parse_params(content).eval.few) == names


def test_wordnet_has_defaults_of_its_own_and_simcse_too():
    found = parse_params(changed(data__name="wordnet", method__name="simcse"))
    assert (found.data.limit, found.train.epochs, found.model.text.layers) == (40_000, 2, 1)
    assert (found.positives.source, found.eval.retrieval_by, found.eval.retrieval) == ("group", "group", [1, 5, 10])
    assert (found.loss.tau, found.model.projection, found.mining.rounds) == (0.05, "none", 0)
    assert found.data.items == "texts" and found.data.known() == (36_000, 45)

"""How many images a folder gives a training is known before they are read, and whether a guide of mining fits."""

import pytest

from contraflow.commands.export import export
from contraflow.engines.images import require_images
from contraflow.foundations.errors import UserError


def _as_it_is(folder):
    pass


def _splits(folder):
    for name in ("upright", "lying"):
        for number, file in enumerate(sorted((folder / name).iterdir())):
            place = folder / ("train", "val", "test")[min(number // 12, 2)] / name
            place.mkdir(parents=True, exist_ok=True)
            file.rename(place / file.name)
        (folder / name).rmdir()


def _new_classes(folder):
    for number, file in enumerate(sorted(folder.glob("*/*"))):
        place = folder / ("test" if number % 6 > 3 else "train") / str(number % 6)
        place.mkdir(parents=True, exist_ok=True)
        file.rename(place / file.name)
    for name in ("upright", "lying"):
        (folder / name).rmdir()


def _flat(folder):
    for file in sorted(folder.glob("*/*")):
        file.rename(folder / file.name)
    for name in ("upright", "lying"):
        (folder / name).rmdir()


def _half_unlabelled(folder):
    files = [file.relative_to(folder) for file in sorted(folder.glob("*/*"))]
    rows = [f"{file},{file.parent.name if number % 2 else ''}" for number, file in enumerate(files)]
    (folder / "t.csv").write_text("\n".join(["path,label", *rows]))


@pytest.mark.parametrize("limit", [None, 17])
@pytest.mark.parametrize("lay_out", [_as_it_is, _splits, _new_classes, _flat, _half_unlabelled])
def test_the_largest_batch_is_what_encode_leaves_for_training(
    tmp_path, params_of, image_folder, encoded_of, lay_out, limit
):
    folder = image_folder(tmp_path / "images")
    lay_out(folder)
    data = {"path": str(folder), "limit": limit, "table": "t.csv" if (folder / "t.csv").exists() else None}

    def of(batch):
        return params_of(data=data, train={"batch_size": batch})

    images = len(encoded_of(of(2), tmp_path).training)
    require_images(tmp_path, of(images))
    if images != limit:  # else refused with the parameters
        with pytest.raises(UserError, match=f"at most the number of training images, {images}, got {images + 1}"):
            require_images(tmp_path, of(images + 1))


def test_of_a_set_of_torchvision_too(fashion_mnist, params_of):
    known = params_of(data={"name": "fashion_mnist", "image_size": None, "limit": 2000}).data.known()
    assert known == (len(fashion_mnist.training), len(fashion_mnist.card.classes))


@pytest.mark.parametrize(("share", "labelled"), [(0.3, 14), (0.35, 17)])
def test_labels_are_too_few_for_fine_tuning_only_where_they_must_be(tmp_path, params_of, image_folder, share, labelled):
    tuned = {"fine_tune": {"share": share}}
    params = params_of(data={"path": str(image_folder(tmp_path / "images"))}, eval=tuned)
    if labelled >= params.train.batch_size:
        require_images(tmp_path, params)
        return
    with pytest.raises(UserError, match=f"16, labelled images, but {share:g} leaves at most {labelled}"):
        require_images(tmp_path, params)


def test_images_without_labels_cannot_be_fine_tuned(tmp_path, params_of, image_folder):
    _flat(image_folder(tmp_path / "images"))
    params = params_of(data={"path": str(tmp_path / "images")}, eval={"fine_tune": {"share": 1.0}})
    with pytest.raises(UserError, match="but 1 leaves at most 0"):
        require_images(tmp_path, params)


def _table(folder, rows):
    """Of 60 images by number, `rows(number)` is what a table says of each beside its path."""
    files = [file.relative_to(folder) for file in sorted(folder.glob("*/*"))]
    lines = [f"{file},{rows(number)}" for number, file in enumerate(files)]
    (folder / "t.csv").write_text("\n".join(["path,label,split,group,role", *lines]))


@pytest.mark.parametrize(
    ("by", "rows", "says"),
    [
        ("label", lambda n: f"{n % 3},{'test' if n > 40 else 'train'},,", None),
        (
            "label",
            lambda n: f"{n % 3},{'test' if n > 58 else 'train'},,",
            r"no two test images of .*t\.csv have one label",
        ),
        ("group", lambda n: f"{n % 3},{'test' if n > 40 else 'train'},g,", "with two groups or more among the test"),
        ("group", lambda n: f"{n % 3},{'test' if n > 40 else 'train'},,", "no two test images of .* have one group"),
        ("group", lambda n: f"{n % 3},{'test' if n > 40 else 'train'},{n % 4},", None),
        ("group", lambda n: f",{'test' if n > 40 else 'train'},{n % 4},", "eval.retrieval_by group needs labels, too"),
        (
            "label",
            lambda n: f"{n % 3},test,,{'gallery' if n % 3 else 'query'}" if n > 40 else f"{n % 3},train,,",
            r"t\.csv: no gallery image has the label of the query \w+/\d+\.png, nor of 5 more$",
        ),
        (
            "group",
            lambda n: f"{n % 3},test,{n % 2},{'gallery' if n % 3 else 'query'}" if n > 40 else f"{n % 3},train,,",
            None,
        ),
    ],
)
def test_retrieval_that_would_find_nothing_is_refused_before_the_first_job(
    tmp_path, params_of, image_folder, by, rows, says
):
    folder = image_folder(tmp_path / "images")
    _table(folder, rows)
    data = {"path": str(folder), "table": "t.csv"}
    params = params_of(data=data, train={"batch_size": 2}, eval={"retrieval": [1], "retrieval_by": by})
    if says is None:
        return require_images(tmp_path, params)
    with pytest.raises(UserError, match=says):
        require_images(tmp_path, params)


@pytest.mark.parametrize(
    ("source", "columns", "row", "says"),
    [
        ("label", "", lambda n: "", "must not be label where there are no labels, as in .*t.csv$"),
        ("label", "", lambda n: f"{n % 2}", None),
        ("order", "", lambda n: f"{n % 2}", "order needs a column order or group in data.table, and .*t.csv has none$"),
        ("order", ",order", lambda n: f",{n}", None),
        ("order", ",group", lambda n: f",{n % 2}", None),
        ("group", "", lambda n: f"{n % 2}", "group needs a column group in data.table, with two groups or more$"),
        ("group", ",group", lambda n: ",film", "group needs a column group in data.table, with two groups or more$"),
        ("group", ",group", lambda n: f",{n % 3}", None),
    ],
)
def test_positives_that_the_table_does_not_tell_are_refused_before_the_first_job(
    tmp_path, params_of, image_folder, source, columns, row, says
):
    folder = image_folder(tmp_path / "images")
    files = [file.relative_to(folder) for file in sorted(folder.glob("*/*"))]
    lines = [f"{file},{row(number)}" for number, file in enumerate(files)]
    (folder / "t.csv").write_text("\n".join([f"path,label{columns}", *lines]))
    data = {"path": str(folder), "table": "t.csv"}
    params = params_of(data=data, train={"batch_size": 2}, positives={"from": source})
    if says is None:
        return require_images(tmp_path, params)
    with pytest.raises(UserError, match=rf"^positives\.from {says}"):
        require_images(tmp_path, params)


def test_a_guide_is_looked_at_before_the_first_job(tmp_path, params_of, image_folder, checkpoint_of):
    image_folder(tmp_path / "images")
    guide, guided = tmp_path / "guide.safetensors", {"guide": "guide.safetensors", "false_negatives": "relative"}
    params = params_of(data={"path": "images"}, mining=guided)
    with pytest.raises(UserError, match=r"mining\.guide must be a checkpoint, .* got guide\.safetensors$"):
        require_images(tmp_path, params)
    checkpoint_of(guide)
    require_images(tmp_path, params)
    with pytest.raises(UserError, match=r"takes grey images of 16 pixels a side, but those here are grey ones of 32"):
        require_images(tmp_path, params_of(data={"path": "images", "image_size": 32}, mining=guided))
    export(guide, tmp_path / "export")
    (tmp_path / "export/encoder.safetensors").replace(guide)
    with pytest.raises(
        UserError, match=r"guide\.safetensors is no checkpoint: name an encoder\.safetensors as a train"
    ):
        require_images(tmp_path, params)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_methods_with_texts_are_refused_where_there_are_none_before_the_first_job(
    tmp_path, params_of, image_folder, name
):
    folder = image_folder(tmp_path / "images")
    (tmp_path / "data").mkdir()
    rows = [f"{file.relative_to(folder)},{file.parent.name}" for file in sorted(folder.glob("*/*"))]
    (folder / "bare.csv").write_text("\n".join(["path,label", *rows]))
    (folder / "said.csv").write_text("\n".join(["path,label,text", *(f"{row},a picture" for row in rows)]))

    def of(**data):
        return params_of(method={"name": name}, data=data)

    for table in (None, "bare.csv"):
        with pytest.raises(
            UserError, match=rf"^method\.name {name} needs images with texts: data\.name emoji, or a da"
        ):
            require_images(tmp_path, of(path=str(folder), table=table))
    with pytest.raises(UserError, match=r"fashion_mnist has none$"):
        require_images(tmp_path, of(name="fashion_mnist", path="data"))
    require_images(tmp_path, of(path=str(folder), table="said.csv"))
    require_images(tmp_path, of(name="emoji", path="data"))
    require_images(tmp_path, of(path="nowhere"))


def test_scored_pairs_are_read_before_the_first_job(tmp_path, sentence_table, sentences_of):
    sentence_table(tmp_path / "texts")
    params = sentences_of(tmp_path / "texts", eval={"sts": "scores.csv"})
    with pytest.raises(UserError, match=r"eval\.sts must be a CSV file, .*scores\.csv: No such file"):
        require_images(tmp_path, params)
    (tmp_path / "scores.csv").write_text("text_1,text_2,score\na,b,1\na,c,two\nb,c,3\n")
    with pytest.raises(UserError, match=r"scores\.csv: score must be a number, got 'two' in line 3$"):
        require_images(tmp_path, params)
    (tmp_path / "scores.csv").write_text("text_1,text_2,score\na,b,1\na,c,2\nb,c,3\n")
    require_images(tmp_path, params)

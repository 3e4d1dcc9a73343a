import pytest

from contraflow.foundations.errors import UserError
from contraflow.images.listing import list_unsorted


def _touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("names", "classes", "labels"),
    [
        (["b.png", "a.JPG"], [], [-1, -1]),
        (["dogs/a.png", "cats/deep/er/a.png", "loose.png"], ["cats", "dogs"], [0, 1, -1]),
        (["only/a.png", ".hidden/b.png", "notes.txt"], ["only"], [0]),
        (["Train/x/a.png", "val/x/b.png"], ["x"], [0, 0]),
        (["test/x/a.png", "test/y/b.png"], ["x", "y"], [0, 1]),
        (["train/x/a.png", "test/y/a.png", "test/loose.png"], ["x", "y"], [-1, 1, 0]),
    ],
)
def test_the_folder_of_an_image_is_its_class(tmp_path, names, classes, labels):
    _touch(tmp_path, *names)
    found_classes, found = list_unsorted(tmp_path)
    assert found.names == sorted(name for name in names if name[0] != "." and not name.endswith("txt"))
    assert (found_classes, found.labels.tolist()) == (classes, labels)


def test_no_folder_and_no_images_are_a_sentence_each(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        list_unsorted(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no images"):
        list_unsorted(tmp_path)

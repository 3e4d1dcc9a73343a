"""Tables of images: what they may say, and what is wrong with them in a person's words."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.kin import GROUP
from contraflow.foundations.errors import UserError
from contraflow.images.listing import Listing, Part
from contraflow.images.splitting import split_listing
from contraflow.images.table import list_images


@pytest.fixture
def table(tmp_path):
    """`table(text)`: the listing of a folder whose table has this text."""

    def write(text: str, encoding: str = "utf-8") -> Listing:
        (tmp_path / "t.csv").write_text(text, encoding=encoding)
        return list_images(tmp_path, "t.csv")

    return write


def test_paths_and_labels(table):
    listing = table("label, path ,width\ncat,b.png,9\n猫,sub/../sub/a.png,9\ncat,a b.png,9\n,c.png,9\n")
    assert listing.classes == ["cat", "猫"]
    assert listing.train.names == ["a b.png", "b.png", "c.png", "sub/a.png"]
    assert listing.train.labels.tolist() == [0, 0, -1, 1]
    assert listing.train.positions is None
    assert listing.test is None
    assert listing.unused == ["width"]


def test_without_paths_texts_are_alone_and_called_by_their_lines(table):
    rows = ['"<b>ab, c</b>",x,train,', '"two\nlines",y,train,', "שלום,x,test,", "ab,y,train,"]
    listing = table("\n".join(["text,label,split,extra", *rows]))
    assert listing.alone and listing.named() == set() and listing.unused == ["extra"]
    assert listing.train.names == ["line 2", "line 4", "line 6"] and listing.test.names == ["line 5"]
    assert listing.train.texts == [["<b>ab, c</b>"], ["two\nlines"], ["ab"]] and listing.test.texts == [["שלום"]]
    assert listing.train.labels.tolist() == [0, 1, 1] and listing.train.positions is None


def test_texts_alone_are_sorted_by_group_and_none_is_empty(table):
    listing = table("text,label,group\na,x,2\nb,y,1\nc,x,2\nd,y,\n")
    assert [text for (text,) in listing.train.texts] == ["d", "b", "a", "c"]
    assert (listing.train.positions // GROUP).tolist() == [0, 1, 2, 2]
    with pytest.raises(UserError, match=r"t\.csv: text must not be empty, got\n  '' in line 3$"):
        table("text,label\na,x\n ,y\n")
    with pytest.raises(UserError, match=r"needs the columns text, label, separated by commas, and has no label"):
        table("text\na\n")


def test_as_spreadsheets_save_it(table):
    listing = table('path,label\r\n"a, b.png","10"\r\nb.png,9\r\n\r\n', encoding="utf-8-sig")
    assert (listing.classes, listing.train.names) == (["9", "10"], ["a, b.png", "b.png"])


def test_labels_that_look_like_nothing_are_labels(table):
    assert table("path,label\na,NA\nb,None\nc,nan\nd,01\n").classes == ["01", "NA", "None", "nan"]


def test_without_labels(table):
    listing = table("path,label\nb.png,\na.png,\n")
    assert (listing.classes, listing.train.labels.tolist()) == ([], [-1, -1])


def test_a_split_is_taken_as_it_is(table):
    listing = table("path,label,split\na,x,test\nb,y,train\nc,x,train\nd,y,test\n")
    assert listing.train.names == ["b", "c"]
    assert listing.test.names == ["a", "d"]
    assert listing.test.labels.tolist() == [0, 1]


def test_validation_images_of_a_table_are_kept_apart(table):
    listing = table("path,label,split\na,x,Val\nb,y,train\nc,x,train\nd,y,test\n")
    assert (listing.train.names, listing.train.held_out.tolist()) == (["a", "b", "c"], [True, False, False])
    assert (listing.test.names, listing.splits["validation"]) == (["d"], "Val")


def test_validation_images_of_a_table_without_test_images_are_these(table):
    listing = table("path,label,split\na,x,val\nb,y,train\nc,x,train\n")
    assert (listing.train.names, listing.train.held_out, listing.test.names) == (["b", "c"], None, ["a"])


def test_roles_are_those_of_test_images(table):
    listing = table("path,label,split,role\nd,x,test,gallery\na,x,train,\nc,x,test,query\nb,y,train,\n")
    assert listing.test.names == ["c", "d"] and listing.test.roles.tolist() == ["query", "gallery"]
    assert listing.unused == [] and not listing.train.roles.any()
    listing = table("path,label,split,role\na,x,train,\nb,y,train,\nc,x,val,gallery\nd,x,val,query\n")
    assert listing.test.roles.tolist() == ["gallery", "query"]  # the only images kept apart are the test images
    assert table("path,label,split\na,x,train\nb,y,train\nc,x,test\n").test.roles is None


@pytest.mark.parametrize(
    "order",
    [
        ["10", "9.5", "-1e3", "9.49"],
        ["1600000000000000002", "1600000000000000001", "3", "1600000000000000000"],
        ["2024-02-01", "2024-01-31T23:59", "2023-12-31", "2024-01-31"],
        ["2024-01-01T12:00+00:00", "2024-01-01T12:30+01:00", "2024-01-01T12:00+02:00", "2024-01-01T12:00+01:00"],
    ],
)
def test_order_by_numbers_and_times(table, order):
    listing = table("path,label,order\n" + "".join(f"{i},{i},{key}\n" for i, key in enumerate(order)))
    assert listing.train.names == ["2", "3", "1", "0"]
    assert listing.train.positions.tolist() == [0, 1, 2, 3]


def test_without_an_order_a_group_keeps_that_of_its_rows(table):
    listing = table("path,label,group\nz,1,b\nx,2,a\ny,3,b\n")
    assert listing.train.names == ["x", "z", "y"]
    assert listing.train.positions.tolist() == [0, GROUP, GROUP + 1]


def test_positions_are_those_before_the_split(table):
    listing = table("path,label,order,split\na,1,1,train\nb,1,2,test\nc,2,3,train\nd,2,4,test\n")
    assert listing.train.positions.tolist() == [0, 2]
    assert listing.test.positions.tolist() == [1, 3]


def test_an_image_without_a_group_is_alone(table):
    positions = table("path,label,group\na,1,\nb,2,g\nc,1,\nd,2,g\n").train.positions
    assert len(np.unique(positions // GROUP)) == 3


@given(groups=st.lists(st.integers(0, 5), min_size=2, max_size=40), window=st.integers(0, 2**31 - 1))
def test_images_of_different_groups_are_never_within_a_window(tmp_path_factory, groups, window):
    folder = tmp_path_factory.getbasetemp()
    rows = "".join(f"{i},{i % 2},{group}\n" for i, group in enumerate(groups))
    (folder / "groups.csv").write_text(f"path,label,group\n{rows}")
    part = list_images(folder, "groups.csv").train
    for (one, p), (two, q) in pairwise(zip(part.names, part.positions.tolist(), strict=True)):
        same = groups[int(one)] == groups[int(two)]
        assert (q - p == 1) if same else (q - p > window)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lists no images"),
        ("path;label\na;b\n", "and has no path: found path;label; where texts are alone, text takes the place of path"),
        ("path,class\na,b\n", "has no label: found path, class"),
        ("path,label\n", "lists no images"),
        ("path,label,label\na,b,c\n", "has the column label twice"),
        ("path,label\na,b\nc,d,e\n", "every line must have 2 fields as the first has, but line 3 has not"),
        (
            "path,label\na,x\nb,y\na,x\n./b,x\n",
            "must name each image once, got\n  'a' in line 2\n  'b' in line 3\n  'a' in",
        ),
        (
            "path,label\n../a,x\n/b,y\n,z\n",
            "inside of data.path, got\n  '../a' in line 2\n  '/b' in line 3\n  '' in line 4",
        ),
        ("path,label\na,x\nb,x\n", "has a single label, x"),
        (
            "path,label,split\na,x,train\nb,y,tset\nc,y,\n",
            "must be train, val or test, got\n  'tset' in line 3\n  '' in line 4",
        ),
        ("path,label,split\na,x,train\nb,y,train\n", "split names no image test"),
        ("path,label,split\na,x,val\nb,y,test\n", "split names no image train"),
        ("path,label,split\na,x,train\nb,x,Train\nc,y,test\n", "has both Train and train, which mean the same"),
        ("path,label,split\na,x,train\nb,y,test\n", "no training image has the label y"),
        ("path,label,split\na,x,train\nb,y,val\nc,x,test\n", "no training image has the label y of some val images"),
        ("path,label,split\na,x,train\nb,y,train\nc,,test\n", "test images need labels .*\n  c$"),
        ("path,label,role\na,x,query\nb,y,gallery\n", "role needs the column split"),
        (
            "path,label,split,role\na,x,train,query\nb,y,train,\nc,x,test,\nd,x,test,Query\ne,x,test,query\n",
            "t.csv: role must be query or gallery for test images, and empty for others, got\n  'query' in line 2\n"
            "  '' in line 4\n  'Query' in line 5$",
        ),
        ("path,label,split,role\na,x,train,\nb,y,train,\nc,x,test,query\n", "names no test image gallery"),
        ("path,label,split,role\na,x,train,\nb,y,train,\nc,x,test,gallery\n", "names no test image query"),
        ("path,label,order\na,x,1\nb,y,2\nc,x,late\n", "must be numbers, or ISO 8601 .*\n  'late' in line 4$"),
        ("path,label,order\na,x,nan\nb,y,2\n", "'nan' in line 2"),
        ("path,label,order\na,x,2024-01-01T00:00Z\nb,y,2024-01-01T00:00\n", "all have a time zone or none"),
    ],
)
def test_what_is_wrong_is_named(table, text, says):
    with pytest.raises(UserError, match=says):
        table(text)


def test_other_files_are_refused(tmp_path, table):
    with pytest.raises(UserError, match=r"must be a CSV file inside of data\.path, .*none\.csv: No such file"):
        list_images(tmp_path, "none.csv")
    with pytest.raises(UserError, match=r"data\.path must be a folder"):
        list_images(tmp_path / "none", "t.csv")
    for outside in ("../t.csv", str(tmp_path / "t.csv")):
        with pytest.raises(UserError, match=r"data\.table must lie inside data\.path"):
            list_images(tmp_path, outside)
    with pytest.raises(UserError, match="is not a CSV file in UTF-8"):
        table("path,label\nä,ö\n", encoding="latin-1")


def test_a_folder_without_a_table_is_listed_as_it_lies(tmp_path: Path):
    (tmp_path / "a.png").touch()
    (tmp_path / "t.csv").write_text("path,label\nb.png,x\nc.png,y\n")
    assert list_images(tmp_path, None).train.names == ["a.png"]
    assert list_images(tmp_path, "t.csv").train.names == ["b.png", "c.png"]


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=8),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**63),
)
def test_groups_go_to_the_test_whole(sizes, fraction, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    places = np.concatenate([np.arange(size) for size in sizes])
    part = Part([str(i) for i in range(len(groups))], np.full(len(groups), -1), groups * GROUP + places)
    train, test = split_listing(Listing([], part, None), test_fraction=fraction, limit=None, seed=seed)
    own, others = set(train.positions // GROUP), set(test.positions // GROUP)
    assert own and others and not own & others
    assert sorted(train.names + test.names) == sorted(part.names)
    largest = max(sizes[group] for group in others)  # without the last one drawn the share was not reached
    assert len(test) - largest < max(1, round(fraction * len(part)))


def test_unlabelled_images_are_trained_on_and_never_test_images():
    labels = np.array([0, 1, -1, -1] * 10)
    part = Part([f"{i:02}" for i in range(40)], labels)
    train, test = split_listing(Listing(["a", "b"], part, None), test_fraction=0.5, limit=None, seed=0)
    assert (np.bincount(train.labels + 1).tolist(), np.bincount(test.labels).tolist()) == ([20, 5, 5], [5, 5])


def test_a_class_that_only_the_drawn_groups_have_is_named():
    part = Part(["a", "b", "c", "d"], np.array([0, 0, 1, 1]), np.array([0, 1, GROUP, GROUP + 1]))
    with pytest.raises(UserError, match=r"the groups drawn for the test hold every image of the class [xy]"):
        split_listing(Listing(["x", "y"], part, None), test_fraction=0.5, limit=None, seed=0)


def test_the_test_may_have_none_of_the_training_labels(table):
    found = table("path,label,split\na,x,train\nb,y,train\nc,z,test\nd,v,val\n")
    assert found.classes == ["v", "x", "y", "z"]
    assert found.train.labels.tolist() == [1, 2, 0] and found.test.labels.tolist() == [3]


def test_an_image_has_a_row_for_each_of_its_texts(table):
    listing = table('path,label,text\nb,x,"a, ""quoted"" text"\na,y,נר ❤️‍🔥\nb,x,second\nb,x,second\na,y,<b>x</b>\n')
    assert listing.train.names == ["a", "b"]
    assert listing.train.texts == [["נר ❤️‍🔥", "<b>x</b>"], ['a, "quoted" text', "second"]]
    assert listing.train.labels.tolist() == [1, 0]
    assert listing.train.take(np.array([1])).texts == [['a, "quoted" text', "second"]]
    assert not table("path,label\na,x\nb,y\n").train.texts


def test_texts_go_with_their_images_through_order_and_split(table):
    listing = table(
        "path,label,split,order,text\nb,x,test,1,one\na,x,train,9,two\nc,y,train,2,three\nb,x,test,1,four\n"
    )
    assert (listing.train.names, listing.train.texts) == (["c", "a"], [["three"], ["two"]])
    assert listing.test.texts == [["one", "four"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,label,text\na,x,one\nb,y, \n", "text must not be empty, got\n  '' in line 3"),
        (
            "path,label,text\na,x,one\na,y,two\n",
            "label must be the same in all rows of an image, got\n  'y' in line 3",
        ),
        ("path,label\na,x\na,x\n", "path must name each image once"),
    ],
)
def test_what_cannot_be_said_in_texts(table, text, says):
    with pytest.raises(UserError, match=says):
        table(text)


def test_a_text_may_be_long(table):
    assert len(table(f"path,label,text\na,x,{'x' * 100_000}\nb,y,z\n").train.texts[0][0]) == 100_000

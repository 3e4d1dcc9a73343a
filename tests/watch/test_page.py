"""The page as text."""

import html
import json
import re
from dataclasses import replace

from contraflow.watch.page import Sight, changing, render

NASTY = "<img src=x onerror=alert(1)>"


def test_what_a_training_is_at(seen_of):
    page = render(Sight([seen_of()])).decode()
    assert "4 of 6" in page and "1.0000<small>0.8000 in epoch 4</small>" in page
    for cell in ("80.0\u202f%", "23.0", "0.90", "812", "01:10", "goes on with the same command", "cannot be read"):
        assert f"<td>{cell}" in page
    assert "1 of 5\u00a0jobs done, 1 running, 2 to come" in page and "1 failed</b>" in page


def test_everything_from_outside_is_escaped(seen_of):
    seen = seen_of(NASTY, collapse=NASTY, words=NASTY, folder=f"/{NASTY}", unread=[NASTY], stages=[NASTY])
    for text in (render(Sight([seen])).decode(), "".join(json.loads(changing(Sight([seen])))["parts"].values())):
        assert NASTY not in text and html.escape(NASTY, quote=False) in text


def test_a_collapse_is_an_alarm_and_stands_in_the_title(seen_of):
    told = json.loads(changing(Sight([seen_of(), seen_of("colder", collapse="the spread is 0.01")])))
    assert told["title"].startswith("collapsed · 2\u00a0trainings at work")
    assert "pretrain/seed0 of colder, in epoch 3: the spread is 0.01" in told["parts"]["alarms"]
    assert json.loads(changing(Sight([seen_of()])))["parts"]["alarms"].strip() == ""


def test_the_page_asks_no_other_host_for_anything(seen_of):
    page = render(Sight([seen_of()])).decode()
    sources = re.findall(r"""(?:src|href)=["']?([^"'>\s]*)|url\(([^)]*)\)|@import""", page)
    assert sources and all((a or b).startswith(("data:", "#")) for a, b in sources)
    assert "connect-src 'self'" in page and not re.search(r"https?://", page)


def test_without_javascript_it_loads_itself_again(seen_of):
    assert re.search(
        r'<noscript><meta http-equiv="refresh" content="3"></noscript>', render(Sight([seen_of()])).decode()
    )


def test_before_anything_has_run(seen_of):
    page = render(Sight([seen_of(run=None, at_work=False, trainings=[], others=[])])).decode()
    for words in (
        "No run of Snakemake is at work",
        "No training has left a record",
        "No run of Snakemake has left a log",
    ):
        assert words in page


def test_figures_that_are_no_numbers(seen_of):
    seen = seen_of(epochs=1)
    row = seen.trainings[0].rows[0]
    seen.trainings[0].rows[0] = replace(row, loss=float("nan"), knn=None, rank=float("inf"))
    page = render(Sight([seen])).decode()
    assert "nan" not in re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL).lower() and "inf" not in page


def test_k_nn_is_that_of_the_last_epoch_in_which_it_was_measured(seen_of):
    seen = seen_of()
    row = seen.trainings[0].rows[-1]
    seen.trainings[0].rows[-1] = replace(row, knn=None)
    assert "<td>70.0\u202f%<small>epoch 2</small></td>" in render(Sight([seen])).decode()


def test_equal_sights_give_equal_bytes(seen_of):
    assert render(Sight([seen_of()])) == render(Sight([seen_of()])) and changing(Sight([seen_of()])) == changing(
        Sight([seen_of()])
    )

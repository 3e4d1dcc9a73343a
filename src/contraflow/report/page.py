"""The page: every part put into the template."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contraflow.report import (
    calibration,
    classes,
    curves,
    embedding_map,
    gallery,
    numbers,
    reproduce,
    rounds,
    summary,
    verdict,
)
from contraflow.report.run import Run

HERE = Path(__file__).parent


def render(run: Run) -> str:
    """The whole page as HTML that needs no other file."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (numbers.fixed, numbers.share, numbers.points, numbers.count, numbers.times, numbers.is_number):
        environment.filters[function.__name__] = function
    environment.filters["words"] = reproduce.words
    template = environment.get_template("page.html.j2")
    settings = run.params
    return template.render(
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup((HERE / "script.js").read_text(encoding="utf-8")),
        params=settings,
        card=run.card,
        classes=run.classes,
        seeds=len(settings.seeds),
        verdict=verdict.verdict(run),
        measures=summary.measures(run),
        rows=summary.summary_rows(run),
        validation_rows=summary.summary_rows(run, "validation"),
        geometry=summary.geometry_rows(run),
        strips=summary.strips(run),
        protocol=summary.protocol(run),
        samples=gallery.samples(run),
        curves=curves.loss_curves(run.curves),
        diagnosis=curves.diagnosis_curves(run.curves),
        confusion=classes.confusion(run),
        per_class=classes.per_class(run),
        map=embedding_map.embedding_map(run.features, run.labels, run.classes, settings.report.tsne_points),
        mined=run.mined,
        anchors=gallery.anchors(run),
        rounds=summary.round_rows(run),
        confusion_changes=rounds.confusion_changes(run),
        measures_by_round=summary.measures_by_round(run),
        calibration=calibration.calibration(run),
        same_class_share=run.metrics.get("mining", {}).get("same_class_share"),
        sections=reproduce.parameter_sections(settings),
        versions=reproduce.library_versions(),
        digests=run.digests,
    )

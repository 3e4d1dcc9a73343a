"""The page: every part put into the template."""

from pathlib import Path

from contraflow.baseline.summary import against
from contraflow.pages import numbers
from contraflow.pages.assets import SCRIPTS, STYLES, environment, joined
from contraflow.report import (
    calibration,
    classes,
    curves,
    embedding_map,
    extras,
    gallery,
    hypersphere,
    parameters,
    reproduce,
    rounds,
    summary,
    verdict,
)
from contraflow.report.run import Run


def render(run: Run) -> str:
    """The whole page as HTML that needs no other file."""
    templates = environment(Path(__file__).parent)
    for function in (numbers.fixed, numbers.share, numbers.points, numbers.count, numbers.times, numbers.is_number):
        templates.filters[function.__name__] = function
    templates.filters["words"] = numbers.words
    template = templates.get_template("page.html.j2")
    settings = run.params
    return template.render(
        style=joined(STYLES),
        script=joined(SCRIPTS),
        params=settings,
        card=run.card,
        classes=run.classes,
        seeds=len(settings.seeds),
        verdict=verdict.verdict(run),
        epochs=settings.all_epochs,
        measures=summary.measures(run),
        rows=summary.summary_rows(run),
        validation_rows=summary.summary_rows(run, "validation"),
        baseline=run.baseline and against(run.measured, run.baseline),
        geometry=summary.geometry_rows(run),
        extras=extras.tables(run),
        strips=summary.strips(run),
        protocol=summary.protocol(run),
        plane=hypersphere.plane(run),
        similarities=hypersphere.similarities(run),
        samples=gallery.samples(run),
        views=gallery.views(run),
        curves=curves.loss_curves(run.curves),
        diagnosis=curves.diagnosis_curves(run.curves),
        confusion=classes.confusion(run),
        mistaken=gallery.mistaken(run),
        per_class=classes.per_class(run),
        map=embedding_map.embedding_map(run),
        mined=run.mined,
        anchors=gallery.anchors(run),
        rounds=summary.round_rows(run),
        confusion_changes=rounds.confusion_changes(run),
        measures_by_round=summary.measures_by_round(run),
        calibration=calibration.calibration(run),
        same_class_share=run.metrics.get("mining", {}).get("same_class_share"),
        sections=parameters.sections(settings),
        versions=reproduce.library_versions(),
        digests=run.digests,
        code=run.code,
    )

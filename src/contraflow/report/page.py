"""The page: every part put into the template."""

from importlib.metadata import version
from pathlib import Path

from contraflow.baseline.against import against
from contraflow.baseline.differences import sections
from contraflow.pages.assets import template
from contraflow.report import (
    alike,
    calibration,
    classes,
    curves,
    embedding_map,
    gallery,
    hypersphere,
    retrieval,
    search,
    summary,
    texts,
    verdict,
    wording,
)
from contraflow.report.mining_passes import mining_passes
from contraflow.report.run import Run

LIBRARIES = ("contraflow", "torch", "ffcv", "numba", "numpy", "faiss-cpu", "scikit-learn", "matplotlib")


def render(run: Run) -> str:
    """The whole page as HTML that needs no other file."""
    settings = run.params
    extensions, words = wording.BY_ITEMS[run.card.items]
    return template(Path(__file__).parent / "page.html.j2", extensions).render(
        params=settings,
        card=run.card,
        classes=run.classes,
        seeds=len(settings.seeds),
        verdict=words(verdict.verdict(run)),
        epochs=settings.all_epochs,
        measures=summary.accuracies(run),
        rows=summary.summary_rows(run),
        chance_rows=summary.chance_rows(run),
        validation_rows=summary.summary_rows(run, "validation"),
        baseline=run.baseline and against(run.measured, run.baseline),
        geometry=summary.geometry(run),
        extras=[
            table | {part: words(table[part]) for part in ("guide", "protocol")} for table in summary.extra_tables(run)
        ],
        texts=texts.texts(run),
        search=search.search_box(run),
        scored=texts.scored(run),
        strips=summary.strips(run),
        queries=retrieval.queries(run),
        names=summary.names(run),
        start=summary.start(run),
        protocol=words(summary.whole_protocol(run)),
        plane=words(hypersphere.plane(run)),
        similarities=words(hypersphere.similarities(run)),
        samples=gallery.samples(run),
        views=gallery.views(run),
        curves=curves.loss_curves(run.curves),
        diagnosis=curves.diagnosis_curves(run.curves),
        confusion=classes.confusion(run),
        mistaken=classes.mistaken(run),
        per_class=classes.mean_per_class(run),
        map=embedding_map.embedding_map(run),
        alike=alike.alike(run),
        mined=gallery.mined(run),
        passes=mining_passes(run),
        rounds=summary.rounds(run),
        confusion_changes=classes.confusion_changes(run),
        calibration=calibration.reliability(run),
        same_class_share=run.metrics.get("mining", {}).get("same_class_share"),
        sections=sections(settings),
        versions={name: version(name) for name in LIBRARIES},
        digests=run.digests,
        code=run.code,
    )

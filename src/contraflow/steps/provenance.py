"""What the end of a run writes beside its report: where it comes from."""

from dataclasses import asdict
from pathlib import Path

from contraflow.artefacts import atomic, sha256
from contraflow.engines import provenance
from contraflow.report.assets import STYLES, environment, joined

TEMPLATES = Path(provenance.__file__).parent


def write_provenance(stages: list[str], report: Path) -> None:
    """Write `provenance.html` beside the report that this run has made.

    Args:
        stages: Names of all stages, in their order.
        report: The page, from the folder that the workflow runs in.

    Raises:
        UserError: the place is full or may not be written to.
    """
    found = provenance.provenance(Path.cwd(), stages)
    template = environment(TEMPLATES).get_template("provenance.html.j2")
    page = template.render(style=joined(STYLES), report=sha256(report), **asdict(found))
    with atomic(report.with_name("provenance.html")) as temporary:
        temporary.write_text(page, encoding="utf-8")

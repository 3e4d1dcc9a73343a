"""The section `report`: what is shown."""

from typing import Annotated

from pydantic import Field

from contraflow.settings.values import Section


class Report(Section):
    title: Annotated[str, Field(min_length=1)]
    tsne_points: Annotated[int, Field(ge=10)]
    gallery_anchors: Annotated[int, Field(ge=0)]

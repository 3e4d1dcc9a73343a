"""The section `report`: what is shown."""

from typing import Annotated

from pydantic import Field

from contraflow.settings.values import Natural, Section, Text


class Report(Section):
    title: Annotated[Text, "heading of the page"] = "contraflow"
    tsne_points: Annotated[int, Field(ge=10), "test images in the map of embeddings"] = 2000
    gallery_anchors: Annotated[Natural, "images shown with their mined negatives, and queries with what they find"] = 12

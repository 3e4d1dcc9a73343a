"""The page of `contraflow search`: images and texts, each with what it finds, in the look of the report."""

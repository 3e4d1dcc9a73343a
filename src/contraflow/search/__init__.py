"""The page of `contraflow search`: images, each with the training images most like it, in the look of the report."""

"""The steps of the stage evaluate."""

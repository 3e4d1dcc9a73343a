"""The steps of the stage mine."""

"""The steps of the workflow: plain functions from files to files."""

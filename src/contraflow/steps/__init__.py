"""The steps of the workflow: plain functions from files to files, each in a module of its own name."""

"""The measured claims. Each is `python -m benchmarks.NAME`, and prints one JSON object as its last line."""

from contraflow.environment import settle

settle()  # as the command line does

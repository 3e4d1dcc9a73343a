"""The measured claims. Each is `python -m benchmarks.NAME`, and prints one JSON object as its last line."""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "5000")  # as the command line has it; read when torch is imported

"""The report: one self-contained HTML page that tells what came out of a run; equal runs give equal bytes.

Of a run's files only images are read where they are shown: `reading.py` reads the others for the step.
"""

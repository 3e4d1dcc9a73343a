"""The comparison: one self-contained HTML page over several runs, the first of which is the baseline.

It has the look of the report, and like there equal runs give equal bytes.
"""

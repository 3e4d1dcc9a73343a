"""The comparison: one self-contained HTML page over several runs, the first of which is the baseline.

`experiment.py` says what a page is made from, `contraflow.statistics` what a difference is worth, the other modules
each make one part, and `page.py` puts them into `page.html.j2` with the look of the report. Equal runs, equal bytes.
"""

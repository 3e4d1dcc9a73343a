"""The report: one self-contained HTML page that tells what came out of a run.

`run.py` says what a page is made from, the other modules each turn it into one part of the page, and `page.py` puts the
parts into the template `page.html.j2`, which names the sections in their order; each is a file in `sections/`. Of a
run's files only images are read where they are shown: `reading.py` reads the others for the step. Equal runs give equal
bytes.
"""

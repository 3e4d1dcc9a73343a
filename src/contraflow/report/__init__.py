"""The report: one self-contained HTML page that tells what came out of a run.

`run.py` says what a page is made from, the other modules each turn it into one part of the page, and `page.py` puts the
parts into the template `page.html.j2` with `style.css` and `script.js`. The template names the sections in their order;
each is a file in `sections/`. Nothing here reads a run's files: the step `contraflow.steps.report` does, and hands over
arrays. Equal runs give equal bytes.
"""

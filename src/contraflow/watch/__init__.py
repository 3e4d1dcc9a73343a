"""The page of `contraflow watch`: what jobs at work keep of themselves, in the look of the report.

Nothing here writes, locks, or imports what computes.
"""

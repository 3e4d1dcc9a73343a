"""Exact nearest neighbours by cosine, in bounded memory: blocks of similarities, the greatest kept row by row.

The compiled code and all that it calls lie in this folder (`contraflow.compiling`).
"""

from contraflow.neighbours.bank import BANK_ROWS, CPU, QUERY_ROWS, Bank, nearest, unit

__all__ = ["BANK_ROWS", "CPU", "QUERY_ROWS", "Bank", "nearest", "unit"]

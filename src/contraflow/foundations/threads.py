"""How many threads a library computes with, where results must not depend on it."""

from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager:
    """OpenBLAS computes with one thread: its others would spin, and take half of torch's speed; and the last bits of a
    sum don't depend on how many there are.
    """
    return ThreadpoolController().select(internal_api="openblas").limit(limits=1)

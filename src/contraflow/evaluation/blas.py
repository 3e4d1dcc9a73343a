"""Matrix products of NumPy and SciPy, beside those of torch."""

from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager:
    """OpenBLAS computes with one thread: its others would spin, and take half of torch's speed; and the last bits of a
    sum don't depend on how many there are.
    """
    return ThreadpoolController().select(internal_api="openblas").limit(limits=1)

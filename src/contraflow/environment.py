"""The variables that a job's libraries read: the same whatever a shell, a notebook or a cluster has set."""

import os
import pwd
import re

# What BLAS, OpenMP, oneDNN, NumPy, PyTorch, faiss, Numba and matplotlib read: how many threads compute, with which
# instructions, how exactly. Equal runs would write other bytes, or none.
_READ = re.compile(
    "(ATEN|BLIS|DNNL|FAISS|GOMP|GOTO|KMP|MKL|NPY|NUMBA|OMP|ONEDNN|OPENBLAS)_|MPL|MATPLOTLIBRC$"
    "|NVIDIA_TF32_OVERRIDE$|TORCH_ALLOW_TF32_CUBLAS_OVERRIDE$"
)
# But these say where something lies, how threads wait, and for which processor kernels are compiled: no byte changes.
_KEPT = re.compile("GOMP_SPINCOUNT|MPLCONFIGDIR|NUMBA_(CACHE_DIR|CPU_FEATURES|CPU_NAME)|OMP_WAIT_POLICY")
_SET = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it a GPU's matrix products may have other last bits each time
    "MPLBACKEND": "agg",  # figures are written to files; a notebook names a backend that only it has
    "NUMBA_DISABLE_JIT": "0",  # what the kernels do, Python alone cannot; set, since a file may say otherwise, too
}
_DEFAULTS = {
    # Threads of OpenMP spin while they wait for each other: too long, and any other busy process takes most of their
    # speed; not at all, and they lose some even when alone.
    "GOMP_SPINCOUNT": "5000",
}


def settle() -> None:
    """Make the environment of this process, and of those that it starts, that of every other run.

    Libraries read it when they are imported: call it before. A user whom the system does not know, as containers have
    them, gets what DVC asks for: a name, and a home if there is none.
    """
    for name in [name for name in os.environ if _READ.match(name) and not _KEPT.fullmatch(name)]:
        del os.environ[name]
    os.environ.update(_SET)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ.setdefault("LOGNAME", str(os.getuid()))
        os.environ.setdefault("HOME", "/")

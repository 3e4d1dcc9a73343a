"""Machines, shells and folders as people have them: the same files, or one sentence on what to type.

Each test goes on where the last one ended.
"""

import pytest

SHELL = """
    CUDA_VISIBLE_DEVICES=0 MPLBACKEND=module://matplotlib_inline.backend_inline
    OMP_NUM_THREADS=3 OMP_PROC_BIND=true OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=Nehalem MKL_CBWR=COMPATIBLE
    ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 NPY_DISABLE_CPU_FEATURES=AVX2 NUMBA_DISABLE_JIT=1
    NUMBA_NUM_THREADS=0 LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 PYTHONHASHSEED=1 PYTHONWARNINGS=ignore
    TZ=Asia/Tokyo HOME=/proc/nowhere
"""  # a notebook's, a cluster's and a debugger's in one
MATPLOTLIBRC = "backend: module://nowhere\nfont.size: 20\nlines.linewidth: 9\nsavefig.bbox: tight\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory, new_repository):
    """One with few jobs."""
    return new_repository(tmp_path_factory.mktemp("repository"), mining={"rounds": 0})


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where compiled kernels are kept, also for those without a home."""
    from platformdirs import user_cache_dir

    return f"NUMBA_CACHE_DIR={user_cache_dir('contraflow')}/numba"


def test_another_shell_gives_the_same_bytes(repository, cache):
    repository.run("snakemake")
    expected = repository.results()
    (repository.path / "matplotlibrc").write_text(MATPLOTLIBRC)
    (repository.path / ".numba_config.yaml").write_text("disable_jit: 1\n")
    said = repository.run(f"umask 077; {' '.join(SHELL.split())} {cache} snakemake --forceall")
    assert "No GPU here: training on the CPU" in said and "Traceback" not in said
    assert len(repository.finished(said)) == 9
    assert repository.results() == expected

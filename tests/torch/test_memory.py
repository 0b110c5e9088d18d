"""Memory of results is kept and used again."""

from __future__ import annotations

import gc
import sys

import pytest
import torch
from tests.conftest import spawn

import spikelet.torch as st
from spikelet import _core


def test_pool():
    limit = st.pool_limit()
    try:
        st.set_pool_limit(0)
        st.set_pool_limit(64 << 20)
        x = torch.rand(8, 64, 1024)  # 2 MB
        a = st.lif(x)
        where = a.data_ptr()
        values = a.clone()
        del a
        gc.collect()
        assert _core.pool_idle() >= x.nbytes
        b = st.lif(x)
        assert b.data_ptr() == where
        assert torch.equal(b, values)
        del b
        gc.collect()
        st.set_pool_limit(0)
        assert _core.pool_idle() == 0
        c = st.lif(x)
        del c
        gc.collect()
        assert _core.pool_idle() == 0
    finally:
        st.set_pool_limit(limit)
    assert st.pool_limit() == limit


def test_results_outlive_the_pool_and_may_be_changed():
    x = torch.rand(8, 64, 1024)
    s = st.lif(x)
    view = s[3]
    before = view.clone()
    del s
    gc.collect()
    others = [st.lif(x * k) for k in range(4)]
    assert torch.equal(view, before)
    view.add_(1)
    assert torch.equal(view, before + 1)
    assert len(others) == 4


KEPT = """
import resource, torch
import spikelet.torch as st
torch.set_num_threads(1)
kept = st.keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    x = torch.ones(1 << 24)  # 64 MB, 16384 pages
    del x
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first, again = faults(), [faults() for _ in range(3)]
print(kept, first, max(again))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it configures glibc")
def test_memory_that_is_kept_by_the_c_library():
    """Told once for a whole process, so in one of its own."""
    kept, first, again = spawn(KEPT).split()
    if kept == "False":
        pytest.skip("the C library is not glibc")
    assert int(again) < 0.05 * int(first)

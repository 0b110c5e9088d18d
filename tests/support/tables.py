"""Tables of synapses, in canonical order."""

from __future__ import annotations

import numpy as np
from tests.conftest import Floats, Ints

import spikelet as sl

Table = tuple[Ints, Ints, Floats, Floats]


def assert_table(p: sl.Projection, table: Table) -> None:
    """Compare everything that can be read."""
    pre, post, weight, delay = table
    assert len(p) == len(pre)
    np.testing.assert_array_equal(p.pre_ids, pre)
    np.testing.assert_array_equal(p.post_ids, post)
    np.testing.assert_array_equal(p.weights, weight)
    np.testing.assert_allclose(p.delays, delay, rtol=1e-12)
    matrix = p.to_scipy()
    np.testing.assert_array_equal(matrix.data, weight)
    np.testing.assert_array_equal(matrix.indices, post)
    np.testing.assert_array_equal(matrix.indptr, np.searchsorted(pre, np.arange(p.pre.size + 1)))

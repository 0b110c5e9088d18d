"""Spikes as few bytes, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.packing import unpack

from spikelet.plot.report.packing import pack


@given(
    st.integers(1, 2**20).flatmap(
        lambda width: st.tuples(
            st.just(width),
            st.lists(st.tuples(st.integers(0, 2**30), st.integers(0, width - 1)), max_size=50),
        )
    )
)
def test_spikes_come_back_in_order(drawn):
    width, spikes = drawn
    steps, rows = (np.array([s[k] for s in spikes], np.int64) for k in (0, 1))
    found = unpack(pack(steps, rows, width), width)
    expected = np.array(sorted(spikes), np.int64).reshape(-1, 2).T
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("count", [10_000, 200_000])
def test_a_spike_takes_about_a_byte(count):
    rng = np.random.default_rng(0)
    packed = pack(rng.integers(0, 10_000, count), rng.integers(0, 1000, count), 1000)
    assert len(packed) < 2.1 * count

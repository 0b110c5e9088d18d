"""Running means with sizes and delays."""

from __future__ import annotations

import numpy as np

from spikelet.layers.neurons import running_counts


def test_means_begin_again_at_the_delay() -> None:
    now, before, keeps = running_counts(np.ones(5), 2)
    assert now.tolist() == [1, 2, 1, 2, 3]
    assert before.tolist() == [0, 1, 0, 1, 2]
    assert not keeps.any()


def test_units_keep_their_value_where_sizes_leave_too_little() -> None:
    """But not at the first step of a mean, nor at the last one."""
    sizes = np.array([4.0, -3.75, 2.0, -2.125, 0.25])
    now, _, keeps = running_counts(sizes, 0)
    assert now.tolist() == [4, 0.25, 2.25, 0.125, 0.375]
    assert keeps.tolist() == [False, True, False, True, False]
    assert not running_counts(np.array([0.25, 1.75]), 0)[2].any()

"""What `connect` takes as a rule, and what it says of what is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from tests.conftest import make

import spikelet as sl
from spikelet.network.synapse_lists import find_each, row_lengths


@pytest.mark.parametrize(
    "rule",
    [
        sl.AllToAll(self_connections=False), sl.OneToOne(), sl.FixedProbability(0.3), sl.FixedIndegree(3),
        sl.FixedOutdegree(2, multapses=False), sl.FixedTotalNumber(40),
        sl.FixedTotalNumber(40, multapses=False, self_connections=False),
    ],
    ids=lambda rule: type(rule).__name__,
)  # fmt: skip
def test_lists_are_the_pairs_that_the_core_draws(rule: Any) -> None:
    net = make(threads=2)
    cells = net.population(20, sl.LIF())
    for pre, post in (
        (cells, cells),
        (cells[3:15], cells[[7, 2, 9, 4, 1, 11, 12, 13, 14, 0, 19, 16]]),
    ):
        number = len(net.projections)
        (found,) = find_each(net, pre, post, rule, number, None, by_core=False)
        p = net.connect(pre, post, rule)
        ids = found.blocks[0].ids
        assert ids is not None
        np.testing.assert_array_equal(ids[0], p.pre_ids)
        np.testing.assert_array_equal(ids[1], p.post_ids)
        assert found.size == len(p)


def test_row_lengths() -> None:
    assert row_lengths(np.array([0, 2, 2, 5], np.uint64)).tolist() == [2, 0, 3]


MISTAKES: list[tuple[str, Any, type[Exception], str]] = [
    ("class", sl.AllToAll, TypeError, r"did you mean sl.AllToAll\(\)\?"),
    ("class with arguments", sl.FixedIndegree, TypeError, r"did you mean sl.FixedIndegree\(number\)\?"),
    ("NEST's name", "all_to_all", TypeError, r"did you mean sl.AllToAll\(\)\?"),
    ("another of NEST's", "fixed_indegree", TypeError, r"did you mean sl.FixedIndegree\(number\)\?"),
    ("unknown name", "ring", TypeError, r"rules are: AllToAll, .*DistanceDependent"),
    ("dense array", np.ones((5, 3)), TypeError, r"scipy.sparse.csr_array\(array\)"),
    ("pairs", [(0, 1), (2, 2)], TypeError, r"these are tuple\(np.transpose\(pairs\)\)"),
    ("transposed", scipy.sparse.csr_array(np.ones((3, 5))), ValueError, r"\(5, 3\) \(transposed\?"),
    ("other shape", scipy.sparse.csr_array(np.ones((4, 4))), ValueError, r"\(5, 3\), got shape \(4, 4\)"),
    ("None", None, TypeError, "must be a connection rule"),
    ("unequal", ([0, 1], [0]), ValueError, "equally long"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "error", "text"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_mistakes(rule: Any, error: type[Exception], text: str) -> None:
    net = make()
    a, b = net.population(5, sl.LIF()), net.population(3, sl.LIF())
    with pytest.raises(error, match=text):
        net.connect(a, b, rule)
    assert net.projections == ()


def test_a_transposed_array_of_weights_and_seconds_are_noticed() -> None:
    net = make()
    a, b = net.population(5, sl.LIF()), net.population(3, sl.LIF())
    with pytest.raises(ValueError, match=r"weight must have the shape \(5, 3\) \(transposed\?"):
        net.connect(a, b, sl.AllToAll(), weight=np.ones((3, 5)))
    with pytest.raises(ValueError, match=r"delays are in ms: did you mean 1\.5\?"):
        net.connect(a, b, sl.AllToAll(), delay=0.0015)
    with pytest.raises(ValueError, match=r"65535 steps, got 1e-07"):
        net.connect(a, b, sl.AllToAll(), delay=1e-7)

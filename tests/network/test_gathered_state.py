"""Plastic state in the layout of a single process; several ranks are tested in tests/ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import make
from tests.support.plasticity_zoo import rules

import spikelet as sl
from spikelet.network.gathered_state import family, own_state, whole_state


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("synapse.0", "synapse"), ("synapse_step.0", "synapse"), ("initial", "synapse"), ("counts", "target"),
        ("row_source", "row"), ("row_double.1", "row"), ("post_value.2", "post"), ("sent_step", "sent"),
        ("reward_level", "reward"), ("clock", "clock"),
    ],
)  # fmt: skip
def test_families_of_arrays(name: str, kind: str) -> None:
    assert family(name) == kind


def busy(rule: Any) -> sl.Projection:
    net = make(threads=2)
    pre = net.population(30, sl.PoissonSource(200.0))
    post = net.population(40, sl.LIF(I_e=400.0))
    delay = sl.Uniform(0.5, 4.0)
    p = net.connect(pre, post, sl.FixedProbability(0.3), weight=2.0, delay=delay, plasticity=rule)
    net.run(50.0)
    return p


@pytest.mark.parametrize("rule", rules(), ids=repr)
def test_arrays_have_the_layout_of_one_process(rule: Any) -> None:
    p = busy(rule)
    state = whole_state(p)
    lengths: dict[str, set[int]] = {}
    for name, values in state.items():
        if name != "clock":
            lengths.setdefault(family(name), set()).add(len(values))
    assert all(len(found) == 1 for found in lengths.values()), lengths
    assert lengths["synapse"] == {len(p)}
    assert lengths["target"] == {40}
    rows = (state["row_source"].astype(np.int64) << 16) | state["row_delay"]
    assert (np.diff(rows) > 0).all()  # each source and delay once, in order
    assert len(rows) > 20


def test_the_part_of_the_only_rank_is_everything() -> None:
    p = busy(sl.STDP(A_plus=0.1, A_minus=0.1, w_max=40.0))
    whole = whole_state(p)
    own = own_state(p, whole)
    assert own.keys() == whole.keys()
    for name, values in whole.items():
        np.testing.assert_array_equal(own[name], values, err_msg=name)
    np.testing.assert_array_equal(whole["initial"], np.full(len(p), 2.0))

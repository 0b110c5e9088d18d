"""What the engine computes, as the export sees it."""

from __future__ import annotations

import numpy as np
from tests.support.c_networks import SHAPE, residual, waiting

from spikelet.io.c.plan import Plan
from spikelet.layers.to_core import Source


def test_a_plan_has_the_numbers_of_the_engine() -> None:
    plan = Plan(residual().graph, SHAPE, [Source()], whole=True)
    named = {name: item for item in plan.items for name in item.names}
    assert [item.kind for item in plan.inputs] == ["input"]
    assert (named["c1"].form, named["n1"].form, named["out"].form) == (
        "constant",
        "spikes",
        "current",
    )
    second = named["n2"]
    assert second.whole
    assert [part["kind"] for part in second.parts] == ["copy", "events"]
    weight = second.parts[1]["weight"]
    assert np.array_equal(weight, np.rint(weight))
    assert 2**14 < np.maximum(weight, 0).sum(axis=(1, 2, 3)).max() < 2**15
    assert (named["n3"].size, named["n3"].bytes, named["n3"].gains) == (36 * 16, 5, [1.0])


def test_phases() -> None:
    plan = Plan(waiting().graph, SHAPE, [Source()], whole=False)
    named = {name: item for item in plan.items for name in item.names}
    assert [plan.phases[named[n].number] for n in ("n1", "relu", "n2", "out")] == [0, 1, 1, 1]
    first, second = (
        {n for item in plan.steps_of(k) for n in item.names if item.kind == "neuron"}
        for k in (0, 1)
    )
    assert first == {"n1"}
    assert second - {"flat"} == {"n1", "n2"}  # the shortcut needs the first neurons again
    assert not plan.volumes

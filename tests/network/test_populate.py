"""Populations of any number and size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl
from spikelet import _core


def test_a_million_neurons_without_synapses() -> None:
    net = make(threads=2, dtype="float32")
    cells = net.population(1_000_000, sl.LIF(I_e=1000.0))
    cells.V_m[:] = np.linspace(-70.0, -56.0, 1_000_000)
    spikes = net.record(cells[::1000], "spikes")
    last = net.record(cells[999_999], "V_m")
    net.run(12.0)
    counts = spikes.counts()
    assert counts.shape == (1000,)
    assert set(counts) <= {2, 3}
    alone = make(dtype="float32")
    one = alone.population(1, sl.LIF(I_e=1000.0))
    one.V_m[:] = -56.0
    twin = alone.record(one, "V_m")
    alone.run(12.0)
    np.testing.assert_array_equal(last.values, twin.values)


_Vector = sl.Equations(
    "\n".join(f"dx{k}/dt = -x{k}/(10*ms)" for k in range(20)), initial={"x3": "rand()"}
)


@pytest.mark.parametrize(
    ("model", "dtype", "size"),
    [
        (sl.PoissonSource(rate=1.0), "float32", 22),
        (sl.SinusoidalPoisson(1.0, 1.0, 5.0), "float32", 22),
        (sl.InhomogeneousPoisson([[1.0], [2.0]], 10.0), "float64", 22),
        (sl.LIF(), "float32", 36),
        (sl.LIFCond(), "float64", 72),
        (_Vector(), "float64", 312),
    ],
)
def test_elements_that_exceed_the_memory_are_refused(model: Any, dtype: Any, size: int) -> None:
    """Before any is made: the system would end the process."""
    net = make(dtype=dtype)
    n = 2**32 - 1024
    if n * size < 1.1 * _core.available_memory():
        pytest.skip("this machine has memory for all elements that there can be")
    message = rf"^population many: the elements, 4.29497e\+09 of {size} bytes, would need .* GB, .* is left .*; make fewer"
    with pytest.raises(ValueError, match=message):
        net.population(n, model, name="many")
    assert net.populations == ()


@pytest.mark.parametrize("threads", [1, 3])
def test_thousands_of_small_populations(threads: int) -> None:
    net = make(threads=threads)
    cells = [net.population(1 + k % 2, sl.LIF(I_e=900.0)) for k in range(2500)]
    pre = net.population(1, sl.SpikeSource([0.1], [0]))
    for k in (0, 1, 1234, 2499):
        net.connect(pre, cells[k], sl.AllToAll(), weight=float(k + 1), delay=0.1)
    net.run(0.2)
    for k in (0, 1, 2, 1234, 2499):
        expected = k + 1.0 if k != 2 else 0.0
        np.testing.assert_array_equal(cells[k].I_syn_ex[:], [expected] * (1 + k % 2))

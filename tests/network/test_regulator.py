"""Handles of regulations: parameters that change between runs, and removal."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl


def network(*rules: Any) -> tuple[sl.Network, list[sl.Projection], list[sl.Regulator]]:
    """Return projections that only regulations change: their sources are silent, and their targets fire by a current."""
    net = make(dt=0.5)
    pre = net.population(6, sl.PoissonSource(0.0), name="X")
    post = net.population(5, sl.LIF(I_e=[0.0, 400.0, 500.0, 700.0, 900.0]), name="E")
    stdp = sl.STDP(w_max=100.0)
    projections = [
        net.connect(pre, post, sl.AllToAll(), weight=float(k + 1), plasticity=stdp)
        for k in range(len(rules))
    ]
    handles = [net.regulate(p, how) for p, how in zip(projections, rules, strict=True)]
    return net, projections, handles


def sums(projection: sl.Projection) -> Any:
    return projection.weights.reshape(6, 5).sum(axis=0)


def test_another_sum_holds_from_the_next_interval_on() -> None:
    net, (p,), (balance,) = network(sl.WeightNormalization(total=60.0, every=10.0))
    assert (balance.total, balance.every, balance.projection) == (60.0, 10.0, p)
    net.run(10.0)
    np.testing.assert_allclose(sums(p), 60.0)
    balance.total = 30.0
    assert balance.regulation == sl.WeightNormalization(total=30.0, every=10.0)
    net.run(9.5)
    np.testing.assert_allclose(sums(p), 60.0)
    net.run(0.5)
    np.testing.assert_allclose(sums(p), 30.0)
    balance.set(total=12.0, every=4.0)
    net.run(3.5)
    np.testing.assert_allclose(sums(p), 30.0)
    net.run(0.5)
    np.testing.assert_allclose(sums(p), 12.0)


def test_removing_one_regulation_keeps_the_others() -> None:
    rules = [sl.WeightNormalization(total=float(k), every=1.0) for k in (10, 20, 30)]
    net, (p, q, r), (first, second, third) = network(*rules)
    second.remove()
    assert second.removed
    assert net.regulations == (first, third)
    net.run(2.0)
    np.testing.assert_allclose(sums(p), 10.0)
    np.testing.assert_array_equal(q.weights, 2.0)
    np.testing.assert_allclose(sums(r), 30.0)
    third.total = 60.0  # its number in the core is another one now
    second.remove()  # does nothing
    net.run(1.0)
    np.testing.assert_allclose(sums(p), 10.0)
    np.testing.assert_allclose(sums(r), 60.0)
    again = net.regulate(q, second.regulation)
    net.run(1.0)
    np.testing.assert_allclose(sums(q), 20.0)
    assert net.regulations == (first, third, again)
    with pytest.raises(ValueError, match=r"X -> E .*removed and cannot be set; add it again"):
        second.total = 1.0


def test_a_scaling_keeps_its_count_with_other_values_and_begins_anew_with_another_interval() -> (
    None
):
    how = sl.SynapticScaling(rate=20.0, strength=0.1, every=100.0)
    net, (p,), (scaling,) = network(how)
    spikes = net.record(p.post, "spikes")
    net.run(60.0)
    scaling.set(rate=40.0, strength=0.5)
    net.run(40.0)
    counts = spikes.counts()
    assert counts.max() > 3
    expected = np.maximum(0.0, 1 + 0.5 * (1 - counts / 0.1 / 40.0))
    np.testing.assert_allclose(p.weights.reshape(6, 5), np.tile(expected, (6, 1)), rtol=1e-6)
    net.run(30.0)
    before, weights, begin = spikes.counts(), p.weights.copy(), net.t
    scaling.every = 200.0  # counts from 130 to 200 ms
    net.run(70.0)
    rates = (spikes.counts() - before) / ((net.t - begin) * 1e-3)
    factor = np.maximum(0.0, 1 + 0.5 * (70.0 / 200.0) * (1 - rates / 40.0))
    np.testing.assert_allclose(p.weights, weights * np.tile(factor, 6), rtol=1e-6)


def test_a_loaded_network_has_the_handles_as_they_were(tmp_path: Path) -> None:
    net, _, (first, second, _) = network(
        sl.WeightNormalization(total=10.0, every=1.0),
        sl.SynapticScaling(rate=5.0, every=20.0),
        sl.WeightNormalization(total=30.0, every=1.0),
    )
    net.run(7.0)
    first.remove()
    second.strength = 0.3
    net.save(tmp_path / "net.npz")
    copied = sl.Network.load(tmp_path / "net.npz")
    assert [r.regulation for r in copied.regulations] == [r.regulation for r in net.regulations]
    for one in (net, copied):
        one.regulations[0].rate = 7.0
        one.run(30.0)
    for p, q in zip(net.projections, copied.projections, strict=True):
        np.testing.assert_array_equal(p.weights, q.weights)


def test_wrong_values_change_nothing() -> None:
    net, (p,), (balance,) = network(sl.WeightNormalization(total=60.0, every=10.0))
    for name, value, error, match in (
        ("total", -1.0, ValueError, r"WeightNormalization: total must be > 0"),
        ("total", "much", TypeError, "total"),
        ("every", 0.7, ValueError, r"every .*multiple"),
        ("rate", 1.0, AttributeError, r"has no 'rate'.*there are: total, every"),
        ("totl", 1.0, AttributeError, r"did you mean 'total'"),
        ("projection", p, AttributeError, "projection cannot be set: add another regulation"),
        ("regulation", balance.regulation, AttributeError, "regulation cannot be set"),
    ):
        with pytest.raises(error, match=match):
            setattr(balance, name, value)
    with pytest.raises(ValueError, match="total must be > 0"):
        balance.set(every=20.0, total=0.0)
    with pytest.raises(AttributeError, match=r"cannot be deleted; remove\(\)"):
        del balance.total
    with pytest.raises(AttributeError, match="did you mean 'every'"):
        _ = balance.everi
    assert balance.regulation == sl.WeightNormalization(total=60.0, every=10.0)
    net.run(10.0)
    np.testing.assert_allclose(sums(p), 60.0)


def test_a_sum_beyond_the_bounds_warns() -> None:
    _, _, (balance,) = network(sl.WeightNormalization(total=60.0, every=10.0))
    with pytest.warns(UserWarning, match="more than the bounds"):
        balance.total = 1e4


def test_a_handle_is_shown_and_not_copied() -> None:
    _, (p,), (balance,) = network(sl.WeightNormalization(total=60.0, every=10.0))
    projection, how = balance
    assert (projection, how) == (p, balance.regulation) == (balance[0], balance[1])
    assert repr(balance) == "Regulator(X -> E, WeightNormalization(total=60.0, every=10.0))"
    for call in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="save the network"):
            call(balance)
    balance.remove()
    assert repr(balance) == "Regulator(X -> E, removed)"


def test_nothing_changes_during_a_run() -> None:
    net, _, (balance,) = network(sl.WeightNormalization(total=60.0, every=10.0))
    errors = []

    def progress(_t: float) -> None:
        for call in (balance.remove, lambda: balance.set(total=1.0)):
            try:
                call()
            except RuntimeError as error:
                errors.append(str(error))

    net.run(20.0, progress=progress)
    assert errors
    assert not balance.removed
    assert balance.total == 60.0

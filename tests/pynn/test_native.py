from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN.errors import (
    InvalidDimensionsError,
    InvalidParameterValueError,
    NonExistentParameterError,
)

import spikelet as sl
from spikelet.pynn.native import Neurons, Translated, native_errors


def test_errors_of_the_network_become_those_of_pynn() -> None:
    for error in (ValueError, TypeError):
        with pytest.raises(InvalidParameterValueError, match="why"), native_errors():
            raise error("why")
    with pytest.raises(InvalidDimensionsError), native_errors():
        raise InvalidDimensionsError
    with pytest.raises(RuntimeError, match="other"), native_errors():
        raise RuntimeError("other")


def _neurons(sim: Any, n: int = 4) -> Neurons:
    return Neurons(sim.simulator.state, n, sl.LIF, {"tau_m": 20.0}, "cells")


def test_changes_reach_the_core_at_the_next_run(sim: Any) -> None:
    cells = _neurons(sim)
    cells.set(np.array([1, 2]), {"tau_m": np.array([5.0, 6.0])})
    cells.set(np.array([3]), {"tau_m": 7.0})
    assert cells.get("tau_m").tolist() == [20.0, 5.0, 6.0, 7.0]
    assert cells.population.tau_m == 20.0
    cells.advance(0, 1)
    assert cells.population.tau_m.tolist() == [20.0, 5.0, 6.0, 7.0]
    cells.set(np.arange(4), {"tau_m": 8.0})
    assert cells.get("tau_m") == 8.0
    cells.advance(1, 2)
    assert cells.population.tau_m == 8.0


def test_a_bad_value_changes_nothing(sim: Any) -> None:
    cells = _neurons(sim)
    with pytest.raises(InvalidParameterValueError, match="tau_m must be > 0"):
        cells.set(np.array([1]), {"C_m": 100.0, "tau_m": -1.0})
    with pytest.raises(InvalidParameterValueError, match="V_reset"):  # a rule of two parameters
        cells.set(np.array([1]), {"V_th": -80.0})
    assert cells.get("C_m") == 250.0
    cells.advance(0, 1)
    assert cells.population.C_m == 250.0


def test_a_bad_value_makes_no_population(sim: Any) -> None:
    before = len(sim.simulator.state.network.populations)
    with pytest.raises(InvalidParameterValueError, match="tau_m"):
        Neurons(sim.simulator.state, 4, sl.LIF, {"tau_m": -1.0}, "cells")
    assert len(sim.simulator.state.network.populations) == before


def test_what_a_type_does_not_have_is_refused() -> None:
    kind = Translated()
    with pytest.raises(NotImplementedError, match="no receptor 'AMPA'; there are: none"):
        kind.native_receptor("AMPA")
    with pytest.raises(NonExistentParameterError):
        kind.can_set("v")
    with pytest.raises(NotImplementedError):
        kind.build(None, 1, {}, "")  # type: ignore[arg-type]

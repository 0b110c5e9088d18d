"""Sizes of populations are those of the arrays that are there, and states can be those of neurons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, spawn
from tests.support.checkpoint_files import change_array, refused, rewrite

import spikelet as sl


def stored(path: Path) -> None:
    net = make()
    cells = net.population(5, sl.LIF(I_e=600.0))
    net.population(3, sl.PoissonSource(100.0))
    net.population(2, sl.RasterSource(np.ones((4, 2), np.int64)))
    net.inject(cells, sl.PoissonInput(100.0, 5.0))
    net.run(10.0)
    net.save(path)


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "neurons": (lambda h: h["populations"][0].update(n=3_000_000_000), "3000000000 values"),
    "sources": (lambda h: h["populations"][1].update(n=3_000_000_000), "all sources"),
    "raster": (lambda h: h["populations"][2].update(n=3_000_000_000), "all sources"),
    "fraction": (lambda h: h["populations"][0].update(n=5.0), "whole number"),
    "bool": (lambda h: h["populations"][1].update(n=True), "whole number"),
    "name": (lambda h: h["populations"][0].update(name=3), "name must be a string"),
    "start": (lambda h: h["populations"][2].update(start=-1), "start"),
    "source as target": (lambda h: h["inputs"][0].update(target=1), "must be neurons"),
    "no target": (lambda h: h["inputs"][0].update(target=-1), "population"),
    "seed": (lambda h: h.update(seed=2**64), "seed"),
    "true seed": (lambda h: h.update(seed=True), "seed"),
    "dt": (lambda h: h.update(dt=float("nan")), "dt"),
    "now": (lambda h: h.update(now=2**60), "now"),
    "past": (lambda h: h.update(now=-1), "now"),
    "drawn": (lambda h: h.update(drawn=-5), "drawn"),
}


@pytest.mark.parametrize("change", HEADERS)
def test_descriptions_that_cannot_be_are_refused(change: str, tmp_path: Path) -> None:
    stored(tmp_path / "c")
    refused(tmp_path / "c", *HEADERS[change])


def put(at: int, value: Any) -> Callable[[Any], Any]:
    def change(x: Any) -> Any:
        x = x.copy()
        x[at] = value
        return x

    return change


ARRAYS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "short": ("population0.state.V_m", lambda x: x[:-1]),
    "single": ("population0.state.V_m", lambda x: x.astype(np.float32)),
    "held": ("population0.held", put(1, -1)),
    "held too long": ("population0.held", put(1, 2**31 - 1)),
    "raster": ("population2.raster", put((0, 0), 3 * 10**9)),
    "gids": ("in_flight.gids", put(0, 10)),
    "stamps": ("in_flight.stamps", put(-1, 101)),
    "order": ("in_flight.stamps", lambda x: x[::-1].copy()),
}


@pytest.mark.parametrize("change", ARRAYS)
def test_arrays_that_cannot_be_are_refused(change: str, tmp_path: Path) -> None:
    stored(tmp_path / "c")
    key, how = ARRAYS[change]
    if key.startswith("in_flight"):
        net = make(dt=1.0)
        cells = net.population(9, sl.PoissonSource(2000.0))
        net.connect(cells, net.population(1, sl.LIF()), sl.AllToAll(), delay=50.0)
        net.run(100.0)
        net.save(tmp_path / "c")
    change_array(tmp_path / "c", key, how)
    with pytest.raises(ValueError, match=r"Network\.load: "):
        sl.Network.load(tmp_path / "c")


def test_a_network_that_diverged_is_loaded(tmp_path: Path) -> None:
    stored(tmp_path / "c")
    change_array(tmp_path / "c", "population0.state.V_m", put(2, np.nan))
    change_array(tmp_path / "c", "population0.state.I_syn_ex", put(3, np.inf))
    net = sl.Network.load(tmp_path / "c")
    assert not np.isfinite(net.populations[0].V_m).all()
    with pytest.raises(FloatingPointError, match=r"V_m of neuron 2 is -?nan"):
        net.run(1.0)


def test_a_size_that_is_not_there_costs_no_memory(tmp_path: Path) -> None:
    stored(tmp_path / "c")
    rewrite(tmp_path / "c", HEADERS["neurons"][0])
    grown = spawn(f"""
import resource, sys
import spikelet as sl
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    sl.Network.load({str(tmp_path / "c")!r}, threads=1)
except ValueError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
""")
    assert int(grown) < 50_000


def test_many_sources_without_synapses_come_back(tmp_path: Path) -> None:
    net = make()
    net.population(3_000_000, sl.PoissonSource(1.0))
    net.save(tmp_path / "c")
    assert len(sl.Network.load(tmp_path / "c").populations[0]) == 3_000_000

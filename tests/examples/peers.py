"""Examples of other simulators, written out for spikelet, and what those simulators gave."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spikelet as sl

EXAMPLES = Path(__file__).parents[2] / "examples" / "peers"
REFERENCES = Path(__file__).with_name("references")


def example(name: str) -> ModuleType:
    """Import a script of examples/peers."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reference(name: str) -> dict[str, NDArray[Any]]:
    """Return the arrays that a recorder of references wrote."""
    with np.load(REFERENCES / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def pairs(given: dict[str, NDArray[Any]], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return sources and targets of given synapses."""
    return given[f"{name}_pre"].astype(np.int64), given[f"{name}_post"].astype(np.int64)


def raster(spikes: sl.SpikeRecorder, dt: float = 0.1) -> NDArray[np.int64]:
    """Return stamps in steps and neurons, [2, spikes], sorted by stamp and neuron."""
    steps = np.rint(spikes.times / dt).astype(np.int64)
    order = np.lexsort((spikes.ids, steps))
    return np.stack([steps[order], spikes.ids[order].astype(np.int64)])


def recorded(given: dict[str, NDArray[Any]], prefix: str = "", later: int = 0) -> NDArray[np.int64]:
    """Return stamps in steps and neurons of a peer; `later`: steps by which its stamps are earlier than ours."""
    return np.stack(
        [given[f"{prefix}steps"].astype(np.int64) + later, given[f"{prefix}ids"].astype(np.int64)]
    )


def drive(
    given: dict[str, NDArray[Any]],
    net: sl.Network,
    targets: sl.Population,
    weight: float,
    delay: float,
) -> None:
    """Connect sources of given spikes by given synapses."""
    times = given["drive_steps"].astype(np.float64) * net.dt
    n = int(given["drive_pre"].max()) + 1
    source = net.population(
        n, sl.SpikeSource(times, given["drive_ids"].astype(np.int64), snap=True)
    )
    net.connect(source, targets, pairs(given, "drive"), weight=weight, delay=delay)

"""Libraries that read NIR: their primitives and their steps, which a graph written for them has to fit."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet._util.checks import choice, fail, scalar
from spikelet.io.nir.equations import Mode

WHERE = "write_nir"
_SHORTEST = 1e-100
_REALS: dict[str, type[Any]] = {"float32": np.float32, "float64": np.float64}
_LINEAR = ("Affine", "Linear", "Conv2d", "Flatten")


@dataclass(frozen=True)
class Reader:
    """A library that reads the graph.

    Parameters
    ----------
    title : str
    dt : float
        The step of its reader, by default, in the unit of time of the graph.
    fixed : bool
        The reader takes no other step.
    mode : "exact" or "euler", optional
        How it makes steps of the equations; None: as the caller likes.
    nodes : collection of str, optional
        The primitives that it reads; None: all.
    strict : bool
        A neuron spikes above its threshold, not at it.
    branches : bool
        It runs graphs in which an output goes to several nodes.
    recurrence : bool
        It runs recurrent neurons.
    uniform : tuple of str
        Parameters that must be the same for all neurons of a population.
    """

    title: str
    dt: float
    fixed: bool = False
    mode: Mode | None = None
    nodes: Collection[str] | None = None
    strict: bool = True
    branches: bool = True
    recurrence: bool = True
    uniform: tuple[str, ...] = ()


# Read in nir 1.0.8, snntorch 1.0.0 (import_nir.py), spikingjelly 2.0.0 (nir_exchange/from_nir.py), norse 1.1.0
# (utils/import_nir.py) and sinabs 2.0.3 (nir.py); `bench/python/compare_nir.py` compares spikes.
#
# snnTorch reads an IF as a Leaky of beta 0.9, so IF is not among its nodes, and leads the input of recurrent neurons through
# their recurrent weights (_create_rnn_subgraph). Norse and sinabs read with nirtorch.load, which runs the nodes of a branch
# before all of their inputs are there (nirtorch 2.6, graph_utils.py, trace_execution). sinabs runs all steps of a layer at
# once, fails for leaky neurons that are not a vector, and clips the potential of an IF at minus its threshold.
READERS = {
    "nir": Reader("NIR", 1e-4),
    "snntorch": Reader(
        "snnTorch",
        1e-4,
        fixed=True,
        mode="euler",
        nodes=(*_LINEAR, "AvgPool2d", "LIF", "CubaLIF"),
        recurrence=False,
        uniform=("threshold", "v_reset"),
    ),
    "spikingjelly": Reader(
        "SpikingJelly",
        1e-4,
        mode="euler",
        nodes=(*_LINEAR, "Conv1d", "AvgPool2d", "IF", "LIF", "CubaLIF"),
        strict=False,
        uniform=("threshold", "v_reset", "decay", "syn_decay"),
    ),
    "norse": Reader(
        "Norse",
        1e-3,
        mode="euler",
        nodes=(*_LINEAR, "SumPool2d", "IF", "LIF", "CubaLIF"),
        branches=False,
    ),
    "sinabs": Reader(
        "sinabs",
        1.0,
        fixed=True,
        mode="exact",
        nodes=("Affine", "Conv1d", "Conv2d", "Flatten", "SumPool2d", "IF", "LIF"),
        strict=False,
        branches=False,
        recurrence=False,
    ),
}


@dataclass(frozen=True)
class Request:
    """How a graph shall be written: the options of `write_nir`, checked."""

    convention: str
    dt: float | None
    mode: Mode | None
    dtype: str | None
    input_shape: Iterable[Any] | None

    def __post_init__(self) -> None:
        choice(WHERE, "convention", self.convention, *READERS)
        reader = self.reader
        if self.dt is not None:
            dt = scalar(WHERE, "dt", self.dt, "finite and > 0")
            if not _SHORTEST <= dt <= 1 / _SHORTEST:  # time constants would lose digits
                fail(WHERE, "dt", dt, f"must lie between {_SHORTEST:g} and {1 / _SHORTEST:g}")
            if reader.fixed and dt != reader.dt:
                rule = f"must be {reader.dt:g}, the only step that {reader.title} reads"
                fail(WHERE, "dt", dt, rule)
            object.__setattr__(self, "dt", dt)
        if self.mode is not None:
            choice(WHERE, "mode", self.mode, "exact", "euler")
            if reader.mode not in (None, self.mode):
                rule = f'must be "{reader.mode}", the steps that {reader.title} makes'
                fail(WHERE, "mode", self.mode, rule)
        if self.dtype is not None:
            choice(WHERE, "dtype", self.dtype, *_REALS)

    def given(self) -> list[str]:
        """Return the names of the options that differ from the defaults."""
        names = ["dt", "mode", "dtype", "input_shape"]
        changed = [name for name in names if getattr(self, name) is not None]
        return changed + ["convention"] * (self.convention != "nir")

    @property
    def reader(self) -> Reader:
        """The reader that the graph is for."""
        return READERS[self.convention]

    def step(self, own: float | None) -> float:
        """Return the step, of a model that has this one of its own, or none."""
        if self.dt is not None:
            return self.dt
        return own if self.convention == "nir" and own is not None else self.reader.dt

    def steps(self, *, synapses: bool) -> Mode:
        """Return how the reader makes steps of a model with or without synapses."""
        return self.mode or self.reader.mode or ("euler" if synapses else "exact")

    def real(self, own: str) -> type[Any]:
        """Return the type of weights, of a model of this precision."""
        return _REALS[self.dtype or own]

    def compared(self, own: str) -> type[Any]:
        """Return the type in which the reader compares potentials with thresholds."""
        return np.float32 if self.convention != "nir" else self.real(own)

"""`NirModel`: a graph of NIR, checked and ready to run."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import choice, fail, integer, named, representable, scalar
from spikelet._util.read_only import ReadOnly
from spikelet._util.sealed import Sealed
from spikelet._util.tensors import array_of
from spikelet._util.threads import default_threads
from spikelet.conversion.to_network import GraphNetwork, to_network
from spikelet.io.nir.equations import Mode
from spikelet.io.nir.fields import NEURONS
from spikelet.io.nir.flat import FlatGraph, flatten
from spikelet.io.nir.to_graph import Kept, Scheme, kept, to_graph
from spikelet.layers import Neuron
from spikelet.layers.spiking_model import SpikingModel

_MILLISECONDS = {"s": 1e3, "ms": 1.0}  # of the units of time constants
_MODELS_KEPT = 4  # those made last, for different options of runs


@dataclass(frozen=True, eq=False)
class NirState:
    """A point from which a run can continue: the inputs since the network was at rest, and the options of the runs."""

    inputs: Mapping[str, NDArray[Any]]  # all of them, [T, B, ...]
    lead: tuple[int, ...]  # the numbers of steps and of samples
    scheme: Scheme
    dtype: str


@dataclass(frozen=True, eq=False)
class NirResult:
    """The result of `NirModel.run`.

    Attributes
    ----------
    outputs : mapping of str to array, [T, B, ...]
        The signal that reaches each output; without B if the input had none.
    record : mapping of str to array, [T, B, ...]
        The arrays that `record` named.
    state : NirState
        Pass it to ``run(..., state=)`` to continue.
    dt : float
        The time step.
    """

    outputs: Mapping[str, NDArray[Any]]
    record: Mapping[str, NDArray[Any]]
    state: NirState
    dt: float

    @property
    def output(self) -> NDArray[Any]:
        """The signal of the only output, [T, B, ...]."""
        if len(self.outputs) != 1:
            names = ", ".join(map(repr, self.outputs))
            msg = f"NirResult: there is no single output; use outputs[name] with one of {names}"
            raise ValueError(msg)
        return next(iter(self.outputs.values()))


class NirModel(Sealed):
    """A graph of NIR that can be run; `spikelet.io.read_nir` makes it.

    Attributes
    ----------
    inputs, outputs : mapping of str to tuple of int
        Shape of each input and output, without time and batch. A node that no edge enters is an input, too, called
        ``input_<node>``, and one that none leaves is the output ``output_<node>``.
    nodes : mapping of str to str
        The primitive of each node, by its path: ``"lif"``, ``"block/lif"`` in a nested graph.
    """

    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    nodes: Mapping[str, str]

    _instead: ClassVar = {"": "take its graph, change that, and read it with read_nir(graph)"}

    def __init__(self, graph: Any, where: str = "NirModel") -> None:
        self._graph = copy.deepcopy(graph)
        flat = self._flat = flatten(self._graph, where)
        _complete(self._graph, flat, "")
        self.inputs = MappingProxyType({k: flat.nodes[n].takes for k, n in flat.inputs.items()})
        self.outputs = MappingProxyType({k: flat.nodes[n].sends for k, n in flat.outputs.items()})
        self.nodes = MappingProxyType({name: node.kind for name, node in flat.nodes.items()})
        self._kept = kept(self._graph, flat)
        self._models: dict[Any, tuple[SpikingModel, Mapping[tuple[str, str], str]]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._graph, self._flat.where)

    def __repr__(self) -> str:
        ends = [
            ", ".join(f"{name} {shape}" for name, shape in some.items())
            for some in (self.inputs, self.outputs)
        ]
        return f"NirModel({len(self.nodes)} nodes, {ends[0]} -> {ends[1]})"

    @property
    def graph(self) -> Any:
        """A copy of the graph (nir.NIRGraph), with its metadata: ``nir.write(path, model.graph)`` saves it."""
        return copy.deepcopy(self._graph)

    @property
    def kept(self) -> Kept:
        """The metadata that `write_nir` added."""
        return self._kept

    def run(
        self,
        x: ArrayLike | Mapping[str, ArrayLike] | None = None,
        *,
        dt: float | None = None,
        mode: Mode | None = None,
        reset: Literal["value", "subtract"] | None = None,
        record: str | Iterable[str] = (),
        steps: int | None = None,
        state: NirState | None = None,
        spike_height: float = 1.0,
        dtype: Literal["float64", "float32"] = "float64",
        threads: int | None = None,
    ) -> NirResult:
        r"""Run the graph from rest, with all potentials, currents and delay lines at 0.

        If `write_nir` wrote the graph, its metadata gives the defaults.

        Parameters
        ----------
        x : array-like, [T, B, ...] or [T, ...], or mapping of names to these
            The input of each step, held constant over it; a mapping has one for each of `inputs`, where those that it
            leaves out are 0. None: no input, for `steps` steps.
        dt : float
            Time step, **in the unit of the file's time constants and delays**. All known writers use seconds.
        mode : "exact" or "euler"
            "exact", the default, solves the equations of each neuron exactly for an input that is constant over the
            step; results then depend on dt only through the input and the grid of spikes and resets. "euler" is forward
            Euler, as most libraries step, with the synaptic current before the potential: needed to reproduce networks
            that were trained with a dt close to the time constants.
        reset : "value" or "subtract"
            How a spike resets the potential: set it to `v_reset`, as the standard says, or subtract the threshold, as
            in the training of many networks. The format cannot state this. By default "value", except for nodes whose
            reset `write_nir` has recorded.
        record : str, or an iterable of these
            ``"lif"``: the output of a node (spikes, or potentials of LI, CubaLI and I), or of a nested graph;
            ``"lif.v"``: potentials after the reset, ``"lif.i"``: synaptic currents.
        steps : int, optional
            Number of steps, if there is no input.
        state : NirState, optional
            The `state` of an earlier result, to continue from: with the same options and number of samples. It holds the
            inputs of the earlier steps, which run again.
        spike_height : float
            The value of a spike on an edge, which the standard does not define. 1, as in all libraries, makes the
            effect of a spike proportional to dt; ``1 / dt`` makes it a pulse of area 1.
        dtype : "float64" or "float32"
        threads : int, optional
            By default all cores that this process may use. Results do not depend on it.

        Returns
        -------
        NirResult

        Raises
        ------
        ValueError
            If an argument breaks its rule; the message says which.

        Notes
        -----
        Within a step, signals pass through the whole graph. In a cycle, the edge that closes it carries the value of the
        step before: among the paths from the inputs, the edge that leads back. Before the first step, neurons have sent
        nothing, and other nodes their output for zeros (an Affine its bias). A `Delay` is rounded to the nearest step;
        with at least one it needs no such edge. A neuron spikes if its potential is above the threshold (>) at the end
        of a step, or at it if the metadata of its node says so, and is reset there.

        A run in two pieces gives the same bits as a single run.
        """
        where = "NirModel.run"
        height = scalar(where, "spike_height", spike_height, "finite")
        scheme = self._scheme(where, dt, mode, reset, height)
        choice(where, "dtype", dtype, "float64", "float32")
        threads = default_threads() if threads is None else integer(where, "threads", threads, 1)
        records = self._records(where, record)
        given, lead = self._given(where, x, steps, np.dtype(dtype))
        now = NirState(given, lead, scheme, dtype)
        whole = now if state is None else _continued(where, state, now)
        earlier = whole.lead[0] - lead[0]
        ends = {name: (node, "out") for name, node in self._flat.outputs.items()}
        model, layers = self._model(where, whole, {*ends.values(), *records.values()})
        model.threads = threads
        sizes = whole.lead if len(whole.lead) > 1 else (*whole.lead, 1)
        samples = {
            name: whole.inputs[name].reshape(*sizes, *self._takes(name))
            if name in self.inputs
            else np.zeros((*sizes, *self._takes(name)), dtype)
            for name in model.graph.inputs
        }
        names = {of: _recorded(model, layer, of[1]) for of, layer in layers.items()}
        with named(where):
            one = next(iter(samples.values()))
            found = model.run(
                samples if len(samples) > 1 else one, record=sorted(set(names.values()))
            )

        def shaped(of: tuple[str, str]) -> NDArray[Any]:
            array = found[names[of]][earlier:]
            if names[of].endswith(".spikes"):
                array = array * np.dtype(dtype).type(height)
            return array.reshape(*lead, *array.shape[2:])

        return NirResult(
            ReadOnly({name: shaped(of) for name, of in ends.items()}),
            ReadOnly({name: shaped(of) for name, of in records.items()}),
            whole,
            scheme.dt,
        )

    def to_spiking_model(
        self,
        *,
        dt: float | None = None,
        mode: Mode | None = None,
        reset: Literal["value", "subtract"] | None = None,
        dtype: Literal["float32", "float64", "int16"] = "float64",
        threads: int | None = None,
    ) -> SpikingModel:
        """Return a `SpikingModel` that sends the same spikes.

        Parameters
        ----------
        dt, mode, reset
            As in `run`.
        dtype, threads
            Options of `SpikingModel`. In float64 spikes are those of `run`.

        Returns
        -------
        SpikingModel
            Its `run(x)` takes [T, B, ...], and its layers have the names of the nodes. Several inputs have the names of
            `inputs`. An edge that closes a cycle becomes a `Delay` of one step.

        Raises
        ------
        ValueError
            If no layer can step like a node; the message names the node and the rule.
        """
        where = "NirModel.to_spiking_model"
        made = to_graph(where, self._flat, self._scheme(where, dt, mode, reset))
        with named(where):
            return SpikingModel(made.graph, dtype=dtype, threads=threads)

    def to_network(
        self,
        *,
        dt: float | None = None,
        mode: Mode | None = None,
        reset: Literal["value", "subtract"] | None = None,
        unit: Literal["s", "ms"] = "s",
        dtype: Literal["float32", "float64"] = "float64",
        seed: int = 0,
        threads: int | None = None,
    ) -> GraphNetwork:
        """Return an event-driven `Network` that sends the same spikes, to add plasticity, noise and recorders.

        Populations are models of `LIFDelta`, or of `Equations` if they have more than a potential. All that lies between
        neurons (weights, convolutions, pooling, delays) becomes synapses. Inputs must be spikes.

        Parameters
        ----------
        dt, mode, reset
            As in `run`.
        unit : "s" or "ms"
            The unit of the file's time constants; a Network counts in ms.
        dtype, seed, threads
            Options of `Network`. In float64 spikes are those of `run`, unless a potential meets its threshold within
            rounding.

        Returns
        -------
        GraphNetwork

        Raises
        ------
        ValueError
            If a neuron sends its potential to other nodes, or a cycle of several neurons takes fewer steps than it has
            synapses. The message names the node and what to use instead.
        """
        where = "NirModel.to_network"
        scheme = self._scheme(where, dt, mode, reset)
        choice(where, "unit", unit, "s", "ms")
        graph = to_graph(where, self._flat, scheme, everything=True).graph
        shapes = {name: self._takes(name) for name in graph.inputs}
        step = scheme.dt * _MILLISECONDS[unit]
        return to_network(where, graph, shapes, step, dtype=dtype, seed=seed, threads=threads)

    def _takes(self, name: str) -> tuple[int, ...]:
        """Return the shape of an input of the layers; a graph without inputs has one for a node."""
        node = self._flat.inputs.get(name, name.removeprefix("input_"))
        return self._flat.nodes[node].takes

    def _scheme(self, where: str, dt: Any, mode: Any, reset: Any, height: float = 1.0) -> Scheme:
        """Return how neurons step, after checks; by default as the metadata says."""
        known = self._kept
        if dt is None and known.dt is None:
            msg = f"{where}: dt must be given, in the unit of the time constants: the graph does not say"
            raise TypeError(msg)
        dt = scalar(where, "dt", known.dt if dt is None else dt, "finite and > 0")
        mode = known.mode or "exact" if mode is None else mode
        choice(where, "mode", mode, "exact", "euler")
        if reset is not None:
            choice(where, "reset", reset, "value", "subtract")
            return Scheme(dt, mode, reset == "subtract", known.at, known.v_init, height)
        at = {name: value for name, value in known.subtract.items() if value is not None}
        return Scheme(dt, mode, tuple(known.subtract), {**known.at, **at}, known.v_init, height)

    def _model(
        self, where: str, run: NirState, wanted: set[tuple[str, str]]
    ) -> tuple[SpikingModel, Mapping[tuple[str, str], str]]:
        """Return a model, and the layers that compute outputs, potentials and currents of nodes."""
        key = (run.scheme.key, run.dtype, frozenset(wanted))
        if key not in self._models:
            made = to_graph(where, self._flat, run.scheme, sorted(wanted))
            with named(where):
                model = SpikingModel(made.graph, dtype=run.dtype)  # type: ignore[arg-type]  # checked
            self._models[key] = model, made.stands
            for oldest in list(self._models)[:-_MODELS_KEPT]:
                self._models.pop(oldest, None)
        return self._models[key]

    def _records(self, where: str, record: str | Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return (node, quantity) by what was asked for."""
        asked: Any = [record] if isinstance(record, str) else record
        if not isinstance(asked, Iterable):
            fail(where, "record", record, "must hold names of nodes", error=TypeError)
        found: dict[str, tuple[str, str]] = {}
        for item in asked:
            if not isinstance(item, str):
                fail(where, "record", item, "must hold names of nodes", error=TypeError)
            name, what = item, "out"
            if item not in self._flat.nodes and item not in self._flat.aliases:
                base, dot, last = item.rpartition(".")
                if dot and last in ("v", "i"):
                    name, what = base, last
            node = self._flat.node(where, "record", name)
            has = ["out", *(["v"] if node.kind in NEURONS else [])]
            has += ["i"] if node.kind.startswith("Cuba") else []
            if what not in has:
                fail(where, "record", item, f"must name one of {', '.join(has)} of a {node.kind}")
            found[item] = (node.name, what)
        return found

    def _given(
        self, where: str, x: Any, steps: int | None, dtype: np.dtype[Any]
    ) -> tuple[dict[str, NDArray[Any]], tuple[int, ...]]:
        """Return all inputs by name, and the numbers of steps and of samples, if there is that axis."""
        if x is None and steps is None:
            raise TypeError(f"{where}: x must be given, or steps for a run without input")
        if x is not None and steps is not None:
            fail(where, "steps", steps, "must be left out where there is an input, which has steps")
        lead: tuple[int, ...] = ()
        if x is None:
            lead = (integer(where, "steps", steps, 1),)
        elif not isinstance(x, Mapping):
            x = {self._only(where): x}
        found: dict[str, NDArray[Any]] = {}
        for name, value in (x or {}).items():
            if name not in self.inputs:
                fail(where, "x", name, f"must have the names {', '.join(self.inputs)}")
            argument = "x" if len(x) == 1 else f"x[{name!r}]"
            array, shape = array_of(where, argument, value), self.inputs[name]
            extra = array.ndim - len(shape)
            if extra not in (1, 2) or array.shape[extra:] != shape or 0 in array.shape:
                sides = "".join(f", {n}" for n in shape)
                rule = f"must be [T, B{sides}] or [T{sides}], with at least one step and sample"
                fail(where, argument, array.shape, rule, got="shape")
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                fail(where, argument, float(array[~np.isfinite(array)][0]), "must be finite")
            representable(where, argument, array, dtype)
            if lead and array.shape[:extra] != lead:
                rule = "must have the same number of steps and samples"
                fail(where, "x", (lead, array.shape[:extra]), rule)
            found[name], lead = np.array(array, dtype), array.shape[:extra]
        if not lead:
            fail(where, "x", {}, "must hold at least one input")
        for name, shape in self.inputs.items():
            if name not in found:
                found[name] = np.zeros((*lead, *shape), dtype)
        return found, lead

    def _only(self, where: str) -> str:
        declared = [name for name, node in self._flat.inputs.items() if name == node]
        names = declared if len(declared) == 1 else list(self.inputs)
        if len(names) != 1:
            rule = f"must be a dict with arrays for {', '.join(names) or 'no input'}"
            msg = f"{where}: x {rule}, as the graph has {len(names)} inputs"
            raise ValueError(msg)
        return names[0]


def _complete(graph: Any, flat: FlatGraph, prefix: str) -> None:
    """Fill in the shapes that the standard lets a graph leave out, and without which it cannot be written."""
    for name, node in graph.nodes.items():
        path = f"{prefix}{name}"
        if path not in flat.nodes:
            _complete(node, flat, f"{path}/")
            continue
        found = flat.nodes[path]
        if found.kind.startswith("Conv") and node.input_shape is None:
            sides = found.takes[1:]
            node.input_shape = np.array(sides) if len(sides) > 1 else sides[0]
        for ends, key, shape in (
            ("input_type", "input", found.takes),
            ("output_type", "output", found.sends),
        ):
            if (getattr(node, ends, None) or {}).get(key) is None:
                setattr(node, ends, {key: np.array(shape)})


def _recorded(model: SpikingModel, layer: str, what: str) -> str:
    """Return the name by which `SpikingModel.run` records a quantity of a layer."""
    spikes = isinstance(model.graph[layer].layer, Neuron)
    return f"{layer}.{'v' if what == 'v' else 'spikes' if spikes else 'value'}"


def _continued(where: str, state: Any, now: NirState) -> NirState:
    """Return a run that begins with the inputs of an earlier one."""
    if not isinstance(state, NirState):
        fail(where, "state", state, "must be the state of a result", error=TypeError)
    lead = (state.lead[0] + now.lead[0], *now.lead[1:])
    if set(state.inputs) != set(now.inputs):
        fail(where, "state", sorted(state.inputs), "must have the inputs of this graph")
    if (
        state.lead[1:] != now.lead[1:]
        or state.dtype != now.dtype
        or state.scheme.key != now.scheme.key
    ):
        rule = "must be that of a run with the same options, dtype and number of samples"
        fail(where, "state", (state.scheme.key, state.dtype, *state.lead[1:]), rule)
    inputs = {name: np.concatenate([state.inputs[name], x]) for name, x in now.inputs.items()}
    return NirState(inputs, lead, now.scheme, now.dtype)

"""Turn a graph of spiking neurons into an event-driven `Network`: each path between neurons becomes synapses."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail
from spikelet.io.nir.cells import Coefficients, Mode, coefficients, delay_steps
from spikelet.io.nir.fields import LINEAR, NEURONS, SPIKING
from spikelet.io.nir.flat import FlatGraph, FlatNode
from spikelet.io.nir.kept import Resets
from spikelet.io.nir.maps import map_of
from spikelet.io.nir.order import order_of
from spikelet.network.network import Network
from spikelet.network.population import Population
from spikelet.neurons import Equations
from spikelet.sources import RasterSource

__all__ = ["NirNetwork", "to_network"]

_WHERE = "NirModel.to_network"
_BIAS = "\0bias"
_AT_ONCE = 256  # inputs of a map that are tried in one call
_UNITS = {"s": 1e3, "ms": 1.0}


@dataclass(frozen=True, eq=False)
class NirNetwork:
    """A `Network` that sends the spikes of a graph.

    Each synapse takes at least one step, so a node computes step t of the graph at a later step of the network: spikes have
    the time stamp ``(t + 1 + offsets[node]) dt``. `run` compensates for this.

    Attributes
    ----------
    network : Network
    inputs : mapping of str to Population
        A `RasterSource` for each input.
    populations : mapping of str to Population
        The neurons of each node that has some.
    recorders : mapping of str to recorder
        Spikes of each node, or potentials of those that do not spike.
    offsets : mapping of str to int
        How many steps later a node computes a step.
    bias : Population or None
        An element that spikes at each step, whose weights are the biases.
    """

    network: Network
    inputs: Mapping[str, Population]
    populations: Mapping[str, Population]
    recorders: Mapping[str, Any]
    offsets: Mapping[str, int]
    bias: Population | None

    def run(self, x: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
        """Run from rest, and return the output of each node of neurons, [T, neurons]: spikes, or potentials.

        Parameters
        ----------
        x : array-like, [T, inputs], or mapping of names to these
            Input spikes: 0 or 1, or counts.
        """
        where = "NirNetwork.run"
        given = x if isinstance(x, Mapping) else dict.fromkeys(list(self.inputs)[:1], x)
        if set(given) != set(self.inputs) or (not isinstance(x, Mapping) and len(self.inputs) != 1):
            fail(where, "x", list(given), f"must have arrays for {', '.join(self.inputs)}")
        rasters = {}
        for name, values in given.items():
            raster = RasterSource(values).raster
            size = self.inputs[name].size
            if raster.shape[1] != size:
                fail(where, "x", raster.shape, f"must be [steps, {size}]", got="shape")
            rasters[name] = raster
        lengths = {len(raster) for raster in rasters.values()}
        if len(lengths) != 1:
            fail(where, "x", sorted(lengths), "must have the same number of steps")
        steps, dt = lengths.pop(), self.network.dt
        self.network.reset(keep_weights=True)
        for name, raster in rasters.items():
            self.inputs[name].raster = raster
        if self.bias is not None:
            self.bias.raster = np.ones((steps, 1), np.uint8)
        self.network.run((steps + 1 + max(self.offsets.values(), default=0)) * dt)
        found: dict[str, NDArray[Any]] = {}
        for name, recorder in self.recorders.items():
            late = self.offsets[name]
            if hasattr(recorder, "ids"):
                sent = np.zeros((steps, recorder.target.size))
                step = np.rint(recorder.times / dt).astype(np.int64) - 1 - late
                inside = (step >= 0) & (step < steps)
                sent[step[inside], recorder.ids[inside]] = 1
                found[name] = sent
            else:
                found[name] = recorder.values[late : late + steps]
        return found


@dataclass
class _Synapses:
    """Synapses between two nodes: paths through the nodes between them, by delay."""

    pre: list[NDArray[Any]] = field(default_factory=list)
    post: list[NDArray[Any]] = field(default_factory=list)
    weight: list[NDArray[Any]] = field(default_factory=list)
    delay: list[NDArray[Any]] = field(default_factory=list)

    def add(self, matrix: Any, delay: int) -> None:
        entries = matrix.tocoo()
        self.pre.append(entries.row)
        self.post.append(entries.col)
        self.weight.append(entries.data)
        self.delay.append(np.full(entries.nnz, delay))

    @property
    def least(self) -> int:
        return int(min((d.min() for d in self.delay if d.size), default=0))


def to_network(
    flat: FlatGraph, dt: float, mode: Mode, resets: Resets, unit: str, **options: Any
) -> NirNetwork:
    """Return the network of a graph; see `NirModel.to_network`."""
    paths = _Paths(flat, dt)
    for name, node in flat.nodes.items():
        if node.kind not in LINEAR and node.kind != "Delay":
            _require_known(flat, name)
    found = paths.walk()
    offsets = _offsets(flat, found)
    net = Network(dt=dt * _UNITS[unit], **options)
    sizes = {name: int(np.prod(node.takes)) for name, node in flat.nodes.items()}
    inputs = {
        name: net.population(sizes[node], RasterSource(np.zeros((0, sizes[node]), np.uint8)), name)
        for name, node in flat.inputs.items()
        if flat.nodes[node].kind == "Input"
    }
    models = {
        name: _model(node, net.dt, dt, mode, resets)
        for name, node in flat.nodes.items()
        if _is_cell(node)
    }
    populations = {
        name: net.population(sizes[name], model, name) for name, (model, _) in models.items()
    }
    biased = any(before == _BIAS for before, _ in found) or any(d.any() for _, d in models.values())
    bias = net.population(1, RasterSource(np.zeros((0, 1), np.uint8)), "bias") if biased else None
    senders = {**{flat.inputs[name]: p for name, p in inputs.items()}, **populations}
    if bias is not None:
        senders[_BIAS] = bias
    for (before, after), synapses in found.items():
        delays = np.concatenate(synapses.delay) + offsets[after] - offsets.get(before, 0)
        net.connect(
            senders[before],
            populations[after],
            (np.concatenate(synapses.pre), np.concatenate(synapses.post)),
            weight=np.concatenate(synapses.weight),
            delay=delays * net.dt,
            receptor="in",
        )
    for name, (_, drive) in models.items():
        if drive.any():
            ends = np.zeros(len(drive), np.int64), np.arange(len(drive))
            late = offsets[name] * net.dt
            net.connect(
                senders[_BIAS], populations[name], ends, weight=drive, delay=late, receptor="drive"
            )
    recorders = {
        name: net.record(population, "spikes" if flat.nodes[name].kind in SPIKING else "v")
        for name, population in populations.items()
    }
    own = {name: offsets[name] for name in populations}
    return NirNetwork(net, inputs, populations, recorders, own, bias)


def _is_cell(node: FlatNode) -> bool:
    return node.kind in NEURONS or node.kind == "Threshold"


def _require_known(flat: FlatGraph, name: str) -> None:
    """Check that a node that does not spike leads to nothing but outputs."""
    node = flat.nodes[name]
    after = None if node.kind in SPIKING else flat.reader(name)
    if after is not None:
        here = f"{_WHERE}: node '{name}' ({node.kind})"
        _refuse(here, f"sends its potential to '{after}'", "a Network sends spikes: use run")


class _Paths:
    """Walks from each sender of spikes through the nodes without a state to the neurons behind them."""

    def __init__(self, flat: FlatGraph, dt: float) -> None:
        self._flat = flat
        self._delays = {
            name: delay_steps(_WHERE, node, dt)
            for name, node in flat.nodes.items()
            if node.kind == "Delay"
        }
        breaking = {name for name, steps in self._delays.items() if (steps >= 1).all()}
        self._closing = order_of(flat, breaking).closing
        self._targets: dict[str, list[str]] = {name: [] for name in flat.nodes}
        for before, after in flat.edges:
            self._targets[before].append(after)
        self._order = self._between()
        self._matrices: dict[str, Any] = {}
        self._found: dict[tuple[str, str], _Synapses] = {}

    def walk(self) -> dict[tuple[str, str], _Synapses]:
        from scipy.sparse import csr_array, eye  # noqa: PLC0415

        roots = set(self._flat.inputs.values())
        for name, node in self._flat.nodes.items():
            if node.kind in SPIKING or (node.kind == "Input" and not node.sources):
                size = int(np.prod(node.sends))
                self._from(name, name, csr_array(eye(size)), always=False)
            elif not node.sources and node.kind in LINEAR and name in roots:
                here = f"{_WHERE}: node '{name}' ({node.kind})"
                _refuse(here, "has no Input", "a Network needs to know where spikes come from")
            offset = self._offset(node)
            if offset is not None and offset.any():
                self._from(_BIAS, name, csr_array(offset.reshape(1, -1)), always=True)
        return {ends: s for ends, s in self._found.items() if sum(map(len, s.pre))}

    def _between(self) -> list[str]:
        """Return the nodes between neurons, each after those that lead to it."""
        plain = {n: node.sources for n, node in self._flat.nodes.items() if not _is_cell(node)}
        needs = {n: [s for s in sources if s in plain] for n, sources in plain.items()}
        try:
            return list(graphlib.TopologicalSorter(needs).static_order())
        except graphlib.CycleError as error:
            cycle = " -> ".join(error.args[1])
            _refuse(f"{_WHERE}: cycle {cycle}", "holds no neuron", "its signal never ends: use run")

    def _from(self, origin: str, name: str, matrix: Any, *, always: bool) -> None:
        """Follow what leaves a node, as a matrix [origin, elements], to all neurons behind it.

        `always`: it has been there before the first step, too, as a bias that no delay has held up.
        """
        arrived: dict[str, dict[tuple[int, bool], Any]] = {}

        def send(before: str, matrix: Any, delay: int, always: bool) -> None:
            for after in self._targets[before]:
                late = delay + int((before, after) in self._closing and not always)
                if _is_cell(self._flat.nodes[after]):
                    self._found.setdefault((origin, after), _Synapses()).add(matrix, late)
                else:
                    there = arrived.setdefault(after, {})
                    sum_so_far = there.get((late, always))
                    there[late, always] = matrix if sum_so_far is None else sum_so_far + matrix

        send(name, matrix, 0, always)
        for at in self._order:
            node = self._flat.nodes[at]
            for (delay, early), here in arrived.pop(at, {}).items():
                if node.kind != "Delay":
                    send(at, (here @ self._matrix(node)).tocsr(), delay, early)
                    continue
                for d in np.unique(self._delays[at]):
                    part = (here * (self._delays[at] == d)).tocsr()
                    part.eliminate_zeros()
                    if part.nnz:
                        send(at, part, delay + int(d), False)

    def _map(self, node: FlatNode) -> Any:
        return map_of(node, np.dtype(np.float64), height=1.0, threads=1, stepped=False)

    def _offset(self, node: FlatNode) -> NDArray[Any] | None:
        if node.kind not in ("Affine", "Conv1d", "Conv2d"):
            return None
        return np.asarray(self._map(node)(np.zeros((1, *node.takes))))

    def _matrix(self, node: FlatNode) -> Any:
        """Return what a linear node does, as a sparse matrix [inputs, outputs]."""
        from scipy.sparse import csr_array, eye, vstack  # noqa: PLC0415

        if node.name not in self._matrices:
            size, apply = int(np.prod(node.takes)), self._map(node)
            if node.takes == node.sends and node.kind in ("Input", "Output"):
                self._matrices[node.name] = csr_array(eye(size))
                return self._matrices[node.name]
            offset, rows = self._offset(node), []
            for begin in range(0, size, _AT_ONCE):
                ones = np.zeros((min(_AT_ONCE, size - begin), size))
                ones[np.arange(len(ones)), begin + np.arange(len(ones))] = 1
                y = apply(ones.reshape(-1, *node.takes))
                y = y if offset is None else y - offset
                rows.append(csr_array(y.reshape(len(ones), -1)))
            self._matrices[node.name] = vstack(rows, format="csr")
        return self._matrices[node.name]


def _offsets(flat: FlatGraph, found: Mapping[tuple[str, str], _Synapses]) -> dict[str, int]:
    """Return how much later each node computes a step, so that each synapse takes at least one step."""
    late = {name: int(_is_cell(node)) for name, node in flat.nodes.items()}
    late[_BIAS] = 0
    least = {ends: synapses.least for ends, synapses in found.items()}
    moved: list[tuple[str, int]] = []
    for _ in range(len(late) + 1):
        moved = [
            (after, late[before] + 1 - least[before, after])
            for before, after in found
            if late[after] < late[before] + 1 - least[before, after]
        ]
        for name, later in moved:
            late[name] = max(late[name], later)
    if moved:
        name = moved[0][0]
        here = f"{_WHERE}: node '{name}' ({flat.nodes[name].kind})"
        _refuse(
            here,
            "is in a cycle of several neurons that takes fewer steps than it has synapses",
            "each synapse takes a step: add a Delay to the cycle, or use run",
        )
    return late


def _model(
    node: FlatNode, step_ms: float, dt: float, mode: Mode, resets: Resets
) -> tuple[Any, NDArray[np.float64]]:
    """Return a model from text whose exact step has the coefficients of the graph's, and its drive in a step."""
    size = int(np.prod(node.takes))

    def flat(values: Any) -> NDArray[np.float64]:
        return np.array(np.broadcast_to(values, node.takes), np.float64).reshape(size)

    if node.kind == "Threshold":
        zero = np.zeros(node.takes)
        c = Coefficients(zero, zero + 1, zero, threshold=node.values["threshold"], v_reset=zero)
    else:
        c = coefficients(_WHERE, node, dt, mode)
    here = f"{_WHERE}: node '{node.name}' ({node.kind})"
    if (c.leak < 0).any() or (c.syn_decay is not None and (c.syn_decay < 0).any()):
        _refuse(here, "has a time constant below dt", "use mode='exact', or run")
    # Rates, because time constants may be far below those that a Network takes for meant.
    a = flat(_rates(c.leak))
    values: dict[str, Any] = {"k_m": a / step_ms, "q": flat(c.gain)}
    lines, receptor = ["dv/dt = -k_m*v"], "v += q*weight"
    if c.syn_decay is not None:
        from scipy.special import exprel  # noqa: PLC0415

        b = flat(_rates(c.syn_decay))
        across = step_ms * np.exp(-np.minimum(a, b)) * exprel(-np.abs(a - b))
        values |= {"k_s": b / step_ms, "g": flat(c.syn_gain)}
        values["r"] = np.divide(flat(c.pull), across, out=np.zeros(size), where=across > 0)
        lines = ["dv/dt = -k_m*v + r*i", "di/dt = -k_s*i"]
        receptor += "; i += g*weight"
    options: dict[str, Any] = {}
    if node.kind in SPIKING:
        subtracts, at = resets.of(node.name)
        values["v_th"] = flat(c.threshold if at is None else np.nextafter(at, -np.inf))
        options = {"threshold": "v > v_th", "reset": "v -= v_th"}
        if not subtracts or node.kind == "Threshold":
            values["v_reset"] = flat(c.v_reset)
            options["reset"] = "v = v_reset"
    units = {"k_m": "1/ms", "k_s": "1/ms"}
    parameters = {name: (0.0, units[name]) if name in units else 0.0 for name in values}
    model = Equations(
        "\n".join(lines),
        # What pulls to v_leak is an event of each step, too: it must not begin before the input does.
        receptors={"in": receptor, "drive": "v += weight"},
        parameters=parameters,
        name=node.kind,
        **options,
    )
    return model(**values), flat(c.drive)


def _rates(decay: NDArray[Any]) -> NDArray[Any]:
    """Return dt / tau of a decay over a step; 1000 for one to 0, whose exponential is 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(-np.log(decay), 1e3))


def _refuse(where: str, why: str, hint: str) -> NoReturn:
    msg = f"{where} {why}; {hint}"
    raise ValueError(msg)

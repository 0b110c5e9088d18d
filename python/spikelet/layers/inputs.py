"""The arguments of a run: an array for each input of a model, how they reach the core, and what is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import encode
from spikelet._util.checks import choice, fail, integer, representable
from spikelet._util.memory import require_memory
from spikelet._util.tensors import array_of
from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.graph import Graph
from spikelet.layers.neurons import LI, Neuron
from spikelet.layers.predictive import PredictiveNeuron
from spikelet.layers.views import Shape

_WHATS = ("spikes", "v", "mean", "value")

Inputs = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike]
Arrays = dict[str, NDArray[Any]]


def arrays_of(where: str, names: Sequence[str], x: Inputs) -> Arrays:
    """Return the array of each input by name.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    names : sequence of str
        Names of the model's inputs.
    x : array-like, or a mapping of them by name; with several inputs also a tuple or list in their order

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If there is not an array for each input.
    """
    if isinstance(x, Mapping):
        if set(x) != set(names):
            rule = f"must have an array for each of {', '.join(names)}"
            fail(where, "x", sorted(map(str, x)), rule)
        return {name: array_of(where, f"x['{name}']", x[name]) for name in names}
    if len(names) == 1:
        return {names[0]: array_of(where, "x", x)}
    if not isinstance(x, (tuple, list)) or len(x) != len(names):
        got = len(x) if isinstance(x, (tuple, list)) else type(x).__name__
        rule = f"must be a tuple or mapping of {len(names)} arrays, for {', '.join(names)}"
        fail(where, "x", got, rule, error=ValueError if isinstance(got, int) else TypeError)
    return {name: array_of(where, f"x[{k}]", x[k]) for k, name in enumerate(names)}


@dataclass(frozen=True, eq=False)
class Presented:
    """The inputs of a run as the core takes them.

    Parameters
    ----------
    arrays : tuple of array
        One for each input: [B, ...] if it is constant, else [T, B, ...]; int8 if it consists of spikes.
    kinds : tuple of str
        "constant", "sequence", "spikes" or "signed" (spikes).
    shapes : tuple of tuple of int
        Shapes of one sample.
    amplitude : float
        Value of a spike.
    count, steps : int
        Number of samples and of steps.
    """

    arrays: tuple[NDArray[Any], ...]
    kinds: tuple[str, ...]
    shapes: tuple[Shape, ...]
    amplitude: float
    count: int
    steps: int


def present(
    where: str,
    given: Arrays,
    steps: int | None,
    coding: Literal["direct", "poisson", "latency"],
    seed: int,
    dtype: np.dtype[Any],
    scale: float,
) -> Presented:
    """Check the inputs of a run and encode them.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    given : mapping of str to array
    steps : int or None
        Number of steps of a constant input; None for sequences.
    coding, seed
        As for `SpikingModel.run`.
    dtype : dtype
        Of analog values.
    scale : float
        Largest magnitude of an encoded input, which is then the value of a spike.

    Raises
    ------
    ValueError
        If an array has no samples, or numbers of samples or steps differ, or a value is not finite or too large.
    """
    choice(where, "coding", coding, "direct", "poisson", "latency")
    if steps is None and coding != "direct":
        fail(where, "coding", coding, 'must be "direct" for a sequence')
    first = next(iter(given))
    ahead = 1 if steps is not None else 2  # batch, or steps and batch
    for name, array in given.items():
        argument = "x" if len(given) == 1 else f"x['{name}']"
        _check_shape(where, argument, array, steps)
        if array.shape[:ahead] != given[first].shape[:ahead]:
            what = "samples" if ahead == 1 else "steps and samples"
            rule = f"must have as many {what} as '{first}', {given[first].shape[:ahead]}"
            fail(where, argument, array.shape, rule, got="shape")
    arrays, kinds = [], []
    total = integer(where, "steps", steps, 1) if steps is not None else len(given[first])
    for k, (name, array) in enumerate(given.items()):
        argument = "x" if len(given) == 1 else f"x['{name}']"
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            fail(where, argument, float(array[~np.isfinite(array)][0]), "must be finite")
        if coding == "direct":
            values, kind = _direct(where, argument, array, steps, dtype)
        else:
            own = (seed + (k << 40)) % (1 << 64) if k else seed  # inputs are independent
            values, kind = _encoded(where, argument, array, total, coding, own, scale)
        arrays.append(values)
        kinds.append(kind)
    shapes = tuple(array.shape[ahead:] for array in given.values())
    amplitude = 1.0 if coding == "direct" else scale
    count = given[first].shape[ahead - 1]
    return Presented(tuple(arrays), tuple(kinds), shapes, amplitude, count, total)


def _check_shape(where: str, argument: str, array: NDArray[Any], steps: int | None) -> None:
    ahead = 1 if steps is not None else 2
    if array.ndim <= ahead:
        shape = "[B, ...]" if steps is not None else "[T, B, ...] (or be given with steps=)"
        fail(where, argument, array.shape, f"must have the shape {shape}", got="shape")
    if steps is None and len(array) == 0:
        fail(where, argument, array.shape, "must have at least one step", got="shape")
    if 0 in array.shape[ahead:]:
        fail(where, argument, array.shape, "must have non-empty samples", got="shape")


def _direct(
    where: str, argument: str, array: NDArray[Any], steps: int | None, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], str]:
    if steps is None and _are_spikes(array):
        signed = array.dtype.kind in "if" and bool((array < 0).any())
        return np.ascontiguousarray(array, np.int8), "signed" if signed else "spikes"
    representable(where, argument, array, dtype)
    return np.ascontiguousarray(array, dtype), "constant" if steps is not None else "sequence"


def _encoded(
    where: str,
    argument: str,
    array: NDArray[Any],
    total: int,
    coding: str,
    seed: int,
    scale: float,
) -> tuple[NDArray[Any], str]:
    size = np.abs(array.astype(np.float64)) / scale
    if size.size and size.max() > 1:
        rule = f"must lie within the model's input_scale = {scale:g}; pass x.clip(-scale, scale) with scale = model.input_scale"
        fail(where, argument, float(np.abs(array).max()), rule)
    if coding == "poisson":
        raster = np.asarray(encode.rate(size, total, seed=seed)).astype(np.int8)
    else:
        require_memory(where, (total, *array.shape), 8, "give fewer steps")
        # An input is on for the last part of the run, whose share of the run is its value.
        on = total - np.rint(size * total)
        raster = (np.arange(total).reshape(-1, *[1] * array.ndim) >= on).astype(np.int8)
    signs = np.sign(array).astype(np.int8)
    # numpy keeps the order of axes in memory, as of images with channels last.
    spikes = np.ascontiguousarray(raster * signs)
    return spikes, "signed" if (signs < 0).any() else "spikes"


def _are_spikes(array: NDArray[Any]) -> bool:
    if array.dtype.kind == "b":
        return True
    if array.size == 0:
        return False
    low, high = array.min(), array.max()
    return bool(low >= -1 and high <= 1 and (array == np.rint(array)).all())


def neurons_of(graph: Graph) -> tuple[str, ...]:
    """Return the names of the layers of spiking neurons."""
    return tuple(n.name for n in graph if isinstance(n.layer, (Neuron, FirstSpike)))


def recorded(
    where: str, graph: Graph, record: str | Iterable[str] | bool, sequence: bool
) -> dict[str, tuple[str, str]]:
    """Return (layer, quantity) by the requested name; internal names begin with NUL."""
    names: list[str] = []
    with_potential = [n.name for n in graph if isinstance(n.layer, (Neuron, LI))]
    last_with = {"spikes": neurons_of(graph)[-1:], "v": with_potential[-1:]}
    if record is True:
        names = [
            f"{n}.{what}"
            for n in with_potential
            for what in ("spikes", "v")
            if what == "v" or isinstance(graph[n].layer, Neuron)
        ]
    elif isinstance(record, str):
        names = [record]
    elif record is not False:
        names = list(record)
    last = graph.output
    records = {f"\0{name}": (name, "mean") for name in graph.outputs}
    if isinstance(last.layer, Neuron) and (sequence or names):
        records["\0\0spikes"] = (last.name, "spikes")
    if names and with_potential:
        records["\0\0v"] = (with_potential[-1], _potential(graph, with_potential[-1]))
    for name in names:
        if not isinstance(name, str):
            fail(where, "record", name, "must hold names of layers", error=TypeError)
        if name in ("v", "spikes") and name not in graph:
            if not last_with[name]:
                fail(where, "record", name, "needs a layer of neurons")
            (layer,) = last_with[name]
            records[name] = (layer, "spikes" if name == "spikes" else _potential(graph, layer))
            continue
        layer, what = name, None
        if name not in graph:
            layer, _, what = name.rpartition(".")
        if layer not in graph or (what is not None and what not in _WHATS):
            known = ", ".join(n.name for n in graph)
            fail(
                where,
                "record",
                name,
                f"must be one of {known}, optionally with .v, .spikes, .value or .mean",
            )
        neuron = isinstance(graph[layer].layer, Neuron)
        if what is None:
            what = "spikes" if neuron else "value"
        if not neuron and (what == "spikes" or (what == "v" and layer not in with_potential)):
            fail(where, "record", name, "must name a layer of neurons")
        records[name] = (layer, _potential(graph, layer) if what == "v" else what)
    return records


def _potential(graph: Graph, name: str) -> str:
    """Return what the core records for the potential, which an `LI` sends."""
    return "value" if isinstance(graph[name].layer, LI) else "potential"


def check_stop(where: str, graph: Graph, engine: Any) -> None:
    """Check that samples of this graph can end before the last step."""
    if not engine.is_anytime():
        rule = "needs a network whose layers do not wait for the mean of spikes, as a ReLU before neurons does"
        fail(where, "until", "given", rule)
    for name in neurons_of(graph):
        if getattr(graph[name].layer, "code", "") == "differential":
            fail(
                where,
                "until",
                "given",
                f"needs neurons that send sums; '{name}' sends differences",
            )


def check_schedules(where: str, graph: Graph, steps: int) -> None:
    """Check that the schedules of predictive neurons are made for this number of steps."""
    for name in neurons_of(graph):
        layer = graph[name].layer
        if isinstance(layer, PredictiveNeuron) and layer.steps != steps:
            fail(where, "steps", steps, f"must be {layer.steps}, which '{name}' was made for")

"""Layered spiking networks: run for T steps over a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import _core, encode, layers
from spikelet._util import progress as _progress
from spikelet._util.checks import fail, integer, number, representable, require
from spikelet._util.threads import default_threads
from spikelet.layers import Shape
from spikelet.layers.graph import INPUT, Graph, LayerLike
from spikelet.layers.to_core import lower

__all__ = ["Operations", "SpikingModel", "SpikingResult"]

_ENGINES = {
    "float32": _core.LayerEngine32,
    "float64": _core.LayerEngine64,
    "int16": _core.LayerEngine32,
}
_COUNTED = ("spikes", "additions", "products")
_WHATS = {"spikes": "spikes", "v": "potential", "mean": "mean", "value": "value"}


@dataclass(frozen=True)
class Operations:
    """What one layer did, for one sample over all steps, on average.

    Parameters
    ----------
    spikes : float
        Sent.
    additions : float
        Synaptic operations: one weight added for one spike (NeuroBench's effective ACs).
    products : float
        One weight multiplied with one analog input other than 0 (effective MACs), counted at each step.
    dense : float
        What they would be if all inputs were active at each step.
    """

    spikes: float
    additions: float
    products: float
    dense: float


@dataclass(frozen=True, eq=False)
class SpikingResult:
    """What a run gave.

    Parameters
    ----------
    output : array, [B, ...]
        Mean of the last layer over the steps (from `delay` on).
    spikes : int8 array, [T, B, ...], or None
        Of the last layer, if it is made of neurons: for sequence input, or if anything is recorded. Sizes (in amplitudes) if
        spikes have several.
    v : array, [T, B, ...], or None
        Potential of the last neurons after each step, if anything is recorded.
    records : mapping of str to array
        What `record` named.
    operations : mapping of str to Operations
        By layer; "input" has the spikes of the input.
    steps : int
        T.
    """

    output: NDArray[Any]
    spikes: NDArray[Any] | None
    v: NDArray[Any] | None
    records: Mapping[str, NDArray[Any]]
    operations: Mapping[str, Operations]
    steps: int

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return what was recorded under this name."""
        try:
            return self.records[name]
        except KeyError:
            known = ", ".join(self.records) or "nothing"
            msg = f"SpikingResult: '{name}' was not recorded; there is {known}"
            raise KeyError(msg) from None


class SpikingModel:
    """Layers with spiking neurons between them.

    At each step all layers are evaluated in order, without delay, on what the layers before them give at the same step.
    Spikes are events: only active inputs cost work.

    Parameters
    ----------
    layers : iterable of Layer or (name, Layer, inputs), or Graph
        See `spikelet.layers`. A bare layer takes the one before it; the last one is the output.
    dtype : "float32", "float64" or "int16"
        Of potentials and weights. "int16": weights between spiking layers are rounded to 16 bits, on a scale for each
        channel with which no sum can overflow; the rest is float32. The fastest.
    threads : int, optional
        By default all that this process may use. No result depends on it.
    input_scale : float
        The largest magnitude of the input: what a spike stands for with ``coding="poisson"`` and ``"latency"``.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> model = sl.SpikingModel([sl.layers.Linear([[0.3], [0.6]]), sl.layers.IF(1.0)])
    >>> model.run(np.ones((1, 1)), steps=10).output
    array([[0.3, 0.6]], dtype=float32)
    """

    def __init__(
        self,
        layers: Iterable[LayerLike] | Graph,
        *,
        dtype: Literal["float32", "float64", "int16"] = "float32",
        threads: int | None = None,
        input_scale: float = 1.0,
    ) -> None:
        where = type(self).__name__
        self.graph = layers if isinstance(layers, Graph) else Graph(layers, where)
        if dtype not in _ENGINES:
            fail(where, "dtype", dtype, 'must be "float32", "float64" or "int16"')
        if dtype != "float64":
            for node in self.graph:
                _check_single(f"{type(node.layer).__name__} '{node.name}'", node.layer)
        self.dtype = dtype
        self.threads = (
            default_threads() if threads is None else integer(where, "threads", threads, 1)
        )
        scale = number(where, "input_scale", input_scale)
        require(where, "input_scale", scale, "finite and > 0")
        self.input_scale = float(scale)
        self._engines: dict[Any, tuple[Any, dict[str, int], list[float]]] = {}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}(dtype={self.dtype!r})"]
        lines += [
            f"  {node.name}: {node.layer!r} <- {', '.join(node.inputs)}" for node in self.graph
        ]
        return "\n".join(lines)

    @property
    def neurons(self) -> tuple[str, ...]:
        """Names of the layers of spiking neurons."""
        return tuple(n.name for n in self.graph if isinstance(n.layer, layers.Neuron))

    def run(
        self,
        x: ArrayLike,
        steps: int | None = None,
        *,
        delay: int = 0,
        record: str | Iterable[str] | bool = (),
        coding: Literal["direct", "poisson", "latency"] = "direct",
        seed: int = 0,
        progress: bool | Callable[[int], Any] = False,
    ) -> SpikingResult:
        """Run from rest.

        Parameters
        ----------
        x : array-like, [B, ...] with `steps`, else [T, B, ...]
            With `steps`, it is held constant; without, it has a slice for each step. A sequence that holds only 0 and 1 (or
            -1) is taken as spikes: only these cost work.
        steps : int, optional
            T, the number of steps.
        delay : int
            Steps that means leave out: until activity has reached the last layer, they tell nothing. ``delay < T``.
        record : str or iterable of str, or True
            ``"layer"`` (spikes of neurons, values of others), ``"layer.v"``, ``"layer.spikes"``, ``"layer.value"`` (all ``[T,
            B, ...]``) or ``"layer.mean"`` (``[B, ...]``); also ``"v"`` and ``"spikes"`` of the last neurons. True: all
            spikes and potentials.
        coding : "direct", "poisson" or "latency"
            How a constant x enters. "direct": as a current. "poisson": as spikes of probability ``|x| / input_scale`` at each
            step, with the sign of x. "latency": each input spikes once, the earlier the greater ``|x|`` is, and its current
            flows from then on.
        seed : int
            For ``coding="poisson"``.
        progress : bool or callable
            Show a progress bar (needs rich), or call ``progress(samples done)``.

        Returns
        -------
        SpikingResult

        Raises
        ------
        ValueError
            If x does not fit the layers (which is then named), or an argument breaks its rule.
        """
        where = f"{type(self).__name__}.run"
        array, given, scale = self._input(where, x, steps, coding, seed)
        sequence = given != "constant"
        total = (
            integer(where, "steps", steps, 1) if not sequence or steps is not None else len(array)
        )
        integer(where, "delay", delay, 0, total - 1)
        self._check_schedules(where, total)
        count = array.shape[1] if sequence else array.shape[0]
        shape = array.shape[2:] if sequence else array.shape[1:]
        if len(shape) > 3 or 0 in shape:
            fail(where, "x", shape, "must have samples of 1 to 3 dimensions, none 0; a sample")
        records = self._records(where, record, sequence)
        key = (shape, given, tuple(records.values()), scale)
        if key not in self._engines:
            self._engines[key] = self._engine(shape, given, list(records.values()), scale)
        engine, numbers, dense = self._engines[key]
        with _watch(progress, count) as ask:
            done, arrays, counts = engine.run(array, count, total, delay, self.threads, ask)
            ask(done)
        if done < count:
            raise KeyboardInterrupt
        shapes = self.graph.shapes(shape)
        kept: dict[str, NDArray[Any]] = {}
        for (name, (node, what)), values in zip(records.items(), arrays, strict=True):
            lead = values.shape[: 1 if what == "mean" else 2]
            kept[name] = values.reshape(*lead, *shapes[node])
        operations = {
            name: Operations(
                **dict(zip(_COUNTED, (counts[k] / max(count, 1)).tolist(), strict=True)),
                dense=dense[k] * total,
            )
            for name, k in numbers.items()
            if not (name != INPUT and isinstance(self.graph[name].layer, layers.Flatten))
        }
        output = kept.pop("\0output")
        spikes, v = kept.pop("\0spikes", None), kept.pop("\0v", None)
        return SpikingResult(output, spikes, v, kept, operations, total)

    def _input(
        self, where: str, x: ArrayLike, steps: int | None, coding: str, seed: int
    ) -> tuple[NDArray[Any], str, float]:
        array = np.asarray(x)
        if array.dtype.kind not in "biuf":
            msg = f"{where}: x must be an array of numbers, got dtype {array.dtype}"
            raise TypeError(msg)
        least = 2 if steps is not None else 3
        if array.ndim < least:
            shape = "[B, ...]" if steps is not None else "[T, B, ...] (or be given with steps=)"
            fail(where, "x", array.shape, f"must have the shape {shape}; its shape")
        if coding not in ("direct", "poisson", "latency"):
            fail(where, "coding", coding, 'must be "direct", "poisson" or "latency"')
        if steps is None and coding != "direct":
            fail(where, "coding", coding, 'must be "direct" for a sequence')
        if steps is None and len(array) == 0:
            fail(where, "x", array.shape, "must have at least one step; its shape")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            fail(where, "x", float(array[~np.isfinite(array)][0]), "must be finite")
        if coding == "direct":
            if steps is None and _are_spikes(array):
                signed = array.dtype.kind in "if" and bool((array < 0).any())
                return np.ascontiguousarray(array, np.int8), "signed" if signed else "spikes", 1.0
            kind = "constant" if steps is not None else "sequence"
            real = np.float64 if self.dtype == "float64" else np.float32
            representable(where, "x", array, np.dtype(real))
            return np.ascontiguousarray(array, real), kind, 1.0
        total = integer(where, "steps", steps, 1)
        size = np.abs(array.astype(np.float64)) / self.input_scale
        if size.size and size.max() > 1:
            fail(
                where,
                "x",
                float(np.abs(array).max()),
                f"must lie within the model's input_scale = {self.input_scale:g}",
            )
        if coding == "poisson":
            raster = np.asarray(encode.rate(size, total, seed=seed)).astype(np.int8)
        else:
            # On from the step at which what is left of the run is the right share of it.
            on = total - np.rint(size * total)
            raster = (np.arange(total).reshape(-1, *[1] * array.ndim) >= on).astype(np.int8)
        signs = np.sign(array).astype(np.int8)
        return raster * signs, "signed" if (signs < 0).any() else "spikes", self.input_scale

    def _check_schedules(self, where: str, steps: int) -> None:
        for name in self.neurons:
            layer = self.graph[name].layer
            if isinstance(layer, layers.PredictiveIF) and layer.steps != steps:
                fail(where, "steps", steps, f"must be {layer.steps}, for which '{name}' was made")

    def _records(
        self, where: str, record: str | Iterable[str] | bool, sequence: bool
    ) -> dict[str, tuple[str, str]]:
        """Return (layer, what) by the name it is asked for; names of our own begin with NUL."""
        names: list[str] = []
        if record is True:
            names = [f"{n}.{what}" for n in self.neurons for what in ("spikes", "v")]
        elif isinstance(record, str):
            names = [record]
        elif record is not False:
            names = list(record)
        last = self.graph.output
        records = {"\0output": (last.name, "mean")}
        if isinstance(last.layer, layers.Neuron) and (sequence or names):
            records["\0spikes"] = (last.name, "spikes")
        if names and self.neurons:
            records["\0v"] = (self.neurons[-1], "potential")
        for name in names:
            if not isinstance(name, str):
                msg = f"{where}: record must hold names of layers, got {name!r}"
                raise TypeError(msg)
            if name in ("v", "spikes") and name not in self.graph:
                if not self.neurons:
                    fail(where, "record", name, "needs a layer of neurons")
                records[name] = (self.neurons[-1], _WHATS[name])
                continue
            layer, what = name, None
            if name not in self.graph:
                layer, _, what = name.rpartition(".")
            if layer not in self.graph or (what is not None and what not in _WHATS):
                known = ", ".join(n.name for n in self.graph)
                fail(where, "record", name, f"must be one of {known}, or one with .v or .mean")
            neuron = isinstance(self.graph[layer].layer, layers.Neuron)
            if what is None:
                what = "spikes" if neuron else "value"
            if what in ("spikes", "v") and not neuron:
                fail(where, "record", name, "must name a layer of neurons")
            records[name] = (layer, _WHATS[what])
        return records

    def _engine(
        self, shape: Shape, given: str, records: list[tuple[str, str]], scale: float
    ) -> tuple[Any, dict[str, int], list[float]]:
        core, numbers = lower(self.graph, shape, scale)
        form = "spikes" if given == "signed" else given
        wanted = [(numbers[name], what) for name, what in records]
        whole = self.dtype == "int16"
        engine = _ENGINES[self.dtype](
            core, form=form, signed_input=given == "signed", whole=whole, records=wanted
        )
        dense = [float(core.dense_operations(k)) for k in range(len(core))]
        return engine, numbers, dense


def _check_single(where: str, layer: layers.Layer) -> None:
    """Check that no number of a layer leaves the range of float32."""
    for name, value in vars(layer).items():
        array = np.asarray(value)
        if array.dtype != np.float64:
            continue
        finite = array[np.isfinite(array)]  # limits of `PredictiveIF` may be infinite
        representable(where, name, finite, np.dtype(np.float32))
        smallest = np.finfo(np.float32).tiny
        if name == "threshold" and array.min() < smallest:
            fail(where, name, float(array.min()), f"must be at least {smallest:g} in float32")


def _are_spikes(array: NDArray[Any]) -> bool:
    if array.dtype.kind == "b":
        return True
    if array.size == 0:
        return False
    low, high = array.min(), array.max()
    return bool(low >= -1 and high <= 1 and (array == np.rint(array)).all())


@contextlib.contextmanager
def _watch(progress: bool | Callable[[int], Any], total: int) -> Any:
    def tell(update: Callable[[int], Any]) -> Callable[[int], bool]:
        told = 0

        def ask(done: int) -> bool:  # also asked within a sample, so that a signal is seen
            nonlocal told
            if done > told:
                told = done
                update(done)
            return True

        return ask

    if callable(progress):
        yield tell(progress)
    elif progress:
        with _progress.images("running", 0, total) as update:
            yield tell(update)
            update(total)
    else:
        yield tell(lambda _done: None)

"""Layered spiking networks that run a batch for T steps."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, Self, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from spikelet._util import html
from spikelet._util import progress as _progress
from spikelet._util.checks import choice, fail, integer, number, representable, require
from spikelet._util.sealed import Sealed, Setting
from spikelet._util.spelling import spelled
from spikelet._util.tensors import array_of
from spikelet._util.threads import default_threads
from spikelet.layers import stored
from spikelet.layers.base import Layer
from spikelet.layers.graph import Graph, LayerLike
from spikelet.layers.inputs import (
    Inputs,
    Presented,
    arrays_of,
    check_schedules,
    check_stop,
    neurons_of,
    present,
    recorded,
)
from spikelet.layers.linear import Delay
from spikelet.layers.movement import Movement, Upsample
from spikelet.layers.neurons import Neuron, leaves_mean, sizes_of
from spikelet.layers.predictive import PredictiveNeuron
from spikelet.layers.spiking_result import Operations, SpikingResult
from spikelet.layers.stopping import Stopping
from spikelet.layers.to_core import Source, dense_operations, engine_of, lower

__all__ = ["SpikingModel"]

_ENGINES_KEPT = 4  # those made last, for shapes and records; each holds the weights
_COUNTED = ("spikes", "additions", "products")


_Prepared: TypeAlias = tuple[Any, int, dict[str, list[int]], NDArray[np.float64]]
"""An engine, the number of its (first) output, those of each layer's nodes, and the operations of each node's dense form."""


class SpikingModel(Sealed):
    """Layers with spiking neurons between them.

    At each step all layers are evaluated in order, on the output of earlier layers at the same step; only the synapses
    of a `Delay` use earlier steps. Spikes are events: only active inputs cost work.

    Parameters
    ----------
    layers : iterable of Layer or (name, Layer, inputs), or Graph
        See `spikelet.layers`. A bare layer takes the output of the one before it; the last one is the output. A `Graph`
        may have several inputs and outputs.
    dtype : "float32", "float64" or "int16"
        Precision of potentials and weights. "int16", the fastest, rounds weights between spiking layers to 16 bits, with
        a scale for each channel at which no sum can overflow; everything else is float32, and so are the inputs of neurons
        with a leak. Weights that are multiples of a power of two and fit lose nothing, before neurons with a leak too
        (see `spikelet.torch.quantize`).
    threads : int, optional
        By default all cores that this process may use. Results do not depend on it.
    input_scale : float
        The largest magnitude of the input, which is the value of a spike with ``coding="poisson"`` and ``"latency"``.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> model = sl.SpikingModel([sl.layers.Linear([[0.3], [0.6]]), sl.layers.IF(1.0)])
    >>> model.run(np.ones((1, 1)), steps=10).output
    array([[0.3, 0.6]], dtype=float32)
    """

    graph: Graph
    sizes: NDArray[np.float64] | None  # of spikes at each step; see `PredictiveNeuron`
    dtype: Literal["float32", "float64", "int16"]
    input_scale: float
    threads = Setting(lambda where, name, value: integer(where, name, value, 1))

    _dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64", "int16")
    _instead: ClassVar = {
        "": "it is fixed when the model is made; make another, with SpikingModel()"
    }

    @spelled
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
        choice(where, "dtype", dtype, *self._dtypes)
        if dtype != "float64":
            for node in self.graph:
                _check_single(f"{type(node.layer).__name__} '{node.name}'", node.layer)
        self.sizes = sizes_of(where, {node.name: node.layer for node in self.graph})
        self.dtype = dtype
        self.threads = default_threads() if threads is None else threads
        scale = number(where, "input_scale", input_scale)
        require(where, "input_scale", scale, "finite and > 0")
        self.input_scale = float(scale)
        self._engines: dict[Any, _Prepared] = {}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}(dtype={self.dtype!r})"]
        lines += [
            f"  {node.name}: {node.layer!r} <- {', '.join(node.inputs)}" for node in self.graph
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return a table of the layers, for notebooks."""
        rows = [(node.name, repr(node.layer), ", ".join(node.inputs)) for node in self.graph]
        title = f"{type(self).__name__}, {self.dtype}"
        return html.grid(title, ["layer", "", "inputs"], rows)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle holds: all but what is compiled; the machine's number of threads is left open."""
        state = {**vars(self), "_engines": {}}
        if self.threads == default_threads():
            del state["threads"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a copy's or a pickle's state."""
        vars(self).update({"threads": default_threads(), **state})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file (.spk); `load` returns a model with the same results, bit for bit.

        The file holds a description of the layers and their weights, each with a checksum, and no code. An existing
        file is replaced atomically. Recordings and the number of threads are not part of the model.

        Parameters
        ----------
        path : path-like
            File to write.

        Raises
        ------
        ValueError
            If a layer cannot be saved, such as a `Foreign` one, which is a Python function.
        OSError
            If the file cannot be written.
        """
        stored.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], threads: int | None = None) -> Self:
        """Return the model of a file of `save`, of the class that it had.

        Weights stay in the file: they are read when they are used, and processes that load the same file share them in
        memory. Do not overwrite the file in place while a model is in use; `save` replaces it safely.

        Parameters
        ----------
        path : path-like
            File written by `save`.
        threads : int, optional
            By default all cores that this process may use.

        Raises
        ------
        ValueError
            If the file was not written by `save`, is damaged, or needs a newer version of spikelet.
        FileNotFoundError
            If there is no such file.
        """
        return cast(Self, stored.load(cls, path, threads))

    def export(
        self,
        folder: str | os.PathLike[str],
        target: Literal["c"] = "c",
        *,
        name: str = "network",
        input_shape: Any = None,
        steps: int | None = None,
        dtype: Literal["float32", "int16"] | None = None,
        form: Literal["constant", "sequence", "spikes", "signed"] | None = None,
        example: Inputs | None = None,
    ) -> None:
        """Write the model as a program that runs without Python and gives the same bits.

        The folder gets one file pair of C99 (``network.h``, ``network.c``), the weights (``network_weights.h``), a CMake
        file, a ``main.c`` that runs the network on files and measures it, and a ``README.md`` about its size, memory and
        work. The program needs no operating system and no heap; softmax, norms, sines and powers need `<math.h>`. It runs step by step and holds only
        the state of the neurons and the spikes of one step, which takes far less memory than `run`. Networks of neurons that fire
        once become programs of integers, which take and give integers; their header says what these stand for.

        Parameters
        ----------
        folder : path-like
            Folder to write to, which is made if there is none; files of the same names are replaced.
        target : "c"
        name : str
            Name of the files, and prefix of the public names.
        input_shape : tuple of int, optional
            Shape of one sample; one for each input, or a mapping by name. By default that of the calibration of a converted
            model, or what a first fully connected layer takes.
        steps : int, optional
            Number of steps T; by default that of a converted model.
        dtype : "float32" or "int16", optional
            Precision; by default the model's.
        form : "constant", "sequence", "spikes" or "signed", optional
            The input: held for all steps, one array of numbers a step, or one of spikes of 0 and 1, or of -1, 0 and 1. By
            default constant if there are steps, else a sequence.
        example : array-like, optional
            Inputs as for `run`, on which the work that the README states is counted; by default random ones.

        Raises
        ------
        ValueError
            If a layer cannot be exported (Python functions and differential codes); the message names it.
        OSError
            If a file cannot be written.
        """
        import spikelet as sl  # noqa: PLC0415  # writers stand above models

        choice(f"{type(self).__name__}.export", "target", target, "c")
        sl.io.write_c(
            self, folder, name=name, input_shape=input_shape, steps=steps, dtype=dtype, form=form, example=example
        )  # fmt: skip

    @property
    def neurons(self) -> tuple[str, ...]:
        """Names of the layers of spiking neurons."""
        return neurons_of(self.graph)

    @property
    def silent_steps(self) -> int:
        """Number of initial steps in which neurons before the first output cannot spike yet, so the output is that of a silent network."""
        silent, sources, seen = 0, [self.graph.output.name], set(self.graph.inputs)
        while sources:
            name = sources.pop()
            if name in seen:
                continue
            seen.add(name)
            node = self.graph[name]
            if isinstance(node.layer, PredictiveNeuron):
                silent = max(silent, node.layer.first_step)
            elif not isinstance(node.layer, Neuron):
                sources += node.inputs
        return silent

    @spelled
    def run(
        self,
        x: Inputs,
        steps: int | None = None,
        *,
        delay: int = 0,
        record: str | Iterable[str] | bool = (),
        coding: Literal["direct", "poisson", "latency"] = "direct",
        seed: int = 0,
        progress: bool | Callable[[int], Any] = False,
        until: Stopping | float | None = None,
    ) -> SpikingResult:
        """Run the model from its initial state.

        Parameters
        ----------
        x : array-like, [B, ...] with `steps`, else [T, B, ...]
            With `steps`, x is held constant; without, it has one slice per step. A sequence of only 0, 1 and -1 is
            treated as spikes: only active inputs cost work. A model with several inputs takes a tuple of arrays in the
            order of ``graph.inputs``, or a mapping by name.
        steps : int, optional
            Number of time steps T.
        delay : int
            Number of initial steps to leave out of means, while activity travels to the last layer; less than T. If
            spikes have sizes, these weight the means.
        record : str or iterable of str, or True
            ``"layer"`` (spikes of neurons, values of others), ``"layer.v"``, ``"layer.spikes"``, ``"layer.value"`` (all ``[T,
            B, ...]``) or ``"layer.mean"`` (``[B, ...]``); also ``"v"`` and ``"spikes"`` of the last neurons. True: all
            spikes and potentials.
        coding : "direct", "poisson" or "latency"
            How a constant x is presented. "direct": as a current. "poisson": as spikes of probability
            ``|x| / input_scale`` at each step, with the sign of x. "latency": each input switches on once, earlier for a
            larger ``|x|``, and its current flows from then on.
        seed : int
            Random seed for ``coding="poisson"``.
        progress : bool or callable
            Show a progress bar (needs rich), or call ``progress(samples done)``.
        until : Stopping or float, optional
            When a sample ends before its last step; a number is the margin between its greatest output and the next. The
            first output decides. Recordings by step are 0 after it.

        Returns
        -------
        SpikingResult

        Raises
        ------
        ValueError
            If x does not fit a layer (which the message names), or an argument breaks its rule.
        """
        where = f"{type(self).__name__}.run"
        progress = _progress.wanted(where, progress)
        given = present(
            where,
            arrays_of(where, self.graph.inputs, x),
            steps,
            coding,
            seed,
            np.dtype(np.float64 if self.dtype == "float64" else np.float32),
            self.input_scale,
        )
        total, count = given.steps, given.count
        integer(where, "delay", delay, 0, total - 1)
        if not leaves_mean(self.sizes, delay):
            fail(where, "delay", delay, "must leave steps whose sizes do not add up to 0")
        check_schedules(where, self.graph, total)
        stop = (
            None
            if until is None
            else Stopping.of_run(where, until, total, delay, self.silent_steps)
        )
        sequence = any(kind != "constant" for kind in given.kinds)
        records = recorded(where, self.graph, record, sequence)
        key = (given.shapes, given.kinds, tuple(records.values()), given.amplitude)
        prepared = self._engines.get(key)
        if prepared is None:
            prepared = self._engines[key] = self._engine(given, list(records.values()))
            for oldest in list(self._engines)[:-_ENGINES_KEPT]:
                self._engines.pop(oldest, None)
        engine, output, layers, dense = prepared
        if stop is not None:
            check_stop(where, self.graph, engine)
        with _watch(progress, count) as go_on:
            done, arrays, counts, taken, so_far = engine.run(
                list(given.arrays),
                count,
                total,
                delay,
                self.threads,
                go_on,
                stop and stop.to_core(output),
            )
            go_on(done)
        if done < count:
            raise KeyboardInterrupt
        shapes = self.graph.shapes(given.shapes)
        kept: dict[str, NDArray[Any]] = {}
        for (name, (node, what)), values in zip(records.items(), arrays, strict=True):
            lead = values.shape[: 1 if what == "mean" else 2]
            kept[name] = values.reshape(*lead, *shapes[node])
        operations = {
            name: Operations(
                **{
                    what: float(counts[nodes, k].sum()) / max(count, 1)
                    for k, what in enumerate(_COUNTED)
                },
                dense=float(dense[nodes].sum()) * float(taken.mean() if count else total),
            )
            for name, nodes in layers.items()
        }
        outputs = {name: kept.pop(f"\0{name}") for name in self.graph.outputs}
        spikes, v = kept.pop("\0\0spikes", None), kept.pop("\0\0v", None)
        if stop is not None and stop.keep:
            so_far = so_far.reshape(*so_far.shape[:2], *shapes[self.graph.output.name])
        else:
            so_far = None
        each = total if stop is None else taken
        return SpikingResult(outputs, spikes, v, kept, operations, each, so_far)

    def predict(self, x: Inputs, steps: int | None = None, **options: Any) -> NDArray[np.int64]:
        """Return the class of each sample, and of each place if there are several: the index of the largest output.

        Parameters
        ----------
        x, steps, **options
            As for `run`. Of several outputs, the first decides.

        Returns
        -------
        int array, [B, ...]
        """
        result = self.run(x, steps, **options)
        output = result.outputs[self.graph.output.name]
        if output.shape[1] == 1:
            rule = "must have a score for each class; run(x).output is a single number"
            fail(f"{type(self).__name__}.predict", "output", output.shape, rule, got="shape")
        return np.asarray(output.argmax(axis=1))

    def score(self, x: Inputs, y: Any, steps: int | None = None, **options: Any) -> float:
        """Return the accuracy: the fraction of the predictions that equal y.

        Parameters
        ----------
        x, steps, **options
            As for `run`.
        y : array-like of int, [B, ...]
            Classes, in the shape of `predict`.
        """
        found = self.predict(x, steps, **options)
        labels = array_of(f"{type(self).__name__}.score", "y", y)
        if labels.shape != found.shape:
            rule = f"must have the shape of the predictions, {found.shape}"
            fail(f"{type(self).__name__}.score", "y", labels.shape, rule, got="shape")
        return float((found == labels).mean())

    def _engine(self, given: Presented, records: list[tuple[str, str]]) -> _Prepared:
        sources = tuple(
            Source("spikes", given.amplitude, kind == "signed")
            if kind in ("spikes", "signed")
            else Source(kind)
            for kind in given.kinds
        )
        core, numbers, owners = lower(
            self.graph, given.shapes, sources, {name for name, _ in records}
        )
        wanted = [(numbers[name], what) for name, what in records]
        engine = engine_of(core, self.dtype, wanted, self.sizes)
        dense = np.array([float(core.dense_operations(k)) for k in range(len(core))])
        counted = [*self.graph.inputs, *(n.name for n in self.graph if not _only_moves(n.layer))]
        nodes: dict[str, list[int]] = {name: [] for name in counted}
        for k, name in owners.items():
            nodes.get(name, []).append(k)
        shapes = self.graph.shapes(given.shapes)
        for node in self.graph:
            own = dense_operations(node.layer, [shapes[name] for name in node.inputs])
            if own is not None and nodes[node.name]:
                first, *others = nodes[node.name]
                dense[first], dense[others] = own, 0.0
        return engine, numbers[self.graph.output.name], nodes, dense


def _only_moves(layer: Layer) -> bool:
    return isinstance(layer, Delay) or (
        isinstance(layer, Movement) and not isinstance(layer, Upsample)
    )


def _check_single(where: str, layer: Layer) -> None:
    """Check that all numbers of a layer are within the range of float32."""
    for name, value in vars(layer).items():
        array = np.asarray(value)
        if array.dtype != np.float64:
            continue
        finite = array[np.isfinite(array)]  # limits of a `PredictiveNeuron` may be infinite
        representable(where, name, finite, np.dtype(np.float32))
        smallest = np.finfo(np.float32).tiny
        tiny = array[(array > 0) & (array < smallest)]
        if name == "threshold" and tiny.size:
            fail(where, name, float(tiny.min()), f"must be at least {smallest:g} in float32")


@contextlib.contextmanager
def _watch(progress: bool | Callable[[int], Any], total: int) -> Any:
    """Yield the core's callback: it takes the samples done and returns whether to go on."""

    def reporting(update: Callable[[int], Any]) -> Callable[[int], bool]:
        reported = 0

        def go_on(done: int) -> bool:  # also called within a sample, where signals are handled
            nonlocal reported
            if done > reported:
                reported = done
                update(done)
            return True

        return go_on

    if callable(progress):
        yield reporting(progress)
    elif progress:
        with _progress.images("running", 0, total) as update:
            yield reporting(update)
            update(total)
    else:
        yield reporting(lambda _done: None)

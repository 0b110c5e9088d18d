"""A part of a graph that runs from stored values: networks that are too large for all their values at once run in parts.

What flows from one part to the next is kept as the core holds it, spikes as one bit for each neuron and step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import choice, fail, integer
from spikelet._util.values import same
from spikelet.layers.graph import Graph
from spikelet.layers.neurons import Leak, Neuron, sizes_of
from spikelet.layers.to_core import Source, add_source, engine_of, lower
from spikelet.layers.views import Floats, Shape

DType: TypeAlias = Literal["float32", "float64", "int16"]

_WHATS = ("value", "mean", "constant", "packed", "spikes", "potential")


@dataclass(frozen=True, eq=False)
class Stored:
    """What is known of stored values before they are there.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample.
    source : Source
        Whether they are constant, a sequence or packed spikes, and the code of spikes.
    """

    shape: Shape
    source: Source = Source()

    @staticmethod
    def of(value: NDArray[Any] | Packed) -> Stored:
        """Return the description of a constant [N, ...], or of packed spikes."""
        return value.stored if isinstance(value, Packed) else Stored(value.shape[1:])


@dataclass(frozen=True, eq=False)
class Packed:
    """The spikes of a layer for N samples, one bit for each neuron and step.

    Parameters
    ----------
    bits : uint8 array, [N, bytes]
    stored : Stored
        Shape and code.
    steps : int
        Number of steps T.
    """

    bits: NDArray[np.uint8]
    stored: Stored
    steps: int

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, which: slice | NDArray[Any]) -> Packed:
        """Return some of the samples; a slice is not copied."""
        return replace(self, bits=self.bits[which])

    @property
    def shape(self) -> Shape:
        """Shape of one sample."""
        return self.stored.shape

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.bits.nbytes

    def mean(self, dtype: Literal["float32", "float64"] = "float32") -> NDArray[Any]:
        """Return the mean output over all steps, [N, ...]."""
        return self._decoded("mean", dtype)

    def values(self, dtype: Literal["float32", "float64"] = "float32") -> NDArray[Any]:
        """Return the output at each step, [T, N, ...]: amplitudes are included, the weights of steps are not."""
        return self._decoded("value", dtype)

    def raster(self) -> NDArray[Any]:
        """Return the spikes, [T, N, ...], in amplitudes: int8, or float32 if there are several sizes."""
        return self._decoded("spikes", "float32")

    def _decoded(self, what: str, dtype: str) -> NDArray[Any]:
        """Return what the core records of an input that consists of these spikes."""
        core = _core.LayerGraph()
        add_source(core, self.stored.shape, self.stored.source)
        engine = engine_of(core, dtype, [(0, what)], self.stored.source.sizes)
        bits = np.ascontiguousarray(self.bits)
        _, (found,), *_ = engine.run([bits], len(self), self.steps, 0, 1, None)
        lead = found.shape[: 1 if what == "mean" else 2]
        decoded: NDArray[Any] = found.reshape(*lead, *self.shape)
        return decoded


class Segment:
    """A graph that runs from stored values of its inputs.

    Means are over all steps. Results are the same, bit for bit, as in a run of the whole graph from which the segment was
    cut (`Graph.between`).

    Parameters
    ----------
    graph : Graph
    sources : mapping of str to Stored
        What each input of the graph holds.
    wanted : sequence of (str, str)
        Layers or inputs, and what of them: "value" [T, N, ...], "mean" [N, ...], "constant" [N, ...] (of values that are
        the same at each step), "packed" (`Packed` spikes), "spikes" or "potential" [T, N, ...].
    steps : int
        Number of steps T.
    dtype : "float32", "float64" or "int16"
        See `SpikingModel`.

    Raises
    ------
    ValueError
        If an argument breaks its rule, a layer cannot take its inputs, or what is wanted of it does not exist.
    """

    def __init__(
        self,
        graph: Graph,
        sources: Mapping[str, Stored],
        wanted: Sequence[tuple[str, str]],
        steps: int,
        *,
        dtype: DType = "float32",
    ) -> None:
        choice("Segment", "dtype", dtype, *get_args(DType))
        self.graph, self.steps = graph, integer("Segment", "steps", steps, 1)
        self.sources = {name: sources[name] for name in graph.inputs}
        self.wanted = tuple(wanted)
        self._real = np.dtype(np.float64 if dtype == "float64" else np.float32)
        self.shapes = graph.shapes({name: stored.shape for name, stored in self.sources.items()})
        given = [stored.source for stored in self.sources.values()]
        given_shapes = [stored.shape for stored in self.sources.values()]
        names = {name for name, _ in self.wanted}
        core, self._numbers, _ = lower(graph, given_shapes, given, names)
        records = []
        for name, what in self.wanted:
            choice("Segment", "wanted", what, *_WHATS)
            if name not in self._numbers:
                fail("Segment", "wanted", name, "must be names of layers or inputs of the graph")
            records.append((self._numbers[name], "mean" if what == "constant" else what))
        self.sizes = self._sizes()
        self._engine = engine_of(core, dtype, records, self.sizes)
        self._extents = {name: core.shape(k) for name, k in self._numbers.items()}
        for name, what in self.wanted:
            if what == "constant" and self.form(name) != "constant":
                fail("Segment", "wanted", name, "must not change from step to step")

    def _sizes(self) -> Floats | None:
        """Return the sizes of spikes at each step, after checking that all are equal."""
        found: list[Floats | None] = []
        if any(isinstance(node.layer, (Neuron, Leak)) for node in self.graph):
            found.append(sizes_of("Segment", {node.name: node.layer for node in self.graph}))
        found += [s.source.sizes for s in self.sources.values() if s.source.form == "packed"]
        if any(not same(other, found[0]) for other in found):
            rule = "must be the same for all neurons and packed spikes"
            fail("Segment", "sizes", "other ones", rule)
        return found[0] if found else None

    def form(self, name: str) -> str:
        """Return how the core holds the output of a layer.

        Returns
        -------
        str
            "constant": one array for all steps. "spikes": bits, which can be packed. "current": a linear function of
            spikes, which the core merges with the layers behind it. "sequence": an array for each step.
        """
        number = self._numbers.get(name)  # moved values have none of their own unless wanted
        return "current" if number is None else self._engine.form(number).name

    def run(
        self,
        values: Mapping[str, NDArray[Any] | Packed],
        threads: int,
        go_on: Callable[[int], bool] | None = None,
    ) -> dict[tuple[str, str], Any]:
        """Run for samples whose inputs are given.

        Parameters
        ----------
        values : mapping of str to array or Packed
            By input, in the form that was announced: [N, ...] if it is constant, [T, N, ...] if it is a sequence.
        threads : int
        go_on : callable, optional
            Called with the number of samples that are done; may return False to stop.

        Returns
        -------
        dict of (str, str) to array or Packed

        Raises
        ------
        ValueError
            If values do not have the announced form, or numbers of samples differ.
        KeyboardInterrupt
            If `go_on` stopped the run.
        """
        arrays, counts = [], set()
        for name, stored in self.sources.items():
            array, count = self._array(name, stored, values[name])
            arrays.append(array)
            counts.add(count)
        if len(counts) > 1:
            fail("Segment.run", "values", sorted(counts), "must have equal numbers of samples")
        count = counts.pop()
        done, found, *_ = self._engine.run(arrays, count, self.steps, 0, threads, go_on)
        if done < count:
            raise KeyboardInterrupt
        result: dict[tuple[str, str], Any] = {}
        for (name, what), array in zip(self.wanted, found, strict=True):
            if what == "packed":
                result[name, what] = Packed(array, self._stored(name), self.steps)
            else:
                lead = array.shape[: 1 if what in ("mean", "constant") else 2]
                result[name, what] = array.reshape(*lead, *self.shapes[name])
        return result

    def _array(
        self, name: str, stored: Stored, value: NDArray[Any] | Packed
    ) -> tuple[NDArray[Any], int]:
        where, form = "Segment.run", stored.source.form
        if (form == "packed") != isinstance(value, Packed):
            fail(where, f"values['{name}']", type(value).__name__, f"must be {form}")
        if isinstance(value, Packed):
            if value.steps != self.steps or value.shape != stored.shape:
                got = (value.steps, value.shape)
                rule = f"must have {self.steps} steps and samples {stored.shape}"
                fail(where, f"values['{name}']", got, rule, got="steps and shape")
            return np.ascontiguousarray(value.bits), len(value)
        lead = (self.steps,) if form != "constant" else ()
        if value.shape[: len(lead)] != lead or value.shape[len(lead) + 1 :] != stored.shape:
            rule = f"must have the shape {(*lead, 'N', *stored.shape)}"
            fail(where, f"values['{name}']", value.shape, rule, got="shape")
        kind = np.dtype(np.int8) if form == "spikes" else self._real
        return np.ascontiguousarray(value, kind), value.shape[len(lead)]

    def _stored(self, name: str) -> Stored:
        amplitude, is_signed, differential, levels, ratio = self._engine.packed_input(
            self._numbers[name]
        )
        extent, sizes = self._extents[name], self.sizes
        source = Source("packed", amplitude, is_signed, differential, levels, ratio, extent, sizes)
        return Stored(self.shapes[name], source)

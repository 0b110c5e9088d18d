"""Networks whose neurons fire at most once as C programs that compute with integers alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.io.c.constants import Constants, number
from spikelet.io.c.program import Buffer, Memory
from spikelet.io.c.source import Interface, arrays_given, cmake, filled, layer_rows, main, sizes
from spikelet.io.c.templates import Templates
from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.first_spike_program import FirstSpikeProgram
from spikelet.layers.graded import Activation, LogSoftmax, Softmax
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_result import Operations
from spikelet.layers.views import Shape

# Instructions of a Cortex-M4 (gcc -O2) per addition or product, per value that a convolution looks at, and per neuron, fitted
# to counts of an emulator.
_PER_OPERATION, _PER_READ, _PER_NEURON = 4, 10, 25


@dataclass
class _Map:
    extent: tuple[int, int, int]
    form: str  # as the core has it
    ctype: str  # of values as they are, without the zero that the core adds to bytes
    zero: NDArray[np.int64]
    last: int = -1  # the last operation that reads it; outputs outlive all
    place: Buffer | None = None

    @property
    def weight(self) -> str:
        """The type of the weights that multiply it."""
        return "int8_t" if self.form == "bytes" else "int16_t"

    @property
    def pixels(self) -> int:
        return self.extent[1] * self.extent[2]


@dataclass(frozen=True)
class _Operation:
    name: str
    output: int
    sources: tuple[int, ...]
    arguments: tuple[Any, ...]


class CBuilder:
    """Takes the calls of a `FirstSpikeProgram` in place of the core's builder, and writes C."""

    def __init__(self) -> None:
        self.constants, self.memory = Constants(), Memory()
        self.templates = Templates(volumes=False)
        self.inputs: list[tuple[int, float, int, int]] = []  # map, scale, least and largest value
        self.reads = 0  # of values that convolutions look at
        self._maps: list[_Map] = []
        self._operations: list[_Operation] = []
        self._terms: list[tuple[int, tuple[Any, ...]]] = []
        self._statements: list[str] = []

    @property
    def input_form(self) -> str:
        """The form of the inputs, "bytes" or "words"."""
        return self._maps[self.inputs[0][0]].form

    def __getattr__(self, operation: str) -> Any:
        """Refuse a call that C has no form of."""
        raise NotImplementedError(operation)

    def map(self, extent: tuple[int, int, int], form: str, zero: NDArray[np.uint8]) -> int:
        """Add a map, and return its number."""
        ctype = {"bytes": "uint8_t", "words": "int16_t", "sums": "int32_t"}[form]
        if np.any(zero):
            ctype = "int16_t"
        zeros = np.zeros(extent[0], np.int64)
        zeros[: len(zero)] = zero
        self._maps.append(_Map(extent, form, ctype, zeros))
        return len(self._maps) - 1

    def input(self, number: int, scale: NDArray[np.float32], low: int, high: int) -> None:
        """Make a map an input."""
        self.inputs.append((number, float(scale[0]), low, high))

    def convolve(self, number: int, *kernel: Any) -> None:
        """Add a convolution of a map to the sum: weights, size, stride, dilation, padding and groups."""
        self._terms.append((number, kernel))

    def add(self, number: int, gain: NDArray[np.int32]) -> None:
        """Add a map to the sum, each channel times its gain."""
        self._terms.append((number, (gain,)))

    def end(self, output: int, *neurons: Any) -> None:
        """End the sum: output, and biases, units, limit, zeros and table of its neurons, if it has any."""
        sources = tuple(number for number, _ in self._terms)
        terms = tuple(term for _, term in self._terms)
        self._operations.append(_Operation("sum", output, sources, (terms, *neurons)))
        self._terms = []

    def pool(self, number: int, output: int, *window: Any) -> None:
        """Pool a map, the largest of each window: size, stride, dilation and padding."""
        self._operations.append(_Operation("pool", output, (number,), window))

    def mix(self, number: int, output: int, *axes: Any) -> None:
        """Add up values of a map: places and weights along both axes."""
        self._operations.append(_Operation("mix", output, (number,), axes))

    def move(self, numbers: Sequence[int], output: int, index: NDArray[np.int64]) -> None:
        """Move values of maps."""
        self._operations.append(_Operation("move", output, tuple(numbers), (index,)))

    def program(self) -> None:
        """Nothing is compiled here; see `function`."""

    # The function

    def function(self, given: Sequence[str], wanted: Sequence[tuple[str, int]]) -> str:
        """Return the statements that compute the network.

        Parameters
        ----------
        given : sequence of str
            Names of the inputs.
        wanted : sequence of (str, int)
            Names of the outputs, and their maps.
        """
        for k, operation in enumerate(self._operations):
            for source in operation.sources:
                self._maps[source].last = k
        for _, output in wanted:
            self._maps[output].last = len(self._operations)
        for name, (k, _, low, _) in zip(given, self.inputs, strict=True):
            m, zero = self._maps[k], int(self._maps[k].zero[0])
            ctype = "uint8_t" if low == -zero else m.ctype
            call = ("take_input", m.pixels, m.extent[0], zero, name, self._place(k))
            self._say(self._call(*call, value=ctype, to=m.ctype))
        for k, operation in enumerate(self._operations):
            getattr(self, f"_{operation.name}")(k, operation)
        for name, k in wanted:
            m = self._maps[k]
            self._say(
                self._call("give_output", m.pixels, m.extent[0], m.place, name, value=m.ctype)
            )
        self.memory.place()
        return self.memory.placed("\n".join(f"  {s}" for s in self._statements))

    def _say(self, *lines: str) -> None:
        text = "\n  ".join(lines)
        self.memory.see("run", len(self._statements), text)
        self._statements.append(text)

    def _call(self, template: str, *arguments: Any, **types: str) -> str:
        suffix = "".join(f"_{t.removesuffix('_t')}" for t in types.values() if t.endswith("_t"))
        name = self.templates.use(template, suffix, **types)
        return f"{name}({', '.join(map(str, arguments))});"

    def _place(self, k: int) -> Buffer:
        m = self._maps[k]
        m.place = self.memory.add(m.ctype, m.pixels * m.extent[0], "map", kept=False)
        return m.place

    def _each_pixel(self, extent: tuple[int, int, int], *body: str) -> None:
        _, height, width = extent
        self._say(
            f"for (p = 0, y = 0; y < {height}; ++y) {{", f"  for (x = 0; x < {width}; ++x, ++p) {{",
            *(f"    {line}" for line in body), "  }", "}",
        )  # fmt: skip

    def _kernel(self, source: int, output: int, window: Sequence[Any], groups: int) -> str:
        """Return the kernel of windows of a map: their size, stride, dilation and padding."""
        channels, height, width = self._maps[source].extent
        places = [n for two in window for n in two]
        row = [
            height,
            width,
            channels,
            *places,
            groups,
            self._maps[output].extent[0],
            1,
            1,
            1,
            0,
            1,
            1,
        ]
        self.templates.use("input_row")
        return f"&{self.constants.structs('kernel', np.array([row], np.int64), 'kernel')}[0]"

    def _sum(self, k: int, operation: _Operation) -> None:
        terms, bias, unit, high, zero, table = operation.arguments
        out = self._maps[operation.output]
        channels = out.extent[0]
        start = np.zeros(channels, np.int64) if not len(bias) else np.array(bias, np.int64)
        body, convolved = [], []
        for source, term in zip(operation.sources, terms, strict=True):
            m = self._maps[source]
            if len(term) == 1:
                gain = self.constants.add(term[0], "gain", "int32_t")
                call = ("add_times", channels, gain, f"{m.place} + p * {channels}", "sum")
                body.append(self._call(*call, value=m.ctype))
                start += np.asarray(term[0], np.int64) * m.zero
                continue
            weights, *window, groups = term
            convolved.append(source)
            grouped = weights.reshape(groups, channels // groups, -1, weights[0][0].size).astype(
                int
            )
            start += np.einsum("goit,gi->go", grouped, m.zero.reshape(groups, -1)).ravel()
            kernel = self._kernel(source, operation.output, window, groups)
            self.reads += out.pixels * m.extent[0] * grouped.shape[-1]
            depthwise = groups == channels == m.extent[0]
            order = grouped[:, 0, 0].T if depthwise else _in_order(grouped)
            values = self.constants.add(order, "weights", m.weight)
            types, template = {"weight": m.weight, "value": m.ctype}, "add_depthwise"
            if not depthwise:
                suffix, template = f"_{m.weight.removesuffix('_t')}", "add_synapses"
                types["listed"] = self.templates.use("add_listed", suffix, weight=m.weight)
            body.append(self._call(template, kernel, values, m.place, "y", "x", "sum", **types))
        # A map that only this sum reads, pixel by pixel, gives its place to the output.
        spare = [
            source for source, term in zip(operation.sources, terms, strict=True)
            if len(term) == 1 and self._maps[source].last == k and source not in convolved
            and self._maps[source].ctype == out.ctype
        ]  # fmt: skip
        out.place = self._maps[spare[0]].place if spare else self._place(operation.output)
        pixel = f"{out.place} + p * {channels}"
        # An output that takes the place of a term must not begin before that is read.
        own = not len(unit) and not spare
        total = pixel if own else self.memory.add("int32_t", channels, "sum", kept=False)
        first = self.constants.add(start, "start", "int32_t")
        last = []
        if len(unit):
            units = self.constants.add(unit, "unit", "int32_t")
            name, more = "fire_once", []
            if len(table):
                name, more = "fire_once_by_table", [self.constants.add(table, "table", "int16_t")]
            elif np.any(zero):
                name, more = "fire_once_signed", [self.constants.add(zero, "zero", "int32_t")]
            neurons = (channels, units, high, *more, "sum", pixel)
            last.append(self._call(name, *neurons, value=out.ctype))
        elif spare:
            last.append(f"memcpy({pixel}, sum, sizeof {first});")
        self._each_pixel(
            out.extent,
            f"int32_t *sum = {total};",
            f"memcpy(sum, {first}, sizeof {first});",
            *body,
            *last,
        )

    def _pool(self, _k: int, operation: _Operation) -> None:
        (source,), out = operation.sources, self._maps[operation.output]
        m, kernel = (
            self._maps[source],
            self._kernel(source, operation.output, operation.arguments, 1),
        )
        pixel = f"{self._place(operation.output)} + p * {out.extent[0]}"
        call = (kernel, m.place, "y", "x", pixel)
        self._each_pixel(out.extent, self._call("max_window", *call, value=m.ctype))

    def _mix(self, _k: int, operation: _Operation) -> None:
        (source,), out = operation.sources, self._maps[operation.output]
        m, place, channels = self._maps[source], self._place(operation.output), out.extent[0]
        ctype = "int16_t" if max(m.extent[1:]) < 2**15 else "int32_t"
        axes = []
        for at, (places, weights) in zip("yx", operation.arguments, strict=True):
            taps = places.shape[1]
            table = self.constants.add(np.stack([places, weights], 2), "taps", ctype)
            axes += [f"{table} + {at} * {2 * taps}", taps]
        pixel = f"{place} + p * {channels}"
        call = (channels, m.extent[2], *axes, m.place, pixel)
        self._each_pixel(
            out.extent,
            f"memset({pixel}, 0, {channels} * sizeof *{place});",
            self._call("add_pixels", *call, place=ctype, value=m.ctype, sum=out.ctype),
        )

    def _move(self, _k: int, operation: _Operation) -> None:
        out, start = self._maps[operation.output], 0
        place, channels = self._place(operation.output), out.extent[0]
        index = np.asarray(operation.arguments[0]).reshape(-1, channels)
        lines = []
        if (index < 0).any():
            lines.append(f"memset(&{place}[0], 0, {index.size} * sizeof *{place});")
        for source in operation.sources:
            m = self._maps[source]
            size = m.pixels * m.extent[0]
            local = np.where((index >= start) & (index < start + size), index - start, -1)
            start += size
            if (local < 0).all():
                continue
            ctype = "int16_t" if size < 2**15 else "int32_t"
            rows, columns = _tables(local)
            tables = (
                self.constants.add(rows, "rows", ctype),
                self.constants.add(columns, "columns", ctype),
            )
            call = ("place_values", len(rows), len(columns), *tables, m.place, place)
            lines.append(self._call(*call, index=ctype, value=m.ctype, to=out.ctype))
        self._say(*lines)


def _in_order(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights [group, output, channel, place] as `add_synapses` reads them."""
    groups, outputs, channels, places = weights.shape
    fours = outputs // 4 * 4
    whole = weights[:, :fours].reshape(groups, -1, 4, channels, places).transpose(0, 1, 4, 3, 2)
    rest = weights[:, fours:].transpose(0, 1, 3, 2)
    return np.concatenate([whole.reshape(groups, -1), rest.reshape(groups, -1)], axis=1)


def _tables(index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return places [pixel, channel], of which some are negative, as sums of one number each; else as one long pixel."""
    inside = index >= 0
    pixels, channels = np.any(inside, 1, keepdims=True), np.any(inside, 0)
    first = index[pixels.argmax()]
    least = np.where(channels, first, first.max()).argmin()
    rows = np.where(pixels[:, 0], index[:, least], -1)
    columns = np.where(channels, first - first[least], -1)
    made = np.where(pixels & channels, rows[:, None] + columns, -1)
    if (made == index).all():
        return rows, columns
    return np.zeros(1, np.int64), index.ravel()


def scores(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Return a graph without functions at its end that keep the order of the outputs, and the names of these."""
    wanted, left = [], []
    for name in graph.outputs:
        while name in graph and _keeps_order(graph[name].layer):
            if any(node.name not in left for node in graph.consumers(name)):
                break
            left.append(name)
            (name,) = graph[name].inputs  # noqa: PLW2901  # one after the other
        wanted.append(name)
    return (graph.upto(*wanted), tuple(left)) if left else (graph, ())


def _keeps_order(layer: Any) -> bool:
    if isinstance(layer, Activation):
        return layer.function in ("sigmoid", "logsigmoid", "tanh")
    return isinstance(layer, (Softmax, LogSoftmax))


def written(
    program: FirstSpikeProgram,
    builder: CBuilder,
    graph: Graph,
    shapes: Mapping[str, Shape],
    about: Interface,
    work: Mapping[str, Operations],
    sample: str,
    left: Sequence[str],
) -> dict[str, str]:
    """Return the text of each file.

    Parameters
    ----------
    program : FirstSpikeProgram
        Which has called the builder.
    builder : CBuilder
    graph : Graph
    shapes : mapping of str to tuple of int
        Of all its nodes.
    about : Interface
    work : mapping of str to Operations
        Operations of a run, by layer.
    sample : str
        On what they were counted.
    left : sequence of str
        Layers at the end that are left out.
    """
    maps = [program.map_of(name) for name in graph.outputs]
    steps = about.steps or 1
    names = [name for name, _, _ in about.outputs]
    statements = builder.function(
        [name for name, _, _ in about.inputs],
        list(zip(names, (m.number for m in maps), strict=True)),
    )
    inputs = "".join(
        filled(
            "first_spike_input.h.in", about, array=name, scale=number(scale), zero=-low if about.form == "bytes" else 0,
            low=number(low), high=number(high), ctype=about.ctype,
        )
        for (name, _, _), (_, scale, low, high) in zip(about.inputs, builder.inputs, strict=True)
    )  # fmt: skip
    outputs = "".join(
        f"#define {about.upper}_{name.upper()}_SCALES {{{_numbers(m.coefficient / steps)}}}\n"
        f"#define {about.upper}_{name.upper()}_BIASES {{{_numbers(m.bias)}}}\n"
        for name, m in zip(names, maps, strict=True)
    )
    best, best_header = "", ""
    if len(maps) == 1 and maps[0].extent[0] > 1 == maps[0].extent[1] * maps[0].extent[2]:
        scale, bias = maps[0].coefficient / steps, maps[0].bias
        unit = max(scale.max() / 2**30, np.abs(bias).max() / 2**60)
        scales, biases = (np.rint(v / unit).astype(np.int64) for v in (scale, bias))
        best_header = (
            "\n/* The channel with the largest value: scales of channels differ. */\n"
            f"int {about.name}_best(const int32_t *output);\n"
        )
        best = filled(
            "first_spike_best.c", about, channels=len(scale),
            scales=builder.constants.add(scales, "scales", "int32_t"),
            biases=builder.constants.add(biases, "biases", "int64_t"),
        )  # fmt: skip
    note = "".join(f"\n   {name} is left out: it keeps the order of the scores." for name in left)
    ends: dict[str, int] = {}
    for node in graph:
        before = max((ends.get(name, 1) for name in node.inputs), default=1)
        ends[node.name] = before + isinstance(node.layer, FirstSpike)
    total = [
        sum(getattr(o, what) for o in work.values()) for what in ("additions", "products", "dense")
    ]
    neurons = sum(math.prod(shapes[n.name]) for n in graph if isinstance(n.layer, FirstSpike))
    counted = (
        (_PER_OPERATION, total[0] + total[1]),
        (_PER_READ, builder.reads),
        (_PER_NEURON, neurons),
    )
    page = filled(
        "first_spike.md", about,
        flash=f"{builder.constants.bytes:,}", ram=f"{builder.memory.bytes:,}", steps=steps,
        windows=max(ends[name] for name in graph.outputs), latency=f"{steps * max(ends.values()):,}",
        additions=f"{total[0]:,.0f}", products=f"{total[1]:,.0f}", dense=f"{total[2]:,.0f}",
        sample=sample, rows=layer_rows(work, 1), note=note,
        instructions=f"{sum(each * n for each, n in counted):,.0f}", per_operation=_PER_OPERATION,
        reads=f"{builder.reads:,}", per_read=_PER_READ, neurons=f"{neurons:,}", per_neuron=_PER_NEURON,
    )  # fmt: skip
    return {
        f"{about.name}.c": filled(
            "first_spike.c", about, templates=builder.templates.text(), tables=builder.constants.tables(),
            arrays=builder.memory.text(), statements=statements,
            check=arrays_given(n for n, _, _ in (*about.inputs, *about.outputs)),
            best=best, indices="  int y, x, p;\n" if "for (p" in statements else "",
        ),
        f"{about.name}.h": filled(
            "first_spike.h.in", about, sizes=sizes(about), inputs=inputs, outputs=outputs, best=best_header, note=note,
        ),
        f"{about.name}_weights.h": filled("weights.h.in", about, include="", constants=builder.constants.arrays()),
        "main.c": main(about),
        "CMakeLists.txt": cmake(about),
        "README.md": page,
    }  # fmt: skip


def _numbers(values: NDArray[Any]) -> str:
    return ", ".join(map(number, np.ravel(values)))

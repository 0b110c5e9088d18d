"""Write a graph of layers as ONNX: layer by layer, and layers with a state as scans over time."""

from __future__ import annotations

import graphlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np

from spikelet import layers
from spikelet._util.checks import fail
from spikelet.conversion.building import refuse
from spikelet.conversion.to_onnx.builder import Builder
from spikelet.conversion.to_onnx.neurons import Step, shifted, step_of, sums_step
from spikelet.conversion.to_onnx.rows import row_of
from spikelet.layers import Shape
from spikelet.layers.graph import Graph, Node, Shapes
from spikelet.layers.neurons import sizes_of
from spikelet.layers.pools import Pool

_MOST_BYTES = (1 << 31) - (1 << 20)  # of an ONNX file that is in one part
_BINARY = 'convert with neuron="soft" or "hard"; C programs and .spk files hold signed spikes'
_Lead: TypeAlias = Literal["one", "batch", "time"]
_LEADS: tuple[_Lead, ...] = ("one", "batch", "time")


def onnx_model(
    graph: Graph,
    shapes: Shapes,
    *,
    where: str,
    real: np.dtype[Any],
    sequence: bool,
    steps: int | None = None,
    delay: int = 0,
    means: bool = True,
    over_time: Literal["mean", "sum", "steps"] = "mean",
    names: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Any:
    """Return a graph as a model of ONNX.

    Parameters
    ----------
    graph : Graph
    shapes : tuple of int, or several
        Of one sample.
    where : str
        The calling function, for error messages.
    real : dtype
        Type of all values.
    sequence : bool
        Inputs are [T, B, ...], not [B, ...].
    steps : int, optional
        How often inputs of [B, ...] are shown.
    delay : int
        Steps that means leave out.
    means : bool
        Graded units and analog neurons are functions of mean inputs, as the engine has them; otherwise of each step.
    over_time : "mean", "sum" or "steps"
        How outputs that change are combined over the steps.
    names : (names, names), optional
        Of inputs and outputs; by default those of the graph.
    """
    size = sum(
        a.size for node in graph for a in vars(node.layer).values() if isinstance(a, np.ndarray)
    )
    if size * real.itemsize > _MOST_BYTES:
        rule = f"must have less than {_MOST_BYTES} bytes, which an ONNX file in one part can hold; write it in parts"
        fail(where, "parameters", size * real.itemsize, rule, got="bytes")
    walk = _Walk(graph, shapes, where, Builder(real, "/"), sequence, steps, delay, means)
    return walk.model(over_time, names or (graph.inputs, graph.outputs))


@dataclass(frozen=True)
class _Value:
    """The output of a layer: [N, *shape], where N is 1 ("one"), B ("batch") or T * B ("time")."""

    name: str
    shape: Shape
    lead: _Lead


@dataclass
class _Walk:
    graph: Graph
    given: Shapes
    where: str
    b: Builder
    sequence: bool
    steps: int | None
    delay: int
    means: bool

    def model(self, over_time: str, names: tuple[Sequence[str], Sequence[str]]) -> Any:
        b, graph = self.b, self.graph
        self.shapes = graph.shapes(self.given)
        self.sizes = sizes_of(self.where, {node.name: node.layer for node in graph})
        if self.sizes is None and self.delay:
            self.sizes = np.ones(self.steps or self.delay + 1)
        self.values: dict[str, _Value] = {}
        ahead = ["T", "B"] if self.sequence else ["B"]
        inputs = []
        for own, name in zip(graph.inputs, names[0], strict=True):
            shape = self.shapes[own]
            inputs.append(b.info(name, [*ahead, *shape]))
            flat = b.shaped(name, *shape) if self.sequence else name
            self.values[own] = _Value(flat, shape, "time" if self.sequence else "batch")
        sizes = b.add("Slice", b.add("Shape", names[0][0]), b.ints(0), b.ints(len(ahead)))
        self.batch = b.add("Slice", sizes, b.ints(len(ahead) - 1), b.ints(len(ahead)))
        self.lead = sizes
        if not self.sequence and self.steps is not None:
            self.lead = b.add("Concat", b.ints(self.steps), self.batch, axis=0)
        for component in components(graph):
            self._write(component)
        outputs = [
            self._output(own, name, over_time)
            for own, name in zip(graph.outputs, names[1], strict=True)
        ]
        return b.model(b.graph("spikelet", inputs, outputs), self.where)

    def _output(self, own: str, name: str, over_time: str) -> Any:
        value = self.values[own]
        if over_time == "steps" and (self.sequence or self.steps is not None):
            self.b.add("Identity", self._stacked(value), outputs=[name])
            return self.b.info(name, ["T", "B", *value.shape])
        if value.lead == "time":
            value = self._over_time(value, "ReduceSum" if over_time == "sum" else "ReduceMean")
        self.b.add("Identity", self._lifted(value, "batch").name, outputs=[name])
        return self.b.info(name, ["B", *value.shape])

    def _refuse(self, node: Node, what: str, hint: str) -> NoReturn:
        refuse(f"{self.where}: layer '{node.name}' ({type(node.layer).__name__})", what, hint)

    # --- leads -------------------------------------------------------------------------------------

    def _sized(self, lead: str, shape: Shape) -> str:
        return self.b.add("Concat", lead, self.b.ints(*shape), axis=0)

    def _stacked(self, value: _Value) -> str:
        """Return a value as [T, B, ...]."""
        operator = "Reshape" if value.lead == "time" else "Expand"
        return self.b.add(operator, value.name, self._sized(self.lead, value.shape))

    def _lifted(self, value: _Value, lead: _Lead) -> _Value:
        if value.lead == lead:
            return value
        if lead == "time":
            name = self.b.shaped(self._stacked(value), *value.shape)
        else:
            name = self.b.add("Expand", value.name, self._sized(self.batch, value.shape))
        return _Value(name, value.shape, lead)

    def _over_time(self, value: _Value, operator: str) -> _Value:
        """Return the mean, or the sum, over the steps from the delay on, weighted with their sizes."""
        b, steps = self.b, self._stacked(value)
        if self.sizes is not None:
            shares = np.where(np.arange(len(self.sizes)) < self.delay, 0.0, self.sizes)
            shares = shares.reshape(-1, *[1] * (len(value.shape) + 1)) * len(shares) / shares.sum()
            steps = b.add("Mul", steps, b.constant(shares, "shares"))
        return _Value(b.add(operator, steps, b.ints(0), keepdims=0), value.shape, "batch")

    # --- layers ------------------------------------------------------------------------------------

    def _write(self, component: list[Node]) -> None:
        (node, *others) = component
        given = [self.values[name] for name in node.inputs if name in self.values]
        timed = any(value.lead == "time" for value in given)
        if others or self._step(node, timed) is not None or node.name in node.inputs:
            self._scan(component)
            return
        row = row_of(node.layer)
        if row is None:
            self._refuse(node, "has no form in ONNX", "write the graph up to it, graph.upto(...)")
        if timed and self.means and isinstance(node.layer, layers.ReLU):
            given = [self._over_time(value, "ReduceMean") for value in given]
        lead = _LEADS[max((_LEADS.index(value.lead) for value in given), default=0)]
        if len(given) > 1:
            given = [
                value
                if value.lead == "one" and not isinstance(node.layer, layers.Concat)
                else self._lifted(value, lead)
                for value in given
            ]
        shapes, shape = [value.shape for value in given], self.shapes[node.name]
        name = row(self.b, node.layer, [value.name for value in given], shapes, shape)
        self.values[node.name] = _Value(name, shape, lead)

    def _step(self, node: Node, timed: bool) -> Step | None:
        """Return the row of a layer with a state."""
        step = step_of(node.layer)
        if step is not None:
            if isinstance(node.layer, layers.IF | layers.LIF) and node.layer.code != "binary":
                self._refuse(node, "sends signed spikes", _BINARY)
            return step
        if not timed:
            return None
        graded = self.means and self._is_graded(node)
        if graded or (isinstance(node.layer, Pool) and getattr(node.layer, "of", None) == "counts"):
            return sums_step(of_means=graded, sizes=self.sizes, delay=self.delay)
        return None

    def _is_graded(self, node: Node) -> bool:
        layer = node.layer
        changing = [
            name not in self.values or self.values[name].lead == "time" for name in node.inputs
        ]
        if isinstance(layer, layers.MatMul | layers.Multiply):
            return all(changing)
        if isinstance(layer, layers.Divide):
            return changing[1]
        linear = isinstance(layer, layers.Reduce) and layer.function in ("mean", "sum")
        return isinstance(layer, layers.Graded) and not linear

    def _scan(self, component: list[Node]) -> None:
        """Write layers with a state, and all layers of a cycle through them, as a scan over time."""
        b, inside = self.b, {node.name for node in component}
        body = Builder(b.real, f"{b.name('step')}/")
        outside = dict.fromkeys(n for node in component for n in node.inputs if n not in inside)
        if not any(self.values[name].lead == "time" for name in outside):
            if not outside or (not self.sequence and self.steps is None):
                self._refuse(component[0], "needs an input, and a number of steps", "pass steps=")
            first = next(iter(outside))
            self.values[first] = self._lifted(self.values[first], "time")
        known: dict[str, str] = {}
        scanned: list[tuple[str, str, Shape]] = []
        for name in outside:
            value = self.values[name]
            known[name] = value.name  # a body sees the values of the graph around it
            if value.lead == "time":
                known[name] = f"{body.prefix}x{len(scanned)}"
                scanned.append((known[name], self._stacked(value), value.shape))
        states, starts, sizes = self._states(component, body)
        before = {node: dict(own) for node, own in states.items()}
        late = []
        for node in component:
            layer, shape = node.layer, self.shapes[node.name]
            xs = [known[name] for name in node.inputs if name in known]
            shapes = [self.shapes[name] for name in node.inputs]
            if len(xs) < len(node.inputs):
                late.append(node)
            step = self._step(node, timed=True)
            row = row_of(layer)
            if step is not None:
                known[node.name] = step.step(body, layer, xs, states[node.name], shapes, shape)
            elif row is None or (self.means and isinstance(layer, layers.ReLU)):
                self._refuse(node, "lies in a cycle", "take it out of the recurrent part")
            else:
                known[node.name] = row(body, layer, xs, shapes, shape)
        for node in late:
            shifted(states[node.name], known[node.inputs[0]])
        used = {name for node in self.graph if node.name not in inside for name in node.inputs}
        wanted = [node for node in component if node.name in used.union(self.graph.outputs)]
        after = [name for own in states.values() for name in own.values()]
        results = [*after, *(known[node.name] for node in wanted)]
        ends = [body.add("Identity", name) for name in results]
        begins = [name for own in before.values() for name in own.values()]
        shapes_in = [*sizes, *(["B", *shape] for *_, shape in scanned)]
        shapes_out = [*sizes, *(["B", *self.shapes[node.name]] for node in wanted)]
        graph = body.graph(
            "step",
            [
                body.info(n, s)
                for n, s in zip([*begins, *(n for n, *_ in scanned)], shapes_in, strict=True)
            ],
            [body.info(n, s) for n, s in zip(ends, shapes_out, strict=True)],
        )
        made = [b.name(node.name) for node in wanted]
        outputs = [*(b.name("last") for _ in after), *made]
        given = [*starts, *(name for _, name, _ in scanned)]
        b.add("Scan", *given, outputs=outputs, body=graph, num_scan_inputs=len(scanned))
        for node, name in zip(wanted, made, strict=True):
            shape = self.shapes[node.name]
            self.values[node.name] = _Value(b.shaped(name, *shape), shape, "time")

    def _states(
        self, component: list[Node], body: Builder
    ) -> tuple[dict[str, dict[str, str]], list[str], list[list[Any]]]:
        """Return the names of states in a body by layer, their values before the first step, and their sizes."""
        names: dict[str, dict[str, str]] = {}
        starts, sizes = [], []
        for k, node in enumerate(component):
            step = self._step(node, timed=True)
            if step is None:
                continue
            shapes = [self.shapes[name] for name in node.inputs]
            own = step.start(node.layer, shapes, self.shapes[node.name])
            names[node.name] = {name: f"{body.prefix}{name}_of_{k}" for name in own}
            for array in own.values():
                constant = self.b.constant(array[None] if array.ndim else array, "start")
                shape = self._sized(self.batch, array.shape) if array.ndim else None
                starts.append(constant if shape is None else self.b.add("Expand", constant, shape))
                sizes.append(["B", *array.shape] if array.ndim else [])
        return names, starts, sizes


def components(graph: Graph) -> list[list[Node]]:
    """Return the layers of each cycle together, and all others alone, each after what it needs."""
    from scipy.sparse import csr_array  # noqa: PLC0415  slow to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    place = {node.name: k for k, node in enumerate(graph)}
    edges = [(place[n], k) for k, node in enumerate(graph) for n in node.inputs if n in place]
    rows, columns = np.reshape(edges, (-1, 2)).astype(int).T
    matrix = csr_array((np.ones(len(edges)), (rows, columns)), shape=(len(place), len(place)))
    _, unit = connected_components(matrix, connection="strong")
    order: graphlib.TopologicalSorter[int] = graphlib.TopologicalSorter()
    for k in range(len(place)):
        order.add(int(unit[k]), *{int(u) for u in unit[rows[columns == k]] if u != unit[k]})
    return [[n for n, u in zip(graph, unit, strict=True) if u == k] for k in order.static_order()]

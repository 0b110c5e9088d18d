"""Random graphs of all primitives of NIR: nested, recurrent, with several inputs and outputs, and metadata."""

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np

__all__ = ["inputs_of", "random_graph"]

_NAMES = ("lif", "w rec", "fc.1", "Zelle_µ", "0", "conv", "x-y", "pool", "ω")


class _Maker:
    """Grows a graph node by node along its signals."""

    def __init__(self, rng: np.random.Generator, depth: int) -> None:
        self.rng, self.depth = rng, depth
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.takes: dict[str, tuple[int, ...]] = {}

    def reals(self, shape: tuple[int, ...], low: float, high: float) -> Any:
        dtype = self.rng.choice([np.float32, np.float64])
        return self.rng.uniform(low, high, shape).astype(dtype)

    def add(
        self, node: Any, sends: tuple[int, ...], *sources: str, takes: Any = None, name: str = ""
    ) -> str:
        base = name or f"{self.rng.choice(_NAMES)}{len(self.nodes)}"
        if self.rng.random() < 0.12:
            node.metadata = {
                "deep": {"a": {"b": 1.5}, "c": "d"},
                "n": int(self.rng.integers(9)),
                "text": "höher",
                "x": self.rng.random(3),
            }
        self.nodes[base] = node
        self.shapes[base] = sends
        self.takes[base] = sends if takes is None else takes
        self.edges += [(source, base) for source in sources]
        return base

    def neuron(self, shape: tuple[int, ...]) -> Any:
        rng = self.rng
        kind = rng.choice(["I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"])
        r = self.reals(shape, 0.5, 2) * (300 if kind in ("I", "IF") else 1)
        taus = {"tau_mem": self.reals(shape, 2e-3, 2e-2), "tau_syn": self.reals(shape, 2e-3, 1e-2)}
        if rng.random() < 0.3:
            taus["tau_syn"] = taus["tau_mem"].copy()
        leak = self.reals(shape, -0.1, 0.1)
        limits: dict[str, Any] = {"v_threshold": self.reals(shape, 0.1, 0.6)}
        if rng.random() < 0.6:
            limits["v_reset"] = self.reals(shape, -0.2, 0.05)
        if kind == "I":
            return nir.I(r=r)
        if kind == "IF":
            return nir.IF(r=r, **limits)
        if kind in ("LI", "LIF"):
            more = limits if kind == "LIF" else {}
            return getattr(nir, kind)(tau=taus["tau_mem"], r=r, v_leak=leak, **more)
        if rng.random() < 0.6:
            taus["w_in"] = self.reals(shape, 0.5, 3)
        more = limits if kind == "CubaLIF" else {}
        return getattr(nir, kind)(r=r, v_leak=leak, **taus, **more)

    def linear(self, takes: int, sends: int) -> Any:
        weight = self.reals((sends, takes), -1, 1.5) / math.sqrt(takes)
        if self.rng.random() < 0.5:
            return nir.Linear(weight=weight)
        return nir.Affine(weight=weight, bias=self.reals((sends,), -0.1, 0.3))

    def delay(self, shape: tuple[int, ...], low: float = 0) -> Any:
        return nir.Delay(delay=self.rng.uniform(low, 5e-3, shape))

    def conv(self, source: str) -> str | None:
        rng, shape = self.rng, self.shapes[source]
        dims = len(shape) - 1
        kernel = tuple(int(k) for k in rng.integers(1, 4, dims))
        stride, dilation = rng.integers(1, 3, dims), rng.integers(1, 3, dims)
        padding: Any = rng.integers(0, 3, dims)
        choice = rng.random()
        if choice < 0.2:
            padding, stride = "same", np.ones(dims, int)
        elif choice < 0.4:
            padding = "valid"
        groups = 2 if shape[0] % 2 == 0 and rng.random() < 0.4 else 1
        out = groups * int(rng.integers(1, 3))
        sides = []
        for n, k, s, d, i in zip(shape[1:], kernel, stride, dilation, range(dims), strict=True):
            total = (
                d * (k - 1) if isinstance(padding, str) and padding == "same"
                else 0 if isinstance(padding, str) else 2 * padding[i]
            )  # fmt: skip
            span = n + total - d * (k - 1) - 1
            if span < 0:
                return None
            sides.append(int(span // s) + 1)
        weight = self.reals((out, shape[0] // groups, *kernel), -1, 1.5) / math.prod(kernel)
        declared: Any = np.array(shape[1:]) if dims == 2 else shape[1]
        if rng.random() < 0.3:
            declared = None
        if dims == 1:
            stride, dilation = int(stride[0]), int(dilation[0])
            padding = padding if isinstance(padding, str) else int(padding[0])
        kind = nir.Conv2d if dims == 2 else nir.Conv1d
        node = kind(
            input_shape=None, weight=weight, stride=stride, padding=padding, dilation=dilation,
            groups=groups, bias=self.reals((out,), -0.1, 0.2),
        )  # fmt: skip
        node.input_shape = declared
        return self.add(node, (out, *sides), source, takes=shape)

    def pool(self, source: str) -> str | None:
        channels, *sides = self.shapes[source]
        kernel, stride = self.rng.integers(1, 4, 2), self.rng.integers(1, 3, 2)
        padding = np.array([int(self.rng.integers(0, k // 2 + 1)) for k in kernel])
        spans = [n + 2 * p - k for n, p, k in zip(sides, padding, kernel, strict=True)]
        if min(spans) < 0:
            return None
        kind = nir.SumPool2d if self.rng.random() < 0.5 else nir.AvgPool2d
        out = tuple(int(span // s) + 1 for span, s in zip(spans, stride, strict=True))
        node = kind(kernel_size=kernel, stride=stride, padding=padding)
        return self.add(node, (channels, *out), source, takes=(channels, *sides))

    def flat(self, source: str) -> str:
        shape = self.shapes[source]
        start = int(self.rng.integers(0, len(shape) - 1))
        end = int(self.rng.choice([-1, len(shape) - 1, start + 1]))
        last = end % len(shape)
        out = (*shape[:start], math.prod(shape[start : last + 1]), *shape[last + 1 :])
        given = None if self.rng.random() < 0.3 else np.array(shape)
        node = nir.Flatten(input_type={"input": np.array(shape)}, start_dim=start, end_dim=end)
        node.input_type = {"input": given}
        return self.add(node, out, source, takes=shape)

    def nested(self, source: str) -> str:
        shape = self.shapes[source]
        inner = _Maker(self.rng, self.depth + 1)
        first = inner.add(nir.Input(input_type=np.array(shape)), shape, name="in")
        last = inner.grow(first, int(self.rng.integers(1, 4)))
        sends = inner.shapes[last]
        inner.add(nir.Output(output_type=np.array(sends)), sends, last, name="out")
        graph = nir.NIRGraph(dict(sorted(inner.nodes.items())), inner.edges, type_check=False)
        return self.add(graph, sends, source, takes=shape)

    def grow(self, at: str, count: int) -> str:
        """Add nodes behind one, and return the last."""
        rng = self.rng
        for _ in range(count):
            shape = self.shapes[at]
            choices = ["neuron", "scale", "threshold", "delay", "skip"]
            choices += ["linear", "linear", "neuron", "loop"] * (len(shape) == 1)
            choices += ["batched"] * (len(shape) == 2)
            choices += ["conv", "conv", "flat"] * (len(shape) in (2, 3)) + ["pool", "pool"] * (
                len(shape) == 3
            )
            choices += ["nested"] * (self.depth < 2)
            what = rng.choice(choices)
            new: str | None = None
            if what == "neuron":
                new = self.add(self.neuron(shape), shape, at)
            elif what == "scale":
                new = self.add(nir.Scale(scale=self.reals(shape, -0.5, 1.5)), shape, at)
            elif what == "threshold":
                new = self.add(nir.Threshold(threshold=self.reals(shape, 0.05, 0.5)), shape, at)
            elif what == "delay":
                new = self.add(self.delay(shape), shape, at)
            elif what == "linear":
                out = int(rng.integers(1, 6))
                new = self.add(self.linear(shape[0], out), (out,), at, takes=shape)
            elif what == "batched":
                out = int(rng.integers(1, 5))
                weight = self.reals((shape[0], out, shape[1]), -1, 1.5)
                new = self.add(nir.Linear(weight=weight), (shape[0], out), at, takes=shape)
            elif what == "conv":
                new = self.conv(at)
            elif what == "pool":
                new = self.pool(at)
            elif what == "flat":
                new = self.flat(at)
            elif what == "nested":
                new = self.nested(at)
            elif what == "skip":
                same = [n for n in self.nodes if self.shapes[n] == shape and n != at]
                if same:
                    new = self.add(
                        nir.Scale(scale=self.reals(shape, 0.2, 0.8)), shape, at, str(rng.choice(same))
                    )  # fmt: skip
            elif what == "loop":
                new = self.loop(at)
            at = at if new is None else new
        return at

    def loop(self, at: str) -> str:
        """Add a neuron whose output comes back: by itself, through weights, or through a delay."""
        shape = self.shapes[at]
        neuron = self.add(self.neuron(shape), shape, at)
        way = self.rng.integers(4)
        if way == 0:
            self.edges.append((neuron, neuron))
        elif way == 1:
            weights = self.add(self.linear(shape[0], shape[0]), shape, neuron)
            self.edges.append((weights, neuron))
        elif way == 2:
            delay = self.add(self.delay(shape, 2e-3), shape, neuron)
            weights = self.add(self.linear(shape[0], shape[0]), shape, delay)
            self.edges.append((weights, neuron))
        else:  # through a second population, and back to the first
            weights = self.add(self.linear(shape[0], 3), (3,), neuron, takes=shape)
            second = self.add(self.neuron((3,)), (3,), weights)
            back = self.add(self.linear(3, shape[0]), shape, second, takes=(3,))
            self.edges.append((back, neuron))
        return neuron


def random_graph(seed: int) -> nir.NIRGraph:
    """Return a valid graph with tens of neurons."""
    rng = np.random.default_rng(seed)
    maker = _Maker(rng, 0)
    ends = []
    for k in range(2 if rng.random() < 0.2 else 1):
        shape = tuple(int(n) for n in rng.integers(2, 6, int(rng.choice([1, 1, 2, 3, 3]))))
        source = maker.add(nir.Input(input_type=np.array(shape)), shape, name=f"input{k}")
        ends.append(maker.grow(source, int(rng.integers(2, 8))))
    if rng.random() < 0.3:
        ends.append(str(rng.choice(list(maker.nodes))))
    for k, end in enumerate(dict.fromkeys(ends)):
        shape = maker.shapes[end]
        maker.add(nir.Output(output_type=np.array(shape)), shape, end, name=f"output{k}")
    edges = [maker.edges[k] for k in rng.permutation(len(maker.edges))]
    names = list(maker.nodes)
    nodes = {names[k]: maker.nodes[names[k]] for k in rng.permutation(len(names))}
    return nir.NIRGraph(nodes, edges, metadata={"seed": seed}, type_check=False)


def inputs_of(graph: nir.NIRGraph, seed: int, steps: int, samples: int) -> dict[str, Any]:
    """Return random inputs [T, B, ...] of all inputs of a graph: spikes, or numbers."""
    rng = np.random.default_rng([seed, 1])
    found = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.Input):
            shape = (steps, samples, *node.input_type["input"].tolist())
            values = rng.uniform(-0.5, 2, shape)
            found[name] = values if rng.random() < 0.5 else (values > 1).astype(float)
    return found

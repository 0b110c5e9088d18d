"""What a graph of NIR does, as slowly and plainly as possible: one step of one sample at a time, in float64."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from scipy.signal import correlate

__all__ = ["reference"]


def reference(
    graph: nir.NIRGraph, x: dict[str, Any], dt: float, mode: str, reset: str
) -> dict[str, Any]:
    """Return the signals that reach the outputs of a graph, [T, B, ...]."""
    steps, samples = next(iter(x.values())).shape[:2]
    runs = []
    for b in range(samples):
        sample = _Sample(graph, {name: values[:, b] for name, values in x.items()}, dt, mode, reset)
        runs.append([sample.step(t) for t in range(steps)])
    names = runs[0][0]
    return {
        name: np.array([[run[t][name] for run in runs] for t in range(steps)]) for name in names
    }


def _flat(graph: nir.NIRGraph, prefix: str = "") -> tuple[dict[str, Any], list[tuple[str, str]]]:
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []

    def end(name: str, kind: type) -> str:
        node = graph.nodes[name]
        if isinstance(node, nir.NIRGraph):
            (inner,) = [n for n, m in node.nodes.items() if isinstance(m, kind)]
            return f"{prefix}{name}/{inner}"
        return f"{prefix}{name}"

    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            inner_nodes, inner_edges = _flat(node, f"{prefix}{name}/")
            nodes |= inner_nodes
            edges += inner_edges
        else:
            nodes[f"{prefix}{name}"] = node
    edges += [(end(a, nir.Output), end(b, nir.Input)) for a, b in graph.edges]
    return nodes, edges


class _Sample:
    def __init__(self, graph: Any, x: dict[str, Any], dt: float, mode: str, reset: str) -> None:
        self.nodes, self.edges = _flat(graph)
        self.x, self.dt, self.mode, self.reset = x, dt, mode, reset
        self.known: dict[tuple[str, int], Any] = {}
        self.arrived: dict[tuple[str, int], Any] = {}
        self.states: dict[str, Any] = {}
        self.flows: dict[str, Any] = {}
        self.outputs = [n for n, node in graph.nodes.items() if isinstance(node, nir.Output)]
        self.back = self._back_edges()
        self.sources: dict[str, list[tuple[str, int]]] = {name: [] for name in self.nodes}
        for a, b in self.edges:
            self.sources[b].append((a, 1 if (a, b) in self.back else 0))

    def _delays(self, name: str) -> Any:
        node = self.nodes[name]
        return np.rint(node.delay / self.dt).astype(int) if isinstance(node, nir.Delay) else None

    def _late(self, name: str) -> bool:
        delays = self._delays(name)
        return delays is not None and bool((delays > 0).all())

    def _back_edges(self) -> set[tuple[str, str]]:
        back: set[tuple[str, str]] = set()
        done: set[str] = set()

        def visit(name: str, path: tuple[str, ...]) -> None:
            for a, b in self.edges:
                if a == name and not self._late(b):
                    if b in (*path, name):
                        back.add((a, b))
                    elif b not in done:
                        visit(b, (*path, name))
            done.add(name)

        roots = sorted(
            n for n in self.nodes if isinstance(self.nodes[n], nir.Input) and "/" not in n
        )
        for root in (*roots, *sorted(self.nodes)):
            if root not in done:
                visit(root, ())
        return back

    def step(self, t: int) -> dict[str, Any]:
        for name in self.nodes:  # also those that lead to no output move on
            self.value(name, t)
            self.arriving(name, t)
        return {name: self.value(name, t) for name in self.outputs}

    def arriving(self, name: str, t: int) -> Any:
        if (name, t) not in self.arrived:
            total: Any = 0.0
            for source, late in self.sources[name]:
                total = total + self.value(source, t - late)
            self.arrived[name, t] = total
        return self.arrived[name, t]

    def value(self, name: str, t: int) -> Any:
        """Return the output of a node; at step -1, before the first, that of silence."""
        if (name, t) in self.known:
            return self.known[name, t]
        node = self.nodes[name]
        if name in self.x:
            found = self.x[name][t] if t >= 0 else np.zeros(self.x[name].shape[1:])
        elif isinstance(node, nir.Delay):
            delays, found = self._delays(name), np.zeros(node.delay.shape)
            for at in np.ndindex(delays.shape):
                then = t - delays[at]
                if t >= 0 and then >= 0:
                    found[at] = np.broadcast_to(self.arriving(name, then), delays.shape)[at]
        elif hasattr(node, "r"):
            found = self._neuron(name, node, t) if t >= 0 else np.zeros(node.r.shape)
        elif t >= 0:
            found = _map(node, self.arriving(name, t))
        else:
            found = _map(node, sum(self.value(source, -1) for source, _ in self.sources[name]))
        self.known[name, t] = found
        return found

    def _neuron(self, name: str, node: Any, t: int) -> Any:
        p = {
            key: np.asarray(a, float) for key, a in vars(node).items() if isinstance(a, np.ndarray)
        }
        x = np.broadcast_to(np.asarray(self.arriving(name, t), float), p["r"].shape)
        v, i = self.states.get(name, (np.zeros_like(x), np.zeros_like(x)))
        if self.mode == "exact":
            if name not in self.flows:
                self.flows[name] = _propagator(p, self.dt)
            now = np.stack([v, i, x, np.ones_like(x)], -1)
            then = np.einsum("...ij,...j->...i", self.flows[name], now)
            v, i = then[..., 0], then[..., 1]
        else:
            v, i = self._euler(p, v, i, x)
        out = v
        if "v_threshold" in p:
            out = (v > p["v_threshold"]).astype(float)
            low = p["v_reset"] if self.reset == "value" else v - p["v_threshold"]
            v = np.where(out > 0, low, v)
        self.states[name] = (v, i)
        return out

    def _euler(self, p: dict[str, Any], v: Any, i: Any, x: Any) -> tuple[Any, Any]:
        dt, r = self.dt, p["r"]
        if "tau_syn" in p:
            i = i + dt / p["tau_syn"] * (p["w_in"] * x - i)
            return v + dt / p["tau_mem"] * (p["v_leak"] - v + r * i), i
        if "tau" in p:
            return v + dt / p["tau"] * (p["v_leak"] - v + r * x), i
        return v + dt * r * x, i


def _propagator(p: dict[str, Any], dt: float) -> Any:
    """Return exp(A dt) for d/dt (v, i, x, 1) = A (v, i, x, 1), where x and 1 are constant."""
    r = p["r"]
    a = np.zeros((*r.shape, 4, 4))
    if "tau_syn" in p:
        for k, value in ((0, -1), (1, r), (3, p["v_leak"])):
            a[..., 0, k] = value / p["tau_mem"]
        for k, value in ((1, -1), (2, p["w_in"])):
            a[..., 1, k] = value / p["tau_syn"]
    elif "tau" in p:
        for k, value in ((0, -1), (2, r), (3, p["v_leak"])):
            a[..., 0, k] = value / p["tau"]
    else:
        a[..., 0, 2] = r
    # The series of the exponential, and squaring: scipy's expm waits for the threads of BLAS on each small matrix.
    power = total = np.broadcast_to(np.eye(4), a.shape)
    for k in range(1, 25):
        power = np.einsum("...ij,...jk->...ik", power, a * (dt / 8 / k))
        total = total + power
    for _ in range(3):
        total = np.einsum("...ij,...jk->...ik", total, total)
    return total


def _map(node: Any, x: Any) -> Any:
    if isinstance(node, (nir.Affine, nir.Linear)):
        y = np.einsum("...oi,...i->...o", node.weight.astype(float), x)
        return y + node.bias.astype(float) if isinstance(node, nir.Affine) else y
    if isinstance(node, nir.Scale):
        return x * node.scale.astype(float)
    if isinstance(node, nir.Threshold):
        return (x > node.threshold.astype(float)).astype(float)
    if isinstance(node, nir.Flatten):
        axes = list(x.shape)
        last = node.end_dim % len(axes)
        start = node.start_dim
        return x.reshape([*axes[:start], -1, *axes[last + 1 :]])
    if isinstance(node, (nir.SumPool2d, nir.AvgPool2d)):
        ones = np.ones((1, *node.kernel_size))
        if isinstance(node, nir.AvgPool2d):
            ones = ones / ones.size
        return np.stack([_slide(c[None], ones, node.padding, node.stride, (1, 1)) for c in x])
    if isinstance(node, (nir.Conv1d, nir.Conv2d)):
        dims = x.ndim - 1
        kernel = node.weight.shape[2:]
        dilation = np.broadcast_to(node.dilation, dims)
        padding: Any = node.padding
        if isinstance(padding, str):
            totals = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, kernel, strict=True)]  # fmt: skip
            padding = [(n // 2, n - n // 2) for n in totals]
        else:
            padding = np.broadcast_to(padding, dims)
        stride = np.broadcast_to(node.stride, dims)
        outputs, per_group = node.weight.shape[:2]
        each = outputs // int(node.groups)
        return np.stack(
            [
                _slide(
                    x[o // each * per_group : (o // each + 1) * per_group],
                    node.weight[o].astype(float), padding, stride, dilation,
                )
                + float(node.bias[o])
                for o in range(outputs)
            ]
        )  # fmt: skip
    return x


def _slide(x: Any, kernel: Any, padding: Any, stride: Any, dilation: Any) -> Any:
    """Return the products of a kernel with the windows of an image, both [channels, ...]."""
    sides = [(p, p) if np.ndim(p) == 0 else tuple(p) for p in padding]
    wide = np.zeros((kernel.shape[0], *(d * (k - 1) + 1 for k, d in zip(kernel.shape[1:], dilation, strict=True))))  # fmt: skip
    wide[(slice(None), *(slice(None, None, d) for d in dilation))] = kernel
    full = correlate(np.pad(x, [(0, 0), *sides]), wide, "valid", "direct")[0]
    return full[tuple(slice(None, None, s) for s in stride)]

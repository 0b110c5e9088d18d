"""Layered networks: every layer, every kind of neuron, every form of input, conversion and energy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spikelet as sl

from .cases import Case, active, weights_of

L = sl.layers
DTYPES = ("float32", "float64", "int16")
# (input channels, outputs, options), of pictures 11 x 9
CONVOLUTIONS: tuple[tuple[int, int, dict[str, Any]], ...] = (
    (3, 5, {"kernel": 1}),
    (3, 20, {"kernel": 3, "padding": 1}),
    (20, 36, {"kernel": 3, "padding": 1, "stride": 2}),
    (17, 33, {"kernel": 3}),
    (16, 16, {"kernel": 3, "padding": 1}),
    (64, 64, {"kernel": 3, "padding": 1}),
    (64, 48, {"kernel": 1}),
    (5, 24, {"kernel": 5, "padding": 2}),
    (8, 40, {"kernel": 5, "stride": (1, 3)}),
    (4, 18, {"kernel": 7, "padding": 3}),
    (2, 16, {"kernel": 7, "padding": (3, 0), "stride": 2}),
    (16, 32, {"kernel": 3, "padding": 2, "dilation": 2}),
    (6, 12, {"kernel": 3, "padding": (0, 2, 1, 0), "dilation": (1, 2)}),
    (16, 16, {"kernel": 3, "padding": 1, "groups": 2}),
    (32, 64, {"kernel": 3, "padding": 1, "groups": 8}),
    (12, 12, {"kernel": 5, "padding": 2, "groups": 12}),
    (4, 130, {"kernel": 3, "padding": 1}),
)
NEURONS: dict[str, Any] = {
    "IF": lambda n: L.IF(0.6, v_init=0.3),
    "IF amplitude": lambda n: L.IF(0.6, v_init=0.3, amplitude=0.6),
    "IF channels": lambda n: L.IF(np.linspace(0.4, 0.7, n), amplitude=np.linspace(0.5, 1.0, n)),
    "IF zero": lambda n: L.IF(0.5, "value", v_reset=-0.1),
    "IF signed": lambda n: L.IF(0.5, code="signed"),
    "IF signed levels": lambda n: L.IF(0.8, code="signed", levels=4, v_init=0.05),
    "IF differential": lambda n: L.IF(0.5, code="differential", v_init=0.1),
    "IF differential levels": lambda n: L.IF(0.5, code="differential", levels=2, v_init=0.1),
    "LIF": lambda n: L.LIF(0.2, tau_m=4.0),
    "LIF zero": lambda n: L.LIF(0.2, "zero", tau_m=4.0),
    "LIF decay and gain": lambda n: L.LIF(0.5, decay=0.9, gain=1.0),
    "IF reset later": lambda n: L.IF(0.6, v_init=0.3, reset_delay=True),
    "LIF reset later": lambda n: L.LIF(0.5, decay=0.9, gain=1.0, reset_delay=True, strict=True),
    "PredictiveIF": lambda n: L.PredictiveIF(
        pace=np.linspace(2.5, 2.0, STEPS), limit=np.linspace(0.9, 0.5, STEPS)
    ),
    "PredictiveIF channels": lambda n: L.PredictiveIF(
        pace=np.tile(np.linspace(2.5, 2.0, STEPS)[:, None], (1, n)),
        limit=np.tile(np.linspace(0.9, 0.5, n), (STEPS, 1)),
    ),
}
BETWEEN: dict[str, Any] = {
    "AvgPool2d": lambda: [L.AvgPool2d(2)],
    "AvgPool2d overlapping": lambda: [L.AvgPool2d(3, stride=2, padding=1, ceil_mode=True)],
    "AvgPool2d without padding": lambda: [L.AvgPool2d(3, 2, 1, count_include_pad=False)],
    "MaxPool2d": lambda: [L.MaxPool2d(2)],
    "MaxPool2d overlapping": lambda: [L.MaxPool2d(3, stride=2, padding=1)],
    "AdaptiveAvgPool2d": lambda: [L.AdaptiveAvgPool2d((3, 2))],
    "Upsample": lambda: [L.Upsample((2, 3))],
    "Affine": lambda: [L.Affine(np.linspace(0.5, 1.5, 20), np.linspace(-0.1, 0.1, 20))],
    "ReLU": lambda: [L.ReLU()],
    "ReLU of levels": lambda: [L.ReLU(upper=np.linspace(0.5, 1.5, 20), levels=4)],
}
STEPS = 11
SHAPE = (11, 9)


def cases() -> Iterator[Case]:
    """Yield the cases."""
    for dtype in DTYPES:
        for c, n, options in CONVOLUTIONS:
            what = " ".join(f"{k} {v}" for k, v in options.items())
            yield Case(
                f"layers Conv2d {c} to {n} {what} {dtype}",
                lambda t, d=dtype, c=c, n=n, o=options: _convolution(t, d, c, n, o),
            )
        for name, make in NEURONS.items():
            yield Case(f"layers {name} {dtype}", lambda t, d=dtype, make=make: neuron(t, d, make))
        for name, make in BETWEEN.items():
            yield Case(f"layers {name} {dtype}", lambda t, d=dtype, m=make: _between(t, d, m()))
        yield Case(f"layers Linear {dtype}", lambda t, d=dtype: _linear(t, d))
        yield Case(f"layers Delay {dtype}", lambda t, d=dtype: _delay(t, d))
        yield Case(
            f"layers wide graph {dtype}", lambda t, d=dtype: _graph(t, d, wide(), (3, 12, 12))
        )
        yield Case(
            f"layers deep graph {dtype}", lambda t, d=dtype: _graph(t, d, deep(), (2, 12, 12))
        )
        yield Case(f"layers energy {dtype}", lambda t, d=dtype: _energy(t, d))
    for method in sl.conversion.METHODS:
        yield Case(f"conversion {method}", lambda t, m=method: _converted(t, method=m))
    for kind in ("predictive", "soft", "signed", "differential", "multi"):
        yield Case(f"conversion fitted {kind}", lambda t, k=kind: _converted(t, neuron=k))
    for kind in sl.conversion.NEURONS:
        yield Case(
            f"conversion percentile {kind}",
            lambda t, k=kind: _converted(t, method="percentile", neuron=k),
        )
    for dtype, coding in itertools.product(("float64", "int16"), ("direct", "poisson", "latency")):
        yield Case(
            f"conversion {coding} {dtype}",
            lambda t, d=dtype, c=coding: _converted(t, coding=c, dtype=d, method="least_error"),
        )
    yield Case(
        "conversion one threshold per layer",
        lambda t: _converted(t, method=sl.conversion.LTB(per_channel=False)),
    )
    yield Case("conversion hybrid", lambda t: _converted(t, keep=["r2"], method="maxnorm"))


def pictures(shape: tuple[int, ...], count: int, seed: int = 3) -> NDArray[np.float64]:
    """Return inputs, some of whose values are 0."""
    rng = np.random.default_rng(seed)
    x = rng.random((count, *shape))
    return np.asarray(x * (x > 0.2))


def results(result: Any) -> Iterator[Any]:
    """Yield all that a run of a layered network gives."""
    yield result.output
    yield from (x for x in (result.spikes, result.v) if x is not None)
    for name, values in result.records.items():
        yield from (name, values)
    for name, o in result.operations.items():
        yield from (name, [o.spikes, o.additions, o.products, o.dense])


def inputs(shape: tuple[int, ...], batch: int = 2) -> dict[str, Any]:
    """Return an input of each form: constant, a sequence of values, of spikes, of signed spikes."""
    rng = np.random.default_rng(7)
    x = pictures(shape, batch)
    spikes = rng.random((STEPS, batch, *shape)) < 0.2
    return {
        "constant": (x, {"steps": STEPS}),
        "sequence": (np.stack([x, 1 - x] * STEPS)[:STEPS], {"delay": 3}),
        "spikes": (spikes.astype(np.uint8), {}),
        "signed": (spikes * rng.choice([-1, 1], spikes.shape), {"delay": 2}),
    }


def _run_all(model: Any, shape: tuple[int, ...], record: Any) -> Iterator[Any]:
    for x, options in inputs(shape).values():
        result = model.run(x, record=record, **options)
        for name in model.neurons:
            active(result[f"{name}.spikes"])
        yield from results(result)


def _convolution(threads: int, dtype: str, c: int, n: int, given: dict[str, Any]) -> Iterator[Any]:
    options = dict(given)
    kernel = options.pop("kernel")
    w = weights_of(2)
    weight = w(n, c // options.get("groups", 1), kernel, kernel)
    model = sl.SpikingModel(
        [
            ("first", L.Conv2d(w(c, 2, 3, 3), np.full(c, 0.05), padding=1), "input"),
            ("one", L.IF(0.6, v_init=0.3), "first"),
            ("conv", L.Conv2d(weight, np.linspace(0, 0.1, n), **options), "one"),
            ("two", L.IF(0.6, v_init=0.3), "conv"),
        ],
        dtype=dtype,
        threads=threads,
    )
    names = ["one.spikes", "conv", "two.spikes", "two.v", "two.mean"]
    yield from _run_all(model, (2, *SHAPE), names)
    # The same convolution on the input itself, which is analog or given as spikes.
    model = sl.SpikingModel(
        [L.Conv2d(weight, **options), L.IF(0.6, v_init=0.3)], dtype=dtype, threads=threads
    )
    yield from _run_all(model, (c, *SHAPE), True)


def neuron(threads: int, dtype: str, make: Any, *, seed: int = 4) -> Iterator[Any]:
    """Run a neuron in pictures and in vectors, of several widths."""
    for n in (7, 16, 40):
        w = weights_of(seed)
        model = sl.SpikingModel(
            [
                ("c1", L.Conv2d(w(n, 2, 3, 3), np.full(n, 0.05), padding=1), "input"),
                ("n1", make(n), "c1"),
                ("c2", L.Conv2d(w(n, n, 3, 3), padding=1, stride=2), "n1"),
                ("n2", make(n), "c2"),
                ("flat", L.Flatten(), "n2"),
                ("fc", L.Linear(w(n, n * 30), np.full(n, 0.1)), "flat"),
                ("n3", make(n), "fc"),
            ],
            dtype=dtype,
            threads=threads,
        )
        yield from _run_all(model, (2, *SHAPE), True)


def _between(threads: int, dtype: str, between: list[Any]) -> Iterator[Any]:
    """Run a layer behind spikes, and behind the analog input, with a convolution or a neuron behind it."""
    w = weights_of(6)
    first = L.Conv2d(w(20, 3, 3, 3), np.full(20, 0.05), padding=1)
    for middle in ([], [L.IF(0.5, v_init=0.2)]):
        for last in (
            [],
            [L.Conv2d(w(18, 20, 3, 3), padding=1), L.IF(0.5)],
            [L.IF(0.3, v_init=0.1)],
        ):
            model = sl.SpikingModel([first, *middle, *between, *last], dtype=dtype, threads=threads)
            names = [f"{name}.spikes" for name in model.neurons]
            yield from _run_all(model, (3, *SHAPE), names)


def _delay(threads: int, dtype: str) -> Iterator[Any]:
    for outputs in (7, 33):
        w, rng = weights_of(8), np.random.default_rng(9)
        first = L.DelayedLinear(w(150, 70), rng.integers(0, 6, (150, 70)), np.linspace(0, 0.1, 150))
        second = L.DelayedLinear(
            w(outputs, 150), rng.integers(0, 6, (outputs, 150)), np.full(outputs, 0.2)
        )
        # The names of version 0.19, which are hashed with the operations.
        layers = [
            ("delay0", first, "input"),
            ("if1", L.IF(0.4, v_init=0.2), "delay0"),
            ("delay2", second, "if1"),
            ("if3", L.IF(0.3, v_init=0.2, reset_delay=True), "delay2"),
        ]
        model = sl.SpikingModel(layers, dtype=dtype, threads=threads)
        yield from _run_all(model, (70,), True)


def _linear(threads: int, dtype: str) -> Iterator[Any]:
    for outputs in (1, 10, 33, 200):
        w = weights_of(5)
        model = sl.SpikingModel(
            [
                L.Linear(w(150, 70), np.linspace(0, 0.1, 150)),
                L.IF(0.4, v_init=0.2),
                L.Linear(w(outputs, 150), np.full(outputs, 0.2)),
                L.IF(np.linspace(0.3, 0.5, outputs), v_init=np.linspace(0.0, 0.2, outputs)),
            ],
            dtype=dtype,
            threads=threads,
        )
        yield from _run_all(model, (70,), True)


def _graph(threads: int, dtype: str, graph: Any, shape: tuple[int, ...]) -> Iterator[Any]:
    model = sl.SpikingModel(graph, dtype=dtype, threads=threads)
    every = [name for name, layer, _ in graph if not isinstance(layer, L.Flatten)]
    names = [*every, *(f"{n}.{what}" for n in model.neurons for what in ("spikes", "v", "mean"))]
    yield from _run_all(model, shape, names)
    x = pictures(shape, 5)
    for coding in ("poisson", "latency"):
        yield from results(model.run(x, STEPS, coding=coding, seed=3))


def wide() -> list[Any]:
    """Return a network of many widths, kernels and strides, with every kind of neuron."""
    w = weights_of(0)
    return [
        ("c1", L.Conv2d(w(20, 3, 3, 3), np.linspace(0, 0.2, 20), padding=1), "input"),
        ("n1", L.IF(0.7, v_init=0.3), "c1"),
        ("c2", L.Conv2d(w(36, 20, 3, 3), padding=1, stride=2), "n1"),
        ("n2", L.IF(np.linspace(0.4, 0.6, 36), code="signed"), "c2"),
        ("c3", L.Conv2d(w(64, 36, 3, 3), padding=2, dilation=2), "n2"),
        ("n3", L.LIF(0.2, tau_m=4.0), "c3"),
        ("c4", L.Conv2d(w(64, 8, 3, 3), groups=8, padding=1), "n3"),
        ("n4", L.IF(0.3, "zero", amplitude=0.7), "c4"),
        ("add", L.Add(), ("n4", "n3")),
        ("c5", L.Conv2d(w(64, 64, 1, 1)), "add"),
        ("n5", L.IF(0.8, code="signed", levels=4, v_init=0.05), "c5"),
        ("mean", L.AvgPool2d(2), "n5"),
        ("c6", L.Conv2d(w(16, 64, 3, 3), padding=1), "mean"),
        ("n6", L.IF(0.5, code="differential", levels=2, v_init=0.1), "c6"),
        ("up", L.Upsample(2), "n6"),
        ("cat", L.Concat(), ("up", "n5")),
        ("c7", L.Conv2d(w(24, 80, 5, 5), padding=2), "cat"),
        ("n7", NEURONS["PredictiveIF"](24), "c7"),
        ("max", L.MaxPool2d(2), "n7"),
        ("flat", L.Flatten(), "max"),
        ("fc", L.Linear(w(70, 216)), "flat"),
        ("n8", L.IF(0.3, v_init=0.15), "fc"),
        ("out", L.Linear(w(10, 70)), "n8"),
    ]


def deep() -> list[Any]:
    """Return a residual network of neurons that are all alike: what 16-bit integers can do."""
    w = weights_of(1)

    def same() -> Any:
        return L.IF(0.6, v_init=0.3, amplitude=0.6)

    return [
        ("c1", L.Conv2d(w(16, 2, 3, 3), np.full(16, 0.02), padding=1), "input"),
        ("n1", same(), "c1"),
        ("c2", L.Conv2d(w(16, 16, 3, 3), padding=1), "n1"),
        ("n2", same(), "c2"),
        ("c3", L.Conv2d(w(16, 16, 3, 3), padding=1), "n2"),
        ("a1", L.Add(), ("c3", "n1")),
        ("n3", same(), "a1"),
        ("c4", L.Conv2d(w(32, 16, 3, 3), padding=1, stride=2), "n3"),
        ("n4", same(), "c4"),
        ("c5", L.Conv2d(w(64, 32, 3, 3), padding=1), "n4"),
        ("n5", same(), "c5"),
        ("c6", L.Conv2d(w(64, 64, 3, 3), padding=1), "n5"),
        ("a2", L.Add(), ("c6", "n5")),
        ("n6", L.IF(0.6, "zero", amplitude=0.6), "a2"),
        ("mean", L.AdaptiveAvgPool2d(1), "n6"),
        ("flat", L.Flatten(), "mean"),
        ("out", L.Linear(w(10, 64)), "flat"),
    ]


def ann(**relu: Any) -> list[Any]:
    """Return a small network of ReLU neurons, with BatchNorm to be folded."""
    w = weights_of(3)
    return [
        ("c1", L.Conv2d(w(12, 2, 3, 3), np.full(12, 0.1), padding=1), "input"),
        ("b1", L.Affine(np.linspace(0.8, 1.2, 12), np.linspace(-0.1, 0.1, 12)), "c1"),
        ("r1", L.ReLU(**relu), "b1"),
        ("pool", L.AvgPool2d(2), "r1"),
        ("c2", L.Conv2d(w(20, 12, 3, 3), padding=1), "pool"),
        ("r2", L.ReLU(**relu), "c2"),
        ("c3", L.Conv2d(w(20, 20, 3, 3), np.full(20, 0.05), padding=1), "r2"),
        ("sum", L.Add(), ("c3", "r2")),
        ("r3", L.ReLU(**relu), "sum"),
        ("flat", L.Flatten(), "r3"),
        ("out", L.Linear(w(6, 180)), "flat"),
    ]


def _converted(threads: int, **options: Any) -> Iterator[Any]:
    network = ann(**({"upper": 1.5, "levels": 4} if options.get("method") == "qcfs" else {}))
    x = pictures((2, 6, 6), 24)
    model = sl.convert(network, x, steps=STEPS, threads=threads, **options)
    yield model.delay
    yield model.ann.run(x, steps=1).output
    for name in model.neurons:
        yield model.thresholds[name]
    result = model.run(pictures((2, 6, 6), 9, seed=5), record=True)
    for name in model.neurons:
        active(result[f"{name}.spikes"])
    yield from results(result)


def _energy(threads: int, dtype: str) -> Iterator[Any]:
    model = sl.SpikingModel(deep(), dtype=dtype, threads=threads)
    x = pictures((2, 12, 12), 3)
    for options in ({}, {"memory": True, "count_changes": True, "first_layer_once": True}):
        report = sl.energy.measure(model, x, STEPS, **options)
        yield from (report.energy_pj, report.energy_nj)
        for node in model.graph:
            if not isinstance(node.layer, (L.Conv2d, L.Linear, L.Neuron)):
                continue
            layer = report.snn[node.name]
            yield from (layer.effective_acs, layer.effective_macs, layer.dense_macs, layer.spikes)
            yield from (layer.membrane_updates, layer.compute_pj, layer.memory_pj, layer.energy_pj)

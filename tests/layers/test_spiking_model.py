"""Layered networks: the same as in PyTorch and float64, spike for spike, whatever the graph and however it is run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import at_each_level
from tests.support.exact_models import exact
from tests.support.layers_reference import COMPARED, random_graph, run_reference, spikes
from tests.support.layers_zoo import DEEP, WIDE, deep_graph, layered_digest, pictures, wide_graph

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

FORMS = ("constant", "sequence", "spikes", "signed spikes")

# As in PyTorch


def check(graph: Graph, x: Any, steps: int, *, constant: bool, delay: int = 0) -> None:
    """Compare all that can be recorded with the reference."""
    names = [n.name for n in graph if not isinstance(n.layer, L.Flatten)]
    model = exact(graph)
    record = [f"{n}.{what}" for n in names for what in ("value", "mean")]
    record += [f"{n}.v" for n in model.neurons] + [f"{n}.spikes" for n in model.neurons]
    result = model.run(x, steps if constant else None, delay=delay, record=record)
    wanted = run_reference(graph, x, steps, constant=constant, delay=delay)
    for name in names:
        layer, value = graph[name].layer, wanted[name].numpy()
        told = f"{name} {layer}"
        given = result[f"{name}.value"]
        np.testing.assert_allclose(given, value, rtol=1e-9, atol=1e-9, err_msg=told)
        np.testing.assert_allclose(
            result[f"{name}.mean"], value[delay:].mean(0), rtol=1e-9, atol=1e-9, err_msg=told
        )
        if isinstance(layer, L.Neuron):
            sent, v = spikes(layer, wanted[graph[name].inputs[0]])
            np.testing.assert_allclose(result[f"{name}.v"], v.numpy(), rtol=1e-9, atol=1e-9)
            if layer.code != "differential":
                amplitude = np.asarray(layer.amplitude)
                amplitude = amplitude.reshape(-1, *[1] * (sent.ndim - 3 if amplitude.ndim else 0))
                sizes = result[f"{name}.spikes"]
                assert sizes.dtype == (np.int8 if layer.levels == 1 else np.float64)
                np.testing.assert_array_equal(sizes, np.round(sent.numpy() / amplitude, 6))
                assert result.operations[name].spikes * sizes.shape[1] == np.count_nonzero(sizes)
    np.testing.assert_array_equal(result.output, result[f"{names[-1]}.mean"])


@pytest.mark.parametrize("seed", range(80))
def test_random_graphs_are_equal_spike_for_spike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(1, 65))
    graph, shape = random_graph(rng, steps=steps)
    form = FORMS[seed % 4]
    x: Any
    if form == "constant":
        x = rng.normal(size=(2, *shape))
    elif form == "sequence":
        x = rng.normal(size=(steps, 2, *shape))
    elif form == "spikes":
        x = rng.random((steps, 2, *shape)) < 0.3
    else:
        x = rng.choice([-1, 0, 0, 1], (steps, 2, *shape))
    check(graph, x, steps, constant=form == "constant", delay=int(rng.integers(steps)))


def test_random_graphs_hold_every_kind_of_layer() -> None:
    """Else the comparison would not mean much."""
    kinds: set[str] = set()
    codes: set[str] = set()
    for seed in range(80):
        rng = np.random.default_rng(seed)
        for node in random_graph(rng, steps=int(rng.integers(1, 65)))[0]:
            kinds.add(type(node.layer).__name__)
            if isinstance(node.layer, L.Neuron):
                codes.add(node.layer.reset if node.layer.code == "binary" else node.layer.code)
    assert kinds == COMPARED
    assert codes == {"subtract", "value", "signed", "differential"}


@pytest.mark.parametrize("constant", [True, False])
def test_wide_layers_are_equal_spike_for_spike(constant: bool) -> None:
    x = pictures(WIDE, 2)
    rng = np.random.default_rng(1)
    given = x if constant else rng.random((17, *x.shape)) < 0.3
    check(wide_graph(17), given, 17, constant=constant, delay=2)
    x = pictures(DEEP, 2)
    given = x if constant else rng.choice([-1, 0, 0, 1], (30, *x.shape))
    check(deep_graph(), given, 30, constant=constant)


CONVOLUTIONS = [
    # in, out, kernel, stride, dilation, padding
    (16, 16, (1, 1), (1, 1), (1, 1), (0, 0)),
    (17, 32, (3, 3), (1, 1), (1, 1), (1, 1)),
    (33, 64, (3, 3), (2, 2), (1, 1), (1, 1)),
    (64, 48, (3, 2), (1, 1), (2, 1), (2, 0)),
    (65, 20, (2, 3), (1, 1), (1, 2), (0, 3)),
    (130, 17, (1, 5), (1, 1), (1, 1), (0, 2)),
    (16, 32, (4, 4), (2, 2), (1, 1), (1, 1)),  # four kernel rows a word
    (16, 16, (5, 3), (1, 2), (1, 1), (4, 2)),
    (8, 64, (7, 7), (3, 3), (1, 1), (3, 3)),  # three taps
    (8, 16, (2, 4), (1, 1), (1, 1), (0, 0)),  # four taps: no sweep
    (8, 16, (3, 3), (1, 1), (1, 3), (0, 2)),  # seven taps
    (5, 16, (2, 2), (5, 5), (1, 1), (0, 0)),  # columns that no output sees
    (5, 16, (1, 1), (2, 3), (1, 1), (2, 4)),  # outputs that no column reaches
]


@pytest.mark.parametrize(("cin", "cout", "kernel", "stride", "dilation", "padding"), CONVOLUTIONS)
def test_convolutions_of_spikes(
    cin: int, cout: int, kernel: Any, stride: Any, dilation: Any, padding: Any
) -> None:
    rng = np.random.default_rng(cin)
    layer = L.Conv2d(
        rng.normal(0.3, 1, (cout, cin, *kernel)) / np.sqrt(cin),
        rng.normal(size=cout) * 0.1,
        stride,
        padding,
        dilation,
    )
    x = rng.random((6, 2, cin, 9, 11)) < 0.3
    check(Graph([layer, L.IF(rng.uniform(0.5, 1.0, cout))]), x, 6, constant=False)


def test_a_negative_amplitude_inhibits() -> None:
    rng = np.random.default_rng(3)
    amplitude = np.array([-0.7, 0.9, -1.1])
    graph = Graph(
        [
            L.IF(0.8, amplitude=amplitude),
            ("max", L.MaxPool2d(2), "if0"),
            ("c", L.Conv2d(rng.normal(0.2, 1, (4, 3, 2, 2))), "max"),
            ("n", L.IF(0.5, code="signed"), "c"),
        ]
    )
    check(graph, rng.random((2, 3, 6, 6)), 20, constant=True)


def test_one_value_a_feature_behind_flatten() -> None:
    """A picture that is flat for the user is not so within."""
    rng = np.random.default_rng(4)
    n = 12
    for neuron in (
        L.IF(rng.uniform(0.5, 1, n), amplitude=rng.uniform(0.5, 2, n)),
        L.IF(0.6, v_init=rng.uniform(0, 0.5, n)),
        L.PredictiveIF(pace=rng.uniform(1, 2, (9, n)), limit=np.full(9, 0.5)),
        L.PredictiveIF(pace=np.full(9, 1.5), limit=rng.uniform(0.3, 1, (9, n))),
        L.ReLU(rng.uniform(0.1, 1, n), levels=3),
    ):
        graph = Graph([L.Upsample(1), L.Flatten(), neuron, L.Linear(rng.normal(size=(2, n)))])
        check(graph, rng.random((3, 3, 2, 2)), 9, constant=True)


def test_lif_meets_its_closed_form() -> None:
    x, tau, dt, steps = np.array([[0.3, -1.7]]), 12.5, 0.25, 400
    model = exact([L.LIF(1e9, tau_m=tau, dt=dt)])
    v = model.run(x, steps, record="v")["v"]
    t = np.arange(1, steps + 1)[:, None, None] * dt
    np.testing.assert_allclose(v, x * -np.expm1(-t / tau), rtol=0, atol=1e-12)


def test_a_soft_reset_keeps_the_excess_and_a_hard_one_does_not() -> None:
    x = np.array([[0.75]])
    soft = exact([L.IF()]).run(x, 10)
    hard = exact([L.IF(1.0, "zero")]).run(x, 10)
    assert soft.output.item() == 0.7  # 7.5 in all
    assert hard.output.item() == 0.5


# Other precisions


def spike_counts(dtype: Any) -> tuple[dict[str, Any], Any]:
    model = SpikingModel(deep_graph(), dtype=dtype, threads=1)
    x = pictures(DEEP, 6)
    raster = np.random.default_rng(0).random((32, *x.shape)) < x
    result = model.run(raster, record=model.neurons)
    return {n: result[n] for n in model.neurons}, result.output


@pytest.mark.parametrize(
    ("dtype", "share", "rate"), [("float32", 0.005, 0.002), ("int16", 0.25, 0.03)]
)
def test_few_spikes_differ_in_other_precisions(dtype: str, share: float, rate: float) -> None:
    """Differences grow from layer to layer: times of spikes move, rates hardly do."""
    exactly, output = spike_counts("float64")
    roughly, near = spike_counts(dtype)
    differing = sum(np.count_nonzero(exactly[n] != roughly[n]) for n in exactly)
    total = sum(np.count_nonzero(exactly[n]) for n in exactly)
    assert total > 50_000
    assert differing < share * total
    for n in exactly:
        means = [np.mean(s[n], axis=0, dtype=np.float64) for s in (exactly, roughly)]
        assert np.abs(means[0] - means[1]).mean() < rate, n
    np.testing.assert_allclose(near, output, rtol=0, atol=0.05 * np.abs(output).max())


ADVERSARIES = ("equal", "negative", "alternating", "one large", "half", "normal", "tiny")


def adversary(kind: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(len(kind))
    w = np.ones(shape)
    flat = w.reshape(-1)
    if kind == "negative":
        w *= -1
    elif kind == "alternating":
        flat[::2] = -1
    elif kind == "one large":
        w *= 1e-3
        w[:, 0, 0, 0] = 100
    elif kind == "half":
        w[:, ::2] = -0.001
    elif kind == "normal":
        w = rng.normal(size=shape)
    elif kind == "tiny":
        w = rng.normal(size=shape) * 1e-9
    return w


@pytest.mark.parametrize("kind", ADVERSARIES)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("cin", "cout", "kernel"), [(16, 16, 3), (64, 32, 3), (130, 64, 5), (3, 5, 1)]
)
def test_no_sum_of_integers_overflows(
    kind: str, signed: bool, cin: int, cout: int, kernel: int
) -> None:
    """All inputs spike, in the worst of ways; potentials are those of rounded weights."""
    w = adversary(kind, (cout, cin, kernel, kernel))
    wf = w.astype(np.float32)
    # The scale at which no sum can leave 16 bits, whoever spikes; see `whole_scale` in the core.
    inputs = w[0].size
    flat = w.reshape(cout, -1)
    up, down = np.maximum(flat, 0).sum(1), np.maximum(-flat, 0).sum(1)
    most = np.abs(flat).sum(1) if signed else np.maximum(up, down)
    scale = ((32767 - 0.5 * inputs) / most).astype(np.float32)
    exact_scale = np.exp2(np.floor(np.log2(32767 / most)))  # a power of two that loses nothing
    on_grid = (np.mod(wf.reshape(cout, -1) * exact_scale[:, None], 1) == 0).all(1)
    scale = np.where(on_grid, exact_scale, scale).astype(np.float32)
    whole = np.rint(wf * scale[:, None, None, None])
    assert np.abs(whole).max() <= 32767
    threshold = float(most.max()) / 3
    x = np.ones((5, 2, cin, 6, 7), np.int8)
    if signed:
        # For the first output each sum is as large as can be, one way and the other.
        middle = np.sign(w[0, :, kernel // 2, kernel // 2]).astype(np.int8)
        x *= middle[:, None, None]
        x[:, 1] *= -1
    layers = [
        ("c", L.Conv2d(w, padding=kernel // 2), "input"),
        ("n", L.IF(threshold, v_init=threshold / 2), "c"),
    ]
    result = SpikingModel(layers, dtype="int16", threads=1).run(x, record=["n", "n.v"])
    scaled = whole.astype(np.float64) / scale[:, None, None, None].astype(np.float64)
    rounded = exact([("c", L.Conv2d(scaled, padding=kernel // 2), "input"), *layers[1:]])
    wanted = rounded.run(x, record=["n", "n.v"])
    np.testing.assert_allclose(result["n.v"], wanted["n.v"], rtol=0, atol=1e-5 * threshold)
    np.testing.assert_array_equal(result["n"], wanted["n"])


def test_weights_too_small_for_float32_do_not_spoil_integers() -> None:
    weight, bias = [[1e-40], [0.5]], [0.3, 0.0]
    layers = [L.IF(0.5), L.Linear(weight, bias), L.IF(1.0)]
    x = np.full((1, 1), 0.41)
    result = SpikingModel(layers, dtype="int16", threads=1).run(x, 20, record="v")
    np.testing.assert_allclose(result.output, exact(layers).run(x, 20).output, atol=0.051)
    assert np.isfinite(result["v"]).all()


# However it is run


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
def test_threads_do_not_matter(dtype: str) -> None:
    base = layered_digest(dtype)
    assert layered_digest(dtype, threads=2) == base
    assert layered_digest(dtype, threads=3) == base


def test_simd_levels_do_not_matter() -> None:
    found = at_each_level(
        "from tests.support.layers_zoo import layered_digest\n"
        "for dtype in ('float32', 'float64', 'int16'):\n"
        "    print(dtype, layered_digest(dtype, threads=2))\n"
    )
    assert len(set(found.split())) == 6
    assert found.count(layered_digest("float64")) == 1


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
def test_the_batch_does_not_matter(dtype: Any) -> None:
    model = SpikingModel(deep_graph(), dtype=dtype, threads=1)
    x = pictures(DEEP, 5)
    whole = model.run(x, 9, record="n6")
    for k in (4, 0, 2):
        alone = model.run(x[k : k + 1], 9, record="n6")
        np.testing.assert_array_equal(alone.output[0], whole.output[k])
        np.testing.assert_array_equal(alone["n6"][:, 0], whole["n6"][:, k])
    np.testing.assert_array_equal(model.run(x[::-1], 9).output, whole.output[::-1])


def test_a_run_leaves_nothing_behind() -> None:
    model = exact(wide_graph(9))
    x = pictures(WIDE, 2)
    first = model.run(x, 9).output
    model.run(1 - x, 9)
    np.testing.assert_array_equal(model.run(x, 9).output, first)
    assert x.flags.writeable


def test_a_constant_input_equals_the_sequence_that_repeats_it() -> None:
    model = exact(wide_graph(9))
    x = pictures(WIDE, 2)
    constant = model.run(x, 9, record=True)
    sequence = model.run(np.broadcast_to(x, (9, *x.shape)), record=True)
    np.testing.assert_allclose(sequence.output, constant.output, atol=1e-12)
    for name in constant.records:
        np.testing.assert_allclose(sequence[name], constant[name], atol=1e-9)


def test_an_empty_batch() -> None:
    model = exact(deep_graph())
    result = model.run(np.ones((0, *DEEP)), 5, record=True)
    assert result.output.shape == (0, 10)
    assert result["n6.v"].shape == (5, 0, 64, 6, 6)
    assert result.operations["c2"].additions == 0
    assert model.run(np.ones((5, 0, *DEEP))).output.shape == (0, 10)
    assert model.run(np.ones((0, *DEEP)), 5, coding="poisson").output.shape == (0, 10)


@pytest.mark.parametrize("channels", [16, 32])
def test_integer_weights_with_a_constant_and_a_bias(channels: int) -> None:
    """What flows at each step is scaled once, also where it is a bias and a picture together."""
    weights = np.random.default_rng(0)

    def draw(out: int, inputs: int, kernel: int) -> Any:
        return weights.normal(0.05, 0.3, (out, inputs, kernel, kernel))

    graph = [
        ("c0", L.Conv2d(draw(channels, 3, 3), padding=1), ("input",)),
        ("n0", L.IF(1.0), ("c0",)),
        (
            "c1",
            L.Conv2d(draw(channels, channels, 3) / 3, np.full(channels, 0.1), padding=1),
            ("n0",),
        ),
        ("s", L.Conv2d(draw(channels, 3, 1)), ("input",)),
        ("a", L.Add(), ("c1", "s")),
        ("n1", L.IF(1.0), ("a",)),
    ]
    x = weights.uniform(0, 1, (4, 3, 7, 6))
    exact = sl.SpikingModel(graph, dtype="float64").run(x, steps=13).output
    whole = sl.SpikingModel(graph, dtype="int16").run(x, steps=13).output
    assert np.abs(whole - exact).mean() < 0.01


def test_predictions_and_their_accuracy():
    model = sl.SpikingModel([sl.layers.Linear(np.eye(3)), sl.layers.IF(1.0)])
    x = np.eye(3)[[2, 0, 1, 1]]
    np.testing.assert_array_equal(model.predict(x, 4), [2, 0, 1, 1])
    assert model.score(x, [2, 0, 1, 0], 4) == 0.75
    maps = sl.SpikingModel([sl.layers.Conv2d(np.ones((2, 1, 1, 1)) * [[[[1]]], [[[2]]]])])
    assert maps.predict(np.ones((5, 1, 2, 3)), 1).shape == (5, 2, 3)
    with pytest.raises(ValueError, match=r"score: y must have the shape of the predictions, \(4,"):
        model.score(x, [0, 1], 4)
    single = sl.SpikingModel([sl.layers.Linear([[1.0, 1.0]])])
    with pytest.raises(ValueError, match="output must have a score for each class"):
        single.predict(np.ones((2, 2)), 1)

"""Synaptic currents, adaptive thresholds and potentials that are sent, against formulas, loops of numpy and PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.layer_checks import Make, parameters_are_refused

import spikelet as sl
from spikelet import layers as L

Array = NDArray[Any]
STEPS, BATCH, SIZE = 50, 3, 21
RNG = np.random.default_rng(7)
DECAY = RNG.integers(8, 16, SIZE) / 16  # exact in any precision, with the weights below
X = (RNG.random((STEPS, BATCH, SIZE)) < 0.4).astype(np.float64)
WEIGHT = RNG.integers(-128, 256, (SIZE, SIZE)) / 512
BACK = RNG.integers(-128, 192, (SIZE, SIZE)) / 512


def run(layer: L.Layer, dtype: Any = "float64", x: Array = X) -> tuple[Array, Array]:
    """Return spikes (or values) and potentials of neurons behind weights."""
    model = sl.SpikingModel([("w", L.Linear(WEIGHT), "input"), ("n", layer, "w")], dtype=dtype)
    result = model.run(x, record=["n", "n.v"])
    return result["n"], result["n.v"]


def recurrent(layer: L.Layer, dtype: Any = "float64", **options: Any) -> sl.SpikingModel:
    """Return a model of neurons that are connected to each other."""
    return sl.SpikingModel(
        [
            ("back", L.Delay(1), "n"), ("again", L.Linear(BACK), "back"), ("in", L.Linear(WEIGHT), "input"),
            ("sum", L.Add(), ("in", "again")), ("n", layer, "sum"),
        ],
        dtype=dtype, **options,
    )  # fmt: skip


def stepped(layer: Any, back: Array | None = None, x: Array = X) -> tuple[Array, Array]:
    """Return spikes and potentials from a loop over steps, by the parameters of a layer."""
    shape = x.shape[1:]
    v, i, a, spikes = (np.zeros(shape) for _ in range(4))
    v += getattr(layer, "v_init", 0.0)
    decay, gain = layer.coefficients()
    synapse = layer.synapse() if getattr(layer, "has_synapse", False) else None
    forget, boost = layer.adaptation() if isinstance(layer, L.ALIF) else (0.0, 0.0)
    found = []
    for now in x:
        current = now @ WEIGHT.T + (0 if back is None else spikes @ back.T)
        u = decay * v
        if synapse is not None:
            syn_decay, syn_gain, pull = synapse
            u = u + (0 if pull is None else pull * i)
            i = syn_decay * i + syn_gain * current
            current = i if pull is None else current
        u = u + gain * current + layer.drive
        reached = np.greater if layer.strict else np.greater_equal
        if layer.reset_delay:
            u = u - layer.threshold * reached(v, layer.threshold)
        spikes = reached(u, layer.threshold + boost * a).astype(float)
        a = forget * a + spikes
        if layer.reset == "subtract" and not layer.reset_delay:
            u = u - spikes * layer.threshold
        elif layer.reset in ("zero", "value"):
            u = np.where(spikes > 0, layer.v_reset, u)
        v = u
        found.append((spikes, v))
    return np.array([s for s, _ in found]), np.array([v for _, v in found])


NEURONS: Mapping[str, Any] = {
    "each its own": L.LIF(RNG.integers(3, 9, SIZE) / 8, "value", -RNG.integers(0, 4, SIZE) / 8, decay=DECAY, gain=0.5, drive=DECAY / 8),
    "potentials below 0": L.LIF(-50.0, "value", -65.0, decay=DECAY, gain=20.0, drive=-65.0 * (1 - DECAY), v_init=-65.0),
    "strict": L.LIF(1.0, decay=0.5, gain=1.0, strict=True),
    "never reset": L.LIF(0.5, "none", decay=0.5, gain=0.5),
    "current": L.CubaLIF(0.75, syn_decay=0.5, syn_gain=DECAY, decay=DECAY, gain=0.5),
    "current beside the input": L.CubaLIF(0.75, "zero", syn_decay=0.5, syn_gain=0.75, pull=0.25, decay=DECAY, gain=0.5),
    "reset later": L.CubaLIF(0.75, syn_decay=0.5, decay=DECAY, gain=0.5, reset_delay=True, strict=True),
    "adaptive": L.ALIF(0.5, adapt_decay=0.875, boost=0.25, decay=DECAY, gain=0.5),
    "adaptive, strict, with a current": L.ALIF(
        0.5, "value", -0.25, adapt_decay=DECAY, boost=DECAY / 4, decay=DECAY, gain=0.5, syn_decay=0.5, strict=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize("kind", NEURONS)
def test_neurons_follow_a_loop_over_steps_forward_and_in_a_cycle(kind: str, dtype: Any) -> None:
    """Weights are multiples of 1/512, so that 16-bit ones lose nothing."""
    layer, rounding = NEURONS[kind], 1e-13 if dtype == "float64" else 3e-5
    rounding *= np.abs(layer.threshold).max()
    spikes, v = run(layer, dtype)
    expected, potentials = stepped(layer)
    np.testing.assert_array_equal(spikes, expected)
    np.testing.assert_allclose(v, potentials, rtol=rounding, atol=rounding)
    result = recurrent(layer, dtype).run(X, record=["n", "n.v"])
    again, potentials = stepped(layer, BACK)
    np.testing.assert_array_equal(result["n"], again)
    np.testing.assert_allclose(result["n.v"], potentials, rtol=rounding, atol=rounding)
    assert 0.03 < expected.mean() < 0.9
    assert (again != expected).any()


def test_parameters_of_channels_and_of_neurons_of_an_image() -> None:
    shape, x = (3, 4, 5), RNG.random((20, 2, 3, 4, 5))
    full = RNG.uniform(0.3, 0.9, shape)
    layer = L.CubaLIF(
        full, "value", full[:, 0, 0] - 1, decay=full[:, 1, 1], syn_decay=full, gain=0.7
    )
    wide: dict[str, Any] = {
        name: np.broadcast_to(
            np.reshape(value, (-1, 1, 1)) if np.ndim(value) == 1 else value, shape
        ).ravel()
        for name in ("threshold", "v_reset", "decay", "syn_decay")
        if (value := getattr(layer, name)) is not None
    }
    flat = L.CubaLIF(reset="value", gain=0.7, **wide)
    image: Any = sl.SpikingModel([layer], dtype="float64").run(x, record=True)
    vector: Any = sl.SpikingModel([flat], dtype="float64").run(x.reshape(20, 2, -1), record=True)
    np.testing.assert_array_equal(image.spikes.reshape(20, 2, -1), vector.spikes)
    np.testing.assert_array_equal(image.v.reshape(20, 2, -1), vector.v)
    assert 0.1 < image.spikes.mean() < 0.9


def test_a_current_decays_as_two_exponentials() -> None:
    """After one spike: the solution of tau_m v' = -v + i and tau_syn i' = -i, at the ends of steps."""
    tau_m, tau_syn, dt = 12.0, 4.0, 0.5
    a, b = np.exp(-dt / tau_m), np.exp(-dt / tau_syn)
    pull = tau_syn / (tau_syn - tau_m) * (b - a)  # the integral over a step
    layer = L.LI(tau_m=tau_m, tau_syn=tau_syn, dt=dt, pull=pull, gain=0.0)
    x = np.zeros((80, 1, 1))
    x[0] = 1.0
    result: Any = sl.SpikingModel([layer], dtype="float64").run(x, record="v")
    found = result.v[:, 0, 0]
    t = dt * np.arange(80)
    expected = tau_syn / (tau_syn - tau_m) * (np.exp(-t / tau_syn) - np.exp(-t / tau_m))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_a_potential_is_sent_to_other_layers_and_averaged_as_an_output(dtype: Any) -> None:
    layer = L.LI(decay=DECAY, gain=0.5, drive=0.125, v_init=0.25)
    nodes = [("w", L.Linear(WEIGHT), "input"), ("u", layer, "w"), ("n", L.IF(1.0), "u")]
    model = sl.SpikingModel(sl.layers.graph.Graph(nodes, outputs=["u", "n"]), dtype=dtype)
    result = model.run(X, delay=5, record=["u", "u.v", "u.mean", "n", "v"])
    u, v, spikes, sum_ = [], np.full((BATCH, SIZE), 0.25), [], np.zeros((BATCH, SIZE))
    for now in X:
        v = DECAY * v + 0.5 * (now @ WEIGHT.T) + 0.125
        sum_ = sum_ + v
        spikes.append(sum_ >= 1)
        sum_ = sum_ - spikes[-1]
        u.append(v)
    rounding = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(result["u"], u, rtol=rounding, atol=rounding)
    np.testing.assert_array_equal(result["u"], result["u.v"])
    np.testing.assert_allclose(result.output[0], np.mean(u[5:], 0), rtol=rounding, atol=rounding)
    np.testing.assert_array_equal(result.output[0], result["u.mean"])
    if dtype == "float64":
        np.testing.assert_array_equal(result["n"], spikes)


def test_recurrent_models_are_the_same_in_any_number_of_threads_cut_saved_and_copied(
    tmp_path: Path,
) -> None:
    layer = NEURONS["adaptive, strict, with a current"]
    model = recurrent(layer, "float32", threads=1)
    whole = model.run(X, record=["n", "n.v", "back"])
    model.save(tmp_path / "model.spk")
    others = [recurrent(layer, "float32", threads=2), sl.SpikingModel.load(tmp_path / "model.spk")]
    for other in others:
        result = other.run(X, record=["n", "n.v", "back"])
        for name, values in whole.records.items():
            np.testing.assert_array_equal(result[name], values)
        assert result.operations == whole.operations
    np.testing.assert_array_equal(whole["back"][1:], whole["n"][:-1])
    ended = model.run(X, until=sl.Stopping.never([1, 2, 7, 30]), record=["n", "n.v"])
    for name in ("n", "n.v"):
        np.testing.assert_array_equal(ended[name], whole[name])
    sure: Any = model.run(X, until=sl.Stopping((10, 20, 30, 40), (0.1,) * 4, of="change"))
    assert (sure.steps < STEPS).any()
    for b, steps in enumerate(sure.steps):
        np.testing.assert_array_equal(
            sure.output[b], (whole["n"][:steps, b].sum(0) / np.float32(steps)).astype("f")
        )


def test_a_cycle_runs_through_convolutions_pools_and_movements() -> None:
    """An image of neurons; delays of each place; the cycle is longer than a layer."""
    rng = np.random.default_rng(3)
    shape, x = (4, 6, 6), (rng.random((25, 2, 4, 6, 6)) < 0.2).astype(float)
    kernel = rng.normal(size=(4, 4, 3, 3)) / 4
    steps = rng.integers(1, 4, shape)
    graph = [
        ("late", L.Delay(steps), "n"), ("pool", L.AvgPool2d(2), "late"), ("wide", L.Upsample(2), "pool"),
        ("conv", L.Conv2d(kernel, padding=1), "wide"), ("flip", L.Permute((0, 2, 1)), "conv"),
        ("sum", L.Add(), ("input", "flip")), ("n", L.LIF(0.5, decay=0.5, gain=1.0), "sum"),
    ]  # fmt: skip
    found: Any = sl.SpikingModel(graph, dtype="float64").run(x).spikes
    v, sent = np.zeros((2, *shape)), list[Array]()
    one = sl.SpikingModel(
        [L.AvgPool2d(2), L.Upsample(2), L.Conv2d(kernel, padding=1), L.Permute((0, 2, 1))],
        dtype="float64",
    )
    for t, now in enumerate(x):
        late = np.zeros((2, *shape))
        for d in (1, 2, 3):
            if t >= d:
                late += sent[t - d] * (steps == d)
        v = 0.5 * v + now + one.run(late, steps=1).output
        sent.append((v >= 0.5).astype(float))
        v = v - 0.5 * sent[-1]
    np.testing.assert_array_equal(found, sent)
    assert 0.1 < found.mean() < 0.9


def test_what_waits_for_all_steps_is_refused_in_a_cycle() -> None:
    for layer in (
        L.ReLU(),
        L.Activation("tanh"),
        L.IF(code="differential"),
        L.Foreign(np.abs, (SIZE,)),
    ):
        model = recurrent(layer)
        with pytest.raises(
            ValueError, match=rf"{type(layer).__name__} 'n': layers must not be in a cycle"
        ):
            model.run(X)


def test_operations_of_a_cycle_are_those_of_its_weights() -> None:
    result = recurrent(NEURONS["current"]).run(X, record="n")
    spikes = result["n"].sum() / BATCH
    assert result.operations["n"].spikes == pytest.approx(spikes)
    late = result["n"][:-1].sum() / BATCH
    assert result.operations["again"].additions == pytest.approx(late * SIZE)
    assert result.operations["again"].dense == STEPS * SIZE * SIZE


def test_energy_counts_cycles_delays_and_potentials() -> None:
    report = sl.energy.measure(recurrent(NEURONS["current"]), X).snn
    operations = recurrent(NEURONS["current"]).run(X).operations
    assert report.total.effective_acs == operations["again"].additions + operations["in"].additions
    late = sl.SpikingModel([("w", L.DelayedLinear(WEIGHT, 2), "input"), ("u", L.LI(), "w")])
    rows = {row.name: row for row in sl.energy.measure(late, X).snn.layers}
    assert rows["w"].dense_macs == STEPS * SIZE * SIZE
    assert rows["w"].effective_acs == X.sum() / BATCH * SIZE
    assert rows["u"].state_bytes == 4 * SIZE


torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("kind", "options", "layer"),
    [
        ("LIF", {"reset": "value", "v_reset": -0.25}, lambda n: L.LIF(1.0, "value", -0.25, decay=n.decay)),
        ("CubaLIF", {"tau_syn": 3.0}, lambda n: L.CubaLIF(1.0, tau_syn=3.0, decay=n.decay, gain=1.0)),
        ("ALIF", {"boost": 0.3, "tau_adapt": 9.0}, lambda n: L.ALIF(1.0, tau_adapt=9.0, boost=0.3, decay=n.decay, gain=1.0)),
        ("ALIF", {"boost": 0.3, "tau_syn": 3.0}, lambda n: L.ALIF(1.0, boost=0.3, tau_syn=3.0, decay=n.decay, gain=1.0)),
    ],
)  # fmt: skip
def test_neurons_spike_as_those_of_training(kind: str, options: dict[str, Any], layer: Any) -> None:
    """Also the recurrent ones, whose weights apply to the spikes of the step before."""
    import spikelet.torch as st  # noqa: PLC0415

    gain = {} if kind != "LIF" else {"gain": "normalized"}
    for loops in (False, True):
        made = (
            getattr(st, f"Recurrent{kind}")(SIZE, tau_m=6.0, **gain, **options)
            if loops
            else getattr(st, kind)(tau_m=6.0, **gain, **options)
        ).double()
        if loops:
            with torch.no_grad():
                made.recurrent.copy_(torch.from_numpy(BACK))
        x = (2.0 if gain else 0.3) * X @ WEIGHT.T
        wanted = made(torch.from_numpy(x)).detach().numpy()
        own = layer(made)
        nodes = [
            ("back", L.Delay(1), "n"), ("again", L.Linear(BACK if loops else 0 * BACK), "back"),
            ("sum", L.Add(), ("input", "again")), ("n", own, "sum"),
        ]  # fmt: skip
        found = sl.SpikingModel(nodes, dtype="float64").run(x).spikes
        np.testing.assert_array_equal(found, wanted)
        assert 0.01 < wanted.mean() < 0.9


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.LI, {"pull": 0.5}, ValueError, ("syn_gain and pull", "tau_syn or syn_decay")),
    (L.LI, {"v_init": np.nan}, ValueError, ("v_init", "NaN")),
    (L.CubaLIF, {"tau_syn": 0.0}, ValueError, ("tau_syn", "> 0", "0.0")),
    (L.CubaLIF, {"tau_syn": None}, ValueError, ("tau_syn", "syn_decay", "LIF", "None")),
    (L.CubaLIF, {"code": "signed"}, ValueError, ("code", "binary", "signed")),
    (L.ALIF, {"boost": np.inf}, ValueError, ("boost", "finite", "inf")),
    (L.ALIF, {"reset_delay": True}, ValueError, ("reset_delay", "False", "True")),
    (L.ALIF, {"reset": "value", "v_reset": [0.5, 1.5]}, ValueError, ("v_reset", "below")),
    (L.Delay, {"steps": -1}, ValueError, ("steps", ">= 0", "-1")),
    (L.Delay, {"steps": [1.0, 0.5]}, ValueError, ("steps", "whole steps", "0.5")),
]  # fmt: skip


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)


def test_parameters_that_do_not_fit_the_input_are_refused() -> None:
    for layer in (L.LI(decay=[0.5, 0.25]), L.CubaLIF(syn_gain=np.ones((2, 2))), L.Delay([1, 2])):
        model = sl.SpikingModel([("n", layer, "input")])
        with pytest.raises(
            ValueError,
            match=rf"{type(layer).__name__} 'n': .* must be one number, or have the shape",
        ):
            model.run(X)

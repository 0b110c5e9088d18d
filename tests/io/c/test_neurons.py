"""Neurons in C: all kinds, and pools, upsampling and movements of their spikes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.c_networks import SHAPE, STEPS, chain, inputs, neuron, w
from tests.support.c_programs import same_bits

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.neurons import FOLLOWED
from spikelet.layers.graded import FUNCTIONS
from spikelet.layers.graph import Graph

RNG = np.random.default_rng(5)
KINDS: dict[str, Any] = {
    "reset to zero, each its own threshold": lambda: L.IF(
        RNG.uniform(0.3, 0.8, (8, 8, 8)), "value", v_reset=-0.1, v_init=RNG.uniform(0, 0.3, (8, 8, 8))
    ),
    "leaky": lambda: L.LIF(0.3, tau_m=4.0),
    "leaky, reset to zero": lambda: L.LIF(0.3, "value", tau_m=4.0, v_reset=0.05),
    "reset a step later": lambda: L.LIF(0.5, decay=0.75, gain=1.0, reset_delay=True, strict=True),
    "without a leak, reset a step later": lambda: L.IF(np.linspace(0.3, 0.8, 8), reset_delay=True),
    "leaky, each its own": lambda: L.LIF(
        RNG.uniform(0.3, 0.6, (8, 8, 8)), "value", RNG.uniform(-0.1, 0.1, 8), decay=RNG.uniform(0.5, 0.9, (8, 8, 8)),
        drive=0.02,
    ),
    "strict": lambda: L.IF(0.5, strict=True),
    "never reset": lambda: L.LIF(0.3, "none", tau_m=3.0),
    "with a current": lambda: L.CubaLIF(0.5, tau_syn=2.0, tau_m=4.0, syn_gain=np.linspace(0.5, 1.5, 8)),
    "with a current beside the input": lambda: L.CubaLIF(0.5, "zero", syn_decay=0.5, pull=0.25, tau_m=4.0),
    "with a current, reset a step later": lambda: L.CubaLIF(0.5, tau_m=4.0, reset_delay=True, strict=True),
    "adaptive": lambda: L.ALIF(0.3, tau_m=4.0, boost=0.2, tau_adapt=5.0, tau_syn=2.0),
    "signed": lambda: L.IF(0.5, code="signed"),
    "signed of four sizes": lambda: L.IF(np.linspace(0.5, 0.9, 8), code="signed", levels=4),
    "predictive": lambda: L.PredictiveIF(
        pace=np.linspace(3, 2, STEPS), limit=[np.inf, *np.linspace(0.8, 0.5, STEPS - 1)], amplitude=0.5
    ),
    "predictive by channel": lambda: L.PredictiveIF(
        pace=RNG.uniform(1, 3, (STEPS, 8)), limit=RNG.uniform(0.4, 0.9, (STEPS, 8)), amplitude=np.linspace(0.3, 0.5, 8)
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_neurons(kind: str, tmp_path: Path) -> None:
    first, last = L.Conv2d(w(8, 3, 3, 3), padding=1), L.Linear(w(4, 512))
    second = [L.Conv2d(w(8, 8, 3, 3), padding=1), KINDS[kind]()]
    model = chain(first, KINDS[kind](), *second, L.Flatten(), last, dtype="int16")
    same_bits(tmp_path, model, inputs(), STEPS)


SIZES = np.array([4.0, -2.0, 2.5, -1.0, 2.0, 1.0, 0.5])


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_sizes_of_spikes(dtype: Any, tmp_path: Path) -> None:
    """Some take back; the sums of a pool and all means are weighted with them."""

    def fire(channels: int, **others: Any) -> L.Layer:
        pace = RNG.uniform(1.5, 2.5, (STEPS, channels))
        limit = RNG.uniform(0.1, 0.6, (STEPS, channels))
        return L.PredictiveIF(
            pace=pace, limit=limit, amplitude=0.5, sizes=SIZES * STEPS / SIZES.sum(), **others
        )

    graph = Graph([
        ("c1", L.Conv2d(w(8, 3, 3, 3), padding=1), "input"),
        ("n1", fire(8, ceiling=np.full(STEPS, 6.0)), "c1"),
        ("max", L.MaxPool2d(3, 1, 1), "n1"),
        ("c2", L.Conv2d(w(8, 8, 3, 3), w(8, 1)[:, 0] * 0.1, padding=1), "max"),
        ("add", L.Add(), ("c2", "n1")),
        ("n2", fire(8), "add"),
        ("mean", L.AvgPool2d(3, 1, 1), "n2"),
        ("c3", L.Conv2d(w(8, 8, 1, 1)), "mean"),
        ("most", L.MaxPool2d(2), "c3"),
        ("c4", L.Conv2d(w(8, 8, 3, 3), padding=1), "most"),
        ("n3", fire(8, ceiling=RNG.uniform(1.0, 5.0, (STEPS, 8))), "c4"),
        ("relu", L.ReLU(), "n3"),
        ("flat", L.Flatten(), "relu"),
        ("out", L.Linear(w(4, 128)), "flat"),
    ])  # fmt: skip
    same_bits(tmp_path, sl.SpikingModel(graph, dtype=dtype, threads=1), inputs(), STEPS)


FALLING = 0.6 ** np.arange(STEPS)


@pytest.mark.parametrize("levels", [1, 4, 7])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("bounded", [False, True])
def test_pairs(dtype: Any, bounded: bool, levels: int, tmp_path: Path) -> None:
    def fire(seed: int) -> L.Layer:
        rng = np.random.default_rng(seed)
        return L.PredictivePair(
            levels=levels,
            level_ratio=0.7 if levels > 4 else 0.5,
            pace=rng.uniform(0.5, 1.5, (STEPS, 8)),
            offset=rng.normal(0, 0.5, (STEPS, 8)),
            limit=rng.uniform(0.1, 0.6, (STEPS, 8)),
            ceiling=rng.uniform(1, 3, (STEPS, 8)) if bounded else None,
            amplitude=rng.uniform(0.3, 0.6, 8),
            sizes=FALLING / FALLING.mean(),
        )

    graph = Graph([
        ("c1", L.Conv2d(w(8, 3, 3, 3), padding=1), "input"),
        ("n1", fire(1), "c1"),
        ("max", L.MaxPool2d(3, 1, 1), "n1"),
        ("c2", L.Conv2d(w(8, 8, 3, 3), padding=1), "max"),
        ("add", L.Add(), ("c2", "n1")),
        ("n2", fire(2), "add"),
        ("mean", L.AdaptiveAvgPool2d(1), "n2"),
        ("flat", L.Flatten(), "mean"),
        ("out", L.Linear(w(4, 8)), "flat"),
    ])  # fmt: skip
    same_bits(tmp_path, sl.SpikingModel(graph, dtype=dtype, threads=1), inputs(), STEPS)


@pytest.mark.parametrize("function", sorted(FOLLOWED))
def test_pairs_that_follow_an_activation(function: str, tmp_path: Path) -> None:
    """The program evaluates the functions of the engine, to the last bit."""

    def fire(seed: int) -> L.Layer:
        rng = np.random.default_rng(seed)
        names = zip(("alpha", "beta"), FUNCTIONS[function], strict=True)
        given = {
            n: v + rng.uniform(0.01, 0.1, 8) for n, v in names if v is not None and np.isfinite(v)
        }
        if function == "clip":
            given = {"alpha": rng.uniform(-1, -0.5, 8), "beta": rng.uniform(0.5, 1, 8)}
        return L.PredictiveActivation(
            pace=rng.uniform(0.1, 0.9, (STEPS, 8)),
            offset=rng.normal(0, 0.5, (STEPS, 8)),
            limit=rng.uniform(0.1, 0.6, (STEPS, 8)),
            amplitude=rng.uniform(0.3, 0.6, 8),
            scale=rng.uniform(5, 9, 8),
            sizes=FALLING / FALLING.mean(),
            activation=L.Activation(function, **given),
        )

    for dtype in ("float32", "int16"):
        layers = [
            L.Conv2d(w(8, 3, 3, 3), padding=1),
            fire(1),
            L.Conv2d(w(8, 8, 3, 3), padding=1),
            fire(2),
        ]
        model = chain(*layers, L.MaxPool2d(2), L.Flatten(), L.Linear(w(4, 128)), dtype=dtype)
        (tmp_path / dtype).mkdir()
        same_bits(tmp_path / dtype, model, inputs(), STEPS)


def test_more_steps_than_a_byte_counts(tmp_path: Path) -> None:
    steps = 300
    fire = L.PredictiveIF(pace=np.full(steps, 2.0), limit=np.full(steps, 0.5), amplitude=0.5)
    model = chain(L.Linear(w(6, 4)), fire, L.Linear(w(3, 6)))
    same_bits(tmp_path, model, inputs(4), steps)


@pytest.mark.parametrize("code", ["binary", "signed"])
def test_what_passes_spikes_on(code: str, tmp_path: Path) -> None:
    def sender() -> L.Layer:
        return neuron().replace(code=code)

    model = chain(
        L.Conv2d(w(12, 3, 3, 3), padding=1), sender(), L.MaxPool2d(3, 2, 1), L.Conv2d(w(9, 12, 3, 3), padding=1),
        sender(), L.Upsample(2), L.Take([3, 1, 1, 0, 8, 5, 7, 2, 6]), L.Pad((2, 1, 0), (0, 0, 1)),
        L.Conv2d(w(16, 11, 3, 3), stride=2), sender(), L.MaxPool2d(2, 1, of="counts"), L.Flatten(), L.Linear(w(4, 144)),
    )  # fmt: skip
    same_bits(tmp_path, model, inputs(), STEPS)


def test_a_pool_of_steps(tmp_path: Path) -> None:
    model = chain(
        L.Conv2d(w(12, 3, 3, 3), padding=1), neuron(), L.MaxPool2d(2, of="steps"), L.Flatten(), L.Linear(w(4, 192)), neuron()
    )  # fmt: skip
    same_bits(tmp_path, model, inputs(*SHAPE), STEPS)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("form", ["sequence", "constant"])
@pytest.mark.parametrize(
    "readout", [L.LI(tau_m=4.0), L.LI(decay=1.0, gain=1.0), L.LI(decay=0.8, gain=1.0, v_init=0.3)]
)  # fmt: skip
def test_a_readout_of_potentials(readout: Any, form: str, dtype: Any, tmp_path: Path) -> None:
    """As `spikelet.torch.LI` becomes; one output is one number, whose mean numpy would add in another order."""
    for outputs in (1, 5):
        model = chain(
            L.Conv2d(w(8, 3, 3, 3), padding=1), L.LIF(0.4, tau_m=4.0), L.Flatten(),
            L.Linear(w(outputs, 512), w(outputs, 1)[:, 0]), readout, dtype=dtype,
        )  # fmt: skip
        x = inputs()
        if form == "sequence":
            x = np.random.default_rng(2).normal(size=(STEPS, *x.shape))
        same_bits(tmp_path / str(outputs), model, x, STEPS if form == "constant" else None)


def test_a_readout_of_an_image_and_of_whole_weights(tmp_path: Path) -> None:
    """Potentials by place; and weights that 16 bits hold exactly, which the engine scales."""
    image = chain(
        L.Conv2d(w(4, 3, 3, 3)),
        L.LIF(0.3, tau_m=4.0),
        L.Conv2d(w(3, 4, 3, 3)),
        L.LI(tau_m=9.0),
    )
    same_bits(tmp_path / "image", image, inputs(), STEPS)
    whole = np.round(w(5, 512) * 64) / 64
    exact = chain(
        L.Conv2d(w(8, 3, 3, 3), padding=1), L.LIF(0.4, tau_m=4.0), L.Flatten(), L.Linear(whole), L.LI(decay=0.5, gain=1.0),
        dtype="int16",
    )  # fmt: skip
    same_bits(tmp_path / "exact", exact, inputs(), STEPS)

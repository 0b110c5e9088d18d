"""Neurons that follow an activation: against a slow reference, spike for spike; levels, threads, types and files."""

from __future__ import annotations

import copy
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import spikelet as sl
from spikelet import layers as L
from spikelet._core import available_simd_levels
from spikelet.conversion.activations import FOLLOWED
from spikelet.layers.graded import FUNCTIONS

STEPS, CHANNELS = 12, 5
NAME = "predictiveif0"
RNG = np.random.default_rng(11)
SIZES = 0.8 ** np.arange(STEPS) * np.where(np.arange(STEPS) % 2, -1, 1)
SIZES = SIZES / SIZES.mean()
FEW = np.array([4.0, -2.0, 2.5, -1.0])


def neuron(function: str, rng: np.random.Generator, *, by_channel: bool = False) -> L.PredictiveIF:
    amplitude = rng.uniform(0.4, 0.8, CHANNELS)
    given: dict[str, Any] = {}
    if by_channel:
        for name, value in zip(("alpha", "beta"), FUNCTIONS[function], strict=True):
            if value is not None:
                given[name] = value + rng.uniform(0.01, 0.05, CHANNELS)
    return L.PredictiveIF(
        amplitude=amplitude,
        pace=rng.uniform(0.6, 1.4, (STEPS, CHANNELS)) / np.cumsum(SIZES)[:, None],
        offset=rng.normal(0, 0.2, (STEPS, CHANNELS)),
        limit=0.4 * np.abs(SIZES)[:, None] + rng.normal(0, 0.05, (STEPS, CHANNELS)),
        sizes=SIZES,
        scale=STEPS / amplitude,
        activation=L.Activation(function, **given),
    )


def reference(layer: L.PredictiveIF, x: NDArray[np.float64]) -> NDArray[np.int8]:
    """Spikes for a constant input [B, C], one neuron and step after the other."""
    assert layer.activation is not None
    spikes = np.zeros((layer.steps, *x.shape), np.int8)
    for b, c in np.ndindex(*x.shape):
        total = sent = 0.0
        for t in range(layer.steps):
            total += layer.sizes[t] * x[b, c]
            z = np.zeros((1, x.shape[1]))
            z[0, c] = layer.pace[t, c] * total + layer.offset[t, c]
            ahead = layer.scale[c] * layer.activation.of(z)[0, c] - sent
            if ahead * np.sign(layer.sizes[t]) >= layer.limit[t, c]:
                spikes[t, b, c] = 1
                sent += layer.sizes[t]
    return spikes


@pytest.mark.parametrize("function", sorted(FOLLOWED))
def test_spikes_are_those_of_a_slow_reference(function: str) -> None:
    for by_channel in (False, True):
        layer = neuron(function, RNG, by_channel=by_channel)
        x = RNG.normal(0, 1.5, (17, CHANNELS))
        model = sl.SpikingModel([layer], dtype="float64", threads=1)
        result = model.run(x, STEPS, record=[NAME, f"{NAME}.v"])
        wanted = reference(layer, x)
        assert np.array_equal(result[NAME], wanted)
        assert 0.1 < wanted.mean() < 0.9
        sent = np.tensordot(SIZES, wanted, 1)
        np.testing.assert_allclose(result.output, sent / STEPS * layer.amplitude, atol=1e-12)
        assert layer.activation is not None
        final = np.cumsum(SIZES)[-1] * layer.pace[-1] * x + layer.offset[-1]
        left = layer.scale * layer.activation.of(final) - sent
        np.testing.assert_allclose(result[f"{NAME}.v"][-1], left, atol=1e-9)


def test_without_parameters_a_neuron_follows_the_identity_of_sizes() -> None:
    """Offset 0 and scale 1 are the defaults; a clip without limits leaves the neuron as it is without an activation."""
    plain = {"pace": np.linspace(1, 2, 4), "limit": np.full(4, 0.4), "sizes": FEW * 4 / FEW.sum()}
    x = RNG.normal(0, 1, (50, 3)).astype(np.float32)
    a = sl.SpikingModel([L.PredictiveIF(**plain)]).run(x, 4, record=NAME)
    b = sl.SpikingModel([L.PredictiveIF(**plain, activation=L.Activation("clip"))]).run(
        x, 4, record=NAME
    )
    assert np.array_equal(a[NAME], b[NAME])
    assert a[NAME].any()


def model_of(dtype: Any, threads: int = 1, function: str = "silu") -> sl.SpikingModel:
    rng = np.random.default_rng(2)
    return sl.SpikingModel(
        [
            L.Conv2d(rng.normal(0, 0.4, (CHANNELS, 3, 3, 3)), padding=1),
            neuron(function, rng),
            L.MaxPool2d(2),
            L.Conv2d(rng.normal(0, 0.3, (CHANNELS, CHANNELS, 3, 3)), rng.normal(0, 0.1, CHANNELS), padding=1),
            neuron("gelu", rng),
            L.Flatten(),
            L.Linear(rng.normal(0, 0.3, (4, CHANNELS * 16))),
        ],
        dtype=dtype,
        threads=threads,
    )  # fmt: skip


IMAGES = np.random.default_rng(3).normal(0, 1, (6, 3, 8, 8)).astype(np.float32)


def test_integer_weights_change_little() -> None:
    outputs = {}
    for dtype in ("float32", "float64", "int16"):
        outputs[dtype] = model_of(dtype).run(IMAGES, STEPS).output
    spread = outputs["float64"].std()
    assert np.abs(outputs["float32"] - outputs["float64"]).max() < 1e-3 * spread
    assert 0 < np.abs(outputs["int16"] - outputs["float64"]).mean() < 0.05 * spread


_SCRIPT = """
import sys
sys.path[:0] = {path!r}
import numpy as np, tests.layers.test_neurons_following as t
for f in {functions!r}:
    for dtype in ("float32", "float64", "int16"):
        m = t.model_of(dtype, {threads}, f)
        names = [*m.neurons, m.neurons[0] + ".v"]
        r = m.run(t.IMAGES, t.STEPS, record=names)
        for name in names:
            sys.stdout.buffer.write(np.ascontiguousarray(r[name]).tobytes())
"""


def test_levels_and_threads_give_the_same_bits(tmp_path: Path) -> None:
    def run(level: str, threads: int) -> bytes:
        script = _SCRIPT.format(path=sys.path, functions=sorted(FOLLOWED), threads=threads)
        env = {**os.environ, "SPIKELET_SIMD": level}
        found = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, check=False, cwd=tmp_path
        )
        assert found.returncode == 0, found.stderr.decode()
        return found.stdout

    first = run("baseline", 1)
    assert len(first) > 10000
    for level in available_simd_levels():
        assert run(level, 2) == first


def test_files_pickles_and_text(tmp_path: Path) -> None:
    model = model_of("float32")
    model.save(tmp_path / "m.spk")
    wanted = model.run(IMAGES, STEPS).output
    for other in (
        sl.SpikingModel.load(tmp_path / "m.spk"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        assert np.array_equal(other.run(IMAGES, STEPS).output, wanted)
        assert other.graph[other.neurons[0]].layer.activation.function == "silu"
    assert "activation=Activation(function='silu'" in repr(model.graph[model.neurons[0]].layer)


def test_each_evaluation_of_the_activation_is_counted() -> None:
    x = RNG.normal(0, 1, (3, CHANNELS)).astype(np.float32)
    result = sl.SpikingModel([neuron("tanh", RNG)]).run(x, STEPS)
    assert result.operations[NAME].products == CHANNELS * STEPS


PACE = {"pace": np.ones(4), "limit": np.ones(4)}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"activation": "silu"}, "activation must be a layer such as Activation('silu'), got 'silu'"),
    ({"offset": np.ones(4)}, "offset must not be given without an activation"),
    ({"scale": 2.0}, "scale must not be given without an activation, got 2.0"),
    (
        {"activation": L.Activation("silu"), "ceiling": np.ones(4)},
        "ceiling must not be given with an activation, which has bounds of its own",
    ),
    ({"activation": L.Activation("silu"), "offset": np.ones(3)}, "must have the same number of steps"),
    ({"activation": L.Activation("silu"), "scale": [1.0, np.inf]}, "scale must be finite"),
    ({"activation": L.Activation("silu"), "offset": [0, 0, 0, np.inf]}, "offset must be finite"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_bad_arguments_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        L.PredictiveIF(**PACE, **given)


def test_parameters_by_channel_must_fit() -> None:
    slopes = L.Activation("leaky_relu", np.array([0.1, 0.2]))
    for layer in (
        L.PredictiveIF(**PACE, activation=slopes),
        L.PredictiveIF(**PACE, activation=L.Activation("tanh"), scale=[1.0, 2.0]),
    ):
        assert layer.by_channel
        with pytest.raises(ValueError, match="must be one number or 3 numbers"):
            sl.SpikingModel([layer]).run(np.ones((1, 3)), 4)

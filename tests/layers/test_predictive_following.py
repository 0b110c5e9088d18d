"""Pairs, also of an activation: against a slow reference, spike for spike; levels, threads, types and files."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

import spikelet as sl
from spikelet import layers as L
from spikelet._core import available_simd_levels
from spikelet.conversion.neurons import FOLLOWED
from spikelet.layers.graded import FUNCTIONS

Pair: TypeAlias = L.PredictivePair | L.PredictiveActivation

STEPS, CHANNELS = 12, 5
RNG = np.random.default_rng(11)
FALLING = 0.8 ** np.arange(STEPS)


def neuron(
    function: str | None,
    rng: np.random.Generator,
    *,
    by_channel: bool = False,
    levels: int = 1,
) -> Pair:
    """Return neurons with random parameters; without a function, pairs that are bounded if `by_channel`."""
    amplitude = rng.uniform(0.4, 0.8, CHANNELS)
    scale = STEPS / amplitude
    sizes = FALLING / FALLING.mean()
    given: dict[str, Any] = {}
    for name, value in zip(("alpha", "beta"), FUNCTIONS[function or "tanh"], strict=True):
        if value is not None and by_channel:
            given[name] = value + rng.uniform(0.01, 0.05, CHANNELS)
    own = scale if function is None else 1.0
    kind: Any = L.PredictiveActivation if function else L.PredictivePair
    others: dict[str, Any] = (
        {"activation": L.Activation(function, **given), "scale": scale} if function else {}
    )
    if function is None and by_channel:
        others["ceiling"] = np.broadcast_to(
            scale * rng.uniform(0.5, 1.5, CHANNELS), (STEPS, CHANNELS)
        )
    pair: Pair = kind(
        levels=levels,
        level_ratio=0.7 if levels > 4 else 0.5,
        amplitude=amplitude,
        pace=own * rng.uniform(0.6, 1.4, (STEPS, CHANNELS)) / np.cumsum(sizes)[:, None],
        offset=own * rng.normal(0, 0.2, (STEPS, CHANNELS)),
        limit=0.6 * np.abs(sizes)[:, None] + rng.uniform(0, 0.05, (STEPS, CHANNELS)),
        sizes=sizes,
        **others,
    )
    return pair


def aim_of(layer: Pair, t: int, c: int, total: float) -> float:
    """Return what a neuron of channel c is to have sent by step t."""
    z = layer.pace[t, c] * total + layer.offset[t, c]
    if isinstance(layer, L.PredictiveActivation):
        wide = np.full((1, CHANNELS), z)
        return float(layer.scale[c] * layer.activation.of(wide)[0, c])
    return float(min(max(z, 0.0), np.inf if layer.ceiling is None else layer.ceiling[t, c]))


def spike_of(layer: Pair, t: int, c: int, ahead: float) -> float:
    """Return the size of the spike, in sizes of the step, of a neuron that is so far from what it is to have sent."""
    for level in range(layer.levels):
        size, smallest = (layer.level_ratio**k for k in (level, layer.levels - 1))
        nearer = 0 if size == smallest else (1 + layer.level_ratio) / 2 * size * layer.sizes[t]
        least = max(smallest * layer.limit[t, c], nearer)
        if abs(ahead) >= least:
            return float(np.sign(ahead)) * size
    return 0.0


def reference(layer: Pair, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spikes for a constant input [B, C], one neuron and step after the other."""
    spikes = np.zeros((layer.steps, *x.shape))
    for b, c in np.ndindex(*x.shape):
        total = sent = 0.0
        for t in range(layer.steps):
            total += layer.sizes[t] * x[b, c]
            spikes[t, b, c] = spike_of(layer, t, c, aim_of(layer, t, c, total) - sent)
            sent += spikes[t, b, c] * layer.sizes[t]
    return spikes


@pytest.mark.parametrize("function", sorted(FOLLOWED))
def test_spikes_are_those_of_a_slow_reference(function: str) -> None:
    for by_channel in (False, True):
        check_against_reference(neuron(function, RNG, by_channel=by_channel))


@pytest.mark.parametrize("function", sorted(FOLLOWED))
def test_pairs_of_several_sizes_are_those_of_a_slow_reference(function: str) -> None:
    check_against_reference(neuron(function, RNG, levels=4))


@pytest.mark.parametrize("levels", [1, 2, 4, 6])
@pytest.mark.parametrize("bounded", [False, True])
def test_pairs_follow_their_estimate_between_0_and_the_ceiling(bounded: bool, levels: int) -> None:
    layer = neuron(None, RNG, by_channel=bounded, levels=levels)
    assert isinstance(layer, L.PredictivePair)
    assert (layer.ceiling is None) != bounded
    check_against_reference(layer)


def check_against_reference(layer: Pair) -> None:
    x = RNG.normal(0, 1.5, (17, CHANNELS))
    model = sl.SpikingModel([layer], dtype="float64", threads=1)
    (name,) = model.neurons
    result = model.run(x, STEPS, record=[name, f"{name}.v"])
    wanted = reference(layer, x)
    np.testing.assert_allclose(result[name], wanted, rtol=1e-12)
    assert 0.1 < (wanted != 0).mean() < (0.99 if layer.levels == 1 else 1.01)
    assert (wanted < 0).any()
    assert layer.levels == 1 or len(np.unique(np.abs(wanted))) == layer.levels + 1
    sent = np.tensordot(layer.sizes, wanted, 1)
    np.testing.assert_allclose(result.output, sent / STEPS * layer.amplitude, atol=1e-12)
    left = [
        [aim_of(layer, STEPS - 1, c, layer.sizes.sum() * x[b, c]) - sent[b, c] for c in range(CHANNELS)]
        for b in range(len(x))
    ]  # fmt: skip
    np.testing.assert_allclose(result[f"{name}.v"][-1], left, atol=1e-9)


def test_a_clip_at_0_is_the_relu_of_a_pair() -> None:
    """Offset 0 and scale 1 are the defaults."""
    plain = {"pace": np.linspace(1, 2, 4), "limit": np.full(4, 0.4), "sizes": [1.6, 1.2, 0.8, 0.4]}
    x = RNG.normal(0, 1, (50, 3)).astype(np.float32)
    relu = L.Activation("clip", 0.0)
    found = [
        sl.SpikingModel([("n", layer, "input")]).run(x, 4, record="n")["n"]
        for layer in (L.PredictivePair(**plain), L.PredictiveActivation(**plain, activation=relu))
    ]
    assert np.array_equal(*found)
    assert found[0].any()


def model_of(
    dtype: Any,
    threads: int = 1,
    function: str | None = "silu",
    levels: int = 1,
) -> sl.SpikingModel:
    rng = np.random.default_rng(2)
    return sl.SpikingModel(
        [
            L.Conv2d(rng.normal(0, 0.4, (CHANNELS, 3, 3, 3)), padding=1),
            neuron(function, rng, levels=levels),
            L.MaxPool2d(2),
            L.Conv2d(rng.normal(0, 0.3, (CHANNELS, CHANNELS, 3, 3)), rng.normal(0, 0.1, CHANNELS), padding=1),
            neuron("gelu", rng, levels=levels),
            L.Flatten(),
            L.Linear(rng.normal(0, 0.3, (4, CHANNELS * 16))),
        ],
        dtype=dtype,
        threads=threads,
    )  # fmt: skip


IMAGES = np.random.default_rng(3).normal(0, 1, (6, 3, 8, 8)).astype(np.float32)


def test_a_pool_sends_the_size_nearest_to_the_greatest_sum() -> None:
    rng = np.random.default_rng(8)
    layer = neuron(None, rng, levels=6)
    model = sl.SpikingModel([("n", layer, "input"), ("max", L.MaxPool2d(2), "n")], dtype="float64")
    x = rng.normal(0, 1.5, (3, CHANNELS, 4, 6))
    result = model.run(x, STEPS, record=["n", "max"])
    given, found = result["n"], result["max"] / layer.amplitude[:, None, None]
    sums, sent = np.zeros(x.shape), np.zeros((*x.shape[:2], 2, 3))
    gains = layer.level_ratio ** np.arange(layer.levels)
    for t, size in enumerate(layer.sizes):
        sums += size * given[t]
        windows = sums.reshape(3, CHANNELS, 2, 2, 3, 2)
        missing = windows.max((3, 5)) - sent
        for at in np.ndindex(missing.shape):
            near = np.append(gains, 0) * size
            least = np.append((near[:-2] + near[1:-1]) / 2, near[-2] / 2)
            reached = np.flatnonzero(np.abs(missing[at]) >= least)
            wanted = np.sign(missing[at]) * gains[reached[0]] if reached.size else 0.0
            assert found[t][at] == pytest.approx(wanted), (t, at)
        sent += size * found[t]
    assert len(np.unique(np.abs(found).round(6))) == layer.levels + 1


def test_integer_weights_change_little() -> None:
    for function in ("silu", None):
        outputs = {}
        for dtype in ("float32", "float64", "int16"):
            outputs[dtype] = model_of(dtype, function=function).run(IMAGES, STEPS).output
        spread = outputs["float64"].std()
        assert np.abs(outputs["float32"] - outputs["float64"]).max() < 1e-3 * spread
        assert 0 < np.abs(outputs["int16"] - outputs["float64"]).mean() < 0.05 * spread


_SCRIPT = """
import sys
sys.path[:0] = {path!r}
import numpy as np, tests.layers.test_predictive_following as t
several = [(f, n) for f in (None, "silu") for n in (4, 8)]
for f, n in [(None, 1), *several, *((f, 1) for f in {functions!r})]:
    for dtype in ("float32", "float64", "int16"):
        m = t.model_of(dtype, {threads}, f, n)
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


@pytest.mark.parametrize("levels", [1, 4])
def test_files_pickles_and_text(levels: int, tmp_path: Path) -> None:
    model = model_of("float32", levels=levels)
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
    model = sl.SpikingModel([neuron("tanh", RNG)])
    assert model.run(x, STEPS).operations[model.neurons[0]].products == CHANNELS * STEPS

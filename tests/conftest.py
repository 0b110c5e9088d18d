"""Helpers that several test modules share."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import ArrayLike, NDArray

# Threads that wait for work sleep: the other process of the tests needs their core. Read when OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from tests.support.equation_copies import FromText

import spikelet as sl
from spikelet.neurons import integrate_and_fire

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KERNELS: tuple[type, ...] = tuple(integrate_and_fire.models().values())
MODELS: tuple[type, ...] = (*KERNELS, FromText)


def _strong(model: type) -> float:
    """Return a weight that takes a resting neuron over its threshold within a few events: each adds some 6 mV."""
    net = sl.Network(dtype="float64", threads=1)
    neuron = net.population(1, model(V_th=1e6))
    event = net.population(1, sl.SpikeSource([0.1], [0]))
    net.connect(event, neuron, sl.AllToAll(), weight=1e-3, delay=0.1)
    potential = net.record(neuron, "V_m")
    net.run(50.0)
    weight = 6e-3 / float(np.ptp(potential.values))
    digits = 1 - math.floor(math.log10(weight))
    return round(weight, digits)


STRONG = {model.__name__: _strong(model) for model in MODELS}

# Each run draws new random examples, in CI, too, where hypothesis would choose its own profile. A failure prints a
# `@reproduce_failure` line; `--hypothesis-seed=N` draws the same examples again.
settings.register_profile("new examples", derandomize=False, print_blob=True)
settings.load_profile("new examples")

# A shell starts its background jobs with interrupts ignored, and tests interrupt runs.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run the whole suite in two processes, and selected tests in this one, where a debugger can stop them."""
    option = config.option
    selected = (
        option.keyword or getattr(option, "lf", False) or option.markexpr not in ("", "not build")
    )
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not selected
    return min(2, os.cpu_count() or 1) if whole else 0


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread: small tensors gain nothing from more, and lose much on a busy machine."""
    import torch  # noqa: PLC0415  # an extra

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make(
    dt: float = 0.1, *, seed: int = 1, threads: int | None = 1, dtype: Any = "float64"
) -> sl.Network:
    """Make a network that is serial and in float64 by default."""
    return sl.Network(dt=dt, seed=seed, threads=threads, dtype=dtype)


def to_steps(times: ArrayLike, dt: float = 0.1) -> Ints:
    """Return times as whole steps; they must lie on the grid."""
    scaled = np.asarray(times, dtype=np.float64) / dt
    steps = np.rint(scaled)
    np.testing.assert_allclose(scaled, steps, rtol=0, atol=1e-6)
    return steps.astype(np.int64)


def train(recorder: sl.SpikeRecorder, dt: float = 0.1) -> list[tuple[int, int]]:
    """Return the recorded spikes as (stamp in steps, id)."""
    steps = to_steps(recorder.times, dt)
    return [(int(s), int(i)) for s, i in zip(steps, recorder.ids, strict=True)]


def source(net: sl.Network, steps: Sequence[int], ids: Sequence[int] | None = None) -> Any:
    """Add a population that spikes at given steps."""
    which = [0] * len(steps) if ids is None else list(ids)
    times = np.asarray(steps, dtype=np.float64) * net.dt
    return net.population(max(which, default=0) + 1, sl.SpikeSource(times, which, snap=True))


def single_input(
    model: Any, weight: float, steps: Sequence[int], *, dt: float = 0.1, delay: int = 1
) -> tuple[sl.Network, Any]:
    """Return a network of one neuron that gets spikes at given steps, and the neuron."""
    net = make(dt)
    neuron = net.population(1, model)
    net.connect(source(net, steps), neuron, sl.AllToAll(), weight=weight, delay=delay * dt)
    return net, neuron


def trace(net: sl.Network, target: Any, state: str, duration: float) -> Floats:
    """Run and return the values of a state, [steps, n]."""
    recorder = net.record(target, state)
    net.run(duration)
    return np.asarray(recorder.values)


def busy_network(  # each is a dimension that tests vary
    model: type = sl.LIF,
    *,
    n: int = 90,
    seed: int = 3,
    threads: int | None = 1,
    dtype: Any = "float64",
    plastic: bool = True,
    theta: bool = False,
    plain: bool = False,
) -> tuple[sl.Network, Any, Any, Any]:
    """Return a spiking network with all kinds of synapses and drive, or no currents where it is plain.

    Also its neurons, their spike recorder, and the plastic projection (or a static one).
    """
    net = make(seed=seed, threads=threads, dtype=dtype)
    w = STRONG[model.__name__]
    extra = {"theta_plus": 0.5, "tau_theta": 50.0} if theta else {}
    cells = net.population(n, model(t_ref=1.0, **extra), name="cells")
    poisson = net.population(n, sl.PoissonSource(np.linspace(50.0, 400.0, n)), name="poisson")
    rng = np.random.default_rng(5)
    times = np.sort(rng.integers(1, 3000, 400)) * 0.1
    given = net.population(7, sl.SpikeSource(times, rng.integers(0, 7, 400), snap=True))
    delay = sl.Uniform(0.1, 3.0)
    rule = sl.STDP(A_plus=0.05 * w, A_minus=0.06 * w, w_min=0.0, w_max=2 * w) if plastic else None
    plastic_ = net.connect(
        poisson, cells, sl.FixedIndegree(8), weight=sl.Uniform(0.1 * w, 0.5 * w), delay=delay,
        plasticity=rule,
    )  # fmt: skip
    net.connect(given, cells, sl.FixedProbability(0.3), weight=0.4 * w, delay=1.5)
    mixed = sl.Normal(0.0, 0.2 * w)
    net.connect(cells, cells, sl.FixedIndegree(9), weight=mixed, delay=delay)
    rate = 120_000.0 if plain else 3000.0  # 12 and 0.3 events a step
    net.inject(cells, sl.PoissonInput(rate=rate, weight=0.06 * w * 3000.0 / rate))
    if plain:
        return net, cells, net.record(cells, "spikes"), plastic_
    net.inject(cells[: n // 2], sl.NoiseInput(mean=20.0, std=30.0, every=0.5))
    net.inject(cells, sl.CurrentInput(np.linspace(0.0, 40.0, 1000)))
    return net, cells, net.record(cells, "spikes"), plastic_


def spawn(code: str, **environment: str) -> str:
    """Run Python code in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def at_each_level(code: str) -> str:
    """Run code that may import the tests at each SIMD level, in a process each; return what it prints at all of them."""
    head = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\nimport spikelet as sl\nprint(sl.simd_level())\n"
    levels = sl.available_simd_levels()
    printed = [spawn(head + code, SPIKELET_SIMD=level).split("\n", 1) for level in levels]
    assert [level for level, _ in printed] == list(levels)
    (found,) = {text for _, text in printed}
    return found


def digest(
    model: type, dtype: str, *, threads: int | None = 1, pieces: Sequence[float] = (60.0,)
) -> str:
    """Hash the bits of spikes, states and weights of two busy networks."""
    bits = hashlib.sha256()
    for plain in (False, True):
        net, cells, spikes, plastic = busy_network(
            model, dtype=dtype, threads=threads, theta=not plain, plain=plain
        )
        v = net.record(cells[::7], "V_m", every=0.5)
        weights = net.record(plastic, "weights", every=7.5)
        for piece in pieces:
            net.run(piece)
        states = [np.asarray(getattr(cells, state)) for state in cells.model.states]
        assert len(spikes.times) > 100
        for x in (spikes.times, spikes.ids, v.values, weights.values, plastic.weights, *states):
            bits.update(np.ascontiguousarray(x).tobytes())
    return bits.hexdigest()

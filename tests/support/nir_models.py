"""Random layered models, whose sums are exact: weights and potentials are multiples of powers of two."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import spikelet as sl
from spikelet import layers
from spikelet.layers.spiking_model import SpikingModel

STEPS, BATCH = 24, 3


def quietly(*args: Any, **options: Any) -> Any:
    """Return what `write_nir` writes, without the warnings that other tests look at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return sl.io.write_nir(*args, **options)


def grid(rng: np.random.Generator, *shape: int, scale: float = 0.5) -> np.ndarray:
    """Normal numbers, rounded to multiples of 1/64."""
    return np.round(rng.normal(0, scale, shape) * 64) / 64


def neuron(
    rng: np.random.Generator, shape: tuple[int, ...], *, plain: bool = False
) -> layers.Neuron:
    """A neuron of a random kind for this population; `plain` ones have nothing that NIR does not have."""
    sizes = [(), (shape[0],)] + ([shape] if len(shape) > 1 else [])
    size = sizes[rng.integers(len(sizes))]
    threshold = rng.choice([0.25, 0.5, 1.0, 1.5], size)
    options = {"reset": "zero" if plain else str(rng.choice(["zero", "subtract"]))}
    if options["reset"] == "zero":
        options |= {"reset": "value", "v_reset": float(rng.choice([0.0, -0.25, 0.125]))}
    if not plain and rng.random() < 0.5:
        options["v_init"] = rng.choice([0.125, -0.25, 0.5], size) * threshold
    if rng.random() < 0.5:
        options["amplitude"] = rng.choice([0.5, 1.0, 2.0], sizes[rng.integers(2)])
    if rng.random() < 0.5:
        return layers.IF(threshold, **options)
    decay = float(rng.choice([0.5, 0.75, 0.875]))
    gain = float(rng.choice([1.0, 0.5, 1 - decay]))
    return layers.LIF(threshold, decay=decay, gain=gain, **options)


def linear(rng: np.random.Generator, n: int, out: int) -> layers.Linear:
    return layers.Linear(grid(rng, out, n), grid(rng, out) if rng.random() < 0.5 else None)


def conv(rng: np.random.Generator, channels: int, out: int) -> layers.Conv2d:
    groups = int(rng.choice([1, 2])) if channels % 2 == out % 2 == 0 else 1
    kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
    padding = tuple(int(p) for p in rng.integers(0, 2, 4))
    bias = grid(rng, out) if rng.random() < 0.5 else None
    weight = grid(rng, out, channels // groups, *kernel)
    stride = tuple(int(s) for s in rng.integers(1, 3, 2))
    return layers.Conv2d(weight, bias, stride, padding, groups=groups)


def vectors(
    rng: np.random.Generator, *, plain: bool = False
) -> tuple[SpikingModel, tuple[int, ...]]:
    """Linear layers and neurons, with shortcuts, sums and concatenations."""
    n = int(rng.integers(3, 9))
    made = [
        ("a", linear(rng, n, 6), ["input"]),
        ("spikes a", neuron(rng, (6,), plain=plain), ["a"]),
        ("b", linear(rng, 6, 6), ["spikes a"]),
        ("sum", layers.Add(), ["b", "spikes a"]),
        ("b/spikes", neuron(rng, (6,), plain=plain), ["sum"]),
        ("both", layers.Concat(), ["b/spikes", "spikes a"]),
        ("scaled", layers.Affine(grid(rng, 12), grid(rng, 12) if rng.random() < 0.5 else None), ["both"]),
        ("c", linear(rng, 12, 4), ["scaled"]),
        ("twice", layers.Add(), ["c", "c"]),
        ("output", neuron(rng, (4,), plain=plain), ["twice"]),
    ]  # fmt: skip
    return SpikingModel(made, dtype="float64", threads=1), (n,)


def images(
    rng: np.random.Generator, *, plain: bool = False, even: bool = False
) -> tuple[SpikingModel, tuple[int, ...]]:
    """Convolutions, pools (`even`: without divisors that vary) and neurons."""
    shape = (2, *(int(n) for n in rng.integers(6, 9, 2)))
    first = conv(rng, 2, 4)
    after = first.output_shape([shape])
    pool = layers.AvgPool2d(2, 1, int(rng.integers(2)), count_include_pad=bool(rng.integers(2)))
    if plain or even:
        pool = layers.AvgPool2d(2, 1)
    second = layers.Conv2d(grid(rng, 4, 4, 1, 1), grid(rng, 4))
    pooled = pool.output_shape([after])
    made = [
        ("conv", first, ["input"]),
        ("spikes", neuron(rng, after, plain=plain), ["conv"]),
        ("pool", pool, ["spikes"]),
        ("second", second, ["pool"]),
        ("norm", layers.Affine(grid(rng, 4), grid(rng, 4)), ["pool"]),
        ("sum", layers.Add(), ["second", "norm"]),
        ("more", neuron(rng, pooled, plain=plain), ["sum"]),
        ("flat", layers.Flatten(), ["more"]),
        ("last", linear(rng, int(np.prod(pooled)), 5), ["flat"]),
        ("out", neuron(rng, (5,), plain=plain), ["last"]),
    ]
    return SpikingModel(made, dtype="float64", threads=1), shape


def spikes(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Input spikes, [T, B, ...]."""
    return (rng.random((STEPS, BATCH, *shape)) < 0.4).astype(np.uint8)

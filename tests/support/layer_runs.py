"""Single layers in the engine: as an ANN, and over several steps against what a layer is defined to send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

Array = NDArray[Any]
STEPS = 7


def tensor(x: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(x))


def model(layers: Sequence[Any], inputs: Sequence[str] = ("input",), **options: Any) -> Any:
    return SpikingModel(
        Graph(layers, inputs=inputs), **{"dtype": "float64", "threads": 2, **options}
    )


def evaluate(layers: Sequence[Any], *xs: Array, **options: Any) -> Array:
    """Return the output of an ANN; inputs are called "a", "b" ... if there are several."""
    names = ("input",) if len(xs) == 1 else tuple("abc"[: len(xs)])
    made = model(layers, names, **options)
    output: Array = made.run(xs[0] if len(xs) == 1 else xs, 1).output
    return output


def check_ann(
    layers: Sequence[Any], xs: Sequence[Array], wanted: Any, tolerance: float = 1e-12
) -> None:
    """Compare an ANN with PyTorch, in double and in single precision."""
    wanted = np.asarray(wanted)
    wanted = wanted.reshape(wanted.shape if wanted.ndim > 1 else (-1, 1))
    size = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(evaluate(layers, *xs), wanted, rtol=0, atol=tolerance * size)
    single = evaluate(layers, *xs, dtype="float32")
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, rtol=0, atol=1e-5 * size)


def trains(shape: tuple[int, ...], seed: int = 0) -> dict[str, Array]:
    """Return an input of each form, [STEPS, 3, ...]."""
    rng = np.random.default_rng(seed)
    size = (STEPS, 3, *shape)
    return {
        "spikes": (rng.random(size) < 0.4).astype(np.int8),
        "signed": rng.integers(-1, 2, size).astype(np.int8),
        "sequence": rng.normal(size=size),
    }


def sent(layers: Sequence[Any], x: Array, delay: int, *, graded: bool) -> Array:
    """Return what the last layer is defined to send, computed step by step with an ANN.

    A linear layer acts on each step. A graded unit sends (t + 1) Y(t) - t Y(t - 1), with its function Y of the running
    means, which begin anew at `delay`.
    """
    if not graded:
        return np.stack([evaluate(layers, step.astype(float)) for step in x])
    values: list[Array] = []
    total, count, before = np.zeros(x.shape[1:]), 0, np.zeros(())
    for t, step in enumerate(x):
        if t == delay:
            total, count = np.zeros(x.shape[1:]), 0
        total, count = total + step, count + 1
        now = evaluate(layers, total / count)
        values.append(count * now - (count - 1) * before)
        before = now
    return np.stack(values)


def check_steps(layers: Sequence[Any], shape: tuple[int, ...], *, graded: bool = False) -> None:
    """Compare what a layer sends, and its mean, with the definition, for each form of the input."""
    for kind, x in trains(shape).items():
        for delay in (0, 3):
            wanted = sent(layers, x, delay, graded=graded)
            size = max(1.0, np.abs(wanted).max())
            for dtype, tolerance in (("float64", 1e-11), ("float32", 1e-4)):
                made = model(layers, dtype=dtype)
                name = made.graph.output.name
                found = made.run(x, delay=delay, record=[f"{name}.value"])
                both = {"atol": tolerance * size, "rtol": 0, "err_msg": f"{kind} {dtype} {delay}"}
                np.testing.assert_allclose(found[f"{name}.value"], wanted, **both)
                np.testing.assert_allclose(found.output, wanted[delay:].mean(0), **both)
                # The same mean where nothing is recorded.
                np.testing.assert_array_equal(made.run(x, delay=delay).output, found.output)

"""Runs of layered models: input codings, records, interrupts, memory, bad arguments."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import spawn
from tests.support.exact_models import exact
from tests.support.layers_zoo import DEEP, deep_graph, pictures

from spikelet import layers as L
from spikelet.layers.spiking_model import SpikingModel


def single(weight: float = 1.0) -> L.Linear:
    return L.Linear([[weight]])


# How a constant enters


def test_poisson_input() -> None:
    x = np.array([[0.0, 0.25, -0.5, 2.0, -2.0]])
    model = exact([L.Upsample(1)], input_scale=2.0)
    x = x.reshape(1, 5, 1, 1)
    result = model.run(x, 4000, coding="poisson", seed=3, record="upsample0")
    values = result["upsample0"]
    np.testing.assert_array_equal(np.unique(values), [-2.0, 0.0, 2.0])
    assert (values * x >= 0).all()
    p = np.abs(x) / 2
    bound = 5 * 2 * np.sqrt(p * (1 - p) / 4000)
    assert (np.abs(result.output - x) <= bound + 1e-12).all()
    again = model.run(x, 4000, coding="poisson", seed=3)
    np.testing.assert_array_equal(again.output, result.output)
    assert (model.run(x, 4000, coding="poisson", seed=4).output != result.output).any()


def test_latency_input() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (2, 4, 3, 3))
    model = exact([L.Upsample(1)], input_scale=3.0)
    result = model.run(x, 16, coding="latency", record="upsample0.value")
    np.testing.assert_allclose(result.output, np.rint(x / 3 * 16) * 3 / 16, atol=1e-12)
    values = result["upsample0.value"]
    # Once on, it stays on.
    assert (np.abs(np.diff(values, axis=0)) * np.abs(values[:-1]) == 0).all()


# Steps, delays, names


def test_means_start_after_the_delay() -> None:
    x = np.random.default_rng(0).normal(0.4, 0.5, (12, 3, 4))
    graph = [("n", L.IF(0.6), "input"), ("fc", L.Linear(np.eye(4) * 2), "n")]
    result = exact(graph).run(x, delay=7, record=["n", "n.mean", "fc"])
    np.testing.assert_allclose(result["n.mean"], result["n"][7:].mean(0))
    np.testing.assert_allclose(result.output, result["fc"][7:].mean(0))
    assert result.steps == 12


def test_names_of_records() -> None:
    x = np.full((2, 1), 0.7)
    layers = [
        ("n.v", L.IF(code="signed", levels=3, amplitude=2.0), "input"),
        ("fc", single(0.5), "n.v"),
        ("last", L.IF(), "fc"),
    ]
    model = exact(layers)
    plain = model.run(x, 5)
    assert plain.spikes is None
    assert plain.v is None
    assert dict(plain.records) == {}
    result = model.run(x, 5, record=["n.v", "n.v.v", "n.v.value", "fc", "fc.mean", "v", "spikes"])
    assert list(result.records) == ["n.v", "n.v.v", "n.v.value", "fc", "fc.mean", "v", "spikes"]
    np.testing.assert_array_equal(result["n.v.value"], 2 * result["n.v"])
    np.testing.assert_array_equal(result["fc"], result["n.v"])
    np.testing.assert_allclose(result["fc"].mean(0), result["fc.mean"])
    np.testing.assert_array_equal(result["spikes"], result.spikes)
    np.testing.assert_array_equal(result["v"], result.v)
    assert result["spikes"].dtype == np.int8
    assert list(model.run(x, 5, record=True).records) == [
        "n.v.spikes",
        "n.v.v",
        "last.spikes",
        "last.v",
    ]
    # A sequence's spikes are what one wants.
    assert model.run(np.full((5, 2, 1), 0.7)).spikes.shape == (5, 2, 1)
    with pytest.raises(KeyError, match="'last' was not recorded; recorded: fc"):
        model.run(x, 5, record="fc")["last"]


def test_values_that_count_as_spikes() -> None:
    model = exact([L.IF(2.5)])
    ones = np.ones((6, 1, 3))
    for dtype in (bool, np.int8, np.uint8, np.int64, np.float32, np.float64):
        assert model.run(ones.astype(dtype)).operations["input"].spikes == 18
    np.testing.assert_array_equal(model.run(-ones).output, [[0, 0, 0]])
    assert model.run(-ones).operations["input"].spikes == 18
    assert model.run(ones * 0.5).operations["input"].spikes == 0
    assert model.run(ones * 2).operations["input"].spikes == 0
    np.testing.assert_array_equal(model.run(ones).output, model.run(ones[0], 6).output)


def test_progress_is_reported() -> None:
    told: list[int] = []
    exact([L.IF()]).run(np.ones((5, 2)), 3, progress=told.append)
    assert told == [1, 2, 3, 4, 5]


# Interrupts, memory


def test_ctrl_c_stops_a_run() -> None:
    model = SpikingModel(deep_graph(), threads=2)
    x = np.broadcast_to(pictures(DEEP, 1), (4_000, *DEEP))
    model.run(x[:2], 500)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.run(x, 500)
    finally:
        timer.cancel()
        timer.join()
    assert model.run(x[:2], 5).output.shape == (2, 10)


def test_memory_grows_by_one_bit_a_neuron_and_step() -> None:
    code = (
        "import resource, sys\nimport numpy as np\n"
        "from spikelet import layers as L\nfrom spikelet.layers.spiking_model import SpikingModel\n"
        "w = np.zeros((32, 32, 3, 3)); w[range(32), range(32), 1, 1] = 0.9\n"
        "layers = [L.IF(9.0)]\n"
        "for _ in range(3):\n"
        "    layers += [L.Conv2d(w, padding=1), L.IF(0.8)]\n"
        "layers += [L.AdaptiveAvgPool2d(1)]\n"
        "model = SpikingModel(layers, dtype=sys.argv[1] if sys.argv[1:] else 'float32', threads=1)\n"
        "x = np.ones((2, 32, 48, 48))\n"
        "used = []\n"
        "for steps in (32, 544):\n"
        "    assert model.run(x, steps).output.mean() > 0.05\n"
        "    used.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "print(used[1] - used[0])\n"
    )
    grown = int(spawn(code)) * 1024
    bits = 4 * 32 * 48 * 48 * 512 / 8  # 19 MB; values would take 600 MB
    assert grown < 1.3 * bits + (4 << 20)


def test_a_forked_child_runs_like_its_parent() -> None:
    """After runs with threads in the parent: the child has none of them."""
    code = f"""
import multiprocessing, sys, warnings
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.support.layers_zoo import layered_digest
warnings.simplefilter("ignore")  # Python 3.12 warns that this process has threads
expected = layered_digest("float32", 2)
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.apply_async(layered_digest, ("float32", 2)).get(timeout=60) == expected
print("ok")
"""
    assert spawn(code).strip() == "ok"


# Bad input

ONE = np.ones((1, 3))
RUNS: list[tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = [
    ({"x": np.ones(3), "steps": 2}, ValueError, ("x", "[B, ...]", "(3,)")),
    ({"x": ONE}, ValueError, ("x", "[T, B, ...]", "steps=", "(1, 3)")),
    ({"x": np.ones((0, 1, 3))}, ValueError, ("x", "at least one step", "(0, 1, 3)")),
    ({"x": np.ones((1, 0)), "steps": 2}, ValueError, ("x", "non-empty", "(1, 0)")),
    ({"x": np.full((1, 3), np.nan), "steps": 2}, ValueError, ("x", "finite", "nan")),
    ({"x": np.full((2, 1, 3), -np.inf)}, ValueError, ("x", "finite", "-inf")),
    ({"x": np.full((1, 3), 1e300), "steps": 2}, ValueError, ("x", "float32", "1e+300")),
    ({"x": [["a", "b", "c"]], "steps": 2}, TypeError, ("x", "numbers", "<U1")),
    ({"x": ONE * 1j, "steps": 2}, TypeError, ("x", "numbers", "complex128")),
    ({"x": ONE, "steps": 0}, ValueError, ("steps", ">= 1", "got 0")),
    ({"x": ONE, "steps": 2.5}, TypeError, ("steps", "integer", "2.5")),
    ({"x": ONE, "steps": 4, "delay": 4}, ValueError, ("delay", "<= 3", "got 4")),
    ({"x": ONE, "steps": 4, "delay": -1}, ValueError, ("delay", ">= 0", "got -1")),
    ({"x": ONE, "steps": 4, "coding": "ttfs"}, ValueError, ("coding", '"latency"', "'ttfs'")),
    ({"x": np.ones((4, 1, 3)), "coding": "poisson"}, ValueError, ("coding", "sequence")),
    ({"x": 2 * ONE, "steps": 4, "coding": "poisson"}, ValueError, ("x", "input_scale = 1", "2.0")),
    ({"x": -2 * ONE, "steps": 4, "coding": "latency"}, ValueError, ("x", "input_scale", "2.0")),
    ({"x": ONE, "steps": 4, "record": "m"}, ValueError, ("record", "one of fc, n", "'m'")),
    ({"x": ONE, "steps": 4, "record": "n.g"}, ValueError, ("record", "'n.g'")),
    ({"x": ONE, "steps": 4, "record": "fc.v"}, ValueError, ("record", "neurons", "'fc.v'")),
    ({"x": ONE, "steps": 4, "record": [3]}, TypeError, ("record", "names", "3")),
]


@pytest.mark.parametrize(("arguments", "kind", "words"), RUNS)
def test_bad_arguments_of_a_run(
    arguments: dict[str, Any], kind: type[Exception], words: tuple[str, ...]
) -> None:
    model = SpikingModel([("fc", L.Linear(np.eye(3)), "input"), ("n", L.IF(), "fc")], threads=1)
    with pytest.raises(kind) as caught:
        model.run(**arguments)
    assert str(caught.value).startswith("SpikingModel.run: ")
    for word in words:
        assert word in str(caught.value)


def test_a_layer_that_cannot_take_the_input_is_named() -> None:
    model = SpikingModel([("fc", L.Linear(np.eye(3)), "input"), ("n", L.IF(), "fc")])
    with pytest.raises(ValueError, match=re.escape("Linear 'fc': input shape must be (3,)")):
        model.run(np.ones((1, 4)), 2)
    with pytest.raises(ValueError, match=r"record needs a layer of neurons, got 'v'"):
        exact([single()]).run(np.ones((1, 1)), 2, record="v")


MODELS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"dtype": "int8"}, ValueError, 'SpikingModel: dtype must be "float32", "float64" or "int16"'),
    ({"threads": 0}, ValueError, "SpikingModel: threads must be >= 1, got 0"),
    ({"threads": 1.5}, TypeError, "SpikingModel: threads must be an integer, got 1.5"),
    ({"input_scale": 0.0}, ValueError, "SpikingModel: input_scale must be finite and > 0"),
    ({"input_scale": np.nan}, ValueError, "SpikingModel: input_scale must not contain NaN"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), MODELS)
def test_bad_arguments_of_a_model(
    arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        SpikingModel([L.IF()], **arguments)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_numbers_that_float32_cannot_hold(dtype: Any) -> None:
    message = "Linear 'linear0': weight must be finite and within the range of float32, got 1e+300"
    with pytest.raises(ValueError, match=re.escape(message)):
        SpikingModel([single(1e300)], dtype=dtype)
    with pytest.raises(ValueError, match=r"IF 'if0': threshold must be at least 1\.1\S+ in float"):
        SpikingModel([L.IF([1.0, 1e-60])], dtype=dtype)
    never = L.PredictiveIF(pace=np.ones(2), limit=np.full(2, np.inf))
    assert SpikingModel([never], dtype=dtype).run(np.ones((1, 1)), 2).output.item() == 0
    assert exact([single(1e300)]).run(np.ones((1, 1)), 2).output.item() == 1e300


def test_each_record_does_not_keep_the_weights_again() -> None:
    """A model prepares for what is recorded; it forgets what it prepared first."""
    code = (
        "import itertools, resource\n"
        "import numpy as np\n"
        "import spikelet as sl\n"
        "from spikelet.layers import IF, Linear\n"
        "weight = np.ones((1500, 1500), np.float32)\n"
        "model = sl.SpikingModel([('a', Linear(weight), ['input']), ('s', IF(1.0), ['a'])])\n"
        "x = np.zeros((1, 1500), np.float32)\n"
        "used = []\n"
        "parts = ['s', 's.v', 's.mean', 'a', 'a.mean']\n"
        "for k in range(1, 6):\n"
        "    for record in itertools.combinations(parts, k):\n"
        "        model.run(x, 1, record=list(record))\n"
        "        used.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "print((used[-1] - used[5]) * 1024 / weight.nbytes)\n"
    )
    assert float(spawn(code)) < 10

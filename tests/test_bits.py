"""The script that hashes results: a part of its zoo, and that it notices a change."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import bits
from bits_zoo import layers, neurons, plasticity
from bits_zoo.cases import Case, active

import spikelet as sl

PARTS = (
    "neurons LIFCond subtract",
    "inputs",
    "connections FixedTotal no self",
    "stores one weight",
    "plasticity TripletSTDP potentiate",
    "layers IF signed",
    "layers Delay",
    "torch EventProp recurrent",
    "conversion percentile soft",
    "encode rate",
    "torch CubaLIF",
)


def digest(run: Callable[[int], Iterable[Any]], threads: int = 1) -> str:
    return Case("a case", run).digest(threads)


@pytest.mark.parametrize("part", PARTS)
def test_threads_do_not_matter(part: str) -> None:
    if part.startswith("torch"):
        pytest.importorskip("torch")
    cases = bits.zoo(part)
    assert cases
    once = bits.digests(cases.values(), 1)
    assert len(set(once.values())) >= (len(cases) + 1) // 2  # some do not depend on the precision
    for threads in (2, 3):
        assert bits.digests(cases.values(), threads) == once


@pytest.mark.parametrize(("only", "count"), [("neurons LIF zero", 4), ("layers Delay", 3)])
def test_simd_levels_do_not_matter(only: str, count: int) -> None:
    found = bits.digests(bits.zoo(only).values(), 1)
    assert len(found) == count
    for level in sl.available_simd_levels():
        assert bits.at_level(level, only, 2) == found


def _rule(**changes: Any) -> Any:
    return sl.STDP(**{"A_plus": 1.0, "A_minus": 1.2, "w_min": 1.0, "w_max": 40.0, **changes})


CHANGES: dict[str, tuple[Callable[[int], Any], Callable[[int], Any]]] = {
    "a seed": (
        lambda t: neurons.run(sl.LIF, "zero", False, "float32", t),
        lambda t: neurons.run(sl.LIF, "zero", False, "float32", t, seed=12),
    ),
    "a weight": (
        lambda t: neurons.run(sl.LIFAlpha, "zero", True, "float64", t),
        lambda t: neurons.run(sl.LIFAlpha, "zero", True, "float64", t, weight=1 + 1e-12),
    ),
    "an amplitude": (
        lambda t: plasticity.run(t, _rule(), "float64"),
        lambda t: plasticity.run(t, _rule(A_plus=1 + 1e-12), "float64"),
    ),
    "a threshold": (
        lambda t: layers.neuron(t, "float64", lambda n: sl.layers.IF(0.6)),
        lambda t: layers.neuron(t, "float64", lambda n: sl.layers.IF(0.6 + 1e-12)),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_changes_the_hash(what: str) -> None:
    before, after = CHANGES[what]
    assert digest(before) == digest(before)
    assert digest(after) != digest(before)


def test_a_changed_gradient_changes_the_hash() -> None:
    pytest.importorskip("torch")
    from bits_zoo import training  # noqa: PLC0415  # needs PyTorch

    def run(alpha: float) -> str:
        return digest(lambda t: training.neuron(t, "float64", tau_m=5.0, alpha=alpha))

    assert run(2.0) == run(2.0)
    assert run(2.0 + 1e-12) != run(2.0)


def test_bits_types_and_shapes_are_hashed() -> None:
    values: list[Any] = [
        np.zeros(4), -np.zeros(4), np.zeros((2, 2)), np.zeros(8, "f4"), np.zeros(4, "i8"), "text",
    ]  # fmt: skip
    assert len({digest(lambda t, v=v: [v]) for v in values}) == len(values)
    with pytest.raises(ValueError, match="no results"):
        digest(lambda t: [])
    with pytest.raises(TypeError, match="None"):
        digest(lambda t: [None])


def test_silent_cases_are_refused() -> None:
    assert active([1, 2, 3], 3) == [1, 2, 3]
    with pytest.raises(ValueError, match="only 2"):
        active(np.array([0.0, 1.0, 2.0]), 3)


def test_the_command_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = tmp_path / "bits.json"
    arguments = ["--quick", "--only", "encode b"]
    assert bits.main([*arguments, "--out", str(stored)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(stored.read_text())
    (name,) = found["cases"]
    assert f"{found['cases'][name][:12]}  {name}" in printed
    assert bits.main([*arguments, "--compare", str(stored)]) == 0

    found["cases"] = {name: "0" * 64, "encode bygone": "1" * 64, "decode": "2" * 64}
    stored.write_text(json.dumps(found))
    capsys.readouterr()
    assert bits.main([*arguments, "--compare", str(stored)]) == 1
    complaints = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in complaints] == [name, "encode bygone"]

    with pytest.raises(SystemExit):
        bits.main(["--quick", "--only", "nothing of that name"])

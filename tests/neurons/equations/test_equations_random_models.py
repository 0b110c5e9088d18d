"""Random models from text, some of those that ``python -m tests.equations_proof`` proves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import at_each_level
from tests.equations_proof import against_scipy, same_bits
from tests.equations_proof.variants import varied
from tests.support.random_equations import random_equations


@pytest.mark.parametrize("seed", range(200, 230))
def test_each_step_is_that_of_scipy(seed: int) -> None:
    """One method of each model."""
    methods = against_scipy.methods_of(random_equations(seed))
    assert against_scipy.judge(random_equations(seed), methods[seed % len(methods)]) == []


@pytest.mark.parametrize("seed", range(240, 248))
def test_each_step_with_more_of_the_language(seed: int) -> None:
    """Strict thresholds, flags, gains of receptors, several effects."""
    methods = against_scipy.methods_of(varied(seed))
    assert against_scipy.judge(varied(seed), methods[seed % len(methods)]) == []


def test_the_models_do_something() -> None:
    models = [random_equations(seed) for seed in range(200, 230)]
    runs = [against_scipy.simulate(model, "auto", 0.2) for model in models]
    assert sum(run.spikes.any() for run in runs) > 8
    assert sum(against_scipy.held_in(m, r).any() for m, r in zip(models, runs, strict=True)) > 3
    assert sum(len(run.events) > 0 for run in runs) > 15
    assert sum((np.ptp(run.currents, axis=0) > 0).all() for run in runs) > 15


def test_a_wrong_meaning_is_found() -> None:
    """The comparison sees a rate that is a thousandth off, a longer refractory period, and another weight."""
    seed = 7
    model = random_equations(seed)
    right = against_scipy.check(model, "auto", 0.1, meaning=random_equations(seed))
    assert right.wrong == []
    assert right.largest < 1e-12
    other = random_equations(seed)
    other.rates = {name: f"1.001*({rate})" for name, rate in other.rates.items()}
    assert against_scipy.check(model, "auto", 0.1, meaning=other).largest > 1e-6
    other = random_equations(seed)
    other.refractory += 0.1
    assert against_scipy.check(model, "auto", 0.1, meaning=other).largest > 1e-6
    other = random_equations(seed)
    other.receptors = {n: (s, 1.001 * f, size) for n, (s, f, size) in other.receptors.items()}
    assert against_scipy.check(model, "auto", 0.1, meaning=other).largest > 1e-6


def test_float32() -> None:
    for seed in range(230, 233):
        assert against_scipy.judge_float32(random_equations(seed)) == []


@pytest.mark.parametrize("seed", range(500, 503))
def test_the_bits_are_the_same_however_it_runs(seed: int, tmp_path: Path) -> None:
    assert same_bits.differing(seed, tmp_path) == []


@pytest.mark.parametrize("seed", [4, 13, 24, 31])
def test_resting_neurons_have_the_bits_of_those_that_do_not(seed: int) -> None:
    assert same_bits.resting(seed, "float32") == []


def test_the_bits_are_the_same_at_each_level() -> None:
    found = at_each_level(
        "from tests.equations_proof.__main__ import at_this_level\n"
        "print('\\n'.join(at_this_level(range(520, 524))))"
    )
    assert len(found.split("\n")) >= 8

"""The figures of published rules: numbers of the papers, or closed forms."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from scipy.special import erf

FILE = Path(__file__).parents[2] / "examples" / "rules_from_text.py"
SPEC = importlib.util.spec_from_file_location("rules_from_text", FILE)
assert SPEC is not None
assert SPEC.loader is not None
rules = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rules)


def test_triplets() -> None:
    """As cortex at all frequencies, within two standard errors (Sjöström et al. 2001)."""
    errors = {10.0: [0.05, 0.1, 0.14, 0.11, 0.26], -10.0: [0.08, 0.11, 0.1, 0.32, 0.19]}
    for lag, measured in rules.MEASURED.items():
        found = rules.triplets(lag)
        assert (np.abs(found - measured) < 2 * np.array(errors[lag])).all()
    # At 1 Hz no triplet counts. The first pair depresses nothing.
    np.testing.assert_allclose(
        rules.triplets(-10.0)[0], -60 * 7.1e-3 * np.exp(-10 / 33.7), rtol=5e-3
    )


def test_inhibition() -> None:
    for rate in (5.0, 10.0):
        found = rules.inhibition(rate, 20)
        assert found[0] > 40
        assert abs(found[10:].mean() / rate - 1) < 0.15


def test_calcium() -> None:
    """Eq. 4 and 5 of the paper, with the times above the thresholds counted on a fine grid."""
    grid = np.arange(0.0, 400.0, 0.01)
    spike = lambda at: np.where(grid >= at, np.exp(-np.maximum(grid - at, 0) / 20), 0)
    expected = []
    for lag in rules.LAGS:
        trace = spike(100 + 13.5) + 2 * spike(100 + lag)
        p, d = (trace > 1.3).sum() * 0.01, (trace > 1.0).sum() * 0.01
        up, down = 321.808 * p, 200.0 * d
        rest, fall = up / (up + down), np.exp(-60 * (up + down) / 150000)
        spread = 2.8284 * np.sqrt((p + d) / (up + down) * (1 - fall**2))
        strong = [
            0.5 * (1 + erf((rest - 0.5 + (start - rest) * fall) / spread)) for start in (0, 1)
        ]
        expected.append((1 + 4 * np.mean(strong)) / 3)
    n = 400
    np.testing.assert_allclose(rules.calcium(n), expected, atol=4.5 * 4 / 3 * 0.5 / np.sqrt(n))
    assert min(expected) < 0.75
    assert max(expected) > 1.2


def test_depression() -> None:
    fall = np.exp(-1000.0 / rules.RATES / 800.0)
    np.testing.assert_allclose(rules.stationary(), 0.5 * (1 - fall) / (1 - 0.5 * fall), rtol=0.02)


def test_one_vesicle() -> None:
    """On average, release is what the rule for means says."""
    for more in ({}, {"U": 0.1, "tau_rec": 100.0, "tau_fac": 500.0}):
        mean = rules.sent(rules.SHORT_TERM(**more), rules.TRAIN)
        found = rules.sent(rules.RELEASE(**more), rules.TRAIN, 4000)
        assert (np.abs(found - mean) < 4 * np.sqrt(mean * (1 - mean) / 4000)).all()
        assert np.ptp(mean) > 0.1


def test_scaling() -> None:
    """Rates meet; the weights of a target keep their ratios."""
    rates, factors = rules.scaling(80)
    assert np.ptp(rates[3]) > 8
    np.testing.assert_allclose(rates[-20:].mean(axis=0), 10.0, rtol=0.15)
    np.testing.assert_allclose(factors, factors[:1].repeat(200, axis=0), rtol=1e-9)


def test_dopamine() -> None:
    """The integral of the mark times dopamine, from the later of the two on."""
    both = 1 / (1 / 1000 + 1 / 200)
    for delay in rules.DELAYS:
        early = np.exp(-delay / 1000) if delay > 0 else np.exp(delay / 200)
        expected = np.exp(-10 / 20) * early * both / 1000
        np.testing.assert_allclose(rules.dopamine(delay), expected, rtol=1e-4)

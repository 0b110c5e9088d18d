"""Random sequences of actions: what only looks, or moves the network elsewhere, changes no bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MODELS, STRONG, make

import spikelet as sl

RULES: tuple[Any, ...] = (sl.FixedProbability(0.1), sl.FixedIndegree(3), sl.FixedTotalNumber(40))


class Actor:
    """Applies actions to a network by index, so that the network may be replaced by a loaded copy."""

    def __init__(self, seed: int, model: Any, dtype: str, threads: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.model, self.w = model, STRONG[model.__name__]
        self.net = make(seed=seed, threads=threads, dtype=dtype)
        cells = self.net.population(70, model(t_ref=0.7), name="cells")
        source = self.net.population(30, sl.PoissonSource(300.0), name="source")
        self.net.inject(cells, sl.PoissonInput(rate=2500.0, weight=0.1 * self.w))
        self.net.connect(source, cells, sl.FixedIndegree(4), weight=0.3 * self.w, delay=1.7)

    @property
    def cells(self) -> Any:
        """The first population."""
        return self.net.populations[0]

    def run(self, pieces: int) -> None:
        """Run a random time in some pieces."""
        steps = int(self.rng.integers(0, 120))
        cuts = np.unique([0, steps, *np.linspace(0, steps, pieces + 1).astype(int)])
        for piece in np.diff(cuts):
            self.net.run(piece * 0.1)

    def connect(self, _: int) -> None:
        """Connect two random populations or parts."""
        net, rng = self.net, self.rng
        neurons = [p for p in net.populations if hasattr(p.model, "states")]
        pre, post = rng.choice(len(net.populations)), neurons[rng.choice(len(neurons))]
        part = post[np.sort(rng.permutation(len(post))[: rng.integers(0, len(post) + 1)])]
        target = post if rng.random() < 0.5 else part
        plastic = rng.random() < 0.5
        rule = RULES[rng.choice(len(RULES)) if len(net.populations[pre]) and len(target) else 0]
        net.connect(
            net.populations[pre], target, rule,
            weight=sl.Uniform(0.0, 0.3 * self.w) if plastic else sl.Normal(0.0, 0.2 * self.w),
            delay=sl.Uniform(0.1, float(rng.choice([0.1, 1.0, 30.0]))),
            plasticity=sl.STDP(A_plus=0.02 * self.w, A_minus=0.02 * self.w, w_max=0.3 * self.w)
            if plastic else None,
        )  # fmt: skip

    def add(self, _: int) -> None:
        """Add neurons or sources."""
        kind, n = self.rng.integers(0, 3), int(self.rng.integers(0, 150))
        if kind == 0:
            self.net.population(n, self.model(t_ref=self.rng.uniform(0, 3, n)))
        elif kind == 1:
            self.net.population(n, sl.RasterSource(self.rng.integers(0, 3, (50, n)) // 2))
        else:
            times = self.net.t + 0.1 * np.sort(self.rng.integers(1, 300, 40))
            self.net.population(
                n + 1, sl.SpikeSource(times, self.rng.integers(0, n + 1, 40), snap=True)
            )

    def inject(self, _: int) -> None:
        """Drive a part by noise or a current."""
        part = self.cells[self.rng.permutation(70)[:20]]
        if self.rng.random() < 0.5:
            self.net.inject(part, sl.NoiseInput(std=30.0, every=0.7))
        else:
            self.net.inject(part, sl.CurrentInput(self.rng.normal(0, 50, (90, 20))))

    def change(self, _: int) -> None:
        """Change parameters, states, rates or weights."""
        kind = self.rng.integers(0, 5)
        if kind == 0:
            self.cells.I_e = self.rng.uniform(0, 200, 70)
        elif kind == 1:
            self.cells.set(theta_plus=0.3, tau_theta=20.0)
        elif kind == 2:
            self.cells[:9].V_m = sl.Normal(-65.0, 3.0)
        elif kind == 3:
            self.net.populations[1].rate = self.rng.uniform(0, 900, 30)
        else:
            p = self.net.projections[self.rng.integers(0, len(self.net.projections))]
            p.weights = p.weights * 0.9

    def reset(self, _: int) -> None:
        """Start again, now and then."""
        keep = bool(self.rng.random() < 0.5)
        if self.rng.random() < 0.3:
            self.net.reset(keep_weights=keep)

    def look(self, rng: np.random.Generator, path: Path) -> None:
        """Read, record, prepare, save, or go on with a loaded copy."""
        kind = rng.integers(0, 5)
        p = self.net.projections[rng.integers(0, len(self.net.projections))]
        if kind == 0:
            _ = p.weights, p.delays, p.to_scipy(), repr(self.net), repr(p), self.cells.V_m[:]
        elif kind == 1:
            self.net.record(p, "weights", every=0.9)
            self.net.record(self.cells[::3], "V_m", every=1.3)
            self.net.record(self.net.populations[-1], "spikes")
        elif kind == 2:
            self.net.prepare()
        else:
            self.net.save(path)
            if kind == 4:
                self.net = sl.Network.load(path, threads=int(rng.integers(1, 4)))

    def result(self) -> dict[str, Any]:
        """Return all there is, and the spikes of 8 ms more."""
        net = self.net
        spikes = [net.record(p, "spikes") for p in net.populations]
        net.run(8.0)
        found: dict[str, Any] = {"t": net.t}
        for k, (p, r) in enumerate(zip(net.populations, spikes, strict=True)):
            found[f"spikes {k}"] = np.stack([r.times, r.ids])
            for state in getattr(p.model, "states", ()):
                found[f"{state} {k}"] = np.asarray(getattr(p, state))
        for k, q in enumerate(net.projections):
            found[f"projection {k}"] = np.stack([q.pre_ids, q.post_ids, q.delays, q.weights])
        return found


@pytest.mark.parametrize("seed", range(int(os.environ.get("SPIKELET_FUZZ", "40"))))
def test_reading_and_saving_change_no_bit(seed: int, tmp_path: Path) -> None:
    rng, looks = np.random.default_rng(seed), np.random.default_rng(1000 + seed)
    model, dtype = MODELS[seed % 5], ("float32", "float64")[seed // 5 % 2]
    plain = Actor(seed, model, dtype, 1)
    other = Actor(seed, model, dtype, 1 + seed % 3)
    names = rng.choice(
        ["run", "run", "connect", "add", "inject", "change", "reset"], int(rng.integers(5, 25))
    )
    for name in names:
        getattr(plain, name)(1)
        getattr(other, name)(int(looks.integers(1, 6)))
        if looks.random() < 0.6:
            other.look(looks, tmp_path / "net")
    a, b = plain.result(), other.result()
    assert a.keys() == b.keys()
    for key, values in a.items():
        np.testing.assert_array_equal(b[key], values, err_msg=f"{key} after {', '.join(names)}")

"""Random recurrent networks against a plain numpy simulator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import STRONG, Floats, Ints, make, to_steps

import spikelet as sl

MODELS = (sl.LIF, sl.LIFDelta, sl.LIFAlpha, sl.LIFCond, sl.IF)  # that `Reference` knows
DT, STEPS, N, SOURCES = 0.1, 900, 60, 40
NODES, WEIGHTS = np.polynomial.legendre.leggauss(10)


def draw_parameters(model: Any, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw parameters for each neuron; some have equal time constants."""
    p = {
        "E_L": rng.uniform(-75, -65, N), "V_th": rng.uniform(-56, -50, N),
        "V_reset": rng.uniform(-72, -60, N), "t_ref": rng.uniform(0, 4, N),
        "theta_plus": rng.choice([0.0, 0.8], N), "tau_theta": rng.uniform(10, 100, N),
        "C_m": rng.uniform(150, 300, N), "I_e": rng.uniform(0, 300, N),
    }  # fmt: skip
    if model is not sl.LIFDelta:
        p |= {"tau_syn_ex": rng.uniform(0.5, 5, N), "tau_syn_in": rng.uniform(0.5, 9, N)}
    if model is sl.LIFCond:
        p["g_L"] = rng.uniform(8, 20, N)
    elif model is not sl.IF:
        p["tau_m"] = rng.uniform(5, 30, N)
        if "tau_syn_ex" in p:
            p["tau_syn_ex"][:9] = p["tau_m"][:9]
    return p


class Reference:
    """One step of a population at a time, in the order of docs and notes."""

    def __init__(self, model: Any, p: dict[str, Floats], subtract: bool) -> None:
        self.model, self.p, self.subtract = model, p, subtract
        self.v, self.theta = p["E_L"].copy(), np.zeros(N)
        self.held = np.zeros(N, dtype=int)
        self.steps = np.ceil(np.floor(p["t_ref"] * 1000 + 0.5) / 100).astype(int)
        self.syn, self.rise = np.zeros((2, N)), np.zeros((2, N))  # channels: ex, in

    def membrane(self) -> Floats:
        """Return the potential at the end of the step, were it not held."""
        p, u = self.p, self.v - self.p["E_L"]
        if self.model is sl.LIFCond:
            return p["E_L"] + self.relaxed(u)
        if self.model is sl.IF:
            gain = [p[t] * -np.expm1(-DT / p[t]) for t in ("tau_syn_ex", "tau_syn_in")]
            current = sum(i * k for i, k in zip(self.syn, gain, strict=True))
            return p["E_L"] + u + (p["I_e"] * DT + current) / p["C_m"]
        limit = p["I_e"] * p["tau_m"] / p["C_m"]
        new = limit + (u - limit) * np.exp(-DT / p["tau_m"])
        if self.model is not sl.LIFDelta:
            for k, name in enumerate(("tau_syn_ex", "tau_syn_in")):
                # The integral over the step, by quadrature.
                t = 0.5 * DT * (NODES[:, None] + 1)
                current = (self.syn[k] + self.rise[k] * t) * np.exp(-t / p[name])
                decayed = current * np.exp(-(DT - t) / p["tau_m"])
                new += 0.5 * DT * (WEIGHTS[:, None] * decayed).sum(axis=0) / p["C_m"]
        return p["E_L"] + new

    def equation(self, t: Floats) -> tuple[Floats, Floats]:
        """Return `rate` and `push` [*t, n] of V' = push - rate V at times t in a step, for conductances."""
        p = self.p
        taus = np.array([p["tau_syn_ex"], p["tau_syn_in"]])
        ex, inh = np.moveaxis(self.syn * np.exp(-t[..., None, None] / taus), -2, 0)
        push = ex * (0.0 - p["E_L"]) + inh * (-85.0 - p["E_L"]) + p["I_e"]
        return (p["g_L"] + ex + inh) / p["C_m"], push / p["C_m"]

    def relaxed(self, u: Floats) -> Floats:
        """Return where conductances take the potential, relative to E_L: Magnus' series to its second term."""
        part = 0.5 * (NODES + 1)
        rate, push = self.equation(DT * part)
        before, push_before = self.equation(DT * part[:, None] * part)  # [t, earlier, n]
        bracket = np.einsum(
            "b,abn->an", WEIGHTS, before * push[:, None] - rate[:, None] * push_before
        )
        total = 0.5 * DT * WEIGHTS @ rate
        second = 0.5 * (0.5 * DT * WEIGHTS) @ (0.5 * DT * part[:, None] * bracket)
        goal = (0.5 * DT * WEIGHTS @ push + second) / total
        return goal + (u - goal) * np.exp(-total)

    def step(self, arrivals: Floats) -> Ints:
        """Advance; return who spiked. `arrivals` are the sums of each channel at the end of the step."""
        p, free = self.p, self.held == 0
        after = self.membrane()
        if self.model is sl.LIFDelta:
            after = after + arrivals.sum(axis=0)
        else:
            for k, name in enumerate(("tau_syn_ex", "tau_syn_in")):
                decay = np.exp(-DT / p[name])
                self.syn[k] = (self.syn[k] + self.rise[k] * DT) * decay
                self.rise[k] *= decay
                if self.model is sl.LIFAlpha:
                    self.rise[k] += arrivals[k] * np.e / p[name]
                else:
                    self.syn[k] += np.abs(arrivals[k]) if self.model is sl.LIFCond else arrivals[k]
        self.v = np.where(free, after, self.v)
        self.held = np.where(free, 0, self.held - 1)
        self.theta = self.theta * np.exp(-DT / p["tau_theta"])
        level = p["V_th"] + self.theta
        spiked = free & (self.v >= level)
        down = self.v - (level - p["V_reset"]) if self.subtract else p["V_reset"]
        self.v = np.where(spiked, down, self.v)
        self.theta = self.theta + np.where(spiked, p["theta_plus"], 0.0)
        self.held = np.where(spiked, self.steps, self.held)
        return np.flatnonzero(spiked)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("subtract", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_spikes_and_potentials(model: Any, subtract: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, w = draw_parameters(model, rng), STRONG[model.__name__]
    stamps, ids = np.sort(rng.integers(0, STEPS, 900)), rng.integers(0, SOURCES, 900)
    lists = []
    for n_pre, size, scale in ((SOURCES, 400, 0.7), (N, 700, 0.35)):
        weight = scale * w * rng.uniform(-0.6, 1.0, size)
        delay = rng.integers(1, 60, size)
        lists.append((rng.integers(0, n_pre, size), rng.integers(0, N, size), weight, delay))

    net = make(threads=2)
    cells = net.population(N, model(**p, reset="subtract" if subtract else "zero"))
    pre = net.population(SOURCES, sl.SpikeSource(stamps * DT, ids, snap=True))
    for origin, (i, j, weight, delay) in zip((pre, cells), lists, strict=True):
        net.connect(origin, cells, (i, j), weight=weight, delay=delay * DT)
    spikes, potential = net.record(cells, "spikes"), net.record(cells, "V_m")
    net.run(STEPS * DT)

    reference = Reference(model, p, subtract)
    arrivals = np.zeros((STEPS + 100, 2, N))

    def send(synapses: tuple[Any, ...], source: int, stamp: int) -> None:
        i, j, weight, delay = synapses
        k = np.flatnonzero(i == source)
        np.add.at(arrivals, (stamp + delay[k], (weight[k] < 0).astype(int), j[k]), weight[k])

    for stamp, source in zip(stamps, ids, strict=True):
        send(lists[0], source, stamp)
    found, v = [], np.zeros((STEPS, N))
    for n in range(STEPS):
        for cell in reference.step(arrivals[n + 1]):
            found.append((n + 1, int(cell)))
            send(lists[1], cell, n + 1)
        v[n] = reference.v
    got = list(zip(to_steps(spikes.times).tolist(), spikes.ids.tolist(), strict=True))
    assert got == found
    assert len(found) > 250
    np.testing.assert_allclose(potential.values, v, rtol=0, atol=1e-9)

"""Networks with a projection of every rule of plasticity; a process of its own may import this alone."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.bits_zoo.plasticity import BOUNDS, DEPENDENCES, PAIRINGS

import spikelet as sl
from spikelet import plasticity

LAYOUTS = ("dense", "one delay", "many delays")


def rules() -> list[Any]:
    """Return each rule; what it does at ties and its axonal fraction cycle."""
    found: list[Any] = []

    def frame() -> dict[str, Any]:
        k = len(found)
        return {
            "coincidence": ("potentiate", "ignore")[k % 2],
            "axonal_fraction": (0.0, 0.4, 1.0)[k % 3],
        }

    for pairing in PAIRINGS:
        for dependence in DEPENDENCES:
            given = {"A_plus": 1.0, "A_minus": 1.2, **BOUNDS, **frame(), **dependence}
            found.append(sl.STDP(pairing=pairing, **given))
    for _ in range(2):
        found += [
            sl.TripletSTDP(
                A_plus=0.5, A_minus=0.6, A_plus_triplet=0.3, A_minus_triplet=0.2, **BOUNDS,
                **frame(),
            )
        ]  # fmt: skip
        found += [sl.InhibitorySTDP(eta=1.0, alpha=1.5, w_max=40.0, **frame())]
        found += [sl.DiehlCookSTDP(eta_pre=0.5, eta_post=2.0, **BOUNDS, **frame())]
    for tau_n in (None, 20.0):
        found += [
            sl.RewardSTDP(
                A_plus=0.06, A_minus=0.05, tau_c=100.0, tau_n=tau_n, b=0.1, **BOUNDS, **frame()
            )
        ]
    found += [
        sl.TsodyksMarkram(U=0.4, tau_rec=60.0, tau_fac=0.0),
        sl.TsodyksMarkram(U=0.4, tau_rec=60.0, tau_fac=30.0, tau_psc=3.0),
    ]
    found += text_rules()
    return [*found, *_others({type(rule) for rule in found})]


def text_rules() -> list[Any]:
    """Return rules from text, with all that they can have."""
    pairs = sl.SynapseEquations(
        "dx/dt = -x/tau; dy/dt = -y/tau",
        on_pre="w = clip(w - A*y, 0, 40); x += 1", on_post="w = clip(w + A*x, 0, 40); y += 1",
        parameters={"tau": (20.0, "ms"), "A": 1.0},
    )  # fmt: skip
    release = sl.SynapseEquations(
        "dr/dt = (1 - r)/tau_r; dc/dt = -c/tau_c; ds/dt = (c - s)/tau_s; dw/dt = (20 - w)/tau_w",
        on_pre="transmit = w*r if rand() < p else 0; r -= U*r; c += 1",
        on_post="c += 2*(1 + 0.1*randn()); w = min(w + int(s > 0.5)*(1 + s), 40)",
        parameters={
            "tau_r": (50.0, "ms"), "tau_c": (20.0, "ms"), "tau_s": (10.0, "ms"), "tau_w": (300.0, "ms"),
            "p": 0.6, "U": 0.3,
        },
        initial={"r": 1.0}, axonal_fraction=0.4,
    )  # fmt: skip
    return [pairs(), release(), release(p=sl.Uniform(0.2, 0.9))]


def _others(seen: set[type]) -> list[Any]:
    """Return the rules that are not listed above, with strong amplitudes."""
    made = []
    for name in plasticity.__all__:
        rule = getattr(plasticity, name)
        if rule not in seen and rule is not plasticity.Plasticity:
            fields = {field.name for field in dataclasses.fields(rule)}
            bounds = {bound: value for bound, value in BOUNDS.items() if bound in fields}
            made.append(rule(**dict.fromkeys(plasticity.amplitudes(rule), 0.5), **bounds))
    return made


@dataclass
class Zoo:
    """A network, its neurons and what is recorded of them."""

    net: sl.Network
    spikes: Any
    potential: Any

    def conduct(self) -> None:
        """Set and schedule rewards, at time 0."""
        for p in self.net.projections:
            if isinstance(p.plasticity, sl.RewardSTDP):
                p.reward = 0.5
                p.schedule_reward([4.9, 20.0, 45.3], [-0.5, 0.8, 0.3])

    def look(self) -> list[Any]:
        """Read all there is of the projections."""
        found: list[Any] = [p.weights for p in self.net.projections]
        found += [p.reward for p in self.net.projections if isinstance(p.plasticity, sl.RewardSTDP)]
        return found

    def result(self) -> list[Any]:
        """Return all there is."""
        return [self.spikes.times, self.spikes.ids, self.potential.values, *self.look()]


def build(layout: str, *, dtype: Any = "float64", threads: int | None = 1) -> Zoo:
    """Make a network whose spikes depend on all of its plastic weights."""
    net = sl.Network(dt=0.1, seed=8, threads=threads, dtype=dtype)
    n, m = (16, 70) if layout == "dense" else (40, 70)
    cells = net.population(m, sl.LIF(t_ref=1.0, I_e=200.0), name="cells")
    sources = net.population(n, sl.PoissonSource(np.linspace(10.0, 150.0, n)), name="sources")
    net.inject(cells, sl.PoissonInput(rate=3000.0, weight=60.0))
    rng = np.random.default_rng(2)
    for k, rule in enumerate(rules()):
        weight = sl.Uniform(2.0, 38.0)
        if isinstance(rule, sl.InhibitorySTDP):
            weight = sl.Uniform(-38.0, -2.0)
        steps: Any = int(rng.integers(1, 40))
        connection: Any = {"dense": sl.AllToAll(), "one delay": sl.FixedProbability(0.1)}.get(
            layout
        )
        pre = cells if k % 3 == 2 and layout != "dense" else sources  # some among themselves
        if connection is None:
            connection = (rng.integers(0, len(pre), 150), rng.integers(0, m, 150))
            steps = rng.integers(1, 40, 150)
        net.connect(pre, cells, connection, weight=weight, delay=steps * 0.1, plasticity=rule)
    additive, multiplicative = net.projections[:2]
    net.regulate(additive, sl.WeightNormalization(total=60.0, every=10.0))
    net.regulate(multiplicative, sl.SynapticScaling(rate=20.0, strength=0.3, every=15.0))
    zoo = Zoo(net, net.record(cells, "spikes"), net.record(cells[::7], "V_m", every=0.5))
    zoo.conduct()
    return zoo


def digest(zoo: Zoo, pieces: Sequence[float] = (60.0,), *, look: bool = False) -> str:
    """Hash all bits after a run in pieces."""
    for piece in pieces:
        zoo.net.run(piece)
        if look:
            zoo.look()
    assert len(zoo.spikes.times) > 100
    bits = hashlib.sha256()
    for x in zoo.result():
        bits.update(np.ascontiguousarray(x).tobytes())
    return bits.hexdigest()

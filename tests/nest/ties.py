"""Random trains of a coarse grid, on which many pairs of spikes coincide, through synapses of NEST and of spikelet.

``python -m tests.nest.ties --minutes 60`` compares new trains until the time is over, and prints what differs.

NEST ignores ties, and its delays are dendritic. The other conventions are brought to it exactly: an axonal part of the
delay comes from sources that spike that much later, and ties potentiate if the targets' spikes come half a step later,
for which the amplitudes make up.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.nest.reference import Floats, Ints, Stdp, nest
from tests.nest.test_plasticity import NEAREST, pair, power_law, triplet

import spikelet as sl

STEPS, SYNAPSES = 150, 25
LAYOUTS = ("dense", "one delay", "many delays")
KINDS = (
    "all_to_all", *NEAREST, "multiplicative", "power", "nearest_restricted power", "power_law", "triplet",
    "inhibitory", "negative", "negative power",
)  # fmt: skip


@dataclass
class Round:
    """One rule, the trains of sources and targets, with stamps in steps, and the synapses between them."""

    kind: str
    dt: float
    coincidence: str
    axonal_fraction: float
    numbers: Stdp
    mu: tuple[float, float]
    pre: list[Ints]
    post: list[Ints]
    source: Ints  # of each synapse
    target: Ints
    delay: Ints
    weight: Floats

    @property
    def axonal(self) -> Ints:
        """Axonal part of each delay, in steps."""
        return np.floor(self.axonal_fraction * self.delay + 0.5).astype(np.int64)

    def describe(self) -> str:
        """Return what to look at."""
        return f"{self.kind}, {self.coincidence}, axonal {self.axonal_fraction}, dt {self.dt}, {self.numbers}"

    @property
    def ties(self) -> int:
        """How many pairs of spikes coincide at their synapse."""
        return sum(
            int(np.isin(self.pre[i] + a, self.post[j] + d - a).sum())
            for i, j, d, a in zip(self.source, self.target, self.delay, self.axonal, strict=True)
        )


def draw(seed: Any, kind: str, coincidence: str) -> Round:
    """Draw a round; a train has a spike in a third of all steps or in few."""
    rng = np.random.default_rng(seed)
    dt = float(rng.choice([0.1, 0.2, 1.0]))
    tau = rng.uniform(5.0, 60.0, 2) * dt
    fraction = float(rng.choice([0.0, 0.0, 0.3, 0.5, 0.8]))
    layout = LAYOUTS[int(rng.integers(3))]
    delay = rng.integers(3, 12, SYNAPSES)  # some of it stays dendritic
    source = target = np.arange(SYNAPSES)
    if layout != "many delays":
        delay[:] = delay[0]
    if layout == "dense":
        source, target = np.divmod(np.arange(SYNAPSES), 5)
    first = 3 + int(delay.max())  # NEST pairs earlier posts with a pre spike at 0 that never was

    def train(start: int, *, twice: bool) -> Ints:
        size = int(rng.choice([1, 5, 20, 50]))
        stamps = np.sort(rng.integers(start, STEPS, size))
        return stamps if twice else np.unique(stamps)

    return Round(
        kind, dt, coincidence, fraction,
        Stdp(float(tau[0]), float(tau[1]), float(rng.uniform(0.01, 0.3)), float(rng.uniform(0.5, 1.5)), w_max=3.0),
        (float(rng.uniform(0.2, 1.5)), float(rng.uniform(0.2, 1.5))),
        [np.append(2, train(3, twice=True)) for _ in range(source.max() + 1)],
        [train(first, twice=False) for _ in range(target.max() + 1)],
        source, target, delay, (-1.0 if "negative" in kind else 1.0) * rng.uniform(0.3, 2.7, SYNAPSES),
    )  # fmt: skip


def rules(r: Round) -> tuple[str, dict[str, Any], dict[str, Any], Any]:
    """Return NEST's model, its parameters, those of its target, and our rule."""
    s = r.numbers
    how: dict[str, Any] = {"coincidence": r.coincidence, "axonal_fraction": r.axonal_fraction}
    if r.kind == "inhibitory":
        numbers: dict[str, Any] = {"tau": s.tau_plus, "eta": s.lambda_, "alpha": s.alpha}
        rule = sl.InhibitorySTDP(**numbers, w_max=s.w_max, **how)
        return (
            "vogels_sprekeler_synapse",
            numbers | {"Wmax": s.w_max},
            {"tau_minus": s.tau_plus},
            rule,
        )
    name, _, more = r.kind.partition(" ")
    if name == "triplet":
        made = triplet(s)
    elif name == "power_law":
        made = power_law(s)
    elif name in ("multiplicative", "power"):
        made = pair(s, mu=r.mu if name == "power" else (1.0, 1.0))
    elif (
        name == "negative"
    ):  # NEST's rule acts on the magnitude: what it calls up leads to our w_min
        made = pair(s, mu=r.mu if more else None)
        negative = {
            "A_plus": -made.rule.A_plus,
            "A_minus": -made.rule.A_minus,
            "w_min": -s.w_max,
            "w_max": 0.0,
        }
        rule = dataclasses.replace(made.rule, **negative)
        params = made.params | {"Wmax": -s.w_max, "weight": -1.0}
        made = dataclasses.replace(made, rule=rule, params=params)
    else:
        made = pair(s, name, mu=r.mu if more else None)
    return made.model, dict(made.params), dict(made.neuron), dataclasses.replace(made.rule, **how)


def later(
    model: str, params: dict[str, Any], neuron: dict[str, Any], shift: float
) -> dict[str, Any]:
    """Return parameters of NEST for targets whose spikes come later by `shift`."""
    up, down = np.exp(shift / params.get("tau_plus", 1.0)), np.exp(-shift / neuron["tau_minus"])
    if model == "stdp_triplet_synapse":
        factors = {"Aplus": up, "Aplus_triplet": up, "Aminus": down, "Aminus_triplet": down}
    else:
        factors = {"lambda": up, "alpha": down / up}
    return params | {name: params[name] * by for name, by in factors.items()}


def by_nest(r: Round) -> list[tuple[Ints, Floats]]:
    """Return the step and the weight of each event that NEST sends, by synapse."""
    model, params, neuron, _ = rules(r)
    half = r.coincidence == "potentiate"
    if half:
        params = later(model, params, neuron, r.dt / 2)
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=r.dt / 2, min_delay=r.dt / 2, max_delay=20.0 * r.dt)
    pre = [r.pre[i] + a for i, a in zip(r.source, r.axonal, strict=True)]  # for each synapse
    n = SYNAPSES + len(r.post)
    times = [2 * stamps - 1 for stamps in pre] + [2 * stamps - 1 + half for stamps in r.post]
    generators = nest.Create(
        "spike_generator", n, params=[{"spike_times": (t * (r.dt / 2)).round(6)} for t in times]
    )  # fmt: skip
    parrots = nest.Create("parrot_neuron", n, params=neuron)
    nest.Connect(generators, parrots, "one_to_one", {"weight": 1.0, "delay": r.dt / 2})
    recorder = nest.Create("weight_recorder")
    nest.CopyModel(model, "recorded", params | {"weight_recorder": recorder})
    spec = {
        "synapse_model": "recorded", "weight": r.weight, "delay": (r.delay - r.axonal) * r.dt,
        "receptor_type": np.ones(SYNAPSES, dtype=int),  # a parrot does not repeat what it gets there
    }  # fmt: skip
    ids = np.array(parrots.tolist())
    nest.Connect(ids[:SYNAPSES], ids[SYNAPSES + r.target], "one_to_one", spec)
    nest.Simulate((STEPS + 30) * r.dt)
    events = recorder.events
    found = []
    for k in range(SYNAPSES):
        mine = events["senders"] == ids[k]
        order = np.argsort(events["times"][mine], kind="stable")
        found.append(
            (
                np.rint(events["times"][mine][order] / r.dt).astype(int),
                events["weights"][mine][order],
            )
        )
    return found


def by_spikelet(r: Round) -> Floats:
    """Return what arrives in each step, by target: the sum of the weights that were sent."""
    *_, rule = rules(r)
    net = sl.Network(dt=r.dt, dtype="float64", threads=1)
    steps, ids = (
        np.concatenate(x)
        for x in zip(*[(t, np.full(len(t), k)) for k, t in enumerate(r.pre)], strict=True)
    )
    order = np.argsort(steps, kind="stable")
    source = net.population(len(r.pre), sl.SpikeSource((steps * r.dt)[order].round(6), ids[order]))
    cells = net.population(
        len(r.post),
        sl.LIF(t_ref=0.0, tau_syn_ex=1e-4, tau_syn_in=1e-4, tau_m=10.0, V_th=1e6, V_reset=-70.0),
    )
    kicks = np.zeros((STEPS, len(r.post)))
    for k, stamps in enumerate(r.post):
        kicks[stamps - 1, k] = 1e12
    net.inject(cells, sl.CurrentInput(kicks))
    net.connect(
        source, cells, (r.source, r.target),
        weight=r.weight, delay=r.delay * r.dt, plasticity=rule,
    )  # fmt: skip
    spikes = net.record(cells, "spikes")
    arrived = [net.record(cells, name) for name in ("I_syn_ex", "I_syn_in")]
    net.run((STEPS + 30) * r.dt)
    fired = np.rint(spikes.times / r.dt).astype(int)
    for k, stamps in enumerate(r.post):
        np.testing.assert_array_equal(fired[spikes.ids == k], stamps)
    return np.asarray(sum(a.values for a in arrived)).T


def largest_difference(r: Round) -> float:
    """Return the largest difference between the weights sent."""
    ours = by_spikelet(r)
    want = np.zeros_like(ours)
    moved = []
    for k, (steps, weights) in enumerate(by_nest(r)):
        assert len(steps) == len(r.pre[r.source[k]])
        # What is sent at a step is recorded one delay later, in the row before that of its stamp.
        rows = steps - int(r.axonal[k]) + int(r.delay[k]) - 1
        np.add.at(want, (int(r.target[k]), rows), weights)
        moved.append(np.abs(weights - r.weight[k]).max())
    assert np.mean(moved) > 1e-3, "the weights hardly moved"
    return float(np.abs(want - ours).max())


def main() -> None:
    """Compare until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    end, rounds, pairs, worst = time.monotonic() + 60 * options.minutes, 0, 0, 0.0
    while time.monotonic() < end:
        kind = KINDS[rounds % len(KINDS)]
        coincidence = ("potentiate", "ignore")[rounds // len(KINDS) % 2]
        if kind == "inhibitory":
            coincidence = "ignore"  # it has one amplitude for both sides
        r = draw([options.seed, rounds], kind, coincidence)
        difference = largest_difference(r)
        worst, pairs, rounds = max(worst, difference), pairs + r.ties, rounds + 1
        if difference > 1e-10:
            print(
                f"seed [{options.seed}, {rounds - 1}]: {difference:.3g}: {r.describe()}", flush=True
            )
    print(f"{rounds} rounds with {pairs} ties; largest difference {worst:.3g}")


if __name__ == "__main__":
    main()

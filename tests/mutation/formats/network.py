"""Checkpoints of networks: `Network.save` and `Network.load`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_npz, pick
from tests.support.plasticity_zoo import rules

import spikelet as sl
from spikelet.neurons import integrate_and_fire

MODELS = list(integrate_and_fire.models().values())
RULES = [rule for rule in rules() if getattr(rule, "axonal_fraction", 0.0) < 1]
REWARDED = sl.SynapseEquations(
    "dx/dt = -x/(20*ms)", on_pre="x += 1", on_signal="w = clip(w + signal*x, 0, 50)"
)
REGULATIONS = (
    sl.WeightNormalization(total=60.0, every=5.0), sl.SynapticScaling(rate=20.0, every=5.0)
)  # fmt: skip


def network(seed: int) -> sl.Network:
    """Return a small network that ran, of varied content."""
    rng = np.random.default_rng(seed)
    net = sl.Network(
        dt=pick(rng, (0.1, 0.5, 1.0)), seed=seed, threads=1, dtype=pick(rng, ("float32", "float64"))
    )
    n = int(rng.integers(3, 9))
    theta = {"theta_plus": 0.5, "tau_theta": 50.0} if rng.random() < 0.5 else {}
    cells = net.population(n, pick(rng, MODELS)(t_ref=2.0, **theta), name="cells")
    net.population(0, sl.LIF())
    poisson = net.population(4, sl.PoissonSource(np.linspace(50.0, 400.0, 4)), name="poisson")
    times = np.sort(rng.integers(1, 60, 12)) * 1.0
    given = net.population(3, sl.SpikeSource(times, rng.integers(0, 3, 12), snap=True))
    raster = net.population(2, sl.RasterSource(np.ones((5, 2), bool)))
    delay = sl.Uniform(2.0, 9.0) if rng.random() < 0.5 else 4.0
    for rule in (None, pick(rng, RULES), pick(rng, RULES)):
        net.connect(
            pick(rng, (poisson, given, cells)), cells, pick(rng, (sl.FixedProbability(0.6), sl.AllToAll())),
            weight=sl.Uniform(5.0, 35.0), delay=delay, plasticity=rule,
        )  # fmt: skip
    net.connect(raster, cells[: n // 2], sl.AllToAll(), weight=40.0, delay=2.0)
    net.connect(cells, cells, sl.FixedProbability(0.3), weight=-20.0, delay=delay)
    if rng.random() < 0.5 and not isinstance(net.projections[1].plasticity, sl.TsodyksMarkram):
        net.regulate(net.projections[1], pick(rng, REGULATIONS))
    net.inject(cells, sl.PoissonInput(rate=2000.0, weight=60.0))
    net.inject(cells[: n // 2], sl.NoiseInput(mean=20.0, std=30.0, every=1.0))
    net.inject(cells, sl.CurrentInput(rng.uniform(0.0, 400.0, 30)))
    times = [5.0, 12.0, 20.0]
    net.inject(cells, sl.PoissonInput(sl.SinusoidalPoisson(900.0, 500.0, 20.0), weight=60.0))
    changing = sl.InhomogeneousPoisson(rng.uniform(0.0, 900.0, (3, n)), times=times)
    net.inject(cells, sl.PoissonInput(changing, weight=-10.0))
    net.inject(cells[1:], sl.StepCurrent(times, rng.uniform(0.0, 90.0, (3, n - 1))))
    net.inject(cells, sl.SineCurrent(50.0, 20.0, np.linspace(1.0, 50.0, n)))
    volley = net.population(3, sl.PulsePacket(times, 2, 1.0))
    wave = net.population(3, sl.SinusoidalPoisson(np.array([9.0, 200.0, 50.0]), 50.0, 20.0))
    rows = net.population(3, sl.InhomogeneousPoisson([50.0, 300.0], every=10.0))
    for source in (volley, wave, rows):
        net.connect(source, cells, sl.AllToAll(), weight=20.0, delay=2.0)
    if rng.random() < 0.5:
        p = net.connect(given, cells, sl.AllToAll(), weight=20.0, delay=2.0, plasticity=REWARDED)
        p.signal(0.5, spikes=poisson[1:], delay=3.0)
        p.signal([0.3, -0.2], times=[5.0, 60.0])
    net.record(cells, "spikes")
    net.record(cells[1:], "V_m", every=3.0)
    net.record(net.projections[1], "weights", every=5.0)
    if rng.random() < 0.9:
        net.run(float(rng.integers(1, 40)))
    return net


def seen(net: sl.Network) -> dict[str, Any]:
    """Return all that a user can see of a network."""
    found: dict[str, Any] = {"t": net.t, "dt": net.dt, "seed": net.seed, "dtype": net.dtype}
    for p in net.populations:
        found[f"population {p.index}"] = [p.name, p.size, p.model]
        for state in getattr(p.model, "states", ()):
            found[f"population {p.index} {state}"] = np.array(getattr(p, state))
    for q in net.projections:
        found[f"projection {q.index}"] = [q.pre.ids, q.post.ids, q.plasticity, str(q.receptor)]
        found[f"synapses {q.index}"] = [q.pre_ids, q.post_ids, q.delays, np.array(q.weights)]
    for k, r in enumerate(net.recorders):
        found[f"recorder {k}"] = [r.times, r.ids if hasattr(r, "ids") else r.values]
    found["inputs"] = len(net.inputs)
    found["repr"] = [repr(net), [repr(x) for x in (*net.populations, *net.projections)]]
    return found


class NetworkFile(Format):
    errors = (ValueError, FloatingPointError)  # the latter in a run: a state is no number

    def write(self, folder: Path, seed: int) -> None:
        network(seed).save(folder / "net.npz", recorders=True)

    def read(self, folder: Path) -> Any:
        net = sl.Network.load(folder / "net.npz", threads=1)
        before = seen(net)
        net.run(20 * net.dt)
        return before, seen(net)

    def craft(self, folder: Path, rng: Random) -> str:
        return change_npz(folder / "net.npz", rng)

    def use(self, folder: Path) -> None:
        net = sl.Network.load(folder / "net.npz", threads=1)
        seen(net)
        net.run(20 * net.dt)
        seen(net)
        net.save(folder.parent / "again.npz", recorders=True)
        other = sl.Network.load(folder.parent / "again.npz", threads=1)
        other.reset()
        other.run(3 * net.dt)
        seen(other)


FORMAT = NetworkFile()

"""A network with everything in it: runs, and writes what can be read of it. The same script for any number of ranks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl


def build(dtype: Any, threads: int) -> sl.Network:
    """Connect populations of all models by all rules, most plasticities and all inputs."""
    net = sl.Network(dt=0.1, seed=3, dtype=dtype, threads=threads)
    rng = np.random.default_rng(1)
    lif = sl.LIF(tau_m=20.0, C_m=200.0, E_L=-60.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0, I_e=50.0)
    E = net.population(800, lif.replace(theta_plus=0.1), name="E")
    I = net.population(200, sl.LIF(tau_m=rng.uniform(10.0, 20.0, 200)), name="I")
    D = net.population(70, sl.LIFDelta(V_th=-60.0), name="D")
    C = net.population(130, sl.LIFCond(), name="C")
    P = net.population(300, sl.PoissonSource(rate=30.0), name="P")
    times = np.round(np.sort(rng.uniform(0.0, 190.0, 1200)), 1)
    S = net.population(50, sl.SpikeSource(times, rng.integers(0, 50, 1200)), name="S")
    R = net.population(20, sl.RasterSource(rng.random((1500, 20)) < 0.01), name="R")
    E.V_m[:] = rng.uniform(-60.0, -50.0, 800)
    I.V_m[50:100] = sl.Uniform(-70.0, -60.0)

    def stdp(**others: Any) -> sl.STDP:
        return sl.STDP(A_plus=0.3, A_minus=0.31, w_max=60.0, **others)

    some, normal = sl.FixedProbability(0.1), sl.Normal(20.0, 2.0, clip=(0.0, 50.0))
    delays, span = sl.Uniform(0.8, 3.0), rng.uniform(0.5, 4.0, 4000)
    pairs = rng.integers(0, 800, 4000), rng.integers(0, 130, 4000)
    net.connect(E, E, some, weight=normal, delay=1.5, plasticity=stdp())
    net.connect(E, I, sl.FixedProbability(0.2), weight=sl.Normal(40.0, 4.0), delay=delays)
    net.connect(I, E, sl.FixedIndegree(30), weight=-80.0, delay=0.8)
    net.connect(P, E, sl.FixedTotalNumber(8000), weight=90.0, delay=delays)
    net.connect(P, I, sl.FixedOutdegree(20), weight=sl.Uniform(80.0, 120.0), delay=1.0)
    nearest = stdp(pairing="nearest_symmetric")
    net.connect(S, I, sl.AllToAll(), weight=sl.Uniform(5.0, 15.0), delay=1.2, plasticity=nearest)
    history = sl.STDP(A_plus=0.01, A_minus=0.01, w_max=6.0)
    net.connect(S, D, some, weight=sl.Uniform(1.0, 3.0), delay=delays, plasticity=history)
    net.connect(E, C, pairs, weight=rng.uniform(0.0, 80.0, 4000), delay=span)
    inhibitory = sl.InhibitorySTDP(eta=0.5, w_max=100.0)
    net.connect(I, I, some, weight=sl.Normal(-30.0, 5.0), delay=0.8, plasticity=inhibitory)
    net.connect(E, D, some, weight=0.3, plasticity=sl.TsodyksMarkram())
    net.connect(I[:100], D[10:60], sl.FixedTotalNumber(500), weight=-0.3)
    net.connect(E[:50], I[:50], sl.OneToOne(), weight=10.0, delay=2.0)
    few = sl.FixedTotalNumber(300, multapses=False)
    net.connect(C, E, few, weight=np.linspace(1.0, 10.0, 300), delay=2.0)
    net.connect(R, I, some, weight=60.0, delay=0.6)
    reward = sl.RewardSTDP(A_plus=0.1, A_minus=0.1, w_max=100.0)
    modulated = net.connect(P, I, some, weight=50.0, delay=delays, plasticity=reward)
    modulated.schedule_reward([20.0, 60.0], [2.0, -1.0])
    places = sl.Free((1.0, 1.0), periodic=True)
    near = net.population(90, sl.LIF(I_e=400.0), name="near", positions=places)
    distance = sl.ByDistance("0.6 + 3*d")
    net.connect(
        near, near, sl.DistanceDependent("gaussian", scale=0.1), weight=40.0, delay=distance
    )
    short = sl.TsodyksMarkram(U=sl.Uniform(0.1, 0.9), tau_rec=sl.Uniform(50.0, 200.0))
    net.connect(near, I, some, weight=sl.Uniform(40.0, 90.0), delay=2.0, plasticity=short)
    union = near + E[::9]
    net.connect(union, I + union, sl.FixedIndegree(5), weight=normal, delay=delays)
    net.inject(E, sl.PoissonInput(rate=4000.0, weight=20.0))
    net.inject(I[:150], sl.NoiseInput(mean=100.0, std=50.0, every=1.0))
    net.inject(D, sl.CurrentInput(rng.uniform(0.0, 200.0, (1200, 70))))
    part = C[rng.permutation(130)[:30]]  # on any rank, in any order
    net.inject(part, sl.CurrentInput(rng.uniform(0.0, 200.0, (800, 30))))
    net.inject(part, sl.PoissonInput(rate=rng.uniform(0.0, 9e3, 30), weight=[0.5, -0.5] * 15))
    net.inject(I[[170, 3]], sl.PoissonInput(rate=900.0, weight=30.0))
    wave, rows = sl.SinusoidalPoisson(900.0, 900.0, 20.0), rng.uniform(0.0, 2e3, (20, 40))
    changing = [
        net.population(150, wave, name="wave"),
        net.population(40, sl.InhomogeneousPoisson(rows, every=5.0), name="rows"),
        net.population(90, sl.PulsePacket([20.0, 70.0], 3, 4.0), name="packets"),
    ]
    for source in changing:
        net.connect(source, E, few, weight=50.0, delay=2.0)
    net.inject(part, sl.PoissonInput(sl.SinusoidalPoisson(np.arange(30.0) * 100, 900.0, 9.0), 0.3))
    net.inject(E, sl.PoissonInput(sl.SinusoidalPoisson(4e3, 2e3, 30.0), weight=20.0))
    net.inject(I[[3, 170]], sl.PoissonInput(sl.InhomogeneousPoisson(rows[:, :2], every=4.0), 30.0))
    net.inject(part, sl.StepCurrent([5.0, 30.0, 80.0], rng.uniform(0.0, 90.0, (3, 30))))
    net.inject(E, sl.SineCurrent(50.0, 20.0, rng.uniform(1.0, 50.0, 800)))
    net.regulate(net.projections[0], sl.WeightNormalization(total=1500.0, every=50.0))
    net.regulate(net.projections[5], sl.SynapticScaling(rate=10.0, strength=0.1, every=40.0))
    for population in net.populations:
        net.record(population, "spikes")
    net.record(E[5:700:9], "V_m", every=0.7)
    net.record(C, "g_ex")
    net.record(near, ["V_m", "I_syn_ex"], every=3.0, start=10.0, stop=90.0)
    net.record(near, "V_m", when="before_reset", every=0.9)
    net.record(near, "spikes", start=30.0).pause()
    net.record(net.projections[0], "weights", every=30.0)
    return net


def read(net: sl.Network) -> dict[str, Any]:
    """Return everything that can be read."""
    found: dict[str, Any] = {"t": net.t}
    for k, r in enumerate(net.recorders):
        found[f"recorder{k}.times"] = r.times
        found[f"recorder{k}.data"] = r.ids if isinstance(r, sl.SpikeRecorder) else r.values
    for p in net.populations:
        for state in getattr(p.model, "states", ()):
            found[f"{p.name}.{state}"] = np.asarray(getattr(p, state))
    for q in net.projections:
        arrays = {"pre": q.pre_ids, "post": q.post_ids, "delays": q.delays, "weights": q.weights}
        found |= {f"projection{q.index}.{name}": values for name, values in arrays.items()}
        assert len(q) == len(q.weights)
    return found


def main() -> None:
    """Run 60 ms, save, set some things, run 50 ms more, and write what is there."""
    out, dtype, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if out.with_suffix(".from").exists():  # go on from what other ranks saved
        net = sl.Network.load(out.with_suffix(".from"), threads=threads)
    else:
        net = build(dtype, threads)
        net.run(20.0)
        net.run(40.0)
        net.save(out.with_suffix(".saved"), recorders=True)
    net.projections[1].weights = net.projections[1].weights * 1.5
    net.projections[0].weights = np.minimum(net.projections[0].weights + 1.0, 60.0)
    net.populations[0].V_m[::3] = -55.0
    net.recorders[-1].resume()
    net.populations[1].I_e = np.linspace(0.0, 100.0, 200)
    net.inputs[4].set(rate=np.linspace(0.0, 5e3, 30), weight=0.4)
    net.inputs[3].values = np.linspace(0.0, 90.0, 200)
    net.inputs[5].remove()
    net.inject(net.populations[3][90:], sl.NoiseInput(std=40.0))
    late = net.connect(net.populations[0], net.populations[1], sl.FixedIndegree(5), weight=30.0)
    net.run(50.0)
    assert len(late.weights) == 1000
    found = read(net)
    if net.ranks.rank == 0:
        np.savez(out, **found)
        print(f"{net.ranks.size} ranks: {net.exchanges}", net)


if __name__ == "__main__":
    main()

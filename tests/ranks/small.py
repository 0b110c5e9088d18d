"""What ranks do besides running: one subject an argument."""

from __future__ import annotations

import hashlib
import os
import resource
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import spikelet as sl
from spikelet.ranks import alone


def build(to: Path | None = None, **options: object) -> tuple[sl.Network, sl.SpikeRecorder]:
    """Return a network that spikes."""
    net = sl.Network(seed=2, threads=1, **options)  # type: ignore[arg-type]
    cells = net.population(300, sl.LIF(I_e=400.0))
    cells.V_m[:] = sl.Uniform(-70.0, -55.0)
    net.connect(cells, cells, sl.FixedProbability(0.1), weight=30.0, delay=1.0)
    return net, net.record(cells, "spikes", to=to)


def error() -> None:
    """Let the last rank fail between two runs: the others must not wait forever."""
    net, _ = build()
    net.run(10.0)
    if net.ranks.rank == net.ranks.size - 1:
        raise SystemError("a rank has failed")
    net.run(10.0)


def killed() -> None:
    """Let the system end the last rank between two runs."""
    net, _ = build()
    net.run(10.0)
    if net.ranks.rank == net.ranks.size - 1:
        os.kill(os.getpid(), signal.SIGKILL)
    net.run(1e9)


def starved() -> None:
    """Let the last rank run out of memory, for a recording that grows by 80 kB per step on each rank."""
    net = sl.Network(seed=2, threads=1)
    cells = net.population(60_000, sl.LIF())
    net.record(cells, "V_m", every=0.1)
    net.run(1.0)
    if net.ranks.rank == net.ranks.size - 1:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 2**26
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    net.run(300.0)


def stopped() -> None:
    """Let one rank's callback raise: the others stop at the same step, and all can go on."""
    net, spikes = build()
    caught = ""

    def report(t: float) -> None:
        if net.ranks.rank == 1:
            raise ArithmeticError("enough")

    try:
        net.run(1e7, progress=report)
    except (ArithmeticError, RuntimeError) as raised:
        caught = type(raised).__name__
    times = net.ranks.gather("times", (net.t, caught, len(spikes.times)))
    net.run(5.0)
    if net.ranks.rank == 0:
        assert len({(t, n) for t, _, n in times}) == 1, times
        assert [name == "ArithmeticError" for _, name, _ in times] == [False, True, False]
        print("went on", net.t == times[0][0] + 5.0)


def apart() -> None:
    """Networks of one process each."""
    with alone():
        one, a = build()
    two, b = build(comm=None)
    shared, c = build()
    assert (one.ranks.size, two.ranks.size) == (1, 1)
    for net in (one, two, shared):
        net.run(30.0)
    for x in (b, c):
        np.testing.assert_array_equal(a.times, x.times)
        np.testing.assert_array_equal(a.ids, x.ids)
    print(f"rank {shared.ranks.rank} of {shared.ranks.size}, {len(a.times)} spikes")


def disk() -> None:
    """Record to one file a rank."""
    folder = Path(sys.argv[2])
    net, spikes = build(folder / "spikes.rec")
    v = net.record(net.populations[0][::7], "V_m", every=0.5, to=folder / "v.rec")
    weights = net.record(net.projections[0], "weights", every=20.0, to=folder / "w.rec")
    memory = net.record(net.populations[0], "spikes")
    for _ in range(3):
        net.run(20.0)
    net.save(folder / "saved", recorders=True)
    assert len(v.labels.columns["id"]) == v.values.shape[1]
    if net.ranks.rank == 0:  # others need not ask
        assert len(weights.labels.columns["synapse"]) == weights.values.shape[1]
    parts = net.ranks.gather(
        "ids", (spikes.times, spikes.ids, v.values.shape, weights.values.shape)
    )
    if net.ranks.rank == 0:
        times, ids, _, _ = (list(x) for x in zip(*parts, strict=True))
        order = np.lexsort((np.concatenate(ids), np.concatenate(times)))
        np.testing.assert_array_equal(np.concatenate(times)[order], memory.times)
        np.testing.assert_array_equal(np.concatenate(ids)[order], memory.ids)
        assert sum(shape[1] for _, _, shape, _ in parts) == 43
        assert sum(shape[1] for _, _, _, shape in parts) == len(net.projections[0])
        print("files", sorted(path.name for path in folder.glob("*.rec")))
    net.run(10.0)
    again = sl.Network.load(folder / "saved", threads=1)  # takes the files over
    again.run(10.0)
    np.testing.assert_array_equal(again.recorders[3].times, memory.times)
    with pytest.raises((OSError, RuntimeError)):
        net.run(10.0)
    assert net.t == 70.0
    again.run(10.0)


def digest(net: sl.Network) -> list[str]:
    """Return a hash of spikes and weights."""
    arrays = [x for r in net.recorders for x in (r.times, r.ids)]
    arrays += [q.weights for q in net.projections]
    return [hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest() for x in arrays]


def lopsided() -> None:
    """Do what only one of the ranks notices: a new layout for changed weights, a rule without a synapse."""
    net, _ = build()
    cells = net.populations[0]
    one = net.connect(cells, cells, sl.FixedIndegree(3), weight=5.0)  # stored as one weight
    rule = sl.STDP(w_max=50.0, A_plus=0.5, A_minus=0.4)
    few = (np.arange(0, 60, 2), np.arange(1, 61, 2))  # onto the first block alone
    net.connect(cells, cells, few, weight=20.0, delay=3.0, plasticity=rule)
    inhibitory = sl.InhibitorySTDP(eta=0.1, w_max=50.0)
    signed = net.connect(
        cells, cells, sl.FixedProbability(0.05), weight=-9.0, plasticity=inhibitory
    )
    with pytest.raises(ValueError, match="must keep their sign"):
        signed.weights = 5.0
    net.run(20.0)
    weights = one.weights
    weights[:2] = -3.0  # of two targets of one rank
    one.weights = weights
    net.run(20.0)
    net.save(sys.argv[2])
    again = sl.Network.load(sys.argv[2], threads=1)
    again.record(again.populations[0], "spikes")
    net.recorders[0].clear()
    for n in (net, again):
        n.run(20.0)
    found = digest(net)
    assert digest(again) == found
    if net.ranks.rank == 0:
        print(*found)


def of_16_bits() -> None:
    """Deliver weights of 16 bits, change them with spikes in flight, save, and go on from the file of other ranks."""
    path, start = Path(sys.argv[2]), Path(sys.argv[3])
    net = sl.Network(seed=4, threads=2, dtype="float32")
    E = net.population(700, sl.LIFOneCurrent(tau_syn=0.5, I_e=390.0), name="E")
    I = net.population(300, sl.LIF(tau_syn_ex=0.5, tau_syn_in=0.5, I_e=380.0), name="I")
    for population in (E, I):
        population.V_m[:] = sl.Uniform(-70.0, -55.0)
        net.record(population, "spikes")
        net.inject(population, sl.PoissonInput(4000.0, 60.0))
    dense, sparse = sl.FixedProbability(0.3), sl.FixedIndegree(9)
    for pre, sign in ((E, 1.0), (I, -4.0)):
        for post in (E, I):
            weight = sl.Normal(9.0 * sign, 0.9)
            delay = sl.Uniform(0.3, 4.0)
            net.connect(pre, post, dense, weight=weight, delay=1.5, weight_dtype="int16")
            net.connect(pre, post, sparse, weight=weight, delay=delay, weight_dtype="int16")
    if start.exists():  # go on from what other ranks saved
        net = sl.Network.load(start, threads=1)
    else:
        net.run(30.0)
        net.save(path, recorders=True)
    spread = net.projections[1]
    spread.weights = spread.weights * 0.5
    net.run(30.0)
    found = digest(net) + [
        hashlib.sha256(np.asarray(state).tobytes()).hexdigest()
        for p, names in zip(net.populations, (("V_m", "I_syn"), ("V_m", "I_syn_in")), strict=True)
        for state in (getattr(p, name) for name in names)
    ]
    sizes = [len(r.times) for r in net.recorders]
    if net.ranks.rank == 0:
        assert min(sizes) > 100, sizes
        print(*found)


def changed() -> None:
    """Remove and add synapses, a projection and a population between runs."""
    net = sl.Network(seed=2, threads=1)
    cells, others = (net.population(150, sl.LIF(I_e=I_e)) for I_e in (400.0, 450.0))
    gone = net.population(70, sl.LIF(I_e=450.0))
    cells.V_m[:] = sl.Uniform(-70.0, -55.0)
    both = {"weight": 20.0, "delay": sl.Uniform(0.5, 4.0)}
    rule = sl.STDP(w_max=50.0, A_plus=0.5, A_minus=0.4)
    made = [
        net.connect(cells, others, sl.FixedProbability(0.1), **both),
        net.connect(others, cells, sl.FixedProbability(0.1), **both, plasticity=rule),
        net.connect(cells, cells, sl.AllToAll(), weight=1.0, delay=1.0, plasticity=rule),
        net.connect(gone, cells, sl.FixedIndegree(5), weight=30.0, delay=2.0),
        net.connect(others, others, sl.FixedProbability(0.1), **both,
                    plasticity=sl.RewardSTDP(w_max=50.0)),
    ]  # fmt: skip
    spikes = net.record(cells, "spikes")
    w = net.record(made[1], "weights", every=5.0)
    net.run(20.0)
    for k, p in enumerate(made[:3]):
        p.remove(np.arange(len(p)) % 3 == k)
        net.run(3.0)
        p.add([3, 149, 3], [7, 0, 149], weight=10.0, delay=2.5)
    made[4].remove()
    gone.remove()
    net.run(20.0)
    arrays = [spikes.times, spikes.ids, w.values, *(p.weights for p in made[:3])]
    arrays += [values for p in made[1:3] for values in p.traces.values()]
    if net.ranks.rank == 0:
        print(*(hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest() for x in arrays))


def mixed_up() -> None:
    """Let ranks read different things at once."""
    net, _ = build()
    name = ("V_m", "I_syn_ex")[net.ranks.rank]
    try:
        np.asarray(getattr(net.populations[0], name))
    except RuntimeError as refused:
        print(refused)


def at_odds() -> None:
    """Let ranks run in different ways: all are told, nothing has changed, and all can go on."""
    expected, reference = build()
    expected.run(20.0)
    net, spikes = build()
    net.run(10.0)
    folder = Path(sys.argv[2])
    first = net.ranks.rank == 0
    saved = {"save": folder / f"{net.ranks.rank}"}

    def refused(what: str, call: Callable[[], object]) -> None:
        try:
            call()
        except RuntimeError as error:
            message = str(error)
        else:
            message = "nothing"
        assert what in message, message
        assert net.t == 10.0
        print(what)

    refused("the number of steps to run: from 1 to 1000", lambda: net.run(0.1 if first else 100.0))
    refused("the number of steps to run: from 0 to 1", lambda: net.run(0.0 if first else 0.1))
    plan = "their recorders or checkpoints"
    every = 1.0 if first else 2.0
    refused(plan, lambda: net.run(10.0, save=folder / "a", save_every=every))
    refused(plan, lambda: net.run(10.0, **(saved if first else {})))
    refused(
        "the method that they call: from prepare to run",
        net.prepare if first else lambda: net.run(10.0),
    )
    assert not list(folder.iterdir())
    net.run(10.0)
    for a, b in ((spikes.times, reference.times), (spikes.ids, reference.ids)):
        np.testing.assert_array_equal(a, b)
    for elements, what, options in (
        (slice(20 if first else 10), "spikes", {}),
        (slice(0, 10) if first else slice(10, 20), "V_m", {"every": 1.0}),
        (slice(None), "V_m" if first else "I_syn_ex", {"every": 1.0}),
        (slice(None), "V_m", {"every": every}),
        (slice(None) if first else None, "spikes", {}),
    ):
        net.save(folder / "saved", recorders=True)
        other = sl.Network.load(folder / "saved", threads=1)
        if elements is not None:
            other.record(other.populations[0][elements], what, **options)
        with pytest.raises(RuntimeError, match=plan):
            other.run(10.0)
        assert other.t == 20.0
        print("other recorders")


def groups() -> None:
    """Split the ranks, free the groups, split them in another way: each network belongs to its group."""
    world = sl.Network(seed=1).ranks.comm
    for color in (world.rank % 2, world.rank // 2):
        group = world.Split(color, -world.rank)
        net, spikes = build(comm=group)
        assert (net.ranks.rank, net.ranks.size) == (group.rank, 2)
        net.run(10.0)
        assert len(set(world.allgather(len(spikes.times)))) == 1
        del net, spikes
        group.Free()
    print("split")


def random_numbers() -> None:
    """Run neurons from text that draw random numbers and have white noise."""
    support = runpy.run_path(str(Path(__file__).parents[1] / "support" / "noisy_neurons.py"))
    net, _ = support["noisy"]()
    net.run(20.0)
    found = support["outcome"](net)
    if net.ranks.rank == 0:
        print(found)


def sonata() -> None:
    """Build the network of SONATA files, run it, and write how many synapses each rank holds."""
    found = sl.io.read_sonata(sys.argv[2], threads=1)
    found.run()
    net = found.network
    own = sum(int(net.engine.sim.synapses(p.index)[0][-1]) for p in net.projections)
    # A file, because the launcher may mix what two ranks print within a line.
    Path(sys.argv[2]).with_name(f"synapses{net.ranks.rank}").write_text(str(own))


if __name__ == "__main__":
    subjects = (
        error, killed, starved, stopped, apart, disk, lopsided, mixed_up, at_odds, groups, random_numbers, sonata,
        of_16_bits, changed,
    )  # fmt: skip
    {f.__name__: f for f in subjects}[sys.argv[1]]()

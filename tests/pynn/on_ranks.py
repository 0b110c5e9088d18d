"""A PyNN script that prints the same on any number of MPI ranks; see test_simulator.py."""

from __future__ import annotations

import hashlib

import numpy as np

import spikelet.pynn as sim

sim.setup(timestep=0.1, min_delay=0.5, threads=1)
cells = sim.Population(150, sim.IF_cond_exp(tau_refrac=2.0), label="cells")
cells.initialize(v=sim.RandomDistribution("uniform", (-65.0, -52.0), rng=sim.NumpyRNG(7)))
for cell in cells:  # PyNN's loop over local cells
    cell.i_offset = 0.5 + 0.01 * cells.id_to_index(cell)
if cells.is_local(cells[3]):
    cells[3].tau_m = 12.0
noise = sim.SpikeSourcePoisson(rate=50.0)
gamma = sim.SpikeSourceGamma(alpha=3, beta=60.0)
given = sim.Population(100, sim.SpikeSourceArray())
for cell in given:
    cell.spike_times = [5.0 + 0.1 * given.id_to_index(cell), 50.0]
given.record("spikes")
sources = sim.Population(100, noise) + sim.Population(20, gamma)
step = sim.DCSource(amplitude=0.5, start=10.0, stop=30.0)
step.inject_into(cells[10:20])
rough = sim.NoisyCurrentSource(mean=0.1, stdev=0.1, start=5.0, dt=0.5)
cells[140].inject(rough)
sim.Projection(sources, cells, sim.FixedProbabilityConnector(0.1, rng=sim.NumpyRNG(3)),
               sim.StaticSynapse(weight=0.01, delay=1.0), receptor_type="excitatory")  # fmt: skip
cells.record("spikes")
cells[5:145].record(["v", "gsyn_exc"], sampling_interval=1.0)
for _ in range(2):
    sim.run(60.0)
    own = cells.get_data(gather=False).segments[-1]
    assert len(own.spiketrains) == cells.local_size
    data = cells.get_data()
    assert list(given.get_spike_counts().values()) == [2] * 100
    last = given.get_data().segments[-1].spiketrains[99]
    assert np.allclose(last.magnitude, [14.9, 50.0])
    digest = hashlib.sha256()
    for train in data.segments[-1].spiketrains:
        digest.update(np.asarray(train).tobytes())
    for signal in data.segments[-1].analogsignals:
        digest.update(np.ascontiguousarray(signal.magnitude).tobytes())
    counts = cells.get_spike_counts()
    offsets = cells.get("i_offset", gather=True)
    if sim.rank() == 0:
        print(sum(counts.values()), digest.hexdigest()[:16], np.sum(offsets))
    sim.reset()
assert sim.num_processes() == sim.simulator.state.network.ranks.size
sim.end()

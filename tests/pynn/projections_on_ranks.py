"""A PyNN script whose connections are the same on any number of MPI ranks; see test_projections.py."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from pyNN.connectors import MapConnector

import spikelet.pynn as sim


class Mine(MapConnector):  # type: ignore[misc]
    """A connector of a user, which connects only cells of its process."""

    parameter_names = ()

    def connect(self, projection: Any) -> None:
        def columns(mask: Any = None) -> Any:
            chosen = np.arange(projection.post.size) if mask is None else np.flatnonzero(mask)
            return (np.array([j // 2, j]) for j in chosen)

        self._standard_connect(projection, columns)


sim.setup(timestep=0.1, min_delay=0.5, threads=1)
a, b = (sim.Population(n, sim.IF_curr_exp(i_offset=0.9, tau_refrac=2.0)) for n in (40, 70))
a.initialize(v=sim.RandomDistribution("uniform", (-65.0, -50.0), rng=sim.NumpyRNG(4)))
rng, native = sim.NumpyRNG(3), sim.NativeRNG()
stdp = sim.STDPMechanism(
    sim.SpikePairRule(A_plus=0.05, A_minus=0.04), sim.AdditiveWeightDependence(w_max=0.3),
    weight=sim.RandomDistribution("uniform", (0.1, 0.2), rng=rng), delay=1.0,
)  # fmt: skip
uniform = sim.RandomDistribution("uniform", (0.1, 0.2), rng=native)
projections = [
    sim.Projection(
        a, b, sim.FixedProbabilityConnector(0.2, rng=rng), stdp, receptor_type="excitatory"
    ),
    sim.Projection(
        a,
        a + b,
        sim.FixedNumberPreConnector(4, rng=native),
        sim.StaticSynapse(weight=uniform, delay=1.5),
    ),
    sim.Projection(b, b, Mine(), sim.StaticSynapse(weight="0.01 + 0.001*d", delay=0.7)),
    sim.Projection(
        a,
        b,
        sim.FixedTotalNumberConnector(300, rng=rng),
        sim.TsodyksMarkramSynapse(weight=0.1, delay=1.0),
    ),
]
sim.run(40.0)
projections[0].set(A_plus=0.02, weight=projections[0].get("weight", "array", gather="all"))
projections[2].set(weight=0.02)
sim.run(40.0)
digest = hashlib.sha256()
for projection in projections:
    everything = projection.get(["weight", "delay"], "list", gather="all")
    mine = projection.get(["weight", "delay"], "list", gather=False)
    assert len(mine) == len(projection) == len(list(projection.connections))
    assert set(mine) <= set(everything)
    assert projection.size() == len(everything)
    gathered = projection.get("weight", "array")
    if sim.rank() == 0:
        assert np.array_equal(
            gathered, projection.get("weight", "array", gather="all"), equal_nan=True
        )
    else:
        assert (~np.isnan(gathered)).sum() <= len(mine)
        projection.get("weight", "array", gather="all")
    digest.update(repr(everything).encode())
if sim.rank() == 0:
    print(digest.hexdigest()[:16])
sim.end()

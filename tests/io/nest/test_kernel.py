"""What a kernel of NEST's holds, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet.io.nest.kernel import Kernel

pytestmark = pytest.mark.usefixtures("fresh_nest")

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")


def test_groups_are_consecutive_nodes_of_one_model() -> None:
    a = nest.Create("iaf_psc_exp", 3)
    nest.Create("iaf_psc_exp", 2)
    nest.Create("iaf_psc_alpha", 1)
    parrots = nest.Create("parrot_neuron", 4)
    nest.Connect(nest.Create("poisson_generator"), parrots[:2])
    nest.Connect(nest.Create("spike_generator"), parrots[2:])
    kernel = Kernel(nest, {"odd": a[::2]})
    assert [(g.name, g.gids.tolist()) for g in kernel.groups] == [
        ("odd", [1, 3]),
        ("iaf_psc_exp_2", [2]),
        ("iaf_psc_exp_4", [4, 5]),
        ("iaf_psc_alpha_6", [6]),
        ("parrot_neuron_7", [7, 8]),  # what drives them differs
        ("parrot_neuron_9", [9, 10]),
        ("poisson_generator_11", [11]),
        ("spike_generator_12", [12]),
    ]


def test_synapses_come_in_canonical_order() -> None:
    cells = nest.Create("iaf_psc_exp", 30)
    rule = {"rule": "fixed_total_number", "N": 500}
    delay = nest.random.uniform(0.1, 5.0)
    nest.Connect(cells, cells, rule, {"weight": nest.random.normal(3.0, 1.0), "delay": delay})
    (synapses,) = Kernel(nest, {}).synapses()
    assert len(synapses) == 500
    np.testing.assert_array_equal(np.lexsort((synapses.target, synapses.source)), np.arange(500))
    got = nest.GetConnections().get(["source", "target", "weight", "delay"])
    rows = sorted(zip(*(got[k] for k in ("source", "target", "weight", "delay")), strict=True))
    ours = zip(
        synapses.source + 1, synapses.target + 1, synapses.weight, synapses.delay * 0.1, strict=True
    )
    np.testing.assert_allclose(sorted(ours), rows, rtol=1e-12)


def test_parameters_of_a_model_and_of_its_synapses() -> None:
    nest.CopyModel("stdp_pl_synapse_hom", "shared", {"mu": 0.3})
    cells = nest.Create("iaf_psc_exp", 2)
    nest.Connect(cells, cells, syn_spec={"synapse_model": "shared"})
    nest.CopyModel("static_synapse_hom_w", "same_weight", {"weight": 7.0})
    nest.Connect(cells, cells, syn_spec={"synapse_model": "same_weight"})
    found = {s.model: s for s in Kernel(nest, {}).synapses()}
    np.testing.assert_array_equal(found["shared"].more["mu"], 0.3)
    np.testing.assert_array_equal(found["same_weight"].weight, 7.0)
    half = found["shared"].part(found["shared"].source == 0)
    assert len(half) == 2
    assert len(half.more["mu"]) == 2

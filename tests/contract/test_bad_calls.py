"""Bad calls on a network in use: each raises, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tests.conftest import make
from tests.contract.test_bad_input import INF, NAN, Scene, check_call

import spikelet as sl

EITHER = (TypeError, ValueError)
ONE = sl.OneToOne()
ALL = sl.AllToAll()
OTHER = make().population(10, sl.LIF(), name="stranger")
PLASTIC = sl.STDP()
TABLE: list[tuple[Callable[[Scene], Any], Any, tuple[str, ...]]] = [
    # population
    (lambda s: s.net.population(-1, sl.LIF()), ValueError, ("population", "n ", "-1", ">= 0")),
    (lambda s: s.net.population(1.5, sl.LIF()), TypeError, ("population", "n ", "1.5", "integer")),
    (lambda s: s.net.population(10**12, sl.LIF()), ValueError, ("population", "n ", f"{10**12}")),
    (lambda s: s.net.population(2, sl.LIF), TypeError, ("population", "model", "LIF")),
    (lambda s: s.net.population(2, None), TypeError, ("population", "model", "None")),
    (lambda s: s.net.population(2, sl.LIF(I_e=[1.0] * 3), name="P"), ValueError, ("P", "3", "2")),
    (lambda s: s.net.population(2, sl.PoissonSource([1.0] * 3), name="P"), ValueError, ("P", "rate", "(3,)", "2")),
    (lambda s: s.net.population(2, sl.SpikeSource([6.0], [2])), ValueError, ("SpikeSource", "ids", "2", "0 .. 1")),
    (lambda s: s.net.population(2, sl.SpikeSource([6.0], [-1])), ValueError, ("SpikeSource", "ids", "-1", "0 .. 1")),
    (lambda s: s.net.population(2, sl.SpikeSource([6.05], [0])), ValueError, ("times", "6.05", "grid", "snap=True")),
    (lambda s: s.net.population(2, sl.SpikeSource([5.0], [0])), ValueError, ("times", "5.0", "after the present")),
    (lambda s: s.net.population(2, sl.SpikeSource([1e30], [0])), ValueError, ("SpikeSource", "times", "1e+30")),
    (lambda s: s.net.population(2, sl.RasterSource([[1]])), ValueError, ("RasterSource", "raster", "(1, 1)", "2")),
    # connect: ends and rules
    (lambda s: s.net.connect(OTHER, s.E, ALL), ValueError, ("connect", "stranger", "belong to this network")),
    (lambda s: s.net.connect(s.E, OTHER, ALL), ValueError, ("connect", "stranger", "belong to this network")),
    (lambda s: s.net.connect(s.E, s.X, ALL), ValueError, ("connect E -> X", "post", "neurons")),
    (lambda s: s.net.connect(s.E, "E", ALL), TypeError, ("connect", "Population", "'E'")),
    (lambda s: s.net.connect(s.XE, s.E, ALL), TypeError, ("connect", "Population", "Projection")),
    (lambda s: s.net.connect(s.E, s.C, sl.AllToAll), TypeError, ("connect E -> C", "rule", "AllToAll")),
    (lambda s: s.net.connect(s.E, s.C, "all"), TypeError, ("connect E -> C", "rule", "'all'")),
    (lambda s: s.net.connect(s.E, s.C, np.ones((10, 5))), TypeError, ("connect E -> C", "rule")),
    (lambda s: s.net.connect(s.E, s.C, ONE), ValueError, ("connect E -> C", "OneToOne", "(10, 5)", "same size")),
    (lambda s: s.net.connect(s.E, s.C, sl.FixedIndegree(11, multapses=False)), ValueError,
     ("connect E -> C", "FixedIndegree", "11", "10", "multapses")),
    (lambda s: s.net.connect(s.E, s.C, ([0], [5])), ValueError, ("connect E -> C", "post_ids", "5", "0 .. 4")),
    (lambda s: s.net.connect(s.E, s.C, ([-1], [0])), ValueError, ("connect E -> C", "pre_ids", "-1", "0 .. 9")),
    (lambda s: s.net.connect(s.E[:2], s.C, ([2], [0])), ValueError, ("connect E -> C", "pre_ids", "2", "0 .. 1")),
    (lambda s: s.net.connect(s.E, s.C, ([0.0], [0])), TypeError, ("connect E -> C", "pre_ids", "integers")),
    (lambda s: s.net.connect(s.E, s.C, ([[0]], [0])), TypeError, ("connect E -> C", "pre_ids", "one-dimensional")),
    (lambda s: s.net.connect(s.E, s.C, ([0, 1], [0])), ValueError, ("connect E -> C", "pre_ids and post_ids", "(2, 1)")),
    (lambda s: s.net.connect(s.E, s.C, ([0], [0], [0])), TypeError, ("connect E -> C", "rule")),
    (lambda s: s.net.connect(s.E, s.C, sparse.csr_array((5, 10))), ValueError,
     ("connect E -> C: matrix must have the shape (10, 5)", "transposed?", "got shape (5, 10)")),
    (lambda s: s.net.connect(s.E, s.C, sparse.csr_array((10, 5)), weight=1.0), ValueError,
     ("connect E -> C", "weight", "1.0", "matrix")),
    (lambda s: s.net.connect(s.E, s.E, sparse.csr_array([[NAN] * 10] * 10)), ValueError, ("connect E -> E", "weight", "nan")),
    # what numpy would take for numbers, and what it would hide
    (lambda s: s.net.population(True, sl.LIF()), TypeError, ("population", "n ", "True", "integer")),
    (lambda s: s.net.run("5"), TypeError, ("run", "duration", "'5'", "number")),
    (lambda s: s.net.run(True), TypeError, ("run", "duration", "True", "number")),
    (lambda s: s.net.run(1j), TypeError, ("run", "duration", "1j", "number")),
    (lambda s: s.net.run(None), TypeError, ("run", "duration", "None", "number")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight="3"), TypeError, ("connect E -> C", "weight", "'3'", "number")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=1j), TypeError, ("connect E -> C", "weight", "1j", "number")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=[1.0, None]), TypeError, ("connect E -> C", "weight", "None")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=(x for x in [1.0])), TypeError, ("connect E -> C", "weight", "generator")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=True), TypeError, ("connect E -> C", "delay", "True")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=np.ma.array([1.0] * 50, mask=[1] + [0] * 49)), TypeError,
     ("connect E -> C", "delay", "masked")),
    (lambda s: s.net.connect(s.E, s.C, (np.ma.array([0, 1], mask=[0, 1]), [0, 1])), TypeError, ("connect E -> C", "pre_ids")),
    (lambda s: s.net.connect(s.E, s.C, sparse.csr_array(np.ones((10, 5)) * 1j)), TypeError, ("connect E -> C", "weight")),
    (lambda s: s.net.connect(s.E, s.C, sl.AllToAll(self_connections="no")), TypeError, ("AllToAll", "self_connections", "'no'")),
    (lambda s: s.E[[0, 0]], ValueError, ("E", "index", "twice")),
    (lambda s: s.E[np.ma.array([0, 1], mask=[0, 1])], TypeError, ("E", "index", "masked")),
    (lambda s: s.E[None], TypeError, ("E", "index", "None")),
    (lambda s: s.E[[0.0, 1.0]], IndexError, ("E: ", "integer")),
    (lambda s: s.E.set(I_e="400"), TypeError, ("I_e", "'400'", "number")),
    (lambda s: s.E.set(I_e=np.ma.array([1.0] * 10, mask=[1] + [0] * 9)), TypeError, ("I_e", "masked")),
    (lambda s: setattr(s.X, "rate", "50"), TypeError, ("PoissonSource", "rate", "'50'")),
    (lambda s: setattr(s.R, "raster", np.ma.array(np.ones((9, 2), int), mask=np.eye(9, 2))), TypeError, ("raster", "masked")),
    (lambda s: setattr(s.net, "dt", 0.2), AttributeError, ("Network: dt cannot be set", "Network(dt=...)")),
    (lambda s: setattr(s.net, "seed", 99), AttributeError, ("Network: seed cannot be set", "Network(seed=...)")),
    (lambda s: setattr(s.net, "sed", 99), AttributeError, ("Network has no 'sed'", "'seed'")),
    (lambda s: s.net.projections.clear(), AttributeError, ("tuple",)),
    (lambda s: setattr(s.XE, "delays", 3.0), AttributeError, ("Projection: delays cannot be set", "net.connect()")),
    (lambda s: s.XE.delays.__setitem__(0, 3.0), ValueError, ("net.connect()",)),
    (lambda s: s.XE.weights.__setitem__(0, 1e3), ValueError, ("X -> E", "weights", "[w_min, w_max]", "1000.0")),
    (lambda s: setattr(s.V, "x", 1), AttributeError, ("StateRecorder has no 'x'",)),
    # connect: weights
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=NAN), ValueError, ("connect E -> C", "weight", "nan")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=-INF), ValueError, ("connect E -> C", "weight", "-inf", "finite")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight="w"), TypeError, ("connect E -> C", "weight", "'w'")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=[1.0] * 49), ValueError, ("connect E -> C", "weight", "50", "49")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=[1.0] * 49 + [NAN]), ValueError, ("connect E -> C", "weight", "nan")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=np.ones((5, 10))), ValueError, ("connect E -> C", "weight", "(5, 10)", "(10, 5)")),
    (lambda s: s.net.connect(s.E, s.C, sl.FixedTotalNumber(4), weight=np.ones((2, 2))), ValueError,
     ("connect E -> C", "weight", "(2, 2)")),
    (lambda s: s.net.connect(s.E, s.C, ([0, 1, 2], [0, 1, 2]), weight=[1.0, 2.0]), ValueError,
     ("connect E -> C: weight must be one value or one for each of the 3 synapses, got 2 values",)),
    (lambda s: s.net.connect(s.E, s.C, ([0], [0]), weight=sl.Normal(0, 1, redraw=(90, 91))), ValueError,
     ("connect E -> C", "redraw", "90")),
    (lambda s: s.net.connect(s.E, s.C, ALL, weight=-1.0, receptor="ex"), ValueError, ("connect E -> C", "weight", ">= 0", "-1")),
    (lambda s: s.net.connect(s.E, s.E, ALL, weight=1.5, plasticity=PLASTIC), ValueError,
     ("connect E -> E", "weight", "1.5", "w_min", "w_max")),
    (lambda s: s.net.connect(s.E, s.E, ([0], [1]), weight=-0.1, plasticity=PLASTIC), ValueError,
     ("connect E -> E", "weight", "-0.1", "w_min", "w_max")),
    (lambda s: s.net.connect(s.E, s.E, ALL, weight=sl.Uniform(0.5, 1.2), plasticity=PLASTIC), ValueError,
     ("connect E -> E", "weight", "w_max")),
    (lambda s: s.net.connect(s.E, s.E, ALL, plasticity="stdp"), TypeError, ("connect E -> E", "plasticity", "'stdp'")),
    (lambda s: s.net.connect(s.E, s.E, ALL, plasticity=sl.STDP), TypeError, ("connect E -> E", "plasticity")),
    (lambda s: s.net.connect(s.E, s.E, ALL, receptor="both"), ValueError, ("connect E -> E", "receptor", "'both'", "excitatory")),
    # connect: delays
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=0.0), ValueError, ("connect E -> C", "delay", "0.0", "0.1")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=0.09), ValueError, ("connect E -> C", "delay", "0.09", "0.1")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=-1.0), ValueError, ("connect E -> C", "delay", "-1.0")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=NAN), ValueError, ("connect E -> C", "delay", "nan")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=INF), ValueError, ("connect E -> C", "delay", "inf")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=6553.6), ValueError, ("connect E -> C", "delay", "6553.6", "65535")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=[1.0, 0.02]), ValueError, ("connect E -> C", "delay", "0.02")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=[1.0, 2.0]), ValueError, ("connect E -> C", "delay", "50", "2")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=sl.Normal(0.5, 0.5)), ValueError, ("connect E -> C", "delay", "clip")),
    (lambda s: s.net.connect(s.E, s.E, ([0] * 50, [0] * 50), delay=sl.Normal(0.5, 0.5)), ValueError,
     ("connect E -> E", "delay")),
    (lambda s: s.net.connect(s.E, s.C, ALL, delay=None), EITHER, ("connect E -> C", "delay")),
    # inject
    (lambda s: s.net.inject(OTHER, sl.NoiseInput()), ValueError, ("inject", "stranger", "belong to this network")),
    (lambda s: s.net.inject(s.X, sl.NoiseInput()), ValueError, ("inject", "X", "neurons")),
    (lambda s: s.net.inject("E", sl.NoiseInput()), TypeError, ("inject", "'E'", "Population")),
    (lambda s: s.net.inject(s.E, 5.0), TypeError, ("inject E", "5.0", "PoissonInput")),
    (lambda s: s.net.inject(s.E, sl.NoiseInput), TypeError, ("inject E", "NoiseInput")),
    (lambda s: s.net.inject(s.E, sl.PoissonInput(rate=[1.0] * 9, weight=1.0)), ValueError, ("inject E", "rate", "(9,)", "10")),
    (lambda s: s.net.inject(s.E, sl.PoissonInput(rate=1.0, weight=[1.0] * 11)), ValueError, ("inject E", "weight", "(11,)", "10")),
    (lambda s: s.net.inject(s.E[:3], sl.PoissonInput(rate=[1.0] * 10, weight=1.0)), ValueError, ("inject E", "rate", "(10,)", "3")),
    (lambda s: s.net.inject(s.E, sl.CurrentInput(np.ones((5, 9)))), ValueError, ("inject E", "values", "(5, 9)", "10")),
    (lambda s: s.net.inject(s.E, sl.NoiseInput(std=[1.0] * 3)), ValueError, ("inject E", "std", "(3,)", "10")),
    (lambda s: s.net.inject(s.E, sl.NoiseInput(every=0.15)), ValueError, ("inject E", "every", "0.15", "multiple of dt")),
    (lambda s: s.net.inject(s.E, sl.NoiseInput(every=0.0)), ValueError, ("inject E", "every", "0.0", "> 0")),
    (lambda s: s.net.inject(s.E, sl.NoiseInput(every=[1.0, 2.0])), EITHER, ("NoiseInput", "every")),
    # run
    (lambda s: s.net.run(-1.0), ValueError, ("run", "duration", "-1.0", ">= 0")),
    (lambda s: s.net.run(NAN), ValueError, ("run", "duration", "nan")),
    (lambda s: s.net.run(INF), ValueError, ("run", "duration", "inf", "finite")),
    (lambda s: s.net.run(1.05), ValueError, ("run", "duration", "1.05", "multiple of dt = 0.1")),
    (lambda s: s.net.run("long"), TypeError, ("run", "duration", "'long'")),
    (lambda s: s.net.run([1.0]), ValueError, ("run", "duration", "[1.0]", "one number")),
    (lambda s: s.net.run(1e30), ValueError, ("run", "duration", "1e+30")),
    # record
    (lambda s: s.net.record(s.E, "v"), ValueError, ("record E", "what", "'v'", "spikes, V_m, I_syn_ex, I_syn_in, theta")),
    (lambda s: s.net.record(s.C, "I_syn_ex"), ValueError, ("record C", "LIFCond", "'I_syn_ex'", "g_ex")),
    (lambda s: s.net.record(s.X, "V_m"), ValueError, ("record X", "PoissonSource", "'V_m'", "spikes")),
    (lambda s: s.net.record(s.E, "weights"), ValueError, ("record E", "'weights'", "V_m")),
    (lambda s: s.net.record(s.XE, "spikes"), ValueError, ("record", "X -> E", "'spikes'", "weights")),
    (lambda s: s.net.record(OTHER, "V_m"), ValueError, ("record", "stranger", "belong to this network")),
    (lambda s: s.net.record("E", "V_m"), TypeError, ("record", "'E'", "Population")),
    (lambda s: s.net.record(s.E, "V_m", every=0.25), ValueError, ("record", "every", "0.25", "multiple of dt")),
    (lambda s: s.net.record(s.E, "V_m", every=0.0), ValueError, ("record", "every", "0.0", "> 0")),
    (lambda s: s.net.record(s.E, "V_m", every=NAN), ValueError, ("record", "every", "nan")),
    (lambda s: s.net.record(s.E, "V_m", every="1 ms"), TypeError, ("record", "every", "'1 ms'")),
    (lambda s: s.net.record(s.E, "V_m", every=[1.0, 2.0]), EITHER, ("record", "every")),
    (lambda s: s.net.record(s.E, "spikes", every=1.0), ValueError, ("record E", "every", "1.0", "spikes")),
    # set
    (lambda s: setattr(s.XE, "weights", NAN), ValueError, ("X -> E", "weights", "nan", "finite")),
    (lambda s: setattr(s.XE, "weights", [1.0, 2.0]), ValueError, ("X -> E", "weights", "(2,)", "50")),
    (lambda s: setattr(s.XE, "weights", -1.0), ValueError, ("X -> E", "weights", "-1.0", "w_min")),
    (lambda s: setattr(s.XE, "weights", "w"), EITHER, ("X -> E", "weights")),
    (lambda s: setattr(s.EC, "weights", np.full(50, INF)), ValueError, ("E -> C", "weights", "inf", "finite")),
    (lambda s: setattr(s.X, "rate", -2.0), ValueError, ("PoissonSource", "rate", "-2.0", ">= 0")),
    (lambda s: setattr(s.X, "rate", [1.0, 2.0]), ValueError, ("X", "rate", "(2,)", "20")),
    (lambda s: setattr(s.X[:3], "rate", [1.0, 2.0]), ValueError, ("X", "rate", "(2,)", "3")),
    (lambda s: setattr(s.R, "raster", [[1]]), ValueError, ("raster", "(1, 1)", "2")),
    (lambda s: s.S.set(times=[4.0], ids=[0]), ValueError, ("times", "4.0", "after the present")),
    (lambda s: s.S.set(times=[9.0], ids=[3]), ValueError, ("ids", "3", "0 .. 2")),
    (lambda s: setattr(s.E, "tau_m", [1.0, 2.0]), ValueError, ("E", "2", "10")),
    (lambda s: setattr(s.E, "V_th", -90.0), ValueError, ("V_reset", "-70.0", "below V_th", "-90")),
    (lambda s: setattr(s.E, "V_m", NAN), ValueError, ("E.V_m", "nan", "finite")),
    (lambda s: s.E.set(I_e=1.0, tau_m=-1.0), ValueError, ("LIF", "tau_m", "-1.0", "> 0")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "words"), TABLE, ids=[" ".join(words[:3]) for _, _, words in TABLE]
)
def test_bad_calls_change_nothing(
    call: Callable[[Scene], Any], kind: Any, words: tuple[str, ...]
) -> None:
    check_call(call, kind, words)


@pytest.mark.parametrize("lists", [False, True])
def test_weights_beyond_float32_are_refused(lists: bool) -> None:
    net = make(dtype="float32")
    cells = net.population(2, sl.LIF(), name="E")
    rule: Any = ([0], [1]) if lists else sl.AllToAll()
    with pytest.raises(ValueError, match=r"connect E -> E: weight.*(finite|float32)"):
        net.connect(cells, cells, rule, weight=1e39)
    assert not net.projections
    with pytest.raises(ValueError, match=r"E\.V_m.*(finite|float32)"):
        cells.V_m[:] = 1e39
    p = net.connect(cells, cells, rule)
    with pytest.raises(ValueError, match=r"E -> E.*weights.*(finite|float32)"):
        p.weights = 1e39

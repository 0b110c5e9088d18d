"""What does not fit is refused: by an error that names object, argument, value and rule, and without a trace."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, train

import spikelet as sl

NAN, INF = np.nan, np.inf
CLOCK = ("t_ref", "-1.0", ">= 0")


def refuses(call: Callable[[], Any], kind: Any, words: tuple[str, ...]) -> None:
    """Check that a call raises, and that the message holds all words."""
    with pytest.raises(kind) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


# Descriptions: models, sources, inputs, rules, distributions, plasticity

DESCRIPTIONS: list[tuple[Callable[[], Any], Any, tuple[str, ...]]] = [
    (lambda: sl.LIF(tau_m=-1.0), ValueError, ("LIF", "tau_m", "-1.0", "> 0")),
    (lambda: sl.LIF(tau_m=0.0), ValueError, ("LIF", "tau_m", "0.0", "> 0")),
    (lambda: sl.LIF(tau_m=NAN), ValueError, ("LIF", "tau_m", "nan", "NaN")),
    (lambda: sl.LIF(tau_m=INF), ValueError, ("LIF", "tau_m", "inf", "finite")),
    (lambda: sl.LIF(tau_m=0.02), ValueError, ("LIF", "tau_m", "0.02", "ms", "20")),
    (lambda: sl.LIFDelta(tau_m=[10.0, 0.02]), ValueError, ("LIFDelta", "tau_m", "0.02", "ms")),
    (lambda: sl.LIF(tau_m=[10.0, -3.0]), ValueError, ("LIF", "tau_m", "-3.0", "index 1")),
    (lambda: sl.LIF(tau_m="ten"), TypeError, ("LIF", "tau_m", "'ten'", "number")),
    (lambda: sl.LIF(tau_m=None), (TypeError, ValueError), ("LIF", "tau_m", "None")),
    (lambda: sl.LIF(tau_m=[[1.0]]), ValueError, ("LIF", "tau_m", "(1, 1)", "one dimension")),
    (lambda: sl.LIF(tau_syn_ex=0.0), ValueError, ("LIF", "tau_syn_ex", "0.0", "> 0")),
    (lambda: sl.LIFAlpha(tau_syn_in=-2.0), ValueError, ("LIFAlpha", "tau_syn_in", "-2.0", "> 0")),
    (lambda: sl.LIFCond(g_L=0.0), ValueError, ("LIFCond", "g_L", "0.0", "> 0")),
    (lambda: sl.IF(C_m=-250.0), ValueError, ("IF", "C_m", "-250.0", "> 0")),
    (lambda: sl.LIF(t_ref=-1.0), ValueError, ("LIF", *CLOCK)),
    (lambda: sl.LIF(theta_plus=-1.0), ValueError, ("LIF", "theta_plus", "-1.0", ">= 0")),
    (lambda: sl.LIF(tau_theta=0.0), ValueError, ("LIF", "tau_theta", "0.0", "> 0")),
    (lambda: sl.LIF(tau_theta=NAN), ValueError, ("LIF", "tau_theta", "nan")),
    (lambda: sl.LIF(I_e=INF), ValueError, ("LIF", "I_e", "inf", "finite")),
    (lambda: sl.LIF(V_reset=-50.0), ValueError, ("LIF", "V_reset", "-50.0", "below V_th", "-55")),
    (lambda: sl.LIF(V_reset=-55.0), ValueError, ("LIF", "V_reset", "-55.0", "below V_th")),
    (lambda: sl.LIF(V_th=[-50.0, -80.0]), ValueError, ("LIF", "V_reset", "-70.0", "-80")),
    (lambda: sl.LIF(C_m=[1.0], I_e=[1.0, 2.0]), ValueError, ("LIF", "C_m and I_e", "(1, 2)")),
    (lambda: sl.LIF(reset="none"), ValueError, ("LIF", "reset", "'none'", "zero", "subtract")),
    (lambda: sl.LIF(tau=1.0), TypeError, ("tau",)),
    (lambda: sl.SpikeSource([2.0, 1.0], [0, 0]), ValueError, ("SpikeSource", "times", "2", "1", "ascend")),
    (lambda: sl.SpikeSource([-0.1], [0]), ValueError, ("SpikeSource", "times", "-0.1", ">= 0")),
    (lambda: sl.SpikeSource([NAN], [0]), ValueError, ("SpikeSource", "times", "nan")),
    (lambda: sl.SpikeSource([INF], [0]), ValueError, ("SpikeSource", "times", "inf")),
    (lambda: sl.SpikeSource([1.0], [0, 1]), ValueError, ("SpikeSource", "times and ids", "(1,)", "(2,)")),
    (lambda: sl.SpikeSource([[1.0]], [[0]]), ValueError, ("SpikeSource", "times", "(1, 1)")),
    (lambda: sl.SpikeSource([1.0], [0.5]), TypeError, ("SpikeSource", "ids", "float64", "integers")),
    (lambda: sl.SpikeSource(["soon"], [0]), (TypeError, ValueError), ("SpikeSource", "times", "soon")),
    (lambda: sl.PoissonSource(-1.0), ValueError, ("PoissonSource", "rate", "-1.0", ">= 0")),
    (lambda: sl.PoissonSource([1.0, NAN]), ValueError, ("PoissonSource", "rate", "nan")),
    (lambda: sl.PoissonSource(INF), ValueError, ("PoissonSource", "rate", "inf", "finite")),
    (lambda: sl.PoissonSource([[1.0]]), ValueError, ("PoissonSource", "rate", "(1, 1)")),
    (lambda: sl.RasterSource([1, 0]), ValueError, ("RasterSource", "raster", "(2,)", "[steps, elements]")),
    (lambda: sl.RasterSource([[0, -2]]), ValueError, ("RasterSource", "raster", "-2", "negative")),
    (lambda: sl.RasterSource([[0.5]]), ValueError, ("RasterSource", "raster", "whole")),
    (lambda: sl.RasterSource([[NAN]]), ValueError, ("RasterSource", "raster", "whole")),
    (lambda: sl.RasterSource([["a"]]), (TypeError, ValueError), ("RasterSource", "raster")),
    (lambda: sl.PoissonInput(rate=-5.0, weight=1.0), ValueError, ("PoissonInput", "rate", "-5.0", ">= 0")),
    (lambda: sl.PoissonInput(rate=5.0, weight=NAN), ValueError, ("PoissonInput", "weight", "nan")),
    (lambda: sl.PoissonInput(rate=5.0, weight=INF), ValueError, ("PoissonInput", "weight", "inf")),
    (lambda: sl.CurrentInput([1.0, NAN]), ValueError, ("CurrentInput", "values", "nan", "contain NaN")),
    (lambda: sl.CurrentInput([[[1.0]]]), ValueError, ("CurrentInput", "values", "(1, 1, 1)")),
    (lambda: sl.CurrentInput(1.0), ValueError, ("CurrentInput", "values", "()", "[steps]")),
    (lambda: sl.CurrentInput(["a"]), (TypeError, ValueError), ("CurrentInput", "values", "a")),
    (lambda: sl.NoiseInput(std=-1.0), ValueError, ("NoiseInput", "std", "-1.0", ">= 0")),
    (lambda: sl.NoiseInput(mean=INF), ValueError, ("NoiseInput", "mean", "inf", "finite")),
    (lambda: sl.FixedProbability(1.5), ValueError, ("FixedProbability", "p", "1.5", "[0, 1]")),
    (lambda: sl.FixedProbability(-0.1), ValueError, ("FixedProbability", "p", "-0.1", "[0, 1]")),
    (lambda: sl.FixedProbability(NAN), ValueError, ("FixedProbability", "p", "nan")),
    (lambda: sl.FixedProbability([0.1]), ValueError, ("FixedProbability", "p", "[0.1]", "one number")),
    (lambda: sl.FixedIndegree(-1), ValueError, ("FixedIndegree", "number", "-1", ">= 0")),
    (lambda: sl.FixedOutdegree(2.5), TypeError, ("FixedOutdegree", "number", "2.5", "integer")),
    (lambda: sl.FixedTotalNumber("3"), TypeError, ("FixedTotalNumber", "number", "'3'", "integer")),
    (lambda: sl.Normal(0.0, -1.0), ValueError, ("Normal", "std", "-1.0", ">= 0")),
    (lambda: sl.Normal(NAN, 1.0), ValueError, ("Normal", "mean", "nan")),
    (lambda: sl.Normal([0.0], 1.0), ValueError, ("Normal", "mean", "[0.0]", "one number")),
    (lambda: sl.LogNormal(0.0, -1.0), ValueError, ("LogNormal", "sigma", "-1.0", ">= 0")),
    (lambda: sl.Uniform(2.0, 1.0), ValueError, ("Uniform", "low", "2.0", "high", "1.0")),
    (lambda: sl.Exponential(-1.0), ValueError, ("Exponential", "scale", "-1.0", ">= 0")),
    (lambda: sl.Normal(0.0, 1.0, clip=(2.0, 1.0)), ValueError, ("Normal", "clip", "(2.0, 1.0)", "low <= high")),
    (lambda: sl.Normal(0.0, 1.0, redraw=(NAN, 1.0)), ValueError, ("Normal", "redraw", "nan", "NaN")),
    (lambda: sl.Normal(0.0, 1.0, clip=3.0), (TypeError, ValueError), ("Normal", "clip", "3.0")),
    (lambda: sl.Normal(0.0, 1.0, clip=(0, 1), redraw=(0, 1)), ValueError, ("Normal", "clip and redraw")),
    (lambda: sl.STDP(tau_plus=0.0), ValueError, ("STDP", "tau_plus", "0.0", "> 0")),
    (lambda: sl.STDP(tau_minus=NAN), ValueError, ("STDP", "tau_minus", "nan")),
    (lambda: sl.InhibitorySTDP(eta=-0.1), ValueError, ("InhibitorySTDP", "eta", "-0.1", ">= 0")),
    (lambda: sl.STDP(w_max=INF), ValueError, ("STDP", "w_max", "inf", "finite")),
    (lambda: sl.STDP(w_min=2.0), ValueError, ("STDP", "w_min", "2.0", "w_max", "1.0")),
    (lambda: sl.STDP(A_minus=[0.1]), ValueError, ("STDP", "A_minus", "[0.1]", "one number")),
    (lambda: sl.STDP(coincidence="both"), ValueError, ("STDP", "coincidence", "'both'", "potentiate", "ignore")),
    (lambda: sl.Network(dt=0.0), ValueError, ("Network", "dt", "0.0", "> 0")),
    (lambda: sl.Network(dt=-0.1), ValueError, ("Network", "dt", "-0.1", "> 0")),
    (lambda: sl.Network(dt=NAN), ValueError, ("Network", "dt", "nan")),
    (lambda: sl.Network(dt=[0.1]), (TypeError, ValueError), ("Network", "dt", "[0.1]")),
    (lambda: sl.Network(dt="fast"), TypeError, ("Network", "dt", "'fast'", "number")),
    (lambda: sl.Network(seed=-1), ValueError, ("Network", "seed", "-1", ">= 0")),
    (lambda: sl.Network(seed=2**64), ValueError, ("Network", "seed", f"{2**64}", "<=")),
    (lambda: sl.Network(seed=0.5), TypeError, ("Network", "seed", "0.5", "integer")),  # type: ignore[arg-type]
    (lambda: sl.Network(threads=0), ValueError, ("Network", "threads", "0", ">= 1")),
    (lambda: sl.Network(threads=10**6), ValueError, ("Network", "threads", "1000000")),
    (lambda: sl.Network(dtype="int32"), ValueError, ("Network", "dtype", "int32", "float64")),  # type: ignore[arg-type]
    (lambda: sl.Network(dtype="double?"), (TypeError, ValueError), ("Network", "dtype", "double?")),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    DESCRIPTIONS,
    ids=[" ".join(words[:3]) for _, _, words in DESCRIPTIONS],
)
def test_descriptions(call: Callable[[], Any], kind: Any, words: tuple[str, ...]) -> None:
    refuses(call, kind, words)


# Networks


@dataclass
class Scene:
    """A network in use."""

    net: sl.Network = field(default_factory=lambda: make(seed=4))

    def __post_init__(self) -> None:
        net = self.net
        self.X = net.population(20, sl.PoissonSource(np.linspace(10.0, 900.0, 20)), name="X")
        self.S = net.population(3, sl.SpikeSource([1.0, 7.0, 8.0], [0, 1, 2]), name="S")
        self.R = net.population(2, sl.RasterSource(np.ones((90, 2), dtype=bool)), name="R")
        self.E = net.population(10, sl.LIF(I_e=400.0), name="E")
        self.C = net.population(5, sl.LIFCond(), name="C")
        rule = sl.STDP(A_plus=9.0, A_minus=9.0, w_max=500.0)
        self.XE = net.connect(
            self.X, self.E, sl.FixedIndegree(5), weight=300.0, delay=0.7, plasticity=rule
        )
        self.EC = net.connect(self.E, self.C, sl.AllToAll(), weight=sl.Uniform(1.0, 9.0))
        net.connect(self.S, self.E, sl.AllToAll(), weight=500.0, delay=0.3)
        net.connect(self.R, self.C, sl.AllToAll(), weight=2.0, delay=1.3)
        net.inject(self.E, sl.PoissonInput(rate=1000.0, weight=50.0))
        self.spikes = [net.record(p, "spikes") for p in (self.X, self.S, self.R, self.E)]
        self.V = net.record(self.C, "V_m")

    def result(self, seconds: float) -> list[Any]:
        """Run on; return all there is, that of draws and connections to come included."""
        net = self.net
        net.run(seconds)
        late = net.connect(self.E, self.E, sl.FixedTotalNumber(9), weight=sl.Normal(0.0, 1.0))
        self.E.V_m[0] = sl.Normal(-70.0, 1.0)
        found = [train(r) for r in self.spikes]
        values = [self.V.values, self.XE.weights, self.EC.weights, late.weights, self.E.V_m[:]]
        settings = [repr(p) for p in net.populations], len(net.projections), net.t
        return [*found, *[v.tolist() for v in values], settings]


@functools.cache
def expected() -> list[Any]:
    """Return the result of a network that never saw a bad call."""
    scene = Scene()
    scene.net.run(5.0)
    return scene.result(5.0)


def check_call(call: Callable[[Scene], Any], kind: Any, words: tuple[str, ...]) -> None:
    """A bad call on a running network raises, and leaves it as it was."""
    scene = Scene()
    scene.net.run(5.0)
    refuses(lambda: call(scene), kind, words)
    assert scene.result(5.0) == expected()


def test_the_scene_is_lively() -> None:
    assert min(len(found) for found in expected()[:4]) > 2
    assert re.search("3 of 10|10", str(expected()[-1]))

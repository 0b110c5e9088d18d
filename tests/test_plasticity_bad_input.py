"""Plasticity: what does not fit is refused, by object, argument and value, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, train
from tests.contract.test_bad_input import INF, NAN, refuses

import spikelet as sl

# Not looked up before a test runs.
NAMES = (
    "STDP", "TripletSTDP", "InhibitorySTDP", "DiehlCookSTDP", "RewardSTDP", "TsodyksMarkram",
    "WeightNormalization", "SynapticScaling",
)  # fmt: skip
NEEDED: dict[str, dict[str, float]] = {
    "WeightNormalization": {"total": 10.0, "every": 10.0},
    "SynapticScaling": {"rate": 5.0, "strength": 0.1, "every": 10.0},
}
MAY_BE_NEGATIVE = ("w_min", "w_max", "b", "strength")
SIGNED = ("STDP", "TripletSTDP", "DiehlCookSTDP", "RewardSTDP")  # so may their amplitudes be


def describe(name: str, **kwargs: Any) -> Any:
    """Make a description."""
    return getattr(sl, name)(**{**NEEDED.get(name, {}), **kwargs})


def numbers_of(name: str) -> list[str]:
    """Return the names of the numbers of a description."""
    texts = ("pairing", "dependence", "coincidence")
    found = [f.name for f in fields(getattr(sl, name)) if f.name not in texts]
    return [f for f in found if not f.startswith("mu_")]


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_are_frozen_and_named(name: str) -> None:
    made = describe(name)
    with pytest.raises((AttributeError, TypeError)):
        setattr(made, numbers_of(name)[0], 1.0)
    assert made == describe(name)
    assert repr(made).startswith(f"{name}(")
    with pytest.raises(TypeError):
        getattr(sl, name)(*NEEDED.get(name, {"x": 1.0}).values())
    with pytest.raises(TypeError, match="nonsense"):
        describe(name, nonsense=1.0)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_one_finite_number(name: str) -> None:
    found = numbers_of(name)
    assert len(found) >= 2
    for parameter in found:
        refuses(
            lambda p=parameter: describe(name, **{p: NAN}), ValueError, (name, parameter, "nan")
        )
        refuses(lambda p=parameter: describe(name, **{p: "x"}), TypeError, (name, parameter, "'x'"))
        if name == "TsodyksMarkram":  # one for each synapse
            assert getattr(describe(name, **{parameter: [0.1]}), parameter).tolist() == [0.1]
        else:
            refuses(
                lambda p=parameter: describe(name, **{p: [0.1]}), ValueError,
                (name, parameter, "one number"),
            )  # fmt: skip
        if not parameter.startswith("tau"):
            refuses(
                lambda p=parameter: describe(name, **{p: INF}), ValueError, (name, parameter, "inf")
            )


@pytest.mark.parametrize("name", NAMES)
def test_what_must_not_be_negative(name: str) -> None:
    for parameter in numbers_of(name):
        if parameter.startswith(("A_", "eta_")) and name in SIGNED:
            continue
        if parameter not in MAY_BE_NEGATIVE:
            refuses(
                lambda p=parameter: describe(name, **{p: -0.5}), ValueError,
                (name, parameter, "-0.5"),
            )  # fmt: skip
        if parameter.startswith("tau") and parameter != "tau_fac":
            refuses(
                lambda p=parameter: describe(name, **{p: 0.0}), ValueError,
                (name, parameter, "0.0", "> 0"),
            )  # fmt: skip


POWER: dict[str, Any] = {"dependence": "power", "mu_plus": 0.5, "mu_minus": 0.5}
DESCRIPTIONS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("STDP", {"pairing": "nearest"}, ("pairing", "'nearest'", "nearest_symmetric")),
    ("STDP", {"pairing": None}, ("pairing", "None", "all_to_all")),
    ("STDP", {"dependence": "linear"}, ("dependence", "'linear'", "multiplicative")),
    ("STDP", {"mu_plus": 0.5}, ("mu_plus", "0.5", "power")),
    ("STDP", {"mu_minus": 0.5}, ("mu_minus", "0.5", "power")),
    ("STDP", {"dependence": "multiplicative", "mu_plus": 1.0}, ("mu_plus", "1.0", "power")),
    ("STDP", {"dependence": "power"}, ("mu_plus", "None")),
    ("STDP", {"dependence": "power", "mu_plus": 0.5}, ("mu_minus", "None")),
    ("STDP", {"dependence": "power_law"}, ("mu_plus", "None")),
    ("STDP", {**POWER, "mu_plus": -0.1}, ("mu_plus", "-0.1", ">= 0")),
    ("STDP", {**POWER, "mu_minus": NAN}, ("mu_minus", "nan")),
    ("STDP", {"dependence": "power_law", "mu_plus": 0.4, "w_min": -1.0}, ("w_min", "-1.0", ">= 0")),
    ("STDP", {"dependence": "power_law", "mu_plus": -0.4}, ("mu_plus", "-0.4", ">= 0")),
    ("STDP", {"dependence": "multiplicative", "w_min": 1.0}, ("w_min", "1.0", "w_max")),
    ("STDP", {**POWER, "w_min": 1.0, "w_max": 1.0}, ("w_min", "1.0", "w_max")),
    ("TripletSTDP", {"w_min": 2.0}, ("w_min", "2.0", "w_max", "1.0")),
    ("DiehlCookSTDP", {"w_min": 2.0}, ("w_min", "2.0", "w_max", "1.0")),
    ("RewardSTDP", {"w_min": 2.0}, ("w_min", "2.0", "w_max", "1.0")),
    ("InhibitorySTDP", {"w_max": -1.0}, ("w_max", "-1.0")),
    ("TsodyksMarkram", {"U": 1.5}, ("U", "1.5", "1")),
    ("WeightNormalization", {"total": 0.0}, ("total", "0.0", "> 0")),
    ("WeightNormalization", {"every": 0.0}, ("every", "0.0", "> 0")),
    ("SynapticScaling", {"rate": 0.0}, ("rate", "0.0", "> 0")),
    ("SynapticScaling", {"every": 0.0}, ("every", "0.0", "> 0")),
    *[
        (name, {"axonal_fraction": value}, ("axonal_fraction", str(value), "[0, 1]"))
        for name in NAMES[:5]
        for value in (-0.1, 1.1)
    ],
    *[
        (name, {"coincidence": "both"}, ("coincidence", "'both'", "potentiate", "ignore"))
        for name in NAMES[:5]
    ],
]


@pytest.mark.parametrize(("name", "kwargs", "words"), DESCRIPTIONS)
def test_descriptions(name: str, kwargs: dict[str, Any], words: tuple[str, ...]) -> None:
    refuses(lambda: describe(name, **kwargs), (TypeError, ValueError), (name, *words))


# A network in use


class Scene:
    """A network with a projection of each kind that has calls of its own."""

    def __init__(self) -> None:
        self.net = net = make(seed=4)
        self.X = net.population(9, sl.PoissonSource(100.0), name="X")
        self.E = net.population(10, sl.LIF(I_e=550.0), name="E")
        self.pair = net.connect(
            self.X, self.E, sl.AllToAll(), weight=30.0, plasticity=sl.STDP(A_plus=1.0, w_max=90.0)
        )
        reward = sl.RewardSTDP(A_plus=0.1, tau_n=50.0, w_max=90.0)
        self.reward = net.connect(
            self.X, self.E, sl.FixedIndegree(3), weight=30.0, plasticity=reward
        )
        self.static = net.connect(self.X, self.E, sl.AllToAll())
        self.spikes = net.record(self.E, "spikes")
        self.reward.reward = 0.5
        self.reward.schedule_reward([1.0, 7.0], [0.25, -0.5])
        net.regulate(self.pair, sl.WeightNormalization(total=250.0, every=4.0))

    def result(self) -> list[Any]:
        """Run on; return all there is."""
        found: list[Any] = [self.reward.reward]
        self.net.run(6.5)
        found += [train(self.spikes), self.reward.reward, len(self.net.projections)]
        return [*found, *[p.weights.tolist() for p in self.net.projections]]

    def connect(self, rule: Any, **kwargs: Any) -> Any:
        """Connect the neurons among themselves."""
        return self.net.connect(self.E, self.E, sl.AllToAll(), plasticity=rule, **kwargs)


Call = Callable[[Scene], Any]
ANY: Any = (AttributeError, TypeError, ValueError)
NORMAL = {"total": 5.0, "every": 1.0}
TABLE: list[tuple[Call, Any, tuple[str, ...]]] = [
    # weights outside bounds
    (lambda s: s.connect(sl.TripletSTDP(), weight=1.5), ValueError, ("connect E -> E", "weight", "1.5", "w_max")),
    (lambda s: s.connect(sl.TripletSTDP(), weight=-0.5), ValueError, ("connect E -> E", "weight", "-0.5", "w_min")),
    (lambda s: s.connect(sl.DiehlCookSTDP(), weight=1.5), ValueError, ("connect E -> E", "weight", "1.5", "w_max")),
    (lambda s: s.connect(sl.RewardSTDP(), weight=1.5), ValueError, ("connect E -> E", "weight", "1.5", "w_max")),
    (lambda s: s.connect(sl.InhibitorySTDP(), weight=-1.5), ValueError, ("connect E -> E", "weight", "-1.5", "w_max")),
    (lambda s: s.connect(sl.InhibitorySTDP(), weight=1.5), ValueError, ("connect E -> E", "weight", "1.5", "w_max")),
    (lambda s: s.connect(sl.STDP(dependence="power_law", mu_plus=0.4), weight=-0.5), ValueError,
     ("connect E -> E", "weight", "-0.5", "w_min")),
    (lambda s: s.connect(sl.TripletSTDP), TypeError, ("connect E -> E", "plasticity", "TripletSTDP")),
    (lambda s: s.connect(sl.WeightNormalization(**NORMAL)), TypeError, ("connect E -> E", "plasticity", "WeightNormalization")),
    # reward
    (lambda s: setattr(s.reward, "reward", NAN), ValueError, ("X -> E", "reward", "nan")),
    (lambda s: setattr(s.reward, "reward", -INF), ValueError, ("X -> E", "reward", "-inf", "finite")),
    (lambda s: setattr(s.reward, "reward", "much"), TypeError, ("X -> E", "reward", "'much'")),
    (lambda s: setattr(s.reward, "reward", [1.0, 2.0]), ValueError, ("X -> E", "reward", "[1.0, 2.0]", "one number")),
    (lambda s: setattr(s.pair, "reward", 1.0), ANY, ("X -> E", "reward", "RewardSTDP")),
    (lambda s: s.static.reward, ANY, ("X -> E", "reward", "RewardSTDP")),
    (lambda s: s.pair.schedule_reward([9.0], [1.0]), ANY, ("X -> E", "schedule_reward", "RewardSTDP")),
    (lambda s: s.reward.schedule_reward([9.0], [NAN]), ValueError, ("X -> E", "values", "nan")),
    (lambda s: s.reward.schedule_reward([9.0], [INF]), ValueError, ("X -> E", "values", "inf", "finite")),
    (lambda s: s.reward.schedule_reward([NAN], [1.0]), ValueError, ("X -> E", "times", "nan")),
    (lambda s: s.reward.schedule_reward([9.05], [1.0]), ValueError, ("X -> E", "times", "9.05", "grid")),
    (lambda s: s.reward.schedule_reward([5.0], [1.0]), ValueError, ("X -> E", "times", "5.0", "after the present")),
    (lambda s: s.reward.schedule_reward([9.0, 2.0], [1.0, 1.0]), ValueError, ("X -> E", "times", "2.0")),
    (lambda s: s.reward.schedule_reward([9.0], [1.0, 2.0]), ValueError, ("X -> E", "times and values", "(1,)", "(2,)")),
    (lambda s: s.reward.schedule_reward(["soon"], [1.0]), (TypeError, ValueError), ("X -> E", "times", "soon")),
    # normalise and regulate
    (lambda s: s.pair.normalize(0.0), ValueError, ("X -> E", "total", "0.0", "> 0")),
    (lambda s: s.pair.normalize(-2.0), ValueError, ("X -> E", "total", "-2.0", "> 0")),
    (lambda s: s.pair.normalize(NAN), ValueError, ("X -> E", "total", "nan")),
    (lambda s: s.pair.normalize("all"), TypeError, ("X -> E", "total", "'all'")),
    (lambda s: s.net.regulate(s.pair, sl.WeightNormalization(total=5.0, every=0.25)), ValueError,
     ("regulate", "every", "0.25", "multiple of dt")),
    (lambda s: s.net.regulate(s.pair, sl.SynapticScaling(rate=5.0, strength=0.1, every=0.25)), ValueError,
     ("regulate", "every", "0.25", "multiple of dt")),
    (lambda s: s.net.regulate(s.pair, sl.WeightNormalization), TypeError, ("regulate", "WeightNormalization")),
    (lambda s: s.net.regulate(s.pair, sl.STDP()), TypeError, ("regulate", "STDP")),
    (lambda s: s.net.regulate(s.E, sl.WeightNormalization(**NORMAL)), TypeError, ("regulate", "Projection")),
    (lambda s: s.net.regulate(Scene().pair, sl.WeightNormalization(**NORMAL)), ValueError, ("regulate", "network")),
]  # fmt: skip


def running() -> Scene:
    """Return a network at 5 ms."""
    scene = Scene()
    scene.net.run(5.0)
    return scene


@pytest.mark.parametrize(
    ("call", "kind", "words"), TABLE, ids=[" ".join(words[:3]) for _, _, words in TABLE]
)
def test_bad_calls_change_nothing(call: Call, kind: Any, words: tuple[str, ...]) -> None:
    expected = running().result()
    assert len(expected[1]) > 2
    scene = running()
    refuses(lambda: call(scene), kind, words)
    assert scene.result() == expected


def test_bounds_are_met_when_weights_are_set() -> None:
    net = make()
    cells = net.population(2, sl.LIF())
    rules = (
        (sl.InhibitorySTDP(), -0.5, (-1.5, 1.5)),
        (sl.TripletSTDP(), 0.5, (-0.1, 1.5)),
        (sl.STDP(dependence="power_law", mu_plus=0.4, w_min=0.2), 50.0, (0.1, -3.0)),
    )
    for rule, good, bad in rules:
        p = net.connect(cells, cells, sl.AllToAll(), weight=good, plasticity=rule)
        for value in bad:
            with pytest.raises(ValueError, match=r"weights.*w_m"):
                p.weights = value
        np.testing.assert_array_equal(p.weights, np.full(4, good))

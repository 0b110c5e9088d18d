"""Constructors of descriptions, and what they say of a misspelt argument."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet._util.described import Described


@pytest.mark.parametrize(
    ("kind", "given", "near"),
    [
        (sl.LIF, "tau_mem", "tau_m"),
        (sl.LIFCond, "E_exc", "E_ex"),
        (sl.STDP, "Aplus", "A_plus"),
        (sl.FixedIndegree, "number_", "number"),
        (sl.Normal, "sdt", "std"),
        (sl.DistanceDependent, "cut_off", "cutoff"),
    ],
    ids=lambda x: x if isinstance(x, str) else x.__name__,
)
def test_a_misspelt_parameter_names_the_nearest_and_all(kind: Any, given: str, near: str) -> None:
    with pytest.raises(TypeError) as raised:
        kind(**{given: 1.0})
    text = str(raised.value)
    assert text.startswith(f"{kind.__name__} has no parameter '{given}'; did you mean '{near}'?")
    assert "there are: " in text


def test_a_parameter_given_by_position_is_to_be_named() -> None:
    with pytest.raises(
        TypeError, match=r"^LIF takes no positional arguments; .* such as E_L=..., got 20.0$"
    ):
        sl.LIF(20.0)  # type: ignore[misc]
    with pytest.raises(
        TypeError,
        match=r"^Normal takes only mean, std as positional arguments; .* clip=..., got 3.0$",
    ):
        sl.Normal(1.0, 2.0, 3.0)  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"^AllToAll takes no positional arguments; .* got 0\.1"):
        sl.AllToAll(0.1)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["V_m", "I_syn_ex", "theta"])
def test_a_state_is_set_on_the_population(name: str) -> None:
    with pytest.raises(TypeError, match=f"^LIF has no parameter '{name}': .* cells.{name} = "):
        sl.LIF(**{name: 1.0})


def test_layers_are_described_too() -> None:
    with pytest.raises(
        TypeError, match=r"^IF has no parameter 'treshold'; did you mean 'threshold'"
    ):
        sl.layers.IF(treshold=1.0)  # type: ignore[call-arg]
    assert pickle.loads(pickle.dumps(sl.layers.IF(2.0))).threshold == 2.0


def test_copies_and_pickles_are_made_as_ever() -> None:
    model = sl.LIF(I_e=[1.0, 2.0])
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.I_e, [1.0, 2.0])


DESCRIPTIONS: dict[str, Any] = {
    "model": sl.LIF,
    "array": lambda: sl.LIF(C_m=[200.0, 250.0]),
    "equations": sl.Equations("dv/dt = -v/(10*ms) : mV", threshold="v > 1*mV", reset="v = 0*mV"),
    "rule": lambda: sl.FixedProbability(0.1),
    "distribution": lambda: sl.Normal(1.0, 2.0, clip=(0.0, 3.0)),
    "plasticity": sl.STDP,
    "regulation": lambda: sl.SynapticScaling(rate=5.0, strength=0.1, every=100.0),
    "input": lambda: sl.PoissonInput([8.0, 9.0], 2.0),
    "current": lambda: sl.CurrentInput(np.ones((3, 2))),
    "raster": lambda: sl.RasterSource(np.ones((3, 2), int)),
    "spikes": lambda: sl.SpikeSource([1.0, 2.0], [0, 1]),
    "rates": lambda: sl.SinusoidalPoisson([5.0, 6.0], 1.0, 2.0),
    "positions": lambda: sl.Grid((2, 3)),
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_descriptions_are_equal_by_value(kind: str) -> None:
    make = DESCRIPTIONS[kind]
    first, second = make(), make()
    assert first == second
    assert not (first != second)  # noqa: SIM202
    assert hash(first) == hash(second)
    assert len({first, second, copy.deepcopy(first), pickle.loads(pickle.dumps(first))}) == 1
    for other in (d() for name, d in DESCRIPTIONS.items() if name != kind):
        assert first != other
        assert other != first
    assert first != 3


def test_another_value_makes_another_description() -> None:
    assert sl.LIF(C_m=[200.0, 250.0]) != sl.LIF(C_m=[200.0, 251.0])
    assert sl.LIF(C_m=[200.0, 250.0]) != sl.LIF(C_m=[200.0])
    assert sl.LIF(E_L=-70.0) != sl.LIF(E_L=-71.0)
    assert sl.LIF(tau_m=10.0) != sl.IF()
    assert sl.PoissonInput(8.0, 2.0) != sl.PoissonInput(8.0, 2.0, receptor="ex")
    text = "dv/dt = -v/tau : mV"
    models = [sl.Equations(text, parameters={"tau": (tau, "ms")}) for tau in (10.0, 20.0)]
    assert models[0]() != models[1]()
    assert models[0]() != models[0](tau=11.0)
    assert models[0](tau=11.0) == models[0](tau=11.0)


def test_classes_of_users_are_equal_by_value() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Mine(Described):
        times: Any = None

    @dataclasses.dataclass(frozen=True)
    class Other(Mine):
        pass

    assert Mine(times=np.array([1.0, 2.0])) == Mine(times=np.array([1.0, 2.0]))
    assert Mine(times=np.array([1.0, 2.0])) != Mine(times=np.array([1.0, 3.0]))
    assert hash(Mine(times=np.array([1.0]))) == hash(Mine(times=np.array([1.0])))
    assert Mine() != Other()
    assert Other() == Other()


def test_layers_are_places() -> None:
    assert sl.layers.Flatten() != sl.layers.Flatten()


@pytest.mark.parametrize(
    ("description", "text"),
    [
        (sl.PoissonSource(5.0), "PoissonSource(rate=5.0)"),
        (sl.PoissonSource(5.0, stop=9.0), "PoissonSource(rate=5.0, stop=9.0)"),
        (sl.PoissonInput(8.0, -2.0), "PoissonInput(rate=8.0, weight=-2.0)"),
        (sl.NoiseInput(), "NoiseInput()"),
        (sl.NoiseInput([0.0], 2.0), "NoiseInput(mean=array([0.]), std=2.0)"),
        (sl.FixedIndegree(5, multapses=False), "FixedIndegree(multapses=False, number=5)"),
        (sl.Normal(1.0, 2.0), "Normal(mean=1.0, std=2.0)"),
        (
            sl.STDP(w_max=40.0),  # rules and models of neurons show all
            (
                "STDP(coincidence='potentiate', axonal_fraction=0.0, tau_plus=20.0, tau_minus=20.0, A_plus=0.01, A_minus=0.0105, "
                "w_min=0.0, w_max=40.0, pairing='all_to_all', dependence='additive', mu_plus=None, mu_minus=None)"
            ),
        ),
    ],
)
def test_a_representation_leaves_out_defaults_and_makes_an_equal_description(
    description: Any, text: str
) -> None:
    assert repr(description) == text
    again = eval(text, {"array": np.array, **vars(sl)})  # the text above
    assert again == description

"""The name that was probably meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet._util.spelling import missing, no_attribute, spelled, suggestion


def test_the_nearest_name_is_suggested() -> None:
    names = ["tau_m", "tau_syn_ex", "V_th"]
    assert suggestion("tau_mem", names) == "; did you mean 'tau_m'?"
    assert suggestion("v_th", names) == "; did you mean 'V_th'?"
    assert suggestion("colour", names) == ""


def test_the_name_of_another_simulator_is_known() -> None:
    names = ["E_L", "V_reset", "V_th", "C_m", "t_ref"]
    for theirs, ours in (
        ("v_rest", "E_L"),
        ("v_thresh", "V_th"),
        ("cm", "C_m"),
        ("tau_refrac", "t_ref"),
    ):
        assert suggestion(theirs, names) == f"; did you mean '{ours}'?"
    assert suggestion("v_rest", ["V_reset"]) == "; did you mean 'V_reset'?"


@spelled
def shift(x: float, by: float = 1.0, *, twice: bool = False) -> float:
    """Shift a number."""
    if x < 0:
        raise TypeError("x is negative")
    return x + by * (2 if twice else 1)


class Thing:
    @spelled
    def __init__(self, size: int) -> None:
        self.size = size

    @spelled
    def grow(self, by: int) -> int:
        self.size += by
        return self.size


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shift(1.0, twise=True), "shift has no argument 'twise'; did you mean 'twice'? (there are: x, by, twice)"),
        (lambda: shift(1.0, 2.0, 3.0), "shift takes 2 by position (x, by), got 3; name the others: twice="),
        (shift, "shift needs 'x' (arguments are: x, by, twice)"),
        (lambda: Thing(siez=1), "Thing has no argument 'siez'; did you mean 'size'? (there are: size)"),
        (lambda: Thing(1).grow(), "Thing.grow needs 'by' (arguments are: by)"),
        (lambda: Thing(1).grow(1, 2), "Thing.grow takes 1 by position (by), got 2"),
        (lambda: shift(-1.0), "x is negative"),
    ],
)  # fmt: skip
def test_a_call_that_does_not_fit_is_explained(call: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == message


def test_a_call_that_fits_is_as_before() -> None:
    assert shift(1.0, twice=True) == 3.0
    assert Thing(1).grow(by=2) == 3
    assert list(inspect.signature(shift).parameters) == ["x", "by", "twice"]
    assert shift.__doc__ == "Shift a number."


def test_a_type_error_of_a_call_inside_stays() -> None:
    @spelled
    def outer() -> None:
        len(3)  # type: ignore[arg-type]

    with pytest.raises(TypeError, match="object of type 'int' has no len"):
        outer()


def test_long_lists_of_names_are_left_out() -> None:
    with pytest.raises(
        AttributeError, match=r"^x has no 'n3x'; did you mean .*\(dir\(\) lists what there is\)$"
    ):
        no_attribute("x", "n3x", [f"n{k}" for k in range(60)])
    with pytest.raises(AttributeError) as caught:
        missing("m", ["alpha", "_beta"])("alhpa")
    assert str(caught.value) == "m has no 'alhpa'; did you mean 'alpha'? (there are: alpha)"
    assert caught.value.name == "alhpa"
    with pytest.raises(AttributeError, match="module 'm' has no attribute '__path__'"):
        missing("m", ["alpha"])("__path__")


@pytest.mark.parametrize(
    ("look_up", "near"),
    [
        (lambda: sl.Lif, "LIF"),
        (lambda: sl.STPD, "STDP"),
        (lambda: sl.encode.poison, "poisson"),
        (lambda: sl.layers.Liner, "Linear"),
        (lambda: sl.plot.rastr, "raster"),
        (lambda: sl.io.from_nset, "from_nest"),
        (lambda: sl.models.microcircut, "microcircuit"),
        (lambda: sl.Network().populaton, "population"),
        (lambda: sl.Network().simulate, "run"),
        (lambda: sl.SpikingModel([sl.layers.Linear([[1.0]])]).threds, "threads"),
    ],
)
def test_namespaces_and_objects_name_the_nearest(look_up: Any, near: str) -> None:
    with pytest.raises(AttributeError, match=f"did you mean '{near}'"):
        look_up()


def test_functions_of_the_package_name_the_nearest() -> None:
    with pytest.raises(TypeError, match="did you mean 'seed'"):
        sl.encode.poisson(np.zeros(3), 10, sede=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="did you mean 'steps'"):
        sl.convert("model.onnx", np.zeros((2, 2)), stesp=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="did you mean 'seeds'"):
        sl.sweep(len, {}, sedes=3)  # type: ignore[call-arg]


def test_a_misfit_deep_inside_a_call_is_not_one_of_the_call() -> None:
    def inner(size: int) -> int:
        return size

    def between(size: int) -> int:
        return inner(siez=size)  # type: ignore[call-arg]

    @spelled
    def outer(size: int) -> int:
        return between(size)

    with pytest.raises(TypeError, match="unexpected keyword argument 'siez'"):
        outer(3)


def test_methods_that_change_a_network_are_explained() -> None:
    net = sl.Network()
    with pytest.raises(TypeError, match=r"^Network.population has no argument 'siez'"):
        net.population(siez=3)  # type: ignore[call-arg]
    cells = net.population(3, sl.LIF())
    with pytest.raises(TypeError, match=r"^Network.inject needs 'what'"):
        net.inject(cells)  # type: ignore[call-overload]
    assert len(net.populations) == 1


PUBLIC = [
    getattr(module, name)
    for module in (sl.events, sl.encode, sl.decode, sl.statistics, sl.datasets, sl.io, sl.models)
    for name in module.__all__
    if inspect.isfunction(getattr(module, name))
    and name != "read_events"  # its formats have options
]


@pytest.mark.parametrize(
    "function",
    [
        *PUBLIC,
        sl.Equations,
        sl.models.DiehlCook,
        sl.models.STDPClassifier,
        sl.run_all,
        sl.read_recording,
        sl.recording_names,
        sl.sweep,
        sl.plot.activity,
    ],
    ids=lambda function: function.__qualname__,
)
def test_public_functions_name_a_wrong_argument(function: Callable[..., Any]) -> None:
    name = list(inspect.signature(function).parameters)[-1]
    with pytest.raises(TypeError, match=rf"has no argument '{name}s'; did you mean '{name}'"):
        function(**{f"{name}s": 1})

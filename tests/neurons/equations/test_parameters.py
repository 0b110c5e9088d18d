from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from spikelet.neurons.equations.parameters import Parameter, read_parameters


def one(value: Any) -> Parameter:
    return read_parameters("M", {"p": value})["p"]


@pytest.mark.parametrize(
    ("given", "default", "unit", "rule"),
    [
        (3, 3.0, "", "finite"), (3.5, 3.5, "", "finite"), ((3,), 3.0, "", "finite"), ((281.0, "pF"), 281.0, "pF", "finite"),
        ((0.281, "nF"), 0.281, "nF", "finite"), ((20, "Hz"), 20.0, "Hz", "finite"), ((5, "ms", "> 0"), 5.0, "ms", "> 0"),
        ([0.2, "volt", ">= 0"], 0.2, "volt", ">= 0"), ((0.5, "1", "in [0, 1]"), 0.5, "", "in [0, 1]"), ((math.inf, "ms", "tau"), math.inf, "ms", "tau"),
        ((3.0, None, "> 0"), 3.0, "", "> 0"), ((3.0, "", "> 0"), 3.0, "", "> 0"), ((70, "MOhm"), 70.0, "MOhm", "finite"),
    ],
)  # fmt: skip
def test_defaults_are_in_their_unit(given: Any, default: float, unit: str, rule: str) -> None:
    found = one(given)
    assert (found.default, found.unit, found.rule) == (default, unit, rule)


def test_a_number_has_a_dimension_and_an_unknown_unit_has_none() -> None:
    assert one(3).dimension is None
    assert one((3, "1")).dimension is not None
    assert one((3, "mV")).dimension == one((3, "V")).dimension != one((3, "1")).dimension


class Quantity:
    """A quantity as pint has it, in volt."""

    def __init__(self, volts: float) -> None:
        self.magnitude = volts

    def to(self, unit: str) -> Quantity:
        if unit not in ("mV", "V"):
            raise ValueError(f"no {unit}")
        return Quantity(self.magnitude * (1000 if unit == "mV" else 1))


class Length(Quantity):
    """A quantity of no dimension that is guessed."""

    def __init__(self) -> None:
        super().__init__(1.0)

    def to(self, unit: str) -> Quantity:
        raise ValueError(f"no {unit}")


def test_quantities_bring_their_unit() -> None:
    assert one(Quantity(-0.07)) == one((-70.0, "mV"))
    assert one((Quantity(-0.07), "V", "finite")) == one((-0.07, "V"))
    with pytest.raises(
        ValueError, match=r"M: parameters\['p'\] must be in mV, ms, .* or \(number, unit\)"
    ):
        one(Length())
    with pytest.raises(TypeError, match=r"M: parameters\['p'\] must be a number.*no ms"):
        one((Quantity(1.0), "ms"))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("3", TypeError, r"parameters\['p'\] must be a number"), (None, TypeError, "must be a number"), ((), ValueError, "must be a number, \\(number, unit\\)"),
        ((1, "mV", "> 0", 3), ValueError, "must be a number, \\(number, unit\\)"), ((1, "mVV"), ValueError, "unknown unit 'mVV'"), ((1, 3), TypeError, "unit of p must be text"),
        ((1, "mV", "positive"), ValueError, 'rule of p must be "finite", "> 0"'), ((0, "mV", "> 0"), ValueError, "must be > 0, got 0.0"),
        ((math.inf, "mV"), ValueError, "must be finite"), (math.nan, ValueError, "must not contain NaN"), ((2, "1", "in [0, 1]"), ValueError, "must be in"),
        ((0, "ms", "tau"), ValueError, "must be > 0"), (True, TypeError, "must be a number"),
    ],
)  # fmt: skip
def test_bad_parameters(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        one(given)


def test_what_is_no_dictionary() -> None:
    assert read_parameters("M", None) == {}
    with pytest.raises(TypeError, match="M: parameters must be a dictionary of defaults"):
        read_parameters("M", ["a"])
    with pytest.raises(TypeError, match="must have names that are strings, got 3"):
        read_parameters("M", {3: 1.0})


@pytest.mark.parametrize("values", [[1.0, 2.0], [1, 2, 3], [1, 2, 3, 4], np.arange(4.0)])
def test_values_of_neurons_are_no_default(values: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^M: parameters\['I'\] must .*values of neurons go to the model"
    ):
        read_parameters("M", {"I": values})

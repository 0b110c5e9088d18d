"""Argument checks: what passes, and the message of what does not."""

from __future__ import annotations

import re
import sys
import types
from collections import deque
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pytest

import spikelet as sl
from spikelet._util import checks

NAN, INF = np.nan, np.inf


def array(*values: Any) -> Any:
    return np.array(values, dtype=np.float64)


REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: checks.fail("run", "save_every", 5.0, "must be positive"),
        ValueError,
        "run: save_every must be positive, got 5.0",
    ),
    (
        lambda: checks.fail("run", "x", (3,), "must be one number", got="shape"),
        ValueError,
        "run: x must be one number, got shape (3,)",
    ),
    (
        lambda: checks.fail("f", "x", (np.float64(0.5), np.int8(3)), "must be two", got="numbers"),
        ValueError,
        "f: x must be two, got numbers (0.5, 3)",
    ),
    (lambda: checks.numbers("f", "x", "much"), TypeError, "f: x must be a number or an array"),
    (
        lambda: checks.numbers("f", "x", [[1.0]]),
        ValueError,
        "f: x must have at most one dimension, got shape (1, 1)",
    ),
    (
        lambda: checks.numbers("f", "x", np.zeros((1, 1, 1)), dimensions=2),
        ValueError,
        "f: x must have at most 2 dimensions, got shape (1, 1, 1)",
    ),
    (
        lambda: checks.numbers("f", "x", [1.0, NAN]),
        ValueError,
        "f: x must not contain NaN at index 1, got nan",
    ),
    (lambda: checks.scalar("f", "x", [1.0], "> 0"), ValueError, "f: x must be one number, got"),
    (lambda: checks.scalar("f", "x", 0.0, "> 0"), ValueError, "f: x must be > 0, got 0"),
    (lambda: checks.number("f", "x", [1.0]), ValueError, "f: x must be one number, got [1.0]"),
    (
        lambda: checks.representable("f", "x", array(1.0, 1e39), np.dtype(np.float32)),
        ValueError,
        "f: x must be finite and within the range of float32, got 1e+39",
    ),
    (
        lambda: checks.require("f", "x", array(1.0, -2.0, -3.0), ">= 0"),
        ValueError,
        "f: x must be >= 0 at index 1, got -2.0",
    ),
    (
        lambda: checks.require("f", "x", array(1.0, INF), ">= 0"),
        ValueError,
        "f: x must be finite and >= 0 at index 1, got inf",
    ),
    (
        lambda: checks.require("f", "x", array(0.5, 1.5), "in [0, 1]"),
        ValueError,
        "f: x must be in [0, 1] at index 1, got 1.5",
    ),
    (
        lambda: checks.choice("f", "x", "d", "a", "b", "c"),
        ValueError,
        """f: x must be "a", "b" or "c", got 'd'""",
    ),
    (
        lambda: checks.known("f", "x", "conv2", ["relu", "conv1"], "layers"),
        ValueError,
        "f: x must name layers; the nearest is 'conv1', got 'conv2'",
    ),
    (
        lambda: checks.known("f", "x", "a", [], "layers"),
        ValueError,
        "f: x must name layers, got 'a'",
    ),
    (lambda: checks.choice("f", "x", 3, "a"), ValueError, 'f: x must be "a", got 3'),
    (lambda: checks.real_array("f", "x", [[1], [1, 2]]), ValueError, "f: x must be a rectangular"),
    (
        lambda: checks.real_array("f", "x", [1j]),
        TypeError,
        "f: x must hold real numbers, got dtype complex128",
    ),
    (
        lambda: checks.series("f", "x", np.zeros((0, 3))),
        ValueError,
        "f: x must be [T, ...] with T >= 1, got shape (0, 3)",
    ),
    (
        lambda: checks.check_all("f", "x", array(1, 2), array(1, 0) > 0, "must be odd"),
        ValueError,
        "f: x must be odd, got 2.0 at index (1,)",
    ),
    (lambda: checks.integer("f", "x", 1.5, 0), TypeError, "f: x must be an integer, got 1.5"),
    (lambda: checks.integer("f", "x", -1, 0), ValueError, "f: x must be >= 0, got -1"),
    (lambda: checks.integer("f", "x", 9, 0, 8), ValueError, "f: x must be >= 0 and <= 8, got 9"),
    (
        lambda: checks.fits("f", "x", array(1.0, 2.0), 3),
        ValueError,
        "f: x must be one number or 3 numbers, got shape (2,)",
    ),
    (lambda: checks.ids("f", "x", [0.5], 3), TypeError, "f: x must be a one-dimensional array of"),
    (lambda: checks.ids("f", "x", [0, 3], 3), ValueError, "f: x must lie in 0 .. 2, got 3"),
    (
        lambda: checks.interval("f", 0.25, 0.1),
        ValueError,
        "f: every must be a multiple of dt = 0.1",
    ),
    (lambda: checks.interval("f", 0.0, 0.1, "t"), ValueError, "f: t must be > 0, got 0"),
    (
        lambda: checks.steps_of("f", "t", 1.05, 0.1),
        ValueError,
        "f: t must be a multiple of dt = 0.1",
    ),
    (lambda: checks.steps_of("f", "t", 1e30, 0.1), ValueError, "f: t must be at most 2^53 steps"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED, ids=[m for _, _, m in REFUSED])
def test_the_error_names_object_argument_rule_and_value(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match="^" + re.escape(message)):
        call()


def test_what_fits_is_returned() -> None:
    assert checks.scalar("f", "x", np.float32(2.0), "> 0") == 2.0
    assert checks.numbers("f", "x", [1, INF]).dtype == np.float64
    assert checks.integer("f", "x", np.int8(3), 0, 3) == 3
    np.testing.assert_array_equal(checks.fits("f", "x", array(4.0)[0], 3), [4.0])
    chosen = checks.ids("f", "x", [2, 0], 3)
    assert (chosen.tolist(), chosen.dtype) == ([2, 0], np.uint32)
    assert checks.ids("f", "x", [], 0).shape == (0,)
    assert checks.series("f", "x", [True, False]).dtype == bool
    checks.require("f", "x", array(0.0, 1.0), "in [0, 1]")
    checks.choice("f", "x", "b", "a", "b")


def test_times_are_rounded_to_the_grid() -> None:
    assert checks.interval("f", None, 0.1) == 1
    assert checks.interval("f", 0.7, 0.1) == 7
    assert checks.steps_of("f", "t", 0.3, 0.1) == (0.3, 3)
    assert checks.steps_of("f", "t", 0.0, 0.1) == (0.0, 0)


def test_errors_of_the_core_are_given_a_name() -> None:
    with (
        pytest.raises(ValueError, match=r"^Conv2d 'c': must be odd$") as caught,
        checks.named("Conv2d 'c'"),
    ):
        raise ValueError("must be odd")
    assert caught.value.__suppress_context__
    with pytest.raises(ValueError, match=r"^f: n must be odd$"), checks.named("f"):
        raise ValueError("f: n must be odd")  # a check that names it already
    with pytest.raises(KeyError), checks.named("Conv2d 'c'"):
        raise KeyError("other errors pass unchanged")


class Rescaled:
    """A quantity as the quantities package has it, in volts."""

    def __init__(self, volts: float) -> None:
        self.volts = volts

    def rescale(self, unit: str) -> Any:
        if unit != "mV":
            raise ValueError("unable to convert")
        return type("In", (), {"magnitude": self.volts * 1e3})


def test_quantities_become_plain_numbers() -> None:
    assert checks.magnitude(Rescaled(0.07), "mV") == pytest.approx(70.0)
    assert checks.scalar("f", "x", Rescaled(0.07), "> 0", "mV") == pytest.approx(70.0)
    assert checks.magnitude(3.0, "mV") == 3.0


def test_quantities_in_lists_become_plain_numbers() -> None:
    assert checks.numbers("f", "x", [Rescaled(0.07), 3.0], "mV") == pytest.approx([70.0, 3.0])
    rows = [[Rescaled(0.07)], (Rescaled(0.08),)]
    assert checks.numbers("f", "x", rows, "mV", 2) == pytest.approx(np.array([[70.0], [80.0]]))


def test_quantities_are_found_wherever_they_are() -> None:
    one = Rescaled(0.07)
    for value in (one, [1.0, one], (one,), [[1.0], [one]], np.array([one], object), deque([one])):
        assert checks.has_units(value)
    for value in (
        1.0,
        None,
        "mV",
        [1.0, 2.0],
        [[1.0]],
        [],
        np.ones(3),
        np.array([1, None], object),
    ):
        assert not checks.has_units(value)


class Plain:
    """A quantity without dimension, as the quantities package or pint has it."""

    magnitude = 3.0

    def to(self, unit: str) -> Plain:
        assert unit == "dimensionless"
        return self


@pytest.mark.parametrize("value", [Rescaled(1.0), [Rescaled(1.0), 2.0]])
def test_a_unit_is_not_dropped_where_numbers_are_plain(value: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^f: x must be a number .*it has a unit, but must be a plain number"
    ):
        checks.numbers("f", "x", value)
    assert checks.number("f", "x", Plain()) == 3.0
    plain = object()
    assert checks.magnitude(plain, "") is plain


@pytest.mark.parametrize(
    "call",
    [
        lambda q: sl.Normal(q, 1.0),
        lambda q: sl.Uniform(0.0, 1.0, clip=(0.0, q)),
        lambda q: sl.STDP(w_max=q),
        lambda q: sl.WeightNormalization(total=q, every=1.0),
        lambda q: sl.Int16(largest=q),
    ],
)
def test_what_has_the_unit_of_a_weight_takes_plain_numbers(call: Any) -> None:
    with pytest.raises(TypeError, match="it has a unit"):
        call(Rescaled(1.0))


class Brian(float):
    """A quantity of Brian2: a number in SI units that knows the others of its kind."""

    kind: str

    def __new__(cls, value: float, kind: str) -> Self:
        quantity = super().__new__(cls, value)
        quantity.kind = kind
        return quantity

    def has_same_dimensions(self, other: float) -> bool:
        return self.kind == getattr(other, "kind", "one")


def test_quantities_of_brian2_become_numbers_of_the_base_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("second", "volt", "amp", "farad", "siemens", "hertz", "ohm")
    brian = types.SimpleNamespace(**{name: Brian(1.0, name) for name in names})
    monkeypatch.setitem(sys.modules, "brian2", brian)
    for unit, value, kind in [
        ("ms", 0.02, "second"), ("mV", 0.02, "volt"), ("pA", 2e-11, "amp"), ("nS", 2e-8, "siemens"),
        ("Hz", 20.0, "hertz"), ("1/ms", 20e3, "hertz"), ("GOhm", 20e9, "ohm"), ("pF", 2e-11, "farad"),
    ]:  # fmt: skip
        assert checks.scalar("f", "x", Brian(value, kind), "> 0", unit) == pytest.approx(20.0)
    for unit in ("mV", "nS/mV"):
        with pytest.raises(TypeError, match=f"cannot convert 1.0 to {unit}"):
            checks.scalar("f", "x", Brian(1.0, "second"), "> 0", unit)
    with pytest.raises(TypeError, match="it has a unit"):
        checks.scalar("f", "x", Brian(1.0, "second"), "> 0")
    assert checks.scalar("f", "x", Brian(1.0, "one"), "> 0") == 1.0


HUGE: list[Any] = [
    np.zeros(100_000), [0.0] * 100_000, "x" * 100_000, {"a": np.zeros((50, 50))}, np.full((9, 9), NAN),
    ["y" * 5000] * 3, np.array(["a"] * 1000), object(), {k: k for k in range(10_000)}, 10**400,
    type("Odd", (), {"__repr__": lambda self: "line\n" * 500})(),
]  # fmt: skip


@pytest.mark.parametrize("value", HUGE, ids=lambda value: type(value).__name__)
def test_a_message_is_one_line(value: Any) -> None:
    for call in (
        lambda: checks.fail("f", "x", value, "must be small"),
        lambda: checks.integer("f", "x", value, 0, 5),
        lambda: checks.ids("f", "x", value, 5),
        lambda: checks.number("f", "x", value),
        lambda: checks.choice("f", "x", value, "a"),
    ):
        with pytest.raises((ValueError, TypeError)) as caught:
            call()
        message = str(caught.value)
        assert message.startswith("f: x must")
        assert "\n" not in message
        assert len(message) < 500


def test_the_nan_that_breaks_the_rule_is_located() -> None:
    many = np.zeros(100_000)
    many[70_000] = NAN
    with pytest.raises(ValueError, match=r"^f: x must not contain NaN at index 70000, got nan$"):
        checks.numbers("f", "x", many)
    with pytest.raises(ValueError, match=r"^f: x must not contain NaN at index \(7, 0\), got nan$"):
        checks.numbers("f", "x", many.reshape(10, -1), dimensions=2)
    with pytest.raises(ValueError, match=r"^f: x must not contain NaN, got nan$"):
        checks.numbers("f", "x", NAN)


@pytest.mark.parametrize(
    "value",
    [
        b"3", ["3"], True, np.True_, 1j, np.array([1 + 0j]), None, [1.0, None], np.timedelta64(3, "ms"),
        np.datetime64("2020-01-01"), np.array([1.0, "2"], object), (x for x in [1.0]), {1.0}, {}, object(),
        np.ma.array([1.0, 2.0], mask=[False, True]), np.array([(1, 2)], dtype="i4,i4"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_only_numbers_are_numbers(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^f: x must be a number or an array of numbers, got"):
        checks.numbers("f", "x", value)


def test_text_is_no_number() -> None:
    rule = r"^f: x must be a number or an array of numbers in ms, not a text, got '3'$"
    with pytest.raises(TypeError, match=rule):
        checks.numbers("f", "x", "3", unit="ms")


def test_numbers_of_any_kind_are_numbers() -> None:
    pandas = pytest.importorskip("pandas")
    for value in (
        [1, 2], (1.0, 2.0), range(1, 3), np.array([1, 2], np.uint8), pandas.Series([1.0, 2.0]),
        pandas.array([1, 2]), np.ma.array([1.0, 2.0]), np.array([1, 2.0], object),
    ):  # fmt: skip
        np.testing.assert_array_equal(checks.numbers("f", "x", value), [1.0, 2.0])
    for single in (3, 3.0, np.float32(3), np.array(3)):
        assert checks.numbers("f", "x", single) == 3.0
    mask = np.array([True, False])
    np.testing.assert_array_equal(checks.numbers("f", "x", mask), [1.0, 0.0])


@pytest.mark.parametrize("value", [True, np.True_, 1.0, "1", None, [1], np.array([1, 2])])
def test_only_integers_are_integers(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^f: x must be an integer, got"):
        checks.integer("f", "x", value, 0)


@pytest.mark.parametrize(
    "value",
    [
        [0.0], [True], ["0"], [None], 0, [[0]], [NAN], None, np.ma.array([0, 1], mask=[0, 1]), np.array([0j]),
    ],
)  # fmt: skip
def test_only_whole_numbers_are_ids(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^f: x must be a one-dimensional array of integers, got"):
        checks.ids("f", "x", value, 5)


@pytest.mark.parametrize("rule", ["> 0", ">= 0", "in [0, 1]", "finite"])
@pytest.mark.parametrize("value", [-1.0, -0.0, 0.0, 0.5, 1.0, 2.0, INF, -INF, NAN])
def test_one_number_is_checked_as_an_array_is(value: float, rule: str) -> None:
    def outcome(given: Any) -> Any:
        try:
            return np.atleast_1d(checks.numbers_that("f", "x", given, rule)).tolist()
        except ValueError as error:
            return str(error).replace(" at index 0", "")

    assert outcome(value) == outcome([value])


def test_errors_of_other_types_keep_their_text() -> None:
    with pytest.raises(TypeError, match=r"^no$"), checks.named("connect A -> B"):
        raise TypeError("no")


def test_a_masked_time_is_refused() -> None:
    with pytest.raises(TypeError, match="masked"):
        sl.Network(dt=np.ma.array(np.float32(0.1), mask=True))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.float32(0.35), "0.35"),
        (np.int64(3), "3"),
        (np.bool_(True), "True"),
        (np.timedelta64(5, "ms"), "timedelta64"),
    ],
)
def test_numbers_of_numpy_are_shown_as_plain_ones(value: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=re.escape(shown)):
        checks.fail("f", "x", value, "must be something else")


def test_a_function_is_not_a_number() -> None:
    rule = r"^f: x must be a number or an array of numbers, not a function: pass the values that it returns, got <"
    with pytest.raises(TypeError, match=rule):
        checks.numbers("f", "x", lambda t: t)
    with pytest.raises(TypeError, match=r"^CurrentInput: values must be .* not a function"):
        sl.CurrentInput(np.sin)

"""Programs, run by a slow interpreter and by the core, against the expressions that they were made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from tests.conftest import make
from tests.support.program_interpreter import OPCODES, Interpreter, text

from spikelet import _core
from spikelet.neurons.equations.arrange import Arranger
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import OPERATIONS, Call, Expr, Name, Number, call
from spikelet.neurons.equations.linear import NOT_REFRACTORY
from spikelet.neurons.equations.program import EXTERNAL, Listing, Receptor, compile_step, input_name

X, Y, Z = map(Name, "xyz")
A, B, T = Name("a"), Name("b"), Name("t")
FIXED = frozenset({"a", "b", "dt"})


def compiled(
    new: Mapping[str, Expr],
    spiked: Expr | None = None,
    reset: Mapping[str, Expr] | None = None,
    receptors: tuple[Receptor, ...] = (),
    states: str = "xyz",
    **options: Any,
) -> Listing:
    options.setdefault("by_sign", False)
    return compile_step(
        tuple(states), receptors, Arranger(FIXED), new, spiked, reset or {}, **options
    )


def started(listing: Listing, n: int = 5, **parameters: float) -> Interpreter:
    values = {"a": 0.5, "b": -2.0, "dt": 0.1, **parameters}
    coefficients = [np.atleast_1d(evaluate(c, values)) for c in listing.coefficients]
    machine = Interpreter(listing, coefficients, n, 0.1)
    rng = np.random.default_rng(1)
    for name in machine.states:
        machine.states[name] = rng.uniform(-1, 1, n)
    return machine


def test_the_interpreter_and_the_core_have_the_same_opcodes() -> None:
    assert {name: number for number, name in enumerate(OPCODES)} == _core.opcodes()


def test_each_operation_of_expressions_has_an_opcode() -> None:
    opcodes = {name.lower() for name in _core.opcodes()}
    assert set(OPERATIONS) - opcodes == {"rand", "randn"}


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ({"x": X * A + Y}, ["MULADD"]),
        ({"x": Y + X * A}, ["MULADD"]),
        ({"x": X * A + Y * B}, ["LIN2"]),
        ({"x": X * A + Y * B + Z * A}, ["LIN3"]),
        ({"x": X * A + Y * B + Z * A + X * B + Y}, ["LIN3", "MULADD", "ADD"]),
        ({"x": X - Y * A}, ["MULADD"]),
        ({"x": X * A - B}, ["MULADD"]),
        ({"x": X * A - Y * B}, ["LIN2"]),
        ({"x": X - Y * Z}, ["MUL", "SUB"]),
        ({"x": Y}, ["MOV"]),
        ({"x": A}, ["MOV"]),
        ({"x": X}, []),
        ({}, []),
        ({"x": X * Y + call("exp", X * Y)}, ["MUL", "EXP", "ADD"]),
        ({"x": A * 2 + B}, ["MOV"]),
        ({"x": call("select", NOT_REFRACTORY, Y, X)}, ["SELECT"]),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, list) else "",
)
def test_instructions(new: dict[str, Expr], code: list[str]) -> None:
    listing = compiled(new)
    assert [OPCODES[i] for i in listing.step[:, 0]] == code, text(listing)


def test_new_states_do_not_disturb_old_ones() -> None:
    for new in ({"x": Y, "y": X}, {"x": Y, "y": Z, "z": X}, {"x": X + Y, "y": X - Y, "z": X * Y}):
        listing = compiled(new)
        machine = started(listing)
        before = dict(machine.states)
        machine.step()
        for name, expr in new.items():
            np.testing.assert_array_equal(machine.states[name], evaluate(expr, before | {"a": 0.5}))


def test_two_states_may_get_the_same_value() -> None:
    machine = started(compiled({"x": Y * Z, "y": Y * Z, "z": Y * Z}))
    expected = machine.states["y"] * machine.states["z"]
    machine.step()
    for values in machine.states.values():
        np.testing.assert_array_equal(values, expected)


def test_states_are_written_in_place() -> None:
    """A gate that feeds another one, and both an output, need no copies."""
    new = {"x": X * A + Y * B, "y": Y * A + Z, "z": Z * B}
    listing = compiled(new)
    assert listing.registers == 0
    assert len(listing.step) == 3
    # Each reads the other, so one of them has to wait in a register.
    both = compiled({"x": X * A + Y, "y": Y * A + X})
    assert both.registers == 1
    assert [OPCODES[i] for i in both.step[:, 0]] == ["MULADD", "MULADD", "MOV"]


def test_registers_are_reused() -> None:
    total: Expr = X
    for k in range(200):
        total = call("exp", total * (Y + k)) + call("sin", total)
    assert compiled({"x": total}).registers <= 4


def test_a_deep_expression_takes_no_recursion() -> None:
    total: Expr = X
    for _ in range(5000):
        total = call("sin", total)
    assert len(compiled({"x": total}).step) == 5000


def test_constants_and_coefficients_are_pooled() -> None:
    listing = compiled({"x": X * 2.5 + Y * (A / B), "y": Y + 2.5, "z": Z * (A / B)})
    assert listing.constants == (2.5,)
    assert listing.coefficients == (A / B,)


def test_an_input_is_read_in_the_step_and_a_late_one_added_after_it() -> None:
    receptors = (Receptor("late", 1, False), Receptor("early", -1, True))
    machine = started(compiled({"x": X + input_name("early") * A, "y": Y * A}, receptors=receptors))
    x, y = machine.states["x"], machine.states["y"]
    machine.step({"late": 3.0, "early": 4.0})
    np.testing.assert_array_equal(machine.states["x"], x + 4.0 * 0.5)
    np.testing.assert_array_equal(machine.states["y"], y * 0.5 + 3.0)


def test_a_mask_of_spikes_and_a_reset() -> None:
    spiked = call("not", call("lt", X + 1.0, A))
    reset = {"x": Y, "y": X, "z": Z + 1.0}
    listing = compiled({"x": X + 1.0}, spiked, reset)
    machine = started(listing)
    x, y, z = (machine.states[name] for name in "xyz")
    fired = x + 1.0 >= 0.5
    assert fired.any()
    assert not fired.all()
    np.testing.assert_array_equal(machine.step(), fired)
    np.testing.assert_array_equal(machine.states["x"], np.where(fired, y, x + 1.0))
    np.testing.assert_array_equal(machine.states["y"], np.where(fired, x + 1.0, y))
    np.testing.assert_array_equal(machine.states["z"], np.where(fired, z + 1.0, z))


def test_time_and_random_numbers_are_announced() -> None:
    assert not compiled({"x": X + Y}).time
    assert compiled({"x": X + T}).time
    rand, randn = Call("rand", (Number(0),)), Call("randn", (Number(1),))
    listing = compiled({"x": rand + rand, "y": randn, "z": Call("rand", (Number(2),))})
    assert listing.time
    assert sorted(listing.draws) == [0, 0, 1]


def test_the_same_expressions_give_the_same_program() -> None:
    def listing() -> Listing:
        new = {"x": call("exp", X * A) + Y / B, "y": call("tanh", Z) * A + EXTERNAL, "z": X * Y}
        return compiled(new, call("lt", X, A), {"x": A})

    first, second = listing(), listing()
    np.testing.assert_array_equal(first.step, second.step)
    np.testing.assert_array_equal(first.reset, second.reset)
    assert (first.coefficients, first.constants) == (second.coefficients, second.constants)


# Random expressions

UNARY = [op for op, kinds in OPERATIONS.items() if kinds == "n>n" and op not in ("rand", "randn")]
BINARY = [op for op, kinds in OPERATIONS.items() if kinds == "nn>n"]
COMPARED = [op for op, kinds in OPERATIONS.items() if kinds == "nn>b"]


def random_expressions(rng: np.random.Generator, count: int) -> list[Expr]:
    """Return expressions that share parts."""
    numbers: list[Expr] = [X, Y, Z, A, B, T, EXTERNAL, Number(0.7), Number(-3.0)]
    conditions: list[Expr] = [NOT_REFRACTORY]
    for _ in range(40):
        pick: Callable[[list[Expr]], Expr] = lambda some: some[rng.integers(len(some))]
        match rng.integers(6):
            case 0:
                numbers.append(call(str(rng.choice(UNARY)), pick(numbers)))
            case 1:
                conditions.append(call(str(rng.choice(COMPARED)), pick(numbers), pick(numbers)))
            case 2:
                op = str(rng.choice(["and", "or", "not"]))
                operands = [pick(conditions) for _ in range(1 if op == "not" else 2)]
                conditions.append(call(op, *operands))
            case 3:
                numbers.append(call("select", pick(conditions), pick(numbers), pick(numbers)))
            case 4:
                numbers.append(call("to_number", pick(conditions)))
            case _:
                numbers.append(
                    call(
                        str(rng.choice([*BINARY, "add", "sub", "mul", "mul"])),
                        pick(numbers),
                        pick(numbers),
                    )
                )
    return numbers[-count:]


@pytest.mark.parametrize("seed", range(60))
def test_random_expressions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    new = dict(zip("xyz", random_expressions(rng, 3), strict=True))
    machine = started(compiled(new))
    before = {**machine.states, "a": 0.5, "b": -2.0, "dt": 0.1, "t": 0.0, "external current": 0.3,
              "not_refractory": True}  # fmt: skip
    machine.step(current=0.3)
    for name, expr in new.items():
        np.testing.assert_array_equal(
            machine.states[name], np.broadcast_to(evaluate(expr, before), 5), str(expr)
        )


@pytest.mark.parametrize("seed", range(20))
def test_the_core_runs_them_alike(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    new = dict(zip("xyz", random_expressions(rng, 3), strict=True))
    listing = compiled(new)
    machine = started(listing, 33)
    net = make()
    index = net.engine.sim.add_program(
        listing.to_core("random"), 33, machine.coefficients, np.zeros(1)
    )
    for k, values in enumerate(machine.states.values()):
        net.engine.sim.set_state(index, k, values)
    machine.step()
    expected = np.stack(list(machine.states.values()))
    try:
        net.engine.sim.run(1, None)
    except _core.Divergence:
        assert not np.isfinite(expected).all()
        return
    got = np.stack([net.engine.sim.state(index, k) for k in range(3)])
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)

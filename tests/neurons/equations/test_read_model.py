"""Whole models: as people write them, random ones, and damaged ones."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.marked import raises_at
from tests.support.published_equations import ADEX, COBAHH, FLY
from tests.support.random_equations import random_equations

from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import ZERO, Name, Number, to_text
from spikelet.neurons.equations.model import Model
from spikelet.neurons.equations.read_model import read_model


def read(model: dict[str, Any], **changes: Any) -> Model:
    arguments = {**model, **changes}
    return read_model(arguments.pop("text"), **arguments)


def test_adex() -> None:
    model = read(ADEX)
    assert model.name == "AdEx"
    assert model.states == ("V_m", "w", "I_syn_ex", "I_syn_in")
    assert to_text(model.equations[1].rhs) == "(a*(V_m - E_L) - w)/tau_w"
    assert [e.unit for e in model.equations] == ["mV", None, "pA", "pA"]
    assert to_text(model.threshold) == "V_peak <= V_m"  # type: ignore[arg-type]
    assert [(a.variable, to_text(a.expr)) for a in model.reset] == [
        ("V_m", "V_reset"),
        ("w", "w + b"),
    ]
    assert model.refractory is Name("t_ref")
    assert model.held == ("V_m",)
    assert [(r.name, [(e.variable, to_text(e.factor)) for e in r.effects]) for r in model.receptors] == [
        ("ex", [("I_syn_ex", "1")]), ("in", [("I_syn_in", "1")]),
    ]  # fmt: skip
    assert model.initial == {"V_m": Name("E_L"), "w": ZERO, "I_syn_ex": ZERO, "I_syn_in": ZERO}
    assert model.draws == 0
    assert read(ADEX, text=model.text) == model


@pytest.mark.parametrize(
    ("threshold", "reset", "held"),
    [
        ("v >= 1", "v = 0", "v"),
        ("v >= 1", "w += 1", ""),
        ("v >= 1", "v -= 1", "v"),
        ("v >= th", "v = 0; th += 1", "v"),
        ("th < v", "th += 1; v = 0", "v"),
        ("v - 2*th > w", "th += 1; v = 0", "v"),
        ("v >= 1 + th + w", "th += 1; w += 2", ""),  # a MAT neuron
        ("not (v < th)", "th += 1; v = 0", "v"),
        ("v > th and th < 5", "th += 1; v = 0", "v"),
        ("w > 1 or v > th", "th += 1; v = 0", "v"),
        ("rand() < exp(v)", "th += 1; v = 0", "v"),
        ("v > w*th", "th += 1; v = 0", "v"),
        ("v > w*th", "th += 1", ""),
        ("v < -1", "v = 0", "v"),
    ],
)
def test_the_potential_is_held_and_not_its_threshold(threshold: str, reset: str, held: str) -> None:
    """Whatever the order of the equations."""
    lines = [f"d{x}/dt = -{x}/(10*ms)" for x in ("th", "v", "w")]
    for text in ("\n".join(lines), "\n".join(lines[::-1])):
        model = read_model(text, threshold=threshold, reset=reset, refractory=2.0)
        assert model.held == ((held,) if held else ())


@pytest.mark.parametrize(
    ("schedule", "refractory", "flag", "held", "effects"),
    [
        ("nest", 2.0, "", ("v",), [False, False, True]),
        ("nest", 2.0, "(unless refractory)", ("w",), [False, False, True]),
        ("brian2", 2.0, "", (), [False, False, True]),
        ("brian2", 2.0, "(unless refractory)", ("w",), [False, True, True]),
        ("brian2", 0, "(unless refractory)", ("w",), [False, True, True]),
        ("brian2", None, "(unless refractory)", ("w",), [False, False, True]),  # as without a flag
    ],
)
def test_what_a_flag_holds_and_which_events_it_ignores(
    schedule: str, refractory: Any, flag: str, held: tuple[str, ...], effects: list[bool]
) -> None:
    model = read_model(
        f"dv/dt = -v/(10*ms); dw/dt = -w/(5*ms) {flag}", threshold="v >= 1", reset="v = 0", refractory=refractory,
        receptors={"a": "v += weight; w += weight", "b": "v += weight (unless refractory)"}, schedule=schedule,
    )  # fmt: skip
    assert model.held == held
    assert [e.held for r in model.receptors for e in r.effects] == effects


def test_cobahh_as_brian2_prints_it() -> None:
    model = read(COBAHH)
    assert model.held == ()  # nothing is reset
    assert {d.name: d.unit for d in model.definitions} == dict.fromkeys(
        ("alpha_m", "beta_m", "alpha_h", "beta_h", "alpha_n", "beta_n"), "1/ms"
    )
    assert model.refractory is Number(3.0)
    assert [e.magnitude for r in model.receptors for e in r.effects] == [False, True]
    at = {n: p.default for n, p in model.parameters.items()}
    v = np.linspace(-90, 30, 7) + 0.5
    known = {**at, "v": v, "m": 0.1, "n": 0.2, "h": 0.3, "ge": 1.0, "gi": 2.0}
    x = 13 - v - 63
    alpha = 0.32 * x / np.expm1(x / 4)
    x = v + 63 - 40
    beta = 0.28 * x / np.expm1(x / 5)
    found = evaluate(model.expand(model.equations[1].rhs), known)
    np.testing.assert_allclose(found, alpha * 0.9 - beta * 0.1, rtol=1e-12)
    initial = evaluate(
        model.initial["v"], at, lambda kind, stream: {"randn0": 0.3}[f"{kind}{stream}"]
    )
    assert initial == -60 + (0.3 * 5 - 5)
    assert model.initial["m"].names == {"El", "VT"}


def test_the_fly_brain_as_published() -> None:
    model = read(FLY)
    assert model.held == ("v", "g")
    assert [e.held for e in model.equations] == [True, True]
    assert model.parameters["v_0"].unit == "mV"
    assert to_text(model.reset[1].expr) == "0"
    assert model.initial["v"] is Name("v_0")


@pytest.mark.parametrize("smooth", [True, False])
def test_random_models_mean_what_python_makes_of_them(smooth: bool) -> None:
    for seed in range(100):
        known = random_equations(seed, smooth=smooth)
        model = read(known.arguments())
        assert model.states == known.states
        assert model.held == (known.held if known.threshold else ())
        source = np.random.default_rng(seed)
        y, t = source.normal(size=(len(known.states), 4)), source.uniform(0, 50)
        values = {**known.parameters, **dict(zip(known.states, y, strict=True)), "t": t}
        found = [np.broadcast_to(evaluate(model.expand(e.rhs), values), 4) for e in model.equations]
        np.testing.assert_allclose(found, known.derivative(t, y), rtol=1e-11, atol=1e-13)
        if known.threshold is not None:
            after = dict(values)
            for a in model.reset:
                after[a.variable] = evaluate(a.expr, after)
            expected = known.after_reset(y[:, 0])
            got = [np.broadcast_to(after[s], 4)[0] for s in known.states]
            np.testing.assert_allclose(got, expected, rtol=1e-12)
            assert model.threshold is not None
            fired = np.broadcast_to(evaluate(model.threshold, values), 4)
            assert [known.spikes(y[:, k]) for k in range(4)] == fired.tolist()


def test_parts_that_are_left_out() -> None:
    model = read_model("dx/dt = 1")
    assert (model.name, model.threshold, model.reset, model.refractory, model.held, model.receptors) == (
        "Equations", None, (), ZERO, (), (),
    )  # fmt: skip
    assert read_model("dx/dt = 1", threshold="x > 3").reset == ()


def test_a_reset_needs_a_threshold() -> None:
    with pytest.raises(ValueError, match="M: reset needs a threshold"):
        read_model("dx/dt = 1", reset="x = 0", name="M")
    with pytest.raises(ValueError, match="M: refractory needs a threshold"):
        read_model("dv/dt = -v", name="M", refractory=2.0)


def test_the_potential_is_held_also_where_a_definition_names_it() -> None:
    text = "dx/dt = -y\ndy/dt = 1\ndz/dt = 1\nd = 2*y + 1\nhigh = d > 3"
    assert read_model(text, threshold="high and z < 3", reset="z = 0; y = 0").held == ("y",)
    assert read_model(text, threshold="high and z < 3", reset="x = 0").held == ()
    assert read_model(text, threshold="high and z < 3").held == ()


def test_the_message_of_the_issue() -> None:
    text = "C_m*dV_m/dt = -g_L*(V_n - E_L)"
    with pytest.raises(ValueError, match="unknown name") as caught:
        read_model(text, name="AdEx", parameters={"C_m": 1.0, "g_L": 1.0, "E_L": 1.0})
    assert str(caught.value) == (
        "AdEx: unknown name 'V_n'; did you mean 'V_m'?\n"
        "  line 1, column 21:  C_m*dV_m/dt = -g_L*(V_n - E_L)\n"
        "                                          ^"
    )


def test_errors_in_every_part_name_the_part() -> None:
    for part, text in [
        ("threshold", "V_m > §q"), ("reset", "V_m = 0*mV\nw = §q"), ("refractory", "2*§q"),
    ]:  # fmt: skip
        raises_at(text, "AdEx: unknown name 'q'", lambda t, part=part: read(ADEX, **{part: t}))
    raises_at("w += §q*weight", "unknown name 'q'", lambda t: read(ADEX, receptors={"a": t}))
    raises_at("E_L + §q", "unknown name 'q'", lambda t: read(ADEX, initial={"V_m": t}))


# --- Damage ---

WORDS = st.sampled_from(
    ["V_m", "w", "(", ")", "+", "-", "*", "/", "**", "=", ";", "\n", "dw/dt", "exp", ",", "1e400", "xi", "weight", "t", ":", " mV",
     "rand()", "<", "and", "not ", "E_L", "0", "#", " ", "pi", "dt", "(unless refractory)", "int(", "lambda", "\x00", "ü", "abs(weight)"]
)  # fmt: skip
PARTS = ("text", "threshold", "reset", "refractory")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_models_are_read_or_refused(data: st.DataObject) -> None:
    damaged = {**ADEX, "text": "x = w*2 + xi/tau_w*pA\n" + ADEX["text"] + "ds/dt = x + xi_2*rand()"}
    for part in data.draw(st.sets(st.sampled_from(PARTS), min_size=1)):
        text = damaged[part]
        for _ in range(data.draw(st.integers(1, 3))):
            start = data.draw(st.integers(0, len(text)))
            end = min(len(text), start + data.draw(st.integers(0, 6)))
            text = text[:start] + data.draw(WORDS) + text[end:]
        damaged[part] = text
    with contextlib.suppress(ValueError):
        read(damaged)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "dx/dt", "dy/dt", "c"]), WORDS, WORDS, WORDS, WORDS),
        max_size=6,
    )
)
def test_random_statements_are_read_or_refused(lines: list[tuple[str, ...]]) -> None:
    text = "\n".join(f"{left} = {' '.join(words)}" for left, *words in lines)
    with contextlib.suppress(ValueError):
        read_model(text, parameters={"E_L": 1.0, "w": 2.0})


def test_what_is_shared_is_not_multiplied_out() -> None:
    """2**300 terms, if it were."""
    lines = [
        "a0 = x + y",
        *(f"a{k} = a{k - 1}*z + a{k - 1}/z + xi" for k in range(1, 300)),
        "dx/dt = a299",
    ]
    model = read_model(
        "\n".join([*lines, "dy/dt = -y", "dz/dt = 0"]), threshold="y > 3", initial={"x": "z + y"}
    )
    assert set(model.equations[0].noise) == {"xi"}
    many = "\n".join([f"d{k} = d{k - 1} + s{k % 60}" for k in range(1, 900)])
    states = "\n".join(f"ds{k}/dt = d899 - s{k}*{k}" for k in range(60))
    assert len(read_model(f"d0 = 1\n{many}\n{states}").definitions) == 900

from __future__ import annotations

import pytest

from spikelet.neurons.equations.expression import Name, Number, to_text
from spikelet.neurons.equations.parameters import Parameter
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import LONGEST_NAME, read_expression, read_statements
from spikelet.neurons.equations.vocabulary import Vocabulary, draws_numbers, is_held, only_name


def tree(text: str):  # type: ignore[no-untyped-def]
    return read_expression(Source("M", "equations", text))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("t", "is the time"), ("dt", "is the time step"), ("pi", "is a constant"), ("xi", "is white noise"), ("xi_a", "is white noise"), ("exp", "is a function"),
        ("lambda", "is a keyword of Python"), ("and", "is a keyword of Python"), ("a b", "is not a name"), ("é", "is not a name"), ("", "is not a name"), ("1a", "is not a name"),
        ("weight", "is the weight of events"), ("not_refractory", "is a truth value"), ("a" * (LONGEST_NAME + 1), "is too long"), ("__import__('os')", "is not a name"),
    ],
)  # fmt: skip
def test_names_that_parameters_cannot_have(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"M: parameters must have other names: .* {problem}"):
        Vocabulary("M", {name: Parameter(1.0)})


@pytest.mark.parametrize(
    "name", ["mV", "V", "m", "e", "rand_", "xi2", "d", "I", "E", "weights", "_x", "print"]
)
def test_names_that_they_can_have(name: str) -> None:
    assert Vocabulary("M", {name: Parameter(1.0)}).known[name] is Name(name)


def test_values_of_texts() -> None:
    words = Vocabulary("M", {"tau": Parameter(1.0)})
    assert words.number(tree("2*tau + 3*ms"))[0] is 2 * Name("tau") + 3
    assert words.value(tree("tau > 3"))[0].boolean
    assert words.number(tree("pi"))[0] is Number(3.141592653589793)
    with pytest.raises(ValueError, match="'tau > 3' is a truth value where a number is needed"):
        words.number(tree("tau > 3"))
    with pytest.raises(
        ValueError, match="'xi' is noise, which is allowed only in a differential equation"
    ):
        words.number(tree("xi"))
    assert words.number(tree("xi"), noise=True)[0] is Name("xi")


def test_what_is_fixed() -> None:
    words = Vocabulary("M", {"tau": Parameter(1.0)})
    words.known["a"], words.expanded["a"] = Name("a"), Name("tau") * 2
    text = tree("a + dt")
    assert to_text(words.fixed(text, words.number(text)[0], "it", "dt")) == "tau*2 + dt"
    with pytest.raises(
        ValueError, match="it must be an expression of parameters, but depends on 't'"
    ):
        words.fixed(tree("t"), words.number(tree("t"))[0], "it")
    random = words.number(tree("rand()"))[0]
    assert draws_numbers(random + 1)
    assert not draws_numbers(Name("a"))


def test_flags_and_left_sides() -> None:
    first, second, third = read_statements(
        Source("M", "reset", "a = 1 (unless refractory)\nb = 2\nc*d = 3")
    )
    assert is_held(first)
    assert not is_held(second)
    assert only_name(second, "a state") == "b"
    with pytest.raises(ValueError, match=r"the left side is the name of a state, not 'c\*d'"):
        only_name(third, "a state")

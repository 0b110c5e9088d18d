"""The lists of docs/api.md name every model and rule, and the lists of rules in Python and in the core agree."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from spikelet import _core, layers, neurons
from spikelet.neurons import base, integrate_and_fire

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "docs" / "names.py"))


def test_the_page_is_up_to_date() -> None:
    text = SCRIPT["PAGE"].read_text("utf-8")
    assert len(SCRIPT["LIST"].findall(text)) == 3
    assert text == SCRIPT["derived"](text), "run python docs/names.py"


@pytest.mark.parametrize(
    ("module", "some", "base"),
    [
        ("spikelet.neurons", "LIFCond", "NeuronModel"),
        ("spikelet.plasticity", "TripletSTDP", "Plasticity"),
        ("spikelet.rules", "OneToOne", "Rule"),
    ],
)
def test_lists_have_what_users_choose_from(module: str, some: str, base: str) -> None:
    names = SCRIPT["names"](module)
    assert some in names
    assert base not in names


def test_each_model_of_the_core_has_its_class() -> None:
    assert list(integrate_and_fire.models()) == list(_core.neuron_models())
    assert set(integrate_and_fire.models()) <= set(neurons.__all__)


def test_each_state_has_a_unit() -> None:
    for model in integrate_and_fire.models().values():
        assert set(model().states) <= set(base.STATES)


def test_each_layer_is_public() -> None:
    """Base classes aside, and the movement of which transposed convolutions make use."""
    found, left = set(), [layers.Layer]
    while left:
        derived = [
            c for c in left.pop().__subclasses__() if c.__module__.startswith("spikelet.layers")
        ]
        left += derived
        found |= {c.__name__ for c in derived if not c.__subclasses__() and c.__name__ != "Spread"}
    assert len(found) > 50
    assert found <= set(layers.__all__)

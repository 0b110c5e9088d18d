"""Receptors by name: in projections, inputs and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, source, trace

import spikelet as sl
from spikelet._util import container
from spikelet.network import receptors
from spikelet.neurons import NeuronModel

THREE = sl.Equations(
    "da/dt = 0 : nS; db/dt = 0 : mV; dc/dt = 0", name="Three",
    receptors={"a": "a += weight", "b": "b += weight", "ex": "c += 2*weight"},
)  # fmt: skip
SIGNS = sl.Equations(
    "dx/dt = 0 : pA; dy/dt = 0 : pA",
    receptors={"in": "y += weight", "ex": "x += weight"},
    name="Signs",
)
ONE = sl.Equations("dx/dt = 0", receptors={"gap": "x += weight"}, name="One")


@pytest.mark.parametrize(
    ("model", "receptor", "number", "unit"),
    [
        (sl.LIF(), None, -1, "pA"), (sl.LIF(), "ex", 0, "pA"), (sl.LIF(), "inhibitory", 1, "pA"),
        (sl.LIFDelta(), None, -1, "mV"), (sl.LIFDelta(), "excitatory", 0, "mV"), (sl.LIFDelta(), "in", 1, "mV"),
        (sl.LIFCond(), None, -1, "nS"),
        (SIGNS(), None, -1, "pA"), (SIGNS(), "in", 1, "pA"), (SIGNS(), "excitatory", 0, "pA"),
        (ONE(), None, -1, ""), (ONE(), "gap", 0, ""),
        (THREE(), "a", 0, "nS"), (THREE(), "b", 1, "mV"), (THREE(), "ex", 2, ""), (THREE(), "excitatory", 2, ""),
    ],
)  # fmt: skip
def test_numbers_and_units(model: NeuronModel, receptor: Any, number: int, unit: str) -> None:
    assert receptors.receptor_number("here", model, receptor) == number
    assert receptors.receptor_unit(model, number) == unit
    low, high = receptors.receptor_range(model)
    assert low <= number <= high


@pytest.mark.parametrize(
    ("model", "receptor", "message"),
    [
        (
            sl.LIF(),
            "both",
            '^here: receptor must be "excitatory", "ex", "inhibitory" or "in", got \'both\'',
        ),
        (sl.LIF(), 0, "^here: receptor must be"),
        (ONE(), "ex", '^here: receptor must be "gap", got'),
        (THREE(), None, '^here: receptor must be given: Three has the receptors "a", "b", "ex"'),
        (THREE(), "in", "^here: receptor must be"),
        (
            sl.Equations("dx/dt = 0", name="None_")(),
            None,
            r"^here: target must have a receptor: .*, got 'None_'",
        ),
    ],
)
def test_what_there_is_not(model: NeuronModel, receptor: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        receptors.receptor_number("here", model, receptor)


def test_poisson_events_at_each_receptor() -> None:
    net = make()
    cells = net.population(200, THREE(), name="E")
    drives = [
        net.inject(cells, sl.PoissonInput(1000.0, w, receptor=r))
        for r, w in (("a", 2.0), ("b", -1.0), ("ex", 1.0))
    ]
    changing = sl.SinusoidalPoisson(rate=500.0, amplitude=300.0, frequency=20.0)
    net.inject(cells[:100], sl.PoissonInput(changing, 5.0, receptor="b"))
    net.run(100.0)
    a, b, c = (np.asarray(getattr(cells, state)) for state in "abc")
    assert a.mean() == pytest.approx(200.0, rel=0.05)
    assert (a % 2 == 0).all()
    assert c.mean() == pytest.approx(200.0, rel=0.05)
    assert b[100:].mean() == pytest.approx(-100.0, rel=0.05)
    assert b[:100].mean() == pytest.approx(-100.0 + 5 * 50.0, rel=0.1)
    assert abs(np.corrcoef(a, c)[0, 1]) < 0.25
    drives[0].receptor = "b"
    net.run(10.0)
    np.testing.assert_array_equal(cells.a[:], a)


@pytest.mark.parametrize(
    ("target", "what", "error", "message"),
    [
        (
            THREE,
            sl.PoissonInput(1.0, 1.0),
            ValueError,
            "^inject E: receptor must be given: Three has",
        ),
        (THREE, sl.PoissonInput(1.0, 1.0, receptor="x"), ValueError, "^inject E: receptor must be"),
        (
            THREE,
            sl.CurrentInput([1.0]),
            ValueError,
            "^inject E: target takes no current: no parameter of Three is one",
        ),
        (THREE, sl.NoiseInput(), ValueError, "^inject E: target takes no current"),
        (
            sl.Equations("dx/dt = 0", name="N"),
            sl.PoissonInput(1.0, 1.0),
            ValueError,
            "^inject E: target must have a receptor",
        ),
    ],
    ids=str,
)
def test_inputs_that_reach_nothing(
    target: Any, what: Any, error: type[Exception], message: str
) -> None:
    net = make()
    cells = net.population(2, target(), name="E")
    with pytest.raises(error, match=message):
        net.inject(cells, what)
    assert net.inputs == ()


def test_a_receptor_is_a_name() -> None:
    with pytest.raises(
        TypeError, match=r"^PoissonInput: receptor must be the name of a receptor, got 3"
    ):
        sl.PoissonInput(1.0, 1.0, receptor=3)  # type: ignore[arg-type]  # what is tested


def test_receptors_of_weights_of_both_signs() -> None:
    """By sign where nothing is named; else the sign is only a sign."""
    net = make()
    cells, spikes = net.population(2, SIGNS()), source(net, [2], [0])
    net.connect(spikes, cells, sl.AllToAll(), weight=[3.0, -4.0], delay=0.1)
    with pytest.warns(UserWarning, match='weight = -1 pA at receptor="excitatory" hyperpolarises'):
        net.connect(spikes, cells, sl.AllToAll(), weight=-1.0, delay=0.1, receptor="ex")
    x = trace(net, cells, "x", 1.0)[-1]
    np.testing.assert_array_equal(x, [2.0, -1.0])
    np.testing.assert_array_equal(cells.y[:], [0.0, -4.0])


def saved(path: Path) -> sl.Network:
    net = make()
    cells, spikes = net.population(3, THREE(), name="E"), source(net, [5, 30])
    for name in ("ex", "b"):
        net.connect(spikes, cells, sl.AllToAll(), weight=2.0, delay=1.0, receptor=name)
    net.inject(cells, sl.PoissonInput(2000.0, 1.0, receptor="a"))
    net.run(2.0)
    net.save(path)
    return net


def test_receptors_travel_in_files(tmp_path: Path) -> None:
    net = saved(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net", threads=1)
    for each in (net, loaded):
        each.run(5.0)
    for state in "abc":
        np.testing.assert_array_equal(
            getattr(loaded.populations[0], state), getattr(net.populations[0], state)
        )
    assert [p.receptor for p in loaded.projections] == [2, 1]
    assert loaded.inputs[0].receptor == "a"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda h: h["projections"][0].update(receptor=3),
            r"projection0 receptor must be a whole number in 0 \.\. 2",
        ),
        (lambda h: h["projections"][0].update(receptor=-1), "projection0 receptor must be"),
        (lambda h: h["projections"][0].update(receptor="ex"), "projection0 receptor must be"),
        (lambda h: h["inputs"][0]["what"]["fields"].update(receptor="z"), "receptor must be"),
        (lambda h: h["inputs"][0]["what"]["fields"].update(receptor=7), "receptor must be"),
        (
            lambda h: h["populations"][0]["model"]["equations"].update(text="dx/dt = __import__"),
            "unknown name",
        ),
        (lambda h: h["populations"][0]["model"]["equations"].pop("text"), "arguments must be"),
        (lambda h: h["populations"][0]["model"].pop("equations"), "KeyError"),
        (lambda h: h["populations"][0]["model"]["fields"].update(tau=3), "unknown or missing"),
    ],
)
def test_crafted_files(edit: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "net"
    saved(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop("header")))
    edit(header)
    with path.open("wb") as out:
        container.write(out, header, arrays)
    with pytest.raises(ValueError, match=message):
        sl.Network.load(path)


@pytest.mark.parametrize("model", [sl.LIFCond(), sl.AdEx(), sl.LIFCondAlpha()], ids=repr)
@pytest.mark.parametrize("receptor", ["ex", "in"])
def test_conductances_of_a_named_receptor_are_not_negative(model: Any, receptor: str) -> None:
    net = make()
    neurons = net.population(3, model)
    rule = "weight must be >= 0 if receptor= is given, because weights are then magnitudes"
    with pytest.raises(ValueError, match=rule):
        net.connect(neurons, neurons, sl.AllToAll(), weight=-1.0, receptor=receptor)
    with pytest.raises(ValueError, match=rule):
        net.inject(neurons, sl.PoissonInput(5.0, [1.0, -1.0, 1.0], receptor=receptor))
    assert net.inputs == ()
    drive = net.inject(neurons, sl.PoissonInput(5.0, 1.0, receptor=receptor))
    with pytest.raises(ValueError, match=rule):
        drive.weight = -1.0
    assert drive.weight == 1.0
    projection = net.connect(neurons, neurons, sl.AllToAll(), weight=1.0, receptor=receptor)
    rule = rule.replace("weight must", "weights must")
    for values in (-1.0, np.linspace(-1.0, 1.0, 9)):
        with pytest.raises(ValueError, match=rule):
            projection.weights = values
        with pytest.raises(ValueError, match=rule):
            projection.weights[:9] = values
    assert (projection.weights == 1.0).all()
    rule = rule.replace("weights must", "w_min must")
    signed = sl.STDP(w_min=-1.0)
    with pytest.raises(ValueError, match=rule):
        net.connect(neurons, neurons, sl.AllToAll(), receptor=receptor, plasticity=signed)
    by_sign = net.connect(neurons, neurons, sl.AllToAll(), weight=1.0)
    by_sign.weights = -1.0
    assert (by_sign.weights == -1.0).all()


def test_equations_may_call_a_receptor_excitatory() -> None:
    net = make()
    text = "dv/dt = -v/tau + (a - b)/tau\nda/dt = -a/tau\ndb/dt = -b/tau"
    receptors = {"inhibitory": "b += weight", "excitatory": "a += weight"}
    model = sl.Equations(
        text, parameters={"tau": (10.0, "ms")}, receptors=receptors, threshold="v > 1"
    )
    neurons = net.population(1, model())
    net.connect(source(net, [1]), neurons, sl.AllToAll(), weight=0.1, receptor="excitatory")
    net.run(2.0)
    assert float(neurons.a) > 0.05
    assert float(neurons.b) == 0.0

"""Whatever a user sets takes effect or raises: on every public class, no attribute is ignored."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, train
from tests.test_public_api import MODULES

import spikelet as sl
from spikelet import conversion, layers, models
from spikelet.experiments.record import Record
from spikelet.models.conv_stdp import Conv, ConvSTDP
from spikelet.models.ridge_readout import RidgeReadout

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)


def _net() -> sl.Network:
    net = make(seed=4)
    source = net.population(9, sl.PoissonSource(np.full(9, 300.0)), name="X")
    cells = net.population(5, sl.LIF(I_e=np.linspace(300.0, 500.0, 5)), name="E")
    reward = sl.RewardSTDP(w_max=50.0)
    net.connect(source, cells, sl.AllToAll(), weight=20.0, plasticity=reward)
    net.record(cells, "spikes")
    net.record(cells, "V_m")
    net.record(net.projections[0], "weights", every=1.0)
    net.run(5.0)
    return net


def _union() -> Any:
    net = make()
    return net.population(3, sl.LIF(), name="E") + net.population(2, sl.LIF(), name="I")


def _recording(path: Path, what: str) -> Any:
    net = make()
    cells = net.population(2, sl.LIF(I_e=900.0), name="E")
    p = net.connect(cells, cells, sl.AllToAll())
    net.record(p if what == "weights" else cells, what, to=path / f"{what}.rec")
    net.run(5.0)
    return sl.read_recording(path / f"{what}.rec")


def _model() -> sl.SpikingModel:
    return sl.SpikingModel([layers.Linear([[0.3], [0.6]]), layers.IF(1.0)], threads=1)


def _converted(_: Path, **options: Any) -> Any:
    ann = [layers.Linear([[0.5, 0.2]]), layers.ReLU(), layers.Linear([[1.0]])]
    return conversion.convert(ann, np.random.default_rng(1).random((20, 2)), steps=8, **options)


def _regulator() -> sl.Regulator:
    net = _net()
    plastic = next(p for p in net.projections if p.plasticity is not None)
    return net.regulate(plastic, sl.WeightNormalization(total=1.0, every=1.0))


def _sweep() -> sl.SweepResult:
    return sl.sweep(lambda a, seed: {"b": 2 * a}, {"a": [1, 2]}, executor="serial")


def _fit() -> sl.fitting.FitResult:
    data = sl.fitting.Recording(np.full(200, 400.0), spikes=[5.0, 12.0])
    return sl.fit(sl.LIF(), vary={"tau_m": (5.0, 20.0)}, data=data, candidates=10, threads=1)


def _nir() -> sl.io.NirModel:
    nir = pytest.importorskip("nir")
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        "scale": nir.Scale(np.ones(2)),
        "output": nir.Output({"output": np.array([2])}),
    }
    edges = [("input", "scale"), ("scale", "output")]
    return sl.io.read_nir(nir.NIRGraph(nodes, edges))


def _sonata(path: Path) -> sl.io.SonataNetwork:
    net = sl.Network(dt=0.1, threads=1, dtype="float64")
    net.population(2, sl.LIF(), name="cells")
    sl.io.write_sonata(net, path / "sonata", tstop=1.0)
    (config,) = (path / "sonata").glob("*simulation*.json")
    return sl.io.read_sonata(config)


OBJECTS: dict[str, Callable[[Path], Any]] = {
    "Equations": lambda _: sl.Equations("dx/dt = -x"),
    "SynapseEquations": lambda _: sl.SynapseEquations("", on_pre="w += 1"),
    "Network": lambda _: _net(),
    "Population": lambda _: _net().populations[1],
    "StateView": lambda _: _net().populations[1].V_m,
    "Projection": lambda _: _net().projections[0],
    "Drive": lambda _: (net := _net()).inject(net.populations[1], sl.PoissonInput(5.0, 1.0)),
    "Regulator": lambda _: _regulator(),
    "union": lambda _: _union(),
    "union's Projection": lambda _: (u := _union()).network.connect(
        u, u, sl.OneToOne(), plasticity=sl.STDP()
    ),
    "union's Drive": lambda _: (u := _union()).network.inject(u, sl.PoissonInput(5.0, 1.0)),
    "MultiStateRecorder": lambda _: (u := _union()).network.record(u, ["V_m", "theta"]),
    "SpikeRecorder": lambda _: _net().recorders[0],
    "Spikes": lambda _: sl.Spikes([0.1, 0.2], [0, 1], stop=1.0, dt=0.1),
    "StateRecorder": lambda _: _net().recorders[1],
    "WeightRecorder": lambda _: _net().recorders[2],
    "SpikeRecording": lambda path: _recording(path, "spikes"),
    "StateRecording": lambda path: _recording(path, "V_m"),
    "WeightRecording": lambda path: _recording(path, "weights"),
    "Graph": lambda _: _model().graph,
    "SpikingModel": lambda _: _model(),
    "ConvertedModel": _converted,
    "FirstSpikeModel": lambda _: _converted(_, neuron="first_spike"),
    "SweepResult": lambda _: _sweep(),
    "RunResult": lambda _: _sweep()[0],
    "FitResult": lambda _: _fit(),
    "ConnectomeModel": lambda _: models.connectome(([0], [1], [3]), threads=1),
    "FlyBrain": lambda _: models.fly_brain(([0], [1], [3]), 2),
    "DiehlCook": lambda _: models.DiehlCook(3, 16, show=20.0, rest=5.0).fit(IMAGES),
    "WinnerTakeAll": lambda _: models.WinnerTakeAll(3, 16).fit(IMAGES),
    "ConvSTDP": lambda _: ConvSTDP([Conv(maps=3, kernel=2, window=1)], shape=(4, 4)).fit(IMAGES),
    "RidgeReadout": lambda _: RidgeReadout(2).partial_fit(np.eye(2), [0, 1]).solve(1.0),
    "Ranks": lambda _: _net().ranks,
    "SpikingPolicy": lambda _: sl.gym.SpikingPolicy(_model(), steps=4),
    "NirModel": lambda _: _nir(),
    "SonataNetwork": _sonata,
    "Microcircuit": lambda _: models.microcircuit(0.003, seed=1, threads=1),
}

# What may be set, and takes effect; the tests of each class show that.
SETTABLE = {
    "Projection": {"weights", "plasticity", "reward"},
    "union's Projection": {"weights", "plasticity", "reward"},
    "Drive": {"rate", "weight", "start", "stop"},
    "union's Drive": {"rate", "weight", "start", "stop"},
    "Regulator": {"total", "every"},
    "SpikingModel": {"threads"},
    "ConvertedModel": {"threads", "steps", "delay", "coding", "until"},
    "FirstSpikeModel": {"threads", "steps", "delay", "coding", "until"},
    "DiehlCook": {"show", "rest", "intensity", "least_spikes", "total"},
    "WinnerTakeAll": {
        "input_rate", "learn_for", "answer_for", "pause", "total", "normalize_every", "anneal",
    },
    "ConvSTDP": {"threads"},
    "RidgeReadout": {"weights", "offset"},
}  # fmt: skip

# scikit-learn sets parameters of an estimator before each fit, and its base class checks their names. Events is an old
# name, whose call makes Spikes. The base of Spikes makes nothing of its own.
ELSEWHERE = {
    "STDPClassifier", "SpikingClassifier", "SpikingRegressor", "Reservoir", "Events", "Observed",
}  # fmt: skip


def _public_classes() -> Iterator[type]:
    seen = set()
    for name in MODULES:
        if not name.startswith("spikelet.torch"):
            module = importlib.import_module(name)
            for public in getattr(module, "__all__", vars(module)):
                kind = getattr(module, public)
                if (
                    inspect.isclass(kind)
                    and kind.__module__.startswith("spikelet")
                    and kind not in seen
                ):
                    seen.add(kind)
                    yield kind


def _is_immutable(kind: type) -> bool:
    frozen = dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    protocol = getattr(kind, "_is_protocol", False)
    return (
        frozen or protocol or inspect.isabstract(kind) or issubclass(kind, (tuple, BaseException))
    )


def test_every_public_class_is_frozen_or_tested_here() -> None:
    pytest.importorskip("sklearn")
    kinds = {kind for kind in _public_classes() if not _is_immutable(kind)}
    assert len(kinds) > 15
    assert {kind.__name__ for kind in kinds} - ELSEWHERE == {
        name for name in OBJECTS if "union" not in name
    }


@pytest.mark.parametrize("name", OBJECTS)
def test_a_misspelt_attribute_raises(name: str, tmp_path: Path) -> None:
    made = OBJECTS[name](tmp_path)
    for nonsense in ("sed", "weihgt", "x"):
        with pytest.raises(AttributeError, match=nonsense):
            setattr(made, nonsense, 1)
        assert not hasattr(made, nonsense)


@pytest.mark.parametrize("name", OBJECTS)
def test_a_fixed_attribute_raises_and_says_what_to_do(name: str, tmp_path: Path) -> None:
    made = OBJECTS[name](tmp_path)
    names = {n for n in dir(made) if not n.startswith("_")}
    of_neurons = name in ("Population", "union")
    parameters = {*made.parameters, *made.states} if of_neurons else set()
    fixed = names - SETTABLE.get(name, set()) - parameters
    assert len(fixed) > 1
    for attribute in sorted(fixed):
        with pytest.raises(AttributeError, match=rf"{attribute} cannot be set: \w+"):
            setattr(made, attribute, getattr(made, attribute))
        with pytest.raises(AttributeError):
            delattr(made, attribute)


def test_lists_of_parts_cannot_be_changed() -> None:
    net = _net()
    for parts in (net.populations, net.projections, net.recorders, net.inputs, net.regulations):
        assert isinstance(parts, tuple)
    circuit = models.microcircuit(0.003, seed=1, threads=1)
    for parts in (circuit.populations, circuit.projections, circuit.recorders):
        with pytest.raises(TypeError):
            del parts["L4E"]
    assert isinstance(_sweep().runs, tuple)


def test_a_subclass_of_network_has_attributes_of_its_own(tmp_path: Path) -> None:
    class Mine(sl.Network):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.label = "mine"

    net = Mine(0.1, 3)
    net.label = "yours"
    net.count = 0
    net.count += 1
    with pytest.raises(AttributeError, match=r"seed cannot be set: .* build a new one"):
        net.seed = 99
    spikes = net.record(net.population(5, sl.PoissonSource(900.0)), "spikes")
    net.run(50.0)
    first = train(spikes)
    net.reset()
    net.run(50.0)
    assert train(spikes) == first
    assert (net.label, net.count, net.seed) == ("yours", 1, 3)


# Descriptions hold arrays of their own, which nobody can change


def _arrays_of(item: Any) -> Iterator[np.ndarray]:
    names = [f.name for f in dataclasses.fields(item)] if dataclasses.is_dataclass(item) else None
    for name in names or ("times", "ids"):
        if isinstance(getattr(item, name), np.ndarray):
            yield getattr(item, name)


@pytest.mark.parametrize(
    ("make_it", "given"),
    [
        (lambda x: sl.LIF(I_e=x), np.ones(3)),
        (lambda x: sl.SpikeSource(x, [0, 1, 2]), np.ones(3)),
        (lambda x: sl.SpikeSource([1.0, 2.0, 3.0], x), np.array([1, 1, 1])),
        (sl.PoissonSource, np.ones(3)),
        (sl.RasterSource, np.ones((3, 2), int)),
        (sl.RasterSource, np.ones((3, 2), np.uint8)),
        (lambda x: sl.PoissonInput(x, 1.0), np.ones(3)),
        (lambda x: sl.PoissonInput(1.0, x), np.ones(3)),
        (sl.CurrentInput, np.ones(3)),
        (lambda x: sl.NoiseInput(x, 1.0), np.ones(3)),
        (lambda x: sl.NoiseInput(1.0, x), np.ones(3)),
        (layers.Linear, np.ones((2, 2))),
        (layers.IF, np.ones(3)),
        (lambda x: sl.Spikes(x, [0, 1, 2], 3), np.ones(3)),
        (lambda x: sl.Spikes([0.1, 0.2, 0.3], x, 3), np.ones(3, np.int64)),
    ],
)
def test_descriptions_own_their_arrays(make_it: Callable[[Any], Any], given: Any) -> None:
    item = make_it(given)
    before = [np.array(x) for x in _arrays_of(item)]
    given[:] = 2  # still the user's, and no longer the description's
    for x, was in zip(_arrays_of(item), before, strict=True):
        np.testing.assert_array_equal(x, was)
        with pytest.raises(ValueError, match="read-only"):
            x[...] = 3
    assert before


def test_settings_that_are_honoured_are_checked() -> None:
    model, learner = _model(), models.DiehlCook(3, 16)
    for item, name, bad in (
        (model, "threads", 0), (learner, "show", -1.0), (learner, "least_spikes", 1.5),
        (models.WinnerTakeAll(3, 16), "pause", np.nan), (RidgeReadout(2), "weights", np.ones(3)),
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError), match=rf"{type(item).__name__}: {name} must"):
            setattr(item, name, bad)
    learner.show = 20.0
    assert learner.parameters()["show"] == 20.0
    assert Record("done").status == "done"

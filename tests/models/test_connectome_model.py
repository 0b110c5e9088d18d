"""Networks of connectomes: as the fly's brain; experiments by name and type; traces, trials, files."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.models import ConnectomeModel, FlyBrain, connectome, fly_brain
from spikelet.models.connectome import Connectome

pandas = pytest.importorskip("pandas")

# s1, s2 excite a, which excites b and m; i inhibits b.
EDGES = [
    ("s1", "a", 200), ("s2", "a", 200), ("a", "b", 150), ("a", "m", 150), ("i", "b", 300),
]  # fmt: skip
NEURONS = {
    "id": ["s1", "s2", "a", "b", "i", "m"],
    "type": ["sensory", "sensory", "inter", "inter", "local", "motor"],
    "side": ["L", "R", "L", "L", "L", "L"],
    "transmitter": ["ACh", "ACh", "ACh", "ACh", "GABA", ""],
}


def example(**options: Any) -> ConnectomeModel:
    frame = pandas.DataFrame(EDGES, columns=["pre", "post", "weight"])
    sign = {"ACh": 1, "GABA": -1, None: 0}
    return connectome(frame, NEURONS, sign=sign, threads=1, **options)


def rates(model: ConnectomeModel, **options: Any) -> dict[str, float]:
    table = model.run(500.0, **options).rates()
    return dict(zip(table["id"].tolist(), table["rate"].tolist(), strict=True))


def test_neurons_by_id_type_and_index() -> None:
    model = example()
    assert model.index("a").tolist() == [2]
    assert model.index("sensory").tolist() == [0, 1]
    assert model.index(["motor", "s2"]).tolist() == [5, 1]
    assert model.index("R").tolist() == [1]
    assert model.index([0, 5]).tolist() == [0, 5]
    assert model.index([]).tolist() == []
    assert model.index(model.table.query("side == 'R'").index).tolist() == [1]
    assert model.table.loc["i", "type"] == "local"
    for bad, message in (
        ("sensor", "the nearest is 'sensory'"),
        ([6], "all indices, 0 .. 5, got 6"),
    ):
        with pytest.raises(ValueError, match=f"ConnectomeModel.index: neurons must .*{message}"):
            model.index(bad)
    with pytest.raises(TypeError, match="ids, types or indices"):
        model.index(0.5)
    numbered = connectome(([10, 12], [12, 7], [1, 2]), threads=1)
    assert numbered.index([12, 7]).tolist() == [2, 0]


def test_activity_by_type() -> None:
    model = example()
    assert rates(model) == {}
    model.activate("sensory", rate=100.0)
    activity = model.run(500.0, trials=2)
    table = activity.by("type")
    assert table.loc["sensory", "active"] == 2
    assert table.loc["sensory", "rate"] == pytest.approx(100.0, rel=0.2)
    assert table.loc["motor", "spikes"] > 0
    assert table.loc["local", "spikes"] == 0


def test_silence_lesion_and_restore() -> None:
    model = example()
    before = [p.weights.tolist() for p in model.projections]
    model.activate(["sensory", "i"], rate=100.0)
    inhibited = rates(model)
    model.silence("local")
    free = rates(model)
    assert free["b"] > inhibited.get("b", 0.0)
    assert free["i"] == inhibited["i"]  # it still fires
    model.lesion("a")
    model.lesion("a")
    assert set(rates(model)) == {"s1", "s2", "i"}
    assert not np.any(model.projections[0].weights)
    model.lesion("s1")
    assert set(rates(model)) == {"s2", "i"}  # nothing of it is left
    model.restore(activation=False)
    assert rates(model) == inhibited
    assert [p.weights.tolist() for p in model.projections] == before
    model.restore()
    assert rates(model) == {}


def test_several_populations_and_a_kick() -> None:
    cells = {"sensory": sl.LIF(), "motor": sl.LIFAlpha(), None: sl.LIFAlpha(tau_m=5.0)}
    model = example(model=cells, scale=20.0)
    assert [len(p) for p in model.populations] == [2, 4]
    with pytest.raises(ValueError, match="activate: kick must be given for LIF"):
        model.activate("sensory")
    model.activate("sensory", rate=100.0, kick=10_000.0)
    found = rates(model)
    assert found["s1"] > 50.0
    assert found["m"] > 0
    activity = model.run(100.0)
    assert (np.diff(activity.times) >= 0).all()
    model.restore()
    model.stimulate("inter", 1500.0)
    assert set(rates(model)) == {"a", "b", "m"}
    model.restore()
    assert rates(model) == {}


def test_traces() -> None:
    model = example()
    model.record(["sensory", "m"], every=1.0)
    model.record("a", "g", every=2.0)
    model.activate("sensory", rate=100.0)
    model.run(10.0)
    traces = model.traces()
    assert traces.columns.tolist() == ["s1", "s2", "m"]
    assert traces.index.tolist() == list(range(1, 11))
    assert model.traces("g").shape == (5, 1)
    with pytest.raises(
        ValueError, match="must name a state that is recorded; the nearest is 'V_m'"
    ):
        model.traces("V")
    with pytest.raises(ValueError, match="what must name a state of neurons"):
        model.record("a", "I_syn")


def test_advance_goes_on() -> None:
    whole, pieces = example(), example()
    for model in (whole, pieces):
        model.activate("sensory")
    whole.advance(60.0)
    for piece in (20.0, 40.0):
        pieces.advance(piece)
    assert len(whole.activity()) > 10
    np.testing.assert_array_equal(whole.activity().times, pieces.activity().times)
    assert whole.activity().duration == 60.0
    np.testing.assert_array_equal(whole.run(60.0).times, pieces.activity().times)


def test_a_saved_model_goes_on(tmp_path: Path) -> None:
    model = example()
    model.activate("sensory", rate=100.0)
    model.silence("a")
    model.lesion("s1")
    model.advance(50.0)
    model.save(tmp_path / "model.npz")
    other = ConnectomeModel.load(tmp_path / "model.npz", threads=1)
    assert other.ids.tolist() == model.ids.tolist()
    pandas.testing.assert_frame_equal(other.table, model.table)
    for one in (model, other):
        one.network.run(50.0)
    late = model.activity()
    np.testing.assert_array_equal(late.times[late.times > 50.0], other.activity().times)
    assert rates(other) == rates(model)
    for one in (model, other):
        one.restore()
        one.activate("sensory")
    assert rates(other) == rates(model)
    assert "m" in rates(other)


def test_copies_and_pickles_go_on() -> None:
    model = example()
    model.activate("sensory", rate=100.0)
    model.silence("local")
    model.advance(20.0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.copy(model)):
        other.advance(20.0)
        other.lesion("a")  # changes no other
        assert len(other.activity()) > 0
    drawn = Connectome.surrogate(100, 500)
    assert type(copy.copy(fly_brain(drawn, threads=1))) is FlyBrain
    model.advance(20.0)
    late = model.activity()
    assert (late.times > 20.0).sum() > 0
    assert "m" in rates(model)


def test_files_that_are_not_of_a_model(tmp_path: Path) -> None:
    sl.Network().save(tmp_path / "network.npz")
    for path, message in (
        (__file__, "cannot be read"),
        (tmp_path / "network.npz", "Network.load reads it"),
    ):
        with pytest.raises(ValueError, match=message):
            ConnectomeModel.load(path)
    example().save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"ConnectomeModel\.load reads it"):
        sl.Network.load(tmp_path / "model.npz")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: example().activate("a", rate=-1.0), "activate: rate must be >= 0 and less"),
        (lambda: example().activate("a", kick="x"), "activate: kick must be a number"),
        (lambda: example().stimulate("a", 5.0), "stimulate: neurons must be cells whose model has"),
        (
            lambda: example(model=sl.LIF(), scale=1.0).stimulate("a", np.inf),
            "current must be finite",
        ),
        (lambda: example().run(0.0), "run: duration must be > 0"),
        (lambda: example().run(10.0, trials=0), "trials must be >= 1"),
        (lambda: ConnectomeModel(sl.Network(), [1, 2]), "ids must be those of 0 neurons"),
    ],
    ids=range(7),
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()

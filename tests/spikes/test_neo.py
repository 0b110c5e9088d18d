"""Spikes to Neo and back: nothing is lost, to the last bit of a time."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikelet import LIF, Network, Spikes

neo = pytest.importorskip("neo")
pq = pytest.importorskip("quantities")

STEPS = st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 7)), max_size=40)


def of_steps(pairs: list[tuple[int, int]], **about: Any) -> Spikes:
    steps, ids = np.array(pairs, np.int64).reshape(-1, 2).T
    return Spikes(steps / 10, ids, 8, **{"stop": 1000.0, "dt": 0.1, "name": "E", **about})


def same(a: Spikes, b: Spikes) -> None:
    """Check that all is equal, names and annotations too."""
    assert a == b
    assert a.name == b.name
    assert list(a.annotations) == list(b.annotations)
    for name, value in a.annotations.items():
        np.testing.assert_array_equal(value, b.annotations[name])


ANNOTATED = of_steps(
    [(3, 1), (7, 0), (7, 5)],
    annotations={"site": "V1", "depth": np.arange(8) / 3, "layer": np.array([*"abcdefgh"])},
)


@given(STEPS, st.lists(st.integers(0, 7), unique=True, min_size=1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_round_trip_loses_nothing(pairs, part, lazy) -> None:
    spikes = of_steps(pairs)
    odd = Spikes(spikes.times / 3, spikes.ids, 8, start=-0.1, stop=1e3)
    shaped = Spikes(spikes.times, spikes.ids, shape=(2, 1, 4), stop=1e3, name="pixels")
    for each in (spikes, spikes[part], odd, shaped, ANNOTATED, ANNOTATED[[5, 1]]):
        same(Spikes.from_neo(each.to_neo(lazy=lazy)), each)


@pytest.mark.parametrize("spikes", [ANNOTATED, ANNOTATED[[5, 1]]], ids=["all", "part"])
def test_trains_know_their_element(spikes: Spikes) -> None:
    for lazy in (False, True):
        trains = spikes.to_neo(lazy=lazy)
        assert len(trains) == len(spikes.elements)
        for k, (train, times) in enumerate(zip(trains, spikes.trains(), strict=True)):
            np.testing.assert_array_equal(train.magnitude, times)
            assert train.dimensionality.string == "ms"
            assert (float(train.t_start), float(train.t_stop)) == (0.0, 1000.0)
            about = train.annotations
            assert about["id"] == about["channel_id"] == spikes.elements[k]
            assert (about["population"], about["size"], about["dt"]) == ("E", 8, 0.1)
            assert (about["site"], about["depth"]) == ("V1", spikes.annotations["depth"][k])
    assert float(spikes.to_neo()[0].sampling_rate.rescale("Hz")) == pytest.approx(1e4)
    ids, times = spikes.to_neo(lazy=True).multiplexed
    np.testing.assert_array_equal(ids, spikes.ids)
    np.testing.assert_array_equal(times.magnitude, spikes.times)


def test_a_train_of_its_own_can_be_changed() -> None:
    first, second = ANNOTATED.to_neo()[:2]
    first.annotations["site"] = "V2"
    first[:] = 4.0 * pq.ms
    first.t_stop = 5.0 * pq.ms
    assert second.annotations["site"] == "V1"
    assert second.magnitude.tolist() == [0.3]
    assert float(second.t_stop) == 1000.0
    assert ANNOTATED.times.tolist() == [0.3, 0.7, 0.7]


def _pickle(folder: Path, block: Any) -> Any:
    neo.io.PickleIO(str(folder / "block.pkl")).write_block(block)
    return neo.io.PickleIO(str(folder / "block.pkl")).read_block()


def _nix(folder: Path, block: Any) -> Any:
    pytest.importorskip("nixio")
    with neo.io.NixIO(str(folder / "block.nix"), "ow") as io:
        io.write_block(block)
    with neo.io.NixIO(str(folder / "block.nix"), "ro") as io:
        return io.read_block()


@pytest.mark.parametrize("through", [_pickle, _nix])
def test_files_of_neo_hold_all(tmp_path: Path, through: Any) -> None:
    rng = np.random.default_rng(1)
    spikes = of_steps(list(zip(rng.integers(1, 9999, 300), rng.integers(0, 7, 300), strict=True)))
    for each in (spikes, ANNOTATED[[5, 1]], Spikes(spikes.times / 7, spikes.ids, 8, stop=1e3)):
        block, segment = neo.Block(), neo.Segment()
        block.segments.append(segment)
        segment.spiketrains.extend(each.to_neo())
        found = Spikes.from_neo(through(tmp_path, block))
        more = set(found.annotations) - set(each.annotations)
        assert more <= {"nix_name"}  # of the file
        known = {name: found.annotations[name] for name in found.annotations if name not in more}
        about = {"stop": found.stop, "start": found.start, "dt": found.dt, "name": found.name}
        part = {} if found.whole else {"elements": found.elements}
        same(Spikes(found.times, found.ids, found.n, **about, **part, annotations=known), each)


def test_neos_containers_and_other_units() -> None:
    trains = [
        neo.SpikeTrain([0.5, 0.2], units="s", t_start=0.1, t_stop=1.0, quality="good"),
        neo.SpikeTrain([300.0], units="ms", t_start=100.0, t_stop=1000.0, quality="poor"),
    ]
    expected = Spikes([200.0, 500.0, 300.0], [0, 0, 1], 2, start=100.0, stop=1000.0)
    segment, block, group = neo.Segment(), neo.Block(), neo.Group()
    segment.spiketrains.extend(trains)
    group.spiketrains.extend(trains)
    block.segments.append(segment)
    for source in (trains, tuple(trains), segment, block, group, segment.spiketrains):
        found = Spikes.from_neo(source)
        assert found == expected
        assert found.annotations["quality"].tolist() == ["good", "poor"]
    assert Spikes.from_neo(trains[1]).times.tolist() == [300.0]
    empty = Spikes.from_neo([])
    assert (len(empty), empty.n, empty.stop) == (0, 0, None)


@pytest.mark.parametrize("unit", ["s", "us"])
def test_a_grid_survives_other_units(unit: str) -> None:
    stamps = np.arange(1, 30_001)
    spikes = Spikes(stamps / 10, stamps % 3, 3, start=0.0, stop=3000.3, dt=0.1)
    trains = [train.rescale(unit) for train in spikes.to_neo()]
    assert Spikes.from_neo(trains) == spikes


def test_an_element_of_two_recorders_counts_once() -> None:
    net = Network(dt=0.1, seed=1)
    cells = net.population(6, LIF(I_e=np.linspace(300.0, 700.0, 6)), name="E")
    recorder = net.record(cells, "spikes")
    net.record(cells[2:5], "spikes")
    net.run(100.0)
    assert len(recorder.spikes) > 0
    assert Spikes.from_neo(net.to_neo()) == recorder.spikes


def test_the_ids_are_pynns_or_channels_or_places() -> None:
    def ids(*annotations: dict[str, Any]) -> list[int]:
        trains = [neo.SpikeTrain([1.0], units="ms", t_stop=2.0, **a) for a in annotations]
        return Spikes.from_neo(trains).elements.tolist()

    assert ids({"source_index": 4, "channel_id": 9}, {"source_index": 2, "channel_id": 8}) == [4, 2]
    assert ids({"channel_id": 9}, {"channel_id": 8}) == [9, 8]
    assert ids({"channel_id": 9}, {"channel_id": 9}) == [0, 1]  # two units on one channel
    assert ids({"channel_id": -1}, {"channel_id": 5}) == [0, 1]
    assert ids({"id": 2**40}) == [0]
    assert ids({"channel_id": "a"}, {}) == [0, 1]


def test_populations_are_told_apart() -> None:
    inhibitory = of_steps([(5, 2)], name="I")
    segment = neo.Segment()
    segment.spiketrains.extend([*ANNOTATED.to_neo(), *inhibitory.to_neo()])
    same(Spikes.from_neo(segment, population="E"), ANNOTATED)
    same(Spikes.from_neo(segment, population="I"), inhibitory)
    same(Spikes.from_neo(ANNOTATED.to_neo(lazy=True), population="E"), ANNOTATED)
    for population, message in (
        (None, "must be given, .* of several: E, I"),
        ("X", "must be one of: E, I"),
    ):
        with pytest.raises(ValueError, match=f"Spikes.from_neo: population {message}"):
            Spikes.from_neo(segment, population=population)


def test_annotations_that_differ_in_kind_are_kept_for_each() -> None:
    kinds = [{"a": 1, "b": "x"}, {"a": "two"}, {"a": None, "b": "x"}]
    trains = [neo.SpikeTrain([], units="ms", t_stop=2.0, **a) for a in kinds]
    spikes = Spikes.from_neo(trains)
    assert spikes.annotations["a"].tolist() == [1, "two", None]
    assert spikes.annotations["b"].tolist() == ["x", None, "x"]
    assert "b" not in spikes.to_neo()[1].annotations
    assert pickle.loads(pickle.dumps(spikes)) == spikes


@pytest.mark.parametrize("lazy", [False, True])
def test_a_list_is_one_annotation(lazy: bool) -> None:
    spikes = Spikes([1.0], [0], 3, stop=2.0, annotations={"axis": [1, 2, 3], "pair": [1, 2]})
    for train in spikes.to_neo(lazy=lazy):
        assert (train.annotations["axis"], train.annotations["pair"]) == ([1, 2, 3], [1, 2])


def test_spikes_of_unknown_channels_are_left_to_neo() -> None:
    from_arrays = neo.spiketrainlist.SpikeTrainList.from_spike_time_array
    found = from_arrays(np.arange(3.0), np.array([4, 5, 6]), [4, 6], units="ms", t_stop=9 * pq.ms)
    spikes = Spikes.from_neo(found)
    assert (spikes.ids.tolist(), spikes.elements.tolist()) == ([4, 6], [4, 6])


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (lambda: 3, TypeError, "source must be neo.SpikeTrain objects"),
        (lambda: "E", TypeError, "source must be neo.SpikeTrain objects"),
        (lambda: [1.0], TypeError, "source must hold neo.SpikeTrain objects"),
        (neo.Block, ValueError, "block must have one segment; .* got segments: 0"),
        (
            lambda: [neo.SpikeTrain([], units="ms", t_stop=t) for t in (1.0, 2.0)],
            ValueError,
            r"t_stop \[ms\] must be the same for all trains",
        ),
        (
            lambda: neo.AnalogSignal([1.0], units="mV", sampling_rate=1 * pq.kHz),
            TypeError,
            "source must hold neo.SpikeTrain objects",
        ),
        (
            lambda: [neo.SpikeTrain([t], units="ms", t_stop=1.0, id=3) for t in (0.5, 0.7)],
            ValueError,
            "annotation 'id' of the trains must be different for each, got 3",
        ),
    ],
)
def test_what_is_no_set_of_trains_is_refused(source, error, message) -> None:
    with pytest.raises(error, match=message):
        Spikes.from_neo(source())


def test_annotations_of_others_with_our_names_are_no_error() -> None:
    about = {"size": 2**60, "shape": "9x9", "dt": "fast", "population": 3}
    spikes = Spikes.from_neo([neo.SpikeTrain([1.0], units="ms", t_stop=2.0, **about)])
    assert (spikes.n, spikes.shape, spikes.dt, spikes.name) == (1, (1,), None, "3")
    few = {"size": 2**32, "id": 2**32 - 1}  # takes no memory for those that are not there
    spikes = Spikes.from_neo([neo.SpikeTrain([1.0], units="ms", t_stop=2.0, **few)])
    assert (spikes.n, spikes.counts().tolist(), spikes.bin(2.0).tolist()) == (2**32, [1], [[1]])


def test_a_grid_that_times_have_left_is_dropped() -> None:
    trains = ANNOTATED.to_neo()
    assert Spikes.from_neo([train + 0.05 * pq.ms for train in trains]).dt is None


def test_many_trains_take_linear_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neo's constructor takes 100 µs, and its search for the spikes of a train all spikes."""
    made = []
    plain = neo.SpikeTrain.__new__
    monkeypatch.setattr(neo.SpikeTrain, "__new__", lambda *a, **k: made.append(1) or plain(*a, **k))
    n = 2000
    spikes = Spikes(np.arange(n) / 10, np.arange(n), n, stop=1e3, dt=0.1)
    assert len(spikes.to_neo()) == n
    lazy = spikes.to_neo(lazy=True)
    assert Spikes.from_neo(lazy) == spikes
    assert len(made) == 1
    assert len(list(lazy)) == n  # now it makes them
    assert len(made) == 1 + n

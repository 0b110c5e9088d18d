"""Groups of projections, inputs and recorders, as users hold them."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl


def network() -> tuple[sl.Network, sl.Population, sl.Projection]:
    net = make()
    E = net.population(8, sl.LIF(I_e=600.0), name="E")
    U = E + net.population(4, sl.LIF(I_e=700.0), name="I")
    return net, U, net.connect(U, U, sl.FixedIndegree(3), weight=sl.Normal(5.0, 1.0))


def test_a_loaded_network_makes_the_group_again(tmp_path: Path) -> None:
    net, U, group = network()
    net.save(tmp_path / "net.npz")
    loaded = sl.Network.load(tmp_path / "net.npz")
    V = loaded.populations[0] + loaded.populations[1]
    again = sl.Projection.joined(V, V, loaded.projections)
    for name in ("pre_ids", "post_ids", "weights", "delays"):
        np.testing.assert_array_equal(getattr(again, name), getattr(group, name))
    assert len(again) == len(group) == 36
    with pytest.raises(ValueError, match="must be between these populations"):
        sl.Projection.joined(U, U, loaded.projections)
    with pytest.raises(ValueError, match="must be between these populations"):
        sl.Projection.joined(V[:3], V, loaded.projections)
    with pytest.raises(ValueError, match="must be between these populations"):
        sl.Projection.joined(V, loaded.populations[0], loaded.projections)
    with pytest.raises(ValueError, match="projections must hold at least one"):
        sl.Projection.joined(V, V, [])


def test_what_is_fixed_cannot_be_set() -> None:
    net, U, group = network()
    drives = net.inject(U, sl.PoissonInput(1.0, 1.0))
    for item, name in ((group, "pre"), (group, "delays"), (drives, "parts"), (group, "colour")):
        with pytest.raises(AttributeError, match=name):
            setattr(item, name, 3)
    with pytest.raises(ValueError, match="fixed when it is made"):
        group.pre_ids[0] = 3


def test_what_is_for_one_projection_says_so() -> None:
    net, _, group = network()
    with pytest.raises(TypeError, match=r"regulate each of projection\.blocks"):
        net.regulate(group, sl.WeightNormalization(total=1.0, every=1.0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"record each of projection\.blocks"):
        net.record(group, "weights")  # type: ignore[call-overload]


def test_recorders_pause_and_pickle() -> None:
    net, U, _ = network()
    spikes, v = net.record(U, "spikes", start=5.0), net.record(U, "V_m", every=1.0, stop=30.0)
    net.run(20.0)
    spikes.pause()
    net.run(10.0)
    spikes.resume()
    net.run(20.0)
    assert not ((spikes.times > 20.0) & (spikes.times <= 30.0)).any()
    assert (spikes.start, spikes.stop, v.stop) == (5.0, np.inf, 30.0)
    assert v.times.tolist() == list(range(1, 31))
    data, values = pickle.loads(pickle.dumps((spikes, v)))
    np.testing.assert_array_equal(data.ids, spikes.ids)
    np.testing.assert_array_equal(data.rates(), spikes.rates())
    np.testing.assert_array_equal(values.values, v.values)
    assert copy.copy(spikes) is spikes
    assert spikes.to_dict().keys() == {"times", "ids", "elements"}
    assert bool(net.record(U, "spikes"))


def test_plots_take_recorders_of_unions() -> None:
    net, U, _ = network()
    spikes = net.record(U, "spikes")
    net.run(30.0)
    offsets = sl.plot.raster(spikes).collections[0].get_offsets()
    np.testing.assert_array_equal(np.asarray(offsets)[:, 1], spikes.ids)


def test_parameters_of_inputs_to_a_union() -> None:
    net, U, _ = network()
    drives = net.inject(U, sl.PoissonInput(100.0, 1.0))
    assert drives.rate == 100.0
    drives.rate = 5.0
    assert [drive.rate for drive in drives.parts] == [5.0, 5.0]
    drives.rate = np.arange(12.0)
    np.testing.assert_array_equal(drives.parts[1].rate, np.arange(8.0, 12.0))
    np.testing.assert_array_equal(drives.rate, np.arange(12.0))
    with pytest.raises(
        AttributeError, match=r"has no 'rat'; did you mean 'rate'\? \(there are: rate, weight"
    ):
        drives.rat = 5.0
    with pytest.raises(ValueError, match="one value for each of the 12 neurons"):
        drives.rate = [1.0, 2.0]
    with pytest.raises(ValueError, match="weight"):
        drives.set(rate=7.0, weight=np.nan)
    np.testing.assert_array_equal(drives.rate, np.arange(12.0))
    drives.parts[0].remove()
    assert not drives.removed
    with pytest.raises(ValueError, match="it was removed"):
        drives.rate = 3.0
    assert "PoissonInput to E + I: 12 neurons" in repr(drives)
    steps = net.inject(U, sl.StepCurrent([1.0, 2.0], [3.0, 4.0]))
    np.testing.assert_array_equal(steps.amplitudes, [3.0, 4.0])
    steps.parts[0].amplitudes = [1.0, 2.0]
    assert steps.amplitudes.tolist() == [[1.0] * 8 + [3.0] * 4, [2.0] * 8 + [4.0] * 4]

"""Runs of converted networks whose neurons fire at most once."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.first_spike_networks import images, network

import spikelet as sl


@pytest.fixture(scope="module")
def snn() -> Any:
    return sl.convert(network(), images(200), steps=64, neuron="first_spike")


def test_each_neuron_fires_at_most_once_and_larger_values_earlier(snn: Any) -> None:
    names = [f"{name}.{what}" for name in snn.neurons for what in ("spikes", "mean")]
    result = snn.run(images(20), record=names)
    for name in snn.neurons:
        spikes, values = result[f"{name}.spikes"], result[f"{name}.mean"]
        assert spikes.shape == (64, *values.shape)
        assert set(np.unique(spikes.sum(0))) == {0, 1}
        k = np.where(spikes.any(0), 64 - spikes.argmax(0), 0)
        assert np.array_equal(k > 0, values > 0)
        assert k.max() > 40
        assert k.min() == 0


def test_additions_are_counted_for_each_spike_and_synapse(snn: Any) -> None:
    x = images(20)
    names = snn.neurons
    result = snn.run(x, record=[f"{name}.spikes" for name in names])
    spikes = {name: result[f"{name}.spikes"].sum() / 20 for name in names}
    for name in names:
        assert result.operations[name].spikes == pytest.approx(spikes[name])
    assert result.operations["linear8"].additions == pytest.approx(spikes[names[2]] * 10)
    assert result.operations["conv2d0"].products > 12 * 3 * 49 * 4
    assert result.operations["conv2d0"].additions == 0
    assert result.operations["conv2d2"].additions > spikes[names[0]] * 16 * 9 / 4 * 0.8
    energy = sl.energy.measure(snn, x)
    assert energy.snn.total.compute_pj > 0


def test_evaluation_and_reports_compare_with_the_ann(snn: Any) -> None:
    x = images(60, 3)
    table = sl.conversion.evaluate(snn, None, x, steps=(8, 64))
    few, many = (row["agreement"] for row in table.rows)
    assert few <= many
    assert many > 0.9
    assert len(snn.report(x).rows) == 3


def test_copies_pickles_and_files_give_the_same_integers(snn: Any, tmp_path: Path) -> None:
    snn.save(tmp_path / "net.spk")
    x = images(10)
    for other in (
        copy.deepcopy(snn),
        pickle.loads(pickle.dumps(snn)),
        sl.conversion.FirstSpikeModel.load(tmp_path / "net.spk"),
    ):
        np.testing.assert_array_equal(other.run(x).output, snn.run(x).output)
        assert (other.steps, other.dtype) == (64, "int8")


def test_classes_are_predicted(snn: Any) -> None:
    x = images(100, 3)
    wanted = snn.ann.run(x, steps=1).output.argmax(1)
    assert snn.score(x, wanted) > 0.9


def test_inputs_beyond_the_calibration_are_told_once(snn: Any) -> None:
    model = copy.deepcopy(snn)
    with pytest.warns(UserWarning, match="the calibration in"):
        model.run(100 * images(4))


def test_a_run_takes_only_what_it_knows(snn: Any) -> None:
    with pytest.raises(ValueError, match=r"record must be one of .*with \.spikes or \.mean"):
        snn.run(images(2), record="nothing")
    with pytest.raises(ValueError, match="must be finite"):
        snn.run(np.full((1, 3, 8, 8), np.nan, np.float32))
    with pytest.raises(ValueError, match="steps must be >= 2 and <= 256"):
        snn.run(images(2), 1000)


def test_large_batches_run_in_parts_with_the_same_results(snn: Any) -> None:
    x = images(300, 5)
    whole, last = snn.run(x), snn.run(x[290:])
    np.testing.assert_array_equal(whole.output[290:], last.output)
    first = snn.run(x[:290])
    for name, work in whole.operations.items():
        each = (290 * first.operations[name].additions + 10 * last.operations[name].additions) / 300
        assert work.additions == pytest.approx(each)

"""Reports of energy as text, numbers and JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from tests.support.layered import inputs, pair

import spikelet as sl
from spikelet.energy import measure


def test_break_even():
    x = inputs()
    snn, ann = pair(x)
    values = ann.run(x, 1, record=[f"relu{k}" for k in (1, 2, 3, 4)])
    short, long = (measure(snn, x, steps, ann=ann) for steps in (2, 64))
    for report, steps in ((short, 2), (long, 64)):
        by_layer = report.break_even_by_layer
        assert list(by_layer) == ["relu1", "relu2", "relu3", "relu4"]
        for name, rule in by_layer.items():
            spikes = snn.run(x, steps).operations[name].spikes
            assert rule.spikes_per_neuron == pytest.approx(spikes / values[name][0, 0].size)
            assert rule.limit == pytest.approx(4.6 / 0.9 * np.mean(values[name] != 0))
    assert short.break_even.holds
    assert not long.break_even.holds
    assert measure(snn, x, 2).break_even is None
    assert measure(snn, x, 2).break_even_by_layer == {}
    assert math.isnan(measure(snn, x, 2).ratio)


def test_report_as_text_and_json(tmp_path):
    x = inputs(3)
    snn, ann = pair(x)
    report = sl.energy.measure(snn, x, 4, ann=ann, memory=True)
    text = str(report)
    lines = text.splitlines()
    assert lines[0].startswith("estimate with memory traffic, technology 45nm")
    for name in ("conv1", "relu1", "fc2", "total"):
        assert any(line.startswith(name) for line in lines)
    facts = report.table().facts
    assert facts["spikes_per_neuron"] < facts["break_even"]
    path = tmp_path / "energy.json"
    written = json.loads(report.to_json(path))
    assert written == json.loads(path.read_text()) == report.to_dict()
    rows = {row["layer"]: row for row in written["rows"]}
    assert rows["conv2"]["acs"] == report.snn["conv2"].effective_acs
    assert rows["conv2"]["ann_macs"] == report.ann["conv2"].effective_macs
    assert rows["relu1"]["acs"] is None
    assert rows["total"]["nj"] == report.energy_nj
    alone = sl.energy.measure(snn, x, 4).to_dict()
    assert (alone["ratio"], alone["break_even"]) == (None, None)
    assert "ann_nj" not in alone["rows"][0]
    with pytest.raises(KeyError, match="nowhere"):
        report.snn["nowhere"]

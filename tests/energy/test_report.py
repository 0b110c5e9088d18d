"""Reports of energy as text, numbers and JSON."""

from __future__ import annotations

import json
import math

import pytest
from tests.support.layered import inputs, pair

import spikelet as sl
from spikelet.energy import measure


def test_break_even():
    x = inputs()
    snn, ann = pair(x)
    short, long = (measure(snn, x, n, ann=ann, technology="45nm-int8").break_even for n in (2, 64))
    assert long.limit == 0  # the work of neurons alone takes more
    assert (short.holds, long.holds) == (short.rate < short.limit, False)
    assert measure(snn, x, 2).break_even is None
    assert math.isnan(measure(snn, x, 2).ratio)


def test_report_as_text_and_json(tmp_path):
    x = inputs(3)
    snn, ann = pair(x)
    report = sl.energy.measure(snn, x, 4, ann=ann, memory=True)
    text = str(report)
    lines = text.splitlines()
    assert lines[0].startswith(
        "estimate arithmetic and, apart, memory accesses, technology snn 45nm"
    )
    for name in ("conv1", "relu1", "fc2", "total"):
        assert any(line.startswith(name) for line in lines)
    facts = report.table().facts
    total, other = report.snn.total, report.int8.total
    assert facts["arithmetic / ann int8"] == total.compute_pj / other.compute_pj
    assert facts["with memory / ann float"] == report.ratio
    assert facts["arithmetic / dense ann float"] == report.dense_ratio
    assert facts["spikes_per_neuron_and_step"] == report.break_even.rate
    path = tmp_path / "energy.json"
    written = json.loads(report.to_json(path))
    assert written == json.loads(path.read_text()) == report.to_dict()
    rows = {row["layer"]: row for row in written["rows"]}
    assert rows["conv2"]["acs"] == report.snn["conv2"].effective_acs
    assert rows["conv2"]["int8_nj"] == report.int8["conv2"].compute_pj / 1e3
    assert rows["relu1"]["acs"] is None
    assert rows["total"]["nj"] + rows["total"]["memory_nj"] == pytest.approx(report.energy_nj)
    alone = sl.energy.measure(snn, x, 4).to_dict()
    assert alone["break_even"] is None
    assert "ann_nj" not in alone["rows"][0]
    with pytest.raises(KeyError, match="nowhere"):
        report.snn["nowhere"]

"""Reports of sweeps."""

from __future__ import annotations

import html
import json
import math
import re

import pytest

import spikelet as sl


def measured(tau, kind, seed):
    if kind == "c":
        msg = "no <such> kind"
        raise ValueError(msg)
    return {"rate": tau + seed % 10, "fits": tau > 1, "name": "text"}


@pytest.fixture(scope="module")
def result():
    return sl.sweep(measured, {"tau": [1.0, 2.0], "kind": ["a", "b", "c"]}, seeds=2, executor="serial")  # fmt: skip


def test_runs_results_and_failures(result, tmp_path):
    path = result.report(tmp_path / "sweep.html", title="Two times three")
    text = path.read_text()
    words = html.unescape(re.sub(r"<[^>]*>", "|", text)).split("|")
    for name, value in (("runs", "12"), ("done", "8"), ("failed", "4"), ("replicates", "2")):
        assert words[words.index(name) + 1 :][:3].count(value) == 1
    (spec,) = json.loads(re.findall(r'id="figures">(.*?)</script>', text)[0])
    assert spec["parameters"]["tau"] == list(result.table["tau"])
    assert spec["parameters"]["kind"] == list(result.table["kind"])
    found = [None if math.isnan(v) else v for v in result.table["rate"]]
    assert spec["results"]["rate"] == found
    assert set(spec["results"]) == {"rate", "fits"}
    assert text.count('<tr class="bad">') == 4
    assert sum("no <such> kind" in w for w in words) >= 4
    assert any(w.startswith("Failed: tau = 1.0, kind = 'c'") for w in words)


def test_a_sweep_of_failures_can_be_reported(tmp_path):
    result = sl.sweep(measured, {"tau": [1.0], "kind": ["c"]}, executor="serial")
    text = result.report(tmp_path / "sweep.html").read_text()
    assert "Results" not in re.sub(r"<[^>]*>", "|", text).split("|")


def test_numbers_of_any_size_can_be_reported(tmp_path):
    def large(x, seed):
        return {"r": 2**80 * x, "huge": 10 ** (400 * x)}

    result = sl.sweep(large, {"x": [1, 2]}, executor="serial")
    text = result.report(tmp_path / "sweep.html").read_text()
    (spec,) = json.loads(re.findall(r'id="figures">(.*?)</script>', text)[0])
    assert spec["results"] == {"r": [2.0**80, 2.0**81]}  # others are no numbers of an axis


def test_wrong_titles_are_named(result, tmp_path):
    with pytest.raises(TypeError, match=r"SweepResult\.report: title must be a string"):
        result.report(tmp_path / "sweep.html", title=3)

"""Reports of networks: their numbers, and that they are one file."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

import spikelet as sl
from spikelet.plot.report import network, page
from spikelet.plot.report.network import _extremes, unique


def plain(text: str) -> str:
    return html.unescape(
        re.sub(r"<[^>]*>", "|", text.split('<script type="application/json"', maxsplit=1)[0])
    )


def test_the_summary_has_the_numbers_of_the_network(net, tmp_path):
    path = net.report(tmp_path / "net.html", title="My <network>")
    assert path == tmp_path / "net.html"
    text = path.read_text()
    assert "<title>My &lt;network&gt;</title>" in text
    words = [w for w in plain(text).split("|") if w]
    spikes = [r for r in net.recorders if isinstance(r, sl.SpikeRecorder)]
    assert words[words.index("neurons") + 1] == "100"
    assert words[words.index("synapses") + 1] == f"{sum(map(len, net.projections)):,}".replace(",", "\u202f")  # fmt: skip
    assert words[words.index("spikes recorded") + 1] == f"{sum(map(len, spikes)):,}".replace(",", "\u202f")  # fmt: skip
    rate = np.concatenate([r.rates() for r in spikes]).mean()
    assert words[words.index("mean rate") + 1] == f"{rate:.2f} Hz"
    assert "E <x> → I" in words
    assert f"{net.projections[1].weights.mean():.4g}" in words
    assert {"Inputs", "Populations", "Projections", "E <x>: V_m"} < set(words)
    assert any("PoissonInput(rate=2000" in w for w in words)
    assert path.stat().st_size < 3e6


def test_repeated_names_are_told_apart(tmp_path):
    net = sl.Network(dt=0.1, seed=1)
    E = net.population(5, sl.LIF(I_e=500.0), name="E")
    for _ in range(2):
        net.record(E, "spikes")
        net.connect(E, E, sl.AllToAll(), weight=1.0)
    net.run(50.0)
    words = plain(net.report(tmp_path / "net.html").read_text()).split("|")
    assert {"E", "E (2)", "E → E", "E → E (2)"} <= set(words)


def test_numbers_of_repeated_names_make_no_other_name():
    assert unique(["A", "A (2)", "A"]) == ["A", "A (2)", "A (3)"]
    assert unique(["A", "A", "A (2)", "A"]) == ["A", "A (3)", "A (2)", "A (4)"]
    assert unique(["A", "B"]) == ["A", "B"]


def test_a_population_recorded_for_less_than_a_bin(tmp_path):
    net = sl.Network(dt=0.1, seed=1)
    E, I = (net.population(5, sl.LIF(I_e=500.0), name=name) for name in "EI")
    net.record(E, "spikes")
    net.run(1000.0)
    net.record(I, "spikes")
    net.run(2.0)
    assert "I" in plain(net.report(tmp_path / "net.html").read_text()).split("|")


def test_names_with_dashes_and_dollars(tmp_path):
    net = sl.Network(dt=0.1, seed=1)
    E, I = (net.population(3, sl.LIF(I_e=500.0), name=name) for name in ("L2-E", r"$\x$"))
    EI = net.connect(E, I, sl.AllToAll(), weight=1.0)
    for one, what in ((E, "spikes"), (I, "spikes"), (EI, "weights")):
        net.record(one, what)
    net.run(10.0)
    words = plain(net.report(tmp_path / "net.html").read_text()).split("|")
    assert r"L2-E → $\x$: weights over time" in words


def test_weights_of_each_projection_are_read_once(tmp_path, monkeypatch):
    net = sl.Network()
    E, I = (net.population(3, sl.LIF(), name=name) for name in "EI")
    few = net.connect(E, I, sl.AllToAll(), weight=1.0)
    net.connect(I, E, sl.FixedProbability(1.0), weight=-1.0)
    net.connect(E + I, E, sl.AllToAll(), weight=1.0)
    read = []
    of = type(few).weights
    monkeypatch.setattr(type(few), "weights", of.getter(lambda p: read.append(p.index) or of.fget(p)))  # fmt: skip
    net.report(tmp_path / "net.html")
    assert read == [p.index for p in net.projections]
    read.clear()
    monkeypatch.setattr(network, "MOST_SYNAPSES", 8)
    assert "more than 8 synapses" in plain(net.report(tmp_path / "net.html").read_text())
    assert read == []


@pytest.mark.parametrize("count", [1_999, 9_997])
def test_traces_and_weights_of_many_samples_are_thinned(tmp_path, count):
    net = sl.Network(dt=0.1, seed=1)
    E = net.population(2, sl.LIF(I_e=500.0), name="E")
    net.record(E, "V_m")
    net.record(net.connect(E, E, sl.AllToAll(), weight=1.0, plasticity=sl.STDP()), "weights", every=0.1)  # fmt: skip
    net.run(count * 0.1)
    text = net.report(tmp_path / "net.html").read_text()
    figures = json.loads(re.findall(r'id="figures">(.*?)</script>', text)[0])
    lengths = [len(line["x"]) for figure in figures for line in figure["data"] if figure["kind"] == "plot"]  # fmt: skip
    assert len(lengths) >= 9
    assert max(lengths) <= 2_002
    assert plain(text).count("the least and the largest are drawn") == (2 if count > 2_000 else 0)


def test_the_extremes_of_the_last_samples_are_drawn():
    values = np.array([0.0, 1.0, 0.0, 0.0, 5.0, -5.0, 0.0])
    assert values[_extremes(values, 4)].tolist() == [0.0, 1.0, 5.0, -5.0, 0.0]
    assert len(_extremes(values[:4], 4)) == 3


@pytest.mark.parametrize("populations", [0, 1])
def test_a_network_that_did_nothing_can_be_reported(tmp_path, populations):
    net = sl.Network()
    for _ in range(populations):
        net.record(net.population(3, sl.LIF()), "spikes")
    assert "Populations" in plain(net.report(tmp_path / "net.html").read_text())


def test_a_silent_network_and_an_empty_population(tmp_path):
    net = sl.Network()
    for n in (0, 3):
        net.record(net.population(n, sl.LIF(), name=f"p{n}"), "spikes")
    net.run(10.0)
    words = plain(net.report(tmp_path / "net.html").read_text()).split("|")
    assert "0.00 Hz" in words


def test_the_report_changes_nothing(net, tmp_path, monkeypatch):
    today = SimpleNamespace(now=lambda _: dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    monkeypatch.setattr(page, "dt", SimpleNamespace(UTC=dt.UTC, datetime=today))
    before = net.t, [len(r) for r in net.recorders]
    first, second = (net.report(tmp_path / f"{k}.html").read_bytes() for k in "ab")
    assert first == second
    assert (net.t, [len(r) for r in net.recorders]) == before


def test_wrong_arguments_are_named(net, tmp_path):
    with pytest.raises(ValueError, match=r'report: path must end in "\.html"'):
        net.report(tmp_path / "net.txt")
    with pytest.raises(TypeError, match="report: title must be a string"):
        net.report(tmp_path / "net.html", title=3)
    assert list(tmp_path.iterdir()) == []

"""Reports of networks: their numbers, and that they are one file."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

import spikelet as sl


def plain(page: str) -> str:
    return html.unescape(
        re.sub(r"<[^>]*>", "|", page.split('<script type="application/json"', maxsplit=1)[0])
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


def test_the_report_changes_nothing(net, tmp_path):
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

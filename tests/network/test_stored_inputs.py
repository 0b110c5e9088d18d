"""Inputs of a checkpoint keep their numbers and random streams; descriptions that cannot be are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, train

import spikelet as sl
from spikelet._util import container


def stored(path: Path) -> sl.Network:
    """Save a network with three inputs, of which the second was removed."""
    net = make()
    cells = net.population(70, sl.LIF())
    drives = [
        net.inject(cells, sl.PoissonInput(2000.0, 30.0)),
        net.inject(cells[3:9], sl.NoiseInput(std=200.0)),
        net.inject(cells[[5, 2]], sl.NoiseInput(mean=300.0, std=400.0)),
    ]
    net.run(5.0)
    drives[1].remove()
    net.save(path)
    return net


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit the header of a checkpoint, and write it with right checksums."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop("header")))
    edit(header)
    with path.open("wb") as out:
        container.write(out, header, arrays)


def test_inputs_keep_their_streams_after_another_was_removed(tmp_path: Path) -> None:
    net = stored(tmp_path / "c")
    loaded = sl.Network.load(tmp_path / "c")
    assert [d.number for d in loaded.inputs] == [d.number for d in net.inputs]
    both = []
    for each in (net, loaded):
        spikes = each.record(each.populations[0], "spikes")
        more = each.inject(each.populations[0], sl.NoiseInput(std=3000.0))
        each.run(20.0)
        both.append((more.number, train(spikes)))
    assert both[0] == both[1]
    assert len(both[0][1]) > 10


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda h: h.update(streams=-1), "streams must be a whole number"),
        (lambda h: h.update(streams=1), "must be a whole number"),
        (lambda h: h["inputs"][1].update(number=0), "input1 number"),
        (lambda h: h["inputs"][1].update(streams=h["inputs"][0]["streams"]), "input1 streams"),
        (lambda h: h["inputs"][0].update(streams=[]), "input0 streams must be one or two"),
        (lambda h: h["inputs"][0].update(start=-1), "input0 start"),
        (lambda h: h["inputs"][0].update(start=True), "input0 start"),
        (lambda h: h["inputs"][0].update(target=7), "population must be a whole number"),
    ],
)
def test_impossible_descriptions_are_refused(tmp_path: Path, edit: Any, match: str) -> None:
    stored(tmp_path / "c")
    change(tmp_path / "c", edit)
    with pytest.raises(ValueError, match=match):
        sl.Network.load(tmp_path / "c")


def test_intervals_come_back_in_ms(tmp_path: Path) -> None:
    pq = pytest.importorskip("quantities")
    net = make()
    cells = net.population(3, sl.LIF())
    drive = net.inject(cells, sl.NoiseInput(std=200.0, every=0.5 * pq.s))
    source = net.population(2, sl.InhomogeneousPoisson([1.0, 2.0], every=0.25 * pq.s))
    assert (drive.every, source.every) == (500.0, 250.0)
    net.save(tmp_path / "net.npz")
    again = sl.Network.load(tmp_path / "net.npz")
    assert (again.inputs[0].every, again.populations[1].every) == (500.0, 250.0)
    for n in (net, again):
        n.run(20.0)
    np.testing.assert_array_equal(again.populations[0].V_m, cells.V_m)

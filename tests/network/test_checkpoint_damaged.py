"""Damaged checkpoints, and checkpoints of other versions, are refused."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.checkpoint_files import change_array, rewrite
from tests.support.recorded import assert_all_same, recorded

import spikelet as sl

# Damaged files


def stored(path: Path) -> sl.Network:
    net, _ = recorded()
    net.run(12.3)
    net.save(path, recorders=True)
    return net


def test_cut_files_are_refused(tmp_path: Path) -> None:
    stored(tmp_path / "c")
    whole = (tmp_path / "c").read_bytes()
    for size in (*np.random.default_rng(0).integers(0, len(whole), 60), 0, 1, len(whole) - 1):
        (tmp_path / "c").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"Network\.load.*c"):
            sl.Network.load(tmp_path / "c")


def test_flipped_bits_are_found_or_do_nothing(tmp_path: Path) -> None:
    net = stored(tmp_path / "c")
    whole = (tmp_path / "c").read_bytes()
    rng = np.random.default_rng(1)
    end = whole.rindex(b"PK\x05\x06")
    first = int.from_bytes(whole[end + 16 : end + 20], "little")  # of the list of members
    refused = harmless = 0
    anywhere = rng.integers(0, len(whole), 60)
    for at in (
        *anywhere,
        *rng.integers(first, len(whole), 150),
        *range(len(whole) - 22, len(whole)),
    ):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        (tmp_path / "c").write_bytes(damaged)
        try:
            found = sl.Network.load(tmp_path / "c")
        except ValueError as error:
            refused += "Network.load" in str(error)
        else:
            assert_all_same(found, net)
            harmless += 1
    assert refused > 100
    assert refused + harmless == 60 + 150 + 22


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "format": (
        lambda h: h.update(format="other 1"),
        "its format is .other 1., not .spikelet network",
    ),
    "newer": (
        lambda h: h.update(format="spikelet network 99", version="9.9"),
        r"99.*9\.9.*upgrade",
    ),
    "older": (lambda h: h.update(format="spikelet network 5", version="0.24"), r"5.*0\.24.*again"),
    "field": (lambda h: h.update(weather="fine"), "weather"),
    "missing": (lambda h: h.pop("now"), "now"),
    "model": (lambda h: h["populations"][0]["model"].update(type="HH"), "HH"),
    "module": (lambda h: h["populations"][0]["model"].update(type="np"), "np"),
    "parameter": (lambda h: h["populations"][0]["model"]["fields"].update(x=1), "x"),
    "no parameter": (lambda h: h["populations"][0]["model"]["fields"].pop("V_th"), "V_th"),
    "value": (lambda h: h["populations"][0]["model"]["fields"].update(tau_m=-1), "tau_m"),
    "source": (lambda h: h["populations"][1]["model"].update(type="Sun"), "Sun"),
    "rule": (lambda h: h["projections"][0]["plasticity"].update(type="Hebb"), "Hebb"),
    "rule field": (lambda h: h["projections"][0]["plasticity"]["fields"].update(y=1), "y"),
    "input": (lambda h: h["inputs"][0]["what"].update(type="Light"), "Light"),
    "input number": (lambda h: h["inputs"][1].update(number=0), "number"),
    "input start": (lambda h: h["inputs"][1].update(start=-1), "start"),
    "input target": (lambda h: h["inputs"][0].update(target=1), "neurons"),
    "input stream": (lambda h: h["inputs"][1].update(streams=h["inputs"][0]["streams"]), "streams"),
    "no stream": (lambda h: h["inputs"][1].update(streams=[]), "streams"),
    "many streams": (lambda h: h.update(streams=2**24 + 1), "streams"),
    "few streams": (lambda h: h.update(streams=1), "number"),
    "rate": (lambda h: h["populations"][1]["model"]["fields"].update(rate=1e300), "rate"),
    "dtype": (lambda h: h.update(dtype="int8"), "dtype"),
    "dt": (lambda h: h.update(dt="soon"), "dt"),
    "count": (lambda h: h["populations"][0].update(n=91), "c"),
    "end": (lambda h: h["projections"][0].update(pre=77), "c"),
    "recorder": (lambda h: h["recorders"][0].update(what="moods"), "moods"),
    "interval": (lambda h: h["recorders"][3].update(every=0), "every"),
    "receptor": (lambda h: h["projections"][0].update(receptor=9), "receptor"),
    "arrays": (lambda h: h["arrays"].update(more=1), "arrays"),
    "checksum": (lambda h: h["arrays"].update({"population0.held": 1}), "arrays"),
    "checksums": (lambda h: h.update(arrays=sorted(h["arrays"])), "header lists"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_unknown_is_refused(change: str, tmp_path: Path) -> None:
    stored(tmp_path / "c")
    rewrite(tmp_path / "c", lambda _: None)
    sl.Network.load(tmp_path / "c")
    how, match = CHANGES[change]
    rewrite(tmp_path / "c", how)
    with pytest.raises(ValueError, match=match) as caught:
        sl.Network.load(tmp_path / "c")
    assert str(tmp_path / "c") in str(caught.value)


def first(header: dict[str, Any], name: str) -> Any:
    return header["recorders"][1] if name == "recorder" else header["recordings"][0][0]


RECORDERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "field": (lambda h: first(h, "recorder").update(mood=1), "mood"),
    "kind": (lambda h: first(h, "recorder").update(kind="state"), "kind"),
    "target": (lambda h: first(h, "recorder").update(target=-1), "target"),
    "file": (lambda h: first(h, "recorder").update(file=-1), "file"),
    "name": (lambda h: first(h, "recorder").update(name="cells.V_m"), "name|recorder"),
    "one less": (lambda h: h["recorders"].pop(), "poisson-cells.weights"),
    "list": (lambda h: h.update(recordings={}), "recordings"),
    "recording field": (lambda h: first(h, "").update(mood=1), "mood"),
    "recording": (lambda h: h["recordings"][0].__setitem__(0, 3), "fields"),
    "id type": (lambda h: first(h, "").update(id=3), "id"),
    "id": (lambda h: first(h, "").update(id="3"), "not the file"),
    "seed": (lambda h: h.update(seed=77), "of this network"),
    "less": (lambda h: first(h, "").update(end=first(h, "")["end"] - 1), "records of the check"),
    "more": (lambda h: first(h, "").update(end=first(h, "")["end"] + 1), "records of the check"),
    "end": (lambda h: first(h, "").update(end=-1), "-1"),
    "early": (lambda h: h.update(now=100), "ascend"),
}


@pytest.mark.parametrize("change", RECORDERS)
def test_recorders_that_do_not_fit_are_refused(change: str, tmp_path: Path) -> None:
    net, _ = recorded(tmp_path / "r.rec")
    net.run(12.3, save=tmp_path / "c")
    how, match = RECORDERS[change]
    rewrite(tmp_path / "c", how)
    with pytest.raises(ValueError, match=match):
        sl.Network.load(tmp_path / "c")


@pytest.mark.parametrize(
    "change", [lambda x: x[:-1], lambda x: x[::-1], lambda x: x + 1, lambda x: x.astype(float)]
)
def test_times_that_do_not_fit_are_refused(change: Any, tmp_path: Path) -> None:
    stored(tmp_path / "c")
    change_array(tmp_path / "c", "recorder3.stamps", change)
    with pytest.raises(ValueError, match=r"recorder3\."):
        sl.Network.load(tmp_path / "c")


def test_an_array_that_is_missing_is_refused(tmp_path: Path) -> None:
    stored(tmp_path / "c")
    with zipfile.ZipFile(tmp_path / "c") as old, zipfile.ZipFile(tmp_path / "d", "w") as new:
        for name in old.namelist():
            if name != "population0.held.npy":
                new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match=r"d: .*the arrays are not those"):
        sl.Network.load(tmp_path / "d")

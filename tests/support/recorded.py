"""A network with recorders of all kinds, in memory or on disk."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tests.conftest import busy_network

import spikelet as sl
from spikelet.recording.on_disk import START

PIECE = 1 << 15


def recorded(to: Path | None = None, **kwargs: Any) -> tuple[sl.Network, list[Any]]:
    """Return a network with recorders of all kinds."""
    net, cells, _, plastic = busy_network(**kwargs)
    part = cells[[70, 3, 12]]
    return net, [
        net.record(cells, "spikes", to=to),
        net.record(part, "spikes", to=to),
        net.record(cells, "V_m", to=to),
        net.record(part, "I_syn_ex", every=0.7, to=to),
        net.record(cells[[]], "V_m", to=to),
        net.record(plastic, "weights", every=3.0, to=to),
    ]


def data(recorder: Any) -> Any:
    return recorder.ids if hasattr(recorder, "ids") else recorder.values


def assert_same(found: Any, expected: Any, n: int | None = None) -> None:
    np.testing.assert_array_equal(found.times, expected.times[:n])
    np.testing.assert_array_equal(data(found), data(expected)[:n])
    assert data(found).dtype == data(expected).dtype
    assert found.times.dtype == np.float64


State = dict[str, Any]


def everything(net: sl.Network) -> State:
    """Return all states and weights."""
    found: State = {"t": net.t}
    for p in net.populations:
        for state in getattr(p.model, "states", ()):
            found[f"{p.name}.{state}"] = np.asarray(getattr(p, state))
    for k, q in enumerate(net.projections):
        found[f"{k}"] = np.stack([q.pre_ids, q.post_ids, q.delays, q.weights])
    return found


def assert_equal(a: State, b: State) -> None:
    """Compare bit by bit."""
    assert a.keys() == b.keys()
    for name, values in a.items():
        np.testing.assert_array_equal(b[name], values, err_msg=name)


def assert_all_same(found: sl.Network, expected: sl.Network) -> None:
    assert len(found.recorders) == len(expected.recorders)
    for f, e in zip(found.recorders, expected.recorders, strict=True):
        assert type(f) is type(e)
        assert_same(f, e)
    assert_equal(everything(found), everything(expected))


def craft(path: Path, change: Callable[[Any], Any], *, closed: bool = True) -> None:
    """Change the description, and make its checksum right; leave the file as closed, or as open for writing."""
    data, n = path.read_bytes(), START.size
    text, arrays = struct.unpack("<QQ", data[n + 4 : n + 20])
    rest = data[n + 20 + text :]
    found = json.loads(data[n + 20 : n + 20 + text])
    change(found)
    new = json.dumps(found).encode()
    sizes = struct.pack("<QQ", len(new), arrays)
    check = struct.pack("<I", zlib.crc32(sizes + new + rest[:arrays]))
    out = check + sizes + new + rest
    size = n + len(out) if closed else 0
    path.write_bytes(START.pack(*START.unpack(data[:n])[:2], size) + out)

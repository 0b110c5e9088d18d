"""Event kernels in plain numpy, event by event, as slowly and obviously as possible."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.events import DTYPE

Events = NDArray[Any]

TONIC = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])


def stream(
    n: int, size: tuple[int, int, int], seed: int = 0, *, span: int = 50_000, dtype: Any = DTYPE
) -> Events:
    """Return n random events, sorted; times repeat."""
    rng = np.random.default_rng(seed)
    out = np.zeros(n, dtype)
    for name, high in zip("xyp", size, strict=True):
        out[name] = rng.integers(0, high, n)
    out["t"] = np.sort(rng.integers(1, span, n))
    return out


def layouts(events: Events) -> list[Events]:
    """Return the same events in other types, orders, strides, alignments and byte orders."""
    made = []
    for fields in (
        TONIC.descr,
        [("t", "<u4"), ("p", "u1"), ("pad", "f8"), ("y", "<u2"), ("x", "<i4")],
        [("p", "i8"), ("x", ">i2"), ("t", ">i8"), ("y", "i1")],
        [("x", "<u8"), ("y", "<u8"), ("p", "<u2"), ("t", "<i4")],
    ):
        other = np.zeros(len(events), fields)
        for name in "txyp":
            other[name] = events[name]
        made.append(other)
    spread = np.zeros(3 * len(events), events.dtype)
    spread[1::3] = events
    backwards = np.ascontiguousarray(events[::-1])
    return [*made, spread[1::3], backwards[::-1], events.view(np.recarray)]


def frame(events: Events, size: tuple[int, int, int]) -> NDArray[np.int64]:
    """Count all events in one frame."""
    out = np.zeros(size[::-1], np.int64)
    for e in events:
        out[int(e["p"]), e["y"], e["x"]] += 1
    return out


def denoised(events: Events, filter_time: float) -> NDArray[np.bool_]:
    """Return which events had a neighbour within the time, each pixel starting at time 0."""
    wide, high = events["x"].max() + 1, events["y"].max() + 1
    last = np.zeros((wide + 2, high + 2))
    last[[0, -1]] = last[:, [0, -1]] = -math.inf
    keep = np.zeros(len(events), bool)
    for k, e in enumerate(events):
        x, y = int(e["x"]) + 1, int(e["y"]) + 1
        last[x, y] = e["t"]
        near = max(last[x - 1, y], last[x + 1, y], last[x, y - 1], last[x, y + 1])
        keep[k] = e["t"] - near < filter_time
    return keep


def refractory(events: Events, delta: float) -> NDArray[np.bool_]:
    """Return which events came late enough after the one before at their pixel."""
    last: dict[tuple[int, int], float] = {}
    keep = np.zeros(len(events), bool)
    for k, e in enumerate(events):
        at = int(e["x"]), int(e["y"])
        keep[k] = e["t"] - last.get(at, -delta) > delta
        last[at] = float(e["t"])
    return keep


def surfaces(
    events: Events, size: tuple[int, int, int], ends: list[float], tau: float
) -> NDArray[np.float64]:
    """Return exp(-age / tau) of the last event of each pixel before each of some times."""
    out = np.zeros((len(ends), *size[::-1]))
    for surface, end in zip(out, ends, strict=True):
        for e in events[events["t"] < end]:
            surface[int(e["p"]), e["y"], e["x"]] = math.exp(-(end - float(e["t"])) / tau)
    return out


def voxels(events: Events, size: tuple[int, int, int], bins: int) -> NDArray[np.float64]:
    """Spread each event over two bins of time."""
    out = np.zeros((bins + 2, 1, size[1], size[0]))
    first, last = float(events["t"][0]), float(events["t"][-1])
    for e in events:
        s = bins * (float(e["t"]) - first) / (last - first) if last > first else 0.0
        sign = 1.0 if e["p"] else -1.0
        out[int(s), 0, e["y"], e["x"]] += sign * (1 - (s - int(s)))
        out[int(s) + 1, 0, e["y"], e["x"]] += sign * (s - int(s))
    return out[:bins]


def averaged(
    events: Events,
    size: tuple[int, int, int],
    cell: int,
    side: int,
    window: float,
    tau: float,
    decay: str,
) -> NDArray[np.float64]:
    """Average the surfaces of all events of a cell and polarity."""
    across, down, radius = -(-size[0] // cell), -(-size[1] // cell), side // 2
    out = np.zeros((across * down, size[2], side, side))
    number = np.zeros((across * down, size[2]))
    for k, e in enumerate(events):
        at = int(e["y"]) // cell * across + int(e["x"]) // cell, int(e["p"])
        number[at] += 1
        out[at][radius, radius] += 1
        for past in events[:k]:
            if (int(past["y"]) // cell * across + int(past["x"]) // cell, int(past["p"])) != at:
                continue
            x, y = int(past["x"]) - int(e["x"]), int(past["y"]) - int(e["y"])
            age = int(e["t"]) - int(past["t"])
            if abs(x) <= radius and abs(y) <= radius and age <= window:
                value = math.exp(-age / tau) if decay == "exp" else 1 - age / (3 * tau)
                out[at][y + radius, x + radius] += value
    return out / np.maximum(number, 1)[:, :, None, None]


def integrated(
    events: Events, size: tuple[int, int, int], target: tuple[int, int], us: float, threshold: int
) -> list[tuple[int, int, int, int]]:
    """Return (t, x, y, p) of the events of pixels that add up ON minus OFF."""
    first = int(events["t"][0])
    frames = max(int((int(events["t"][-1]) - first - us) // us) + 1, 1)
    state = np.zeros(target[::-1], int)
    out = []
    for k in range(frames):
        inside = (events["t"] >= first + k * us) & (events["t"] < first + (k + 1) * us)
        for e in events[inside]:
            y, x = int(e["y"]) * target[1] // size[1], int(e["x"]) * target[0] // size[0]
            state[y, x] += 1 if e["p"] else -1
        up, down = state >= threshold, -state >= threshold
        out += [(int(k * us), int(x), int(y), 1) for y, x in np.argwhere(up)]
        out += [(int(k * us), int(x), int(y), 0) for y, x in np.argwhere(down)]
        state[up | down] = 0
    return out

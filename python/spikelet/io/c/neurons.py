"""Neurons, and what else sends spikes, at one step. The table has a row for each kind of node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spikelet.io.c.constants import number
from spikelet.io.c.program import Node
from spikelet.io.c.sums import add_base, base_at, inputs_of_pixel
from spikelet.io.c.values import FUNCTIONS, delay

_DYNAMICS = (
    "decay gain drive syn_decay syn_gain pull v_reset adapt_decay boost"  # in the order of the core
)


def send(node: Node) -> None:
    """Add the statements that give a node's spikes of one step."""
    item = node.item
    _SENDERS[item.kind](node)
    if item.form == "spikes":
        node.say(f"TRACE({item.number}, {node.plane()}, {item.planes * item.plane_bytes});")


def _neuron(node: Node) -> None:
    item, n, about = node.item, node.item.channels, node.about
    bits = f"{node.plane()} + p * {item.bytes}" if item.form == "spikes" else "NULL"
    v = node.state("v")
    v_init = node.of_pixel(item.v_init, "v_init")
    node.each_pixel(f"memcpy({node.at(v)}, {v_init}, {n} * sizeof *{v});", when="reset")
    if node.program.plan.phases[item.number] == node.phase:
        add_base(node)
    common = [n, "current", base_at(node)]
    ends = [node.at(v), bits]
    if about["predictive"]:
        fire = _predictive(node, common, ends)
    else:
        common.append(node.of_pixel(item.threshold, "threshold"))
        fire = (_dynamics if about["reset"] is not None else _plain)(node, common, ends)
    node.each_pixel(*inputs_of_pixel(node), fire)


def _plain(node: Node, common: list[Any], ends: list[str]) -> str:
    """Return the call for neurons with one leak and one reset."""
    about, (v, bits) = node.about, ends
    leak = [number(about["decay"]), number(about["gain"])]
    if about["is_signed"]:
        sizes = [about["levels"], node.item.plane_bytes]
        at = node.at(node.zeroed("sent", "int32_t"))
        return node.call("fire_signed", *common, *leak, *sizes, v, at, bits)
    if leak == [number(1.0)] * 2:
        leak = []
    reset = [number(about["v_reset"])] if about["hard"] else []
    name = f"{'leak' if leak else 'fire'}_{'zero' if about['hard'] else 'subtract'}"
    return node.call(name, *common, *reset, *leak, *ends)


def _dynamics(node: Node, common: list[Any], ends: list[str]) -> str:
    """Return the call for neurons with coefficients of their own, or with further states."""
    item = node.item
    parameters = dict(zip(_DYNAMICS.split(), item.dynamics, strict=True))
    states = [
        node.at(node.zeroed(what)) if parameters[needed].size else "NULL"
        for what, needed in (("i", "syn_decay"), ("a", "boost"))
    ]
    arrays = [node.of_pixel(values, what) for what, values in parameters.items()]
    scale = node.constant(item.scale, "scale")
    how = [int(node.about[name]) for name in ("reset", "strict", "later")]
    values = node.at(node.values)
    to = [*ends[1:], "NULL" if item.form == "spikes" else values]
    return node.call("step_dynamics", *common, *arrays, scale, *how, ends[0], *states, *to)


def _predictive(node: Node, common: list[Any], ends: list[str]) -> str:
    """Return the call for neurons with a schedule."""
    item, n, about, (v, bits) = node.item, node.item.channels, node.about, ends
    names = ("pace", "offset", "limit", "ceiling")
    tables = {name: np.reshape(getattr(item, name), (-1, n)) for name in names}
    pair, sized = about["is_signed"], node.program.plan.sizes is not None or item.ceiling.size
    alike = not pair and all((a == a[:, :1]).all() for a in tables.values())
    at = {
        name: f"{node.constant(a[:, 0] if alike else a, name)} + t * {1 if alike else n}"
        if a.size
        else "NULL"
        for name, a in tables.items()
    }
    if pair:
        sent = node.at(node.zeroed("sent"))
        plane = [about["levels"], node.gains, item.plane_bytes]
        states = [node.program.size_now(), *plane, v, sent, bits]
        estimate = [at["pace"], at["offset"], at["limit"]]
        if about["activation"] is None:
            return node.call("fire_pair", *common, *estimate, at["ceiling"], *states)
        function = about["activation"].name
        parameters = [
            node.constant(getattr(item, name), name) for name in ("per_value", "alpha", "beta")
        ]
        words = {"suffix": f"_{function}", "f": FUNCTIONS[function]}
        return node.call("fire_following_pair", *common, *estimate, *parameters, *states, **words)
    ctype = "float" if sized else "uint8_t" if len(tables["pace"]) < 256 else "uint16_t"
    ends = [v, node.at(node.zeroed("sent", ctype)), bits]
    suffix, words = "_alike" if alike else "", {"c": "0" if alike else "c"}
    if sized:
        given = [at["pace"], at["limit"], at["ceiling"], node.program.size_now()]
        return node.call("fire_sized", *common, *given, *ends, suffix=suffix, **words)
    words |= {"suffix": f"_{ctype[:-2]}{suffix}", "sent": ctype}
    return node.call("fire_predictive", *common, at["pace"], at["limit"], *ends, **words)


def _maximum(node: Node) -> None:
    source, item, n, program = node.source, node.item, node.item.channels, node.program
    here, window = f"{node.plane()} + p * {item.bytes}", node.window
    if not node.about["of_counts"]:
        node.each_pixel(node.call("max_steps", *window, item.bytes, source.plane(), here))
        return
    sized = program.plan.sizes is not None
    ctype = "float" if sized else "int16_t"
    types = {"suffix": "_sized" if sized else "", "count": ctype}
    counts = node.zeroed(f"counts_for_{item.number}", ctype, of=source.item)
    before = node.at(node.zeroed("before", ctype))
    for plane, gain in enumerate(item.gains):
        amount = f"{program.size_now()} * {number(gain)}" if sized else str(int(gain))
        given = [source.item.pixels, n, source.plane(plane), amount, counts]
        node.add("count_spikes", *given, **types)
    minus = f"{node.plane(1)} + p * {item.bytes}" if item.planes > 1 else "NULL"
    ends = [counts, before, here]
    if item.planes > 2:
        sizes = [program.size_now(), item.planes // 2, node.gains, item.plane_bytes]
        call = node.call("max_sizes", *window, n, *sizes, *ends)
    elif sized:
        call = node.call("max_sums", *window, n, program.size_now(), *ends, minus)
    else:
        call = node.call("max_counts", *window, n, *ends, minus, **types)
    node.each_pixel(call)


def _upsample(node: Node) -> None:
    source, (fy, fx), size = node.source, node.about["factor"], node.item.bytes
    pixel, body = f"(y / {fy} * {source.item.shape[2]} + x / {fx})", []
    for plane in range(node.item.planes):
        to, at = node.plane(plane), source.plane(plane)
        body.append(f"memcpy({to} + p * {size}, {at} + {pixel} * {size}, {size});")
    node.each_pixel(*body)


def _gather(node: Node) -> None:
    item = node.item
    node.say(f"memset({node.plane()}, 0, {item.planes * item.plane_bytes});")
    for source, moves in node.moves():
        for plane in range(item.planes):
            to, at = node.plane(plane), source.plane(plane)
            node.add("move_spikes", *moves, source.item.channels, at, item.channels, to)


def _input(node: Node) -> None:
    item = node.item
    minus = node.plane(1) if item.planes == 2 else "NULL"
    name = f"input_{node.program.plan.inputs.index(item)}"
    call = node.call("read_spikes", item.pixels, item.channels, name, node.plane(), minus)
    node.say(f"if (!{call.rstrip(';')}) {{\n    return BAD_SPIKE;\n  }}")


_SENDERS: dict[str, Callable[[Node], None]] = {
    "neuron": _neuron,
    "maximum": _maximum,
    "upsample": _upsample,
    "gather": _gather,
    "input": _input,
    "delay": delay,
}

"""Neurons, and what else sends spikes, at one step. The table has a row for each kind of node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spikelet.io.c.constants import number
from spikelet.io.c.functions import FUNCTIONS
from spikelet.io.c.plan import Item
from spikelet.io.c.program import Program
from spikelet.io.c.sums import add_base, base_at, inputs_of_pixel
from spikelet.io.c.values import delay

__all__ = ["send"]

_DYNAMICS = (
    "decay gain drive syn_decay syn_gain pull v_reset adapt_decay boost"  # in the order of the core
)


def send(program: Program, item: Item, phase: int) -> None:
    """Add the statements that give a node's spikes of one step."""
    _SENDERS[item.kind](program, item, phase)
    if item.form == "spikes":
        spikes, size = program.spikes(item, phase), item.planes * item.plane_bytes
        program.say(f"step_{phase}", f"TRACE({item.number}, {spikes}, {size});")


def _neuron(program: Program, item: Item, phase: int) -> None:
    n, about, spikes = item.channels, item.about, item.form == "spikes"
    bits = f"{program.plane(item, phase)} + p * {item.bytes}" if spikes else "NULL"
    v = program.state(item, "v", "float", item.size)
    v_init = program.of_pixel(item, item.v_init, "v_init")
    body = [f"memcpy({v} + p * {n}, {v_init}, {n} * sizeof *{v});"]
    program.say(f"reset_{phase}", program.each_pixel(item, body))
    if program.plan.phases[item.number] == phase:
        add_base(program, item, phase)
    common = [n, "current", base_at(program, item)]
    ends = [f"{v} + p * {n}", bits]
    if about["predictive"]:
        fire = _predictive(program, item, phase, common, ends)
    else:
        common.append(program.of_pixel(item, item.threshold, "threshold"))
        step = _dynamics if about["reset"] is not None else _plain
        fire = step(program, item, phase, common, ends)
    body = [*inputs_of_pixel(program, item, phase), fire]
    program.say(f"step_{phase}", program.each_pixel(item, body))


def _plain(program: Program, item: Item, phase: int, common: list[Any], ends: list[str]) -> str:
    """Return the call for neurons with one leak and one reset."""
    about, (v, bits) = item.about, ends
    leak = [number(about["decay"]), number(about["gain"])]
    if about["is_signed"]:
        sent = program.zeroed(item, "sent", phase, "int32_t")
        sizes = [about["levels"], item.plane_bytes]
        at = f"{sent} + p * {item.channels}"
        return program.call("fire_signed", *common, *leak, *sizes, v, at, bits)
    if about["later"]:
        amounts = program.of_pixel(item, item.amount, "amount")
        return program.call("leak_subtract_later", *common, amounts, *leak, *ends)
    if leak == [number(1.0)] * 2:
        leak = []
    reset = [number(about["v_reset"])] if about["hard"] else []
    name = f"{'leak' if leak else 'fire'}_{'zero' if about['hard'] else 'subtract'}"
    return program.call(name, *common, *reset, *leak, *ends)


def _dynamics(program: Program, item: Item, phase: int, common: list[Any], ends: list[str]) -> str:
    """Return the call for neurons with coefficients of their own, or with further states."""
    parameters = dict(zip(_DYNAMICS.split(), item.dynamics, strict=True))
    states = []
    for what, needed in (("i", "syn_decay"), ("a", "boost")):
        state = program.zeroed(item, what, phase) if parameters[needed].size else ""
        states.append(f"{state} + p * {item.channels}" if state else "NULL")
    arrays = [program.of_pixel(item, values, what) for what, values in parameters.items()]
    scale = program.constants.add(item.scale, "scale") if item.scale.size else "NULL"
    how = [int(item.about[name]) for name in ("reset", "strict", "later")]
    values = f"{program.values(item, phase)} + p * {item.channels}"
    to = [*ends[1:], "NULL" if item.form == "spikes" else values]
    return program.call("step_dynamics", *common, *arrays, scale, *how, ends[0], *states, *to)


def _predictive(
    program: Program, item: Item, phase: int, common: list[Any], ends: list[str]
) -> str:
    """Return the call for neurons with a schedule."""
    n, about, (v, bits) = item.channels, item.about, ends
    names = ("pace", "offset", "limit", "ceiling")
    tables = {name: np.reshape(getattr(item, name), (-1, n)) for name in names}
    pair, sized = about["is_signed"], program.plan.sizes is not None or item.ceiling.size
    alike = not pair and all((a == a[:, :1]).all() for a in tables.values())
    at = {
        name: f"{program.constants.add(a[:, 0] if alike else a, name)} + t * {1 if alike else n}"
        if a.size
        else "NULL"
        for name, a in tables.items()
    }
    if pair:
        sent = f"{program.zeroed(item, 'sent', phase)} + p * {n}"
        plane = [about["levels"], program.gains(item), item.plane_bytes]
        states = [program.size_now(), *plane, v, sent, bits]
        estimate = [at["pace"], at["offset"], at["limit"]]
        if about["activation"] is None:
            return program.call("fire_pair", *common, *estimate, at["ceiling"], *states)
        function = about["activation"].name
        of_function = {name: getattr(item, name) for name in ("per_value", "alpha", "beta")}
        parameters = [
            program.constants.add(a, name) if a.size else "NULL" for name, a in of_function.items()
        ]
        words = {"suffix": f"_{function}", "f": FUNCTIONS[function]}
        return program.call(
            "fire_following_pair", *common, *estimate, *parameters, *states, **words
        )
    ctype = "float" if sized else "uint8_t" if len(tables["pace"]) < 256 else "uint16_t"
    ends = [v, f"{program.zeroed(item, 'sent', phase, ctype)} + p * {n}", bits]
    suffix, words = "_alike" if alike else "", {"c": "0" if alike else "c"}
    if sized:
        given = [at["pace"], at["limit"], at["ceiling"], program.size_now()]
        return program.call("fire_sized", *common, *given, *ends, suffix=suffix, **words)
    words |= {"suffix": f"_{ctype[:-2]}{suffix}", "sent": ctype}
    return program.call("fire_predictive", *common, at["pace"], at["limit"], *ends, **words)


def _maximum(program: Program, item: Item, phase: int) -> None:
    source, step, n = program.plan[item.inputs[0]], f"step_{phase}", item.channels
    here, window = f"{program.plane(item, phase)} + p * {item.bytes}", program.window(item)
    if not item.about["of_counts"]:
        spikes = program.spikes(source, phase)
        call = program.call("max_steps", *window, item.bytes, spikes, here)
        program.say(step, program.each_pixel(item, [call]))
        return
    sized = program.plan.sizes is not None
    ctype = "float" if sized else "int16_t"
    types = {"suffix": "_sized" if sized else "", "count": ctype}
    counts = program.zeroed(source, f"counts_for_{item.number}", phase, ctype)
    before = f"{program.zeroed(item, 'before', phase, ctype)} + p * {n}"
    for plane, gain in enumerate(item.gains):
        amount = f"{program.size_now()} * {number(gain)}" if sized else str(int(gain))
        given = [source.pixels, n, program.plane(source, phase, plane), amount, counts]
        program.say(step, program.call("count_spikes", *given, **types))
    minus = f"{program.plane(item, phase, 1)} + p * {item.bytes}" if item.planes > 1 else "NULL"
    ends = [counts, before, here]
    if item.planes > 2:
        sizes = [program.size_now(), item.planes // 2, program.gains(item), item.plane_bytes]
        call = program.call("max_sizes", *window, n, *sizes, *ends)
    elif sized:
        call = program.call("max_sums", *window, n, program.size_now(), *ends, minus)
    else:
        call = program.call("max_counts", *window, n, *ends, minus, **types)
    program.say(step, program.each_pixel(item, [call]))


def _upsample(program: Program, item: Item, phase: int) -> None:
    source, (fy, fx), size = program.plan[item.inputs[0]], item.about["factor"], item.bytes
    pixel, body = f"(y / {fy} * {source.shape[2]} + x / {fx})", []
    for plane in range(item.planes):
        to, at = program.plane(item, phase, plane), program.plane(source, phase, plane)
        body.append(f"memcpy({to} + p * {size}, {at} + {pixel} * {size}, {size});")
    program.say(f"step_{phase}", program.each_pixel(item, body))


def _gather(program: Program, item: Item, phase: int) -> None:
    size = item.planes * item.plane_bytes
    program.say(f"step_{phase}", f"memset({program.spikes(item, phase)}, 0, {size});")
    for source, moves in program.moves(item):
        for plane in range(item.planes):
            to, at = program.plane(item, phase, plane), program.plane(source, phase, plane)
            given = [*moves, source.channels, at, item.channels, to]
            program.say(f"step_{phase}", program.call("move_spikes", *given))


def _input(program: Program, item: Item, phase: int) -> None:
    minus = program.plane(item, phase, 1) if item.planes == 2 else "NULL"
    name = f"input_{program.plan.inputs.index(item)}"
    given = [item.pixels, item.channels, name, program.spikes(item, phase), minus]
    call = program.call("read_spikes", *given).rstrip(";")
    program.say(f"step_{phase}", f"if (!{call}) {{\n    return BAD_SPIKE;\n  }}")


_SENDERS: dict[str, Callable[[Program, Item, int], None]] = {
    "neuron": _neuron,
    "maximum": _maximum,
    "upsample": _upsample,
    "gather": _gather,
    "input": _input,
    "delay": delay,
}

"""Neurons, and what else sends spikes, at one step."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet.io.c.constants import number
from spikelet.io.c.functions import FUNCTIONS
from spikelet.io.c.plan import Item
from spikelet.io.c.program import Program
from spikelet.io.c.sums import add_base, base_at, inputs_of_pixel, per_pixel
from spikelet.io.c.values import delay

__all__ = ["send"]


def send(program: Program, item: Item, phase: int) -> None:
    """Add the statements that give a node's spikes of one step."""
    {
        "neuron": _neuron,
        "maximum": _maximum,
        "upsample": _upsample,
        "gather": _gather,
        "input": _input,
        "delay": delay,
    }[item.kind](program, item, phase)
    if item.form == "spikes":
        size = item.planes * item.plane_bytes
        program.say(
            f"step_{phase}", f"TRACE({item.number}, {program.spikes(item, phase)}, {size});"
        )


def _neuron(program: Program, item: Item, phase: int) -> None:
    n, about = item.channels, item.about
    spikes = item.form == "spikes"
    bits = f"{program.spikes(item, phase)} + p * {item.bytes}" if spikes else "NULL"
    v = program.state(item, "v", "float", item.size)
    v_init, v_at = per_pixel(item, item.v_init)
    _reset(program, item, phase, str(v), program.constants.add(v_init, "v_init"), v_at)
    if program.plan.phases[item.number] == phase:
        add_base(program, item, phase)
    base = base_at(program, item)
    limit = _parameter(program, item, item.threshold, "threshold")
    common = [n, "current", base]
    at_v = f"{v} + p * {n}"
    decay, gain = np.float32(about["decay"]), np.float32(about["gain"])
    leak = [] if decay == 1 and gain == 1 else [number(decay), number(gain)]
    if about["reset"] is not None:
        fire = _dynamics(program, item, phase, [*common, limit], at_v, bits)
    elif about["predictive"]:
        fire = _predictive(program, item, phase, common, at_v, bits)
    elif about["is_signed"]:
        sent = program.state(item, "sent", "int32_t", item.size)
        program.say(f"reset_{phase}", f"memset({sent}, 0, sizeof {sent});")
        fire = program.call(
            "fire_signed", *common, limit, number(decay), number(gain), about["levels"], item.plane_bytes, at_v,
            f"{sent} + p * {n}", bits,
        )  # fmt: skip
    elif about["later"]:
        amounts = _parameter(program, item, item.amount, "amount")
        fire = program.call(
            "leak_subtract_later", *common, limit, amounts, number(decay), number(gain), at_v, bits
        )
    else:
        kind = "leak" if leak else "fire"
        reset = [number(about["v_reset"])] if about["hard"] else []
        name = f"{kind}_{'zero' if about['hard'] else 'subtract'}"
        fire = program.call(name, *common, limit, *reset, *leak, at_v, bits)
    body = [*inputs_of_pixel(program, item, phase), fire]
    program.say(f"step_{phase}", program.each_pixel(item, body))


_DYNAMICS = (
    "decay", "gain", "drive", "syn_decay", "syn_gain", "pull", "v_reset", "adapt_decay", "boost",
)  # fmt: skip


def _parameter(program: Program, item: Item, values: Any, what: str) -> str:
    """Return where parameters of the pixel `p` are, or NULL if there are none."""
    if not values.size:
        return "NULL"
    stored, at = per_pixel(item, values)
    return f"{program.constants.add(stored, what)}{at}"


def _dynamics(
    program: Program, item: Item, phase: int, common: list[object], v: str, bits: str
) -> str:
    """Return the call for neurons with coefficients of their own, or with further states."""
    parameters = dict(zip(_DYNAMICS, item.dynamics, strict=True))
    states = []
    for what, needed in (("i", "syn_decay"), ("a", "boost")):
        states.append("NULL")
        if parameters[needed].size:
            state = program.state(item, what, "float", item.size)
            program.say(f"reset_{phase}", f"memset({state}, 0, sizeof {state});")
            states[-1] = f"{state} + p * {item.channels}"
    scale = program.constants.add(item.scale, "scale") if item.scale.size else "NULL"
    spikes = item.form == "spikes"
    return program.call(
        "step_dynamics", *common, *(_parameter(program, item, p, what) for what, p in parameters.items()), scale,
        int(item.about["reset"]), int(item.about["strict"]), int(item.about["later"]), v, *states, bits,
        "NULL" if spikes else f"{program.values(item, phase)} + p * {item.channels}",
    )  # fmt: skip


def _reset(program: Program, item: Item, phase: int, v: str, v_init: str, at: str) -> None:
    n = item.channels
    body = [f"memcpy({v} + p * {n}, {v_init}{at}, {n} * sizeof *{v_init});"]
    program.say(f"reset_{phase}", program.each_pixel(item, body))


def _predictive(
    program: Program, item: Item, phase: int, common: list[object], v: str, bits: str
) -> str:
    n = item.channels
    if item.about["activation"] is not None or item.about["is_signed"]:
        return _following(program, item, phase, common, v, bits)
    steps = len(item.pace) // n
    pace, limit, ceiling = (np.reshape(a, (-1, n)) for a in (item.pace, item.limit, item.ceiling))
    alike = all((a == a[:, :1]).all() for a in (pace, limit, ceiling))
    sized = program.plan.sizes is not None or item.ceiling.size
    ctype = "float" if sized else "uint8_t" if steps < 256 else "uint16_t"
    sent = program.state(item, "sent", ctype, item.size)
    program.say(f"reset_{phase}", f"memset({sent}, 0, sizeof {sent});")
    tables = [
        f"{program.constants.add(a[:, 0] if alike else a, what)} + t * {1 if alike else n}"
        if a.size
        else "NULL"
        for a, what in ((pace, "pace"), (limit, "limit"), (ceiling, "ceiling"))
    ]
    index, suffix = ("0", "_alike") if alike else ("c", "")
    if sized:
        return program.call(
            "fire_sized", *common, *tables, program.size_now(), v, f"{sent} + p * {n}", bits, suffix=suffix, c=index
        )  # fmt: skip
    del tables[2]
    return program.call(
        "fire_predictive", *common, *tables, v, f"{sent} + p * {n}", bits, suffix=f"_{ctype[:-2]}{suffix}", sent=ctype,
        c=index,
    )  # fmt: skip


def _following(
    program: Program, item: Item, phase: int, common: list[object], v: str, bits: str
) -> str:
    """Return the call for pairs, and for neurons that follow an activation."""
    n, pair = item.channels, item.about["is_signed"]
    sent = program.state(item, "sent", "float", item.size)
    program.say(f"reset_{phase}", f"memset({sent}, 0, sizeof {sent});")

    def by_step(what: str) -> str:
        values = getattr(item, what)
        return f"{program.constants.add(values, what)} + t * {n}" if len(values) else "NULL"

    def by_channel(what: str) -> str:
        values = getattr(item, what)
        return program.constants.add(values, what) if len(values) else "NULL"

    size = "1.0f" if program.plan.sizes is None else program.size_now()
    plane: list[object] = []
    if pair:
        gains = program.constants.add(np.asarray(item.gains, np.float32), "gains")
        plane = [item.about["levels"], gains, item.plane_bytes]
    states = [size, *plane, v, f"{sent} + p * {n}", bits]
    tables = [by_step(what) for what in ("pace", "offset", "limit")]
    if item.about["activation"] is None:
        return program.call("fire_pair", *common, *tables, by_step("ceiling"), *states)
    function = item.about["activation"].name
    parameters = [by_channel(what) for what in ("per_value", "alpha", "beta")]
    template = "fire_following_pair" if pair else "fire_following"
    return program.call(
        template, *common, *tables, *parameters, *states, suffix=f"_{function}", f=FUNCTIONS[function]
    )  # fmt: skip


def _maximum(program: Program, item: Item, phase: int) -> None:
    source = program.plan[item.inputs[0]]
    spikes, bits = program.spikes(source, phase), program.spikes(item, phase)
    here = f"{bits} + p * {item.bytes}"
    window = program.window(item)
    if not item.about["of_counts"]:
        body = [program.call("max_steps", *window, item.bytes, spikes, here)]
        program.say(f"step_{phase}", program.each_pixel(item, body))
        return
    sized = program.plan.sizes is not None
    ctype = "float" if sized else "int16_t"
    types = {"suffix": "_sized" if sized else "", "count": ctype}
    counts = program.state(source, f"counts_for_{item.number}", ctype, source.size)
    before = program.state(item, "before", ctype, item.size)
    for array in (counts, before):
        program.say(f"reset_{phase}", f"memset({array}, 0, sizeof {array});")
    for plane, gain in enumerate(item.gains):
        at = f"{spikes} + {plane * source.plane_bytes}" if plane else spikes
        amount = f"{program.size_now()} * {number(gain)}" if sized else str(int(gain))
        program.say(
            f"step_{phase}",
            program.call(
                "count_spikes", source.pixels, source.channels, at, amount, counts, **types
            ),
        )
    n = item.channels
    minus = f"{bits} + {item.plane_bytes} + p * {item.bytes}" if item.planes > 1 else "NULL"
    ends = [counts, f"{before} + p * {n}", here, minus]
    if item.planes > 2:
        gains = program.constants.add(np.asarray(item.gains, np.float32), "gains")
        sizes = [program.size_now(), item.planes // 2, gains, item.plane_bytes]
        call = program.call("max_sizes", *window, n, *sizes, counts, f"{before} + p * {n}", here)
    elif sized:
        call = program.call("max_sums", *window, n, program.size_now(), *ends)
    else:
        call = program.call("max_counts", *window, n, *ends, **types)
    program.say(f"step_{phase}", program.each_pixel(item, [call]))


def _upsample(program: Program, item: Item, phase: int) -> None:
    source = program.plan[item.inputs[0]]
    fy, fx = item.about["factor"]
    width = source.shape[2]
    spikes, bits = program.spikes(source, phase), program.spikes(item, phase)
    body = []
    for plane in range(item.planes):
        to, at = (f"{b} + {plane * n}" if plane else f"{b}" for b, n in
                  ((bits, item.plane_bytes), (spikes, source.plane_bytes)))  # fmt: skip
        pixel = f"(y / {fy} * {width} + x / {fx})"
        body.append(
            f"memcpy({to} + p * {item.bytes}, {at} + {pixel} * {item.bytes}, {item.bytes});"
        )
    program.say(f"step_{phase}", program.each_pixel(item, body))


def _gather(program: Program, item: Item, phase: int) -> None:
    bits = program.spikes(item, phase)
    size = item.planes * item.plane_bytes
    program.say(f"step_{phase}", f"memset({bits}, 0, {size});")
    for source, moves in program.moves(item):
        spikes = program.spikes(source, phase)
        for plane in range(item.planes):
            to, at = (f"{b} + {plane * n}" if plane else f"{b}" for b, n in
                      ((bits, item.plane_bytes), (spikes, source.plane_bytes)))  # fmt: skip
            text = program.call("move_spikes", *moves, source.channels, at, item.channels, to)
            program.say(f"step_{phase}", text)


def _input(program: Program, item: Item, phase: int) -> None:
    bits = program.spikes(item, phase)
    minus = f"{bits} + {item.plane_bytes}" if item.planes == 2 else "NULL"
    name = f"input_{program.plan.inputs.index(item)}"
    call = program.call("read_spikes", item.pixels, item.channels, name, bits, minus)
    program.say(f"step_{phase}", f"if (!{call.rstrip(';')}) {{\n    return BAD_SPIKE;\n  }}")

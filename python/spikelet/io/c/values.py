"""Layers of values: constants once, sequences at each step, means at the end."""

from __future__ import annotations

import numpy as np

from spikelet.io.c.constants import number
from spikelet.io.c.plan import Item
from spikelet.io.c.program import Program
from spikelet.io.c.sums import add_base, base_at, inputs_of_pixel, per_pixel

__all__ = ["accumulate", "at_each_step", "expand", "mean_of", "once"]


def once(program: Program, item: Item, phase: int) -> None:
    """Compute a constant from constants, or from means."""
    function = f"begin_{phase}"
    if item.kind == "input":
        if item.number in program.copied:
            name = f"input_{program.plan.inputs.index(item)}"
            program.say(function, _last(program, item, name, program.mean(item)))
    elif item.kind != "constant":
        given = [program.constant_values(program.plan[k]) for k in item.inputs]
        _apply(program, item, function, given, program.mean(item))


def at_each_step(program: Program, item: Item, phase: int) -> None:
    """Compute the values of one step from those of the inputs."""
    function = f"step_{phase}"
    out = program.values(item, phase)
    if item.kind == "input":
        name = f"input_{program.plan.inputs.index(item)}"
        program.say(function, _last(program, item, name, out))
        return
    given = [(program.values(program.plan[k], phase), 0) for k in item.inputs]
    if item.kind != "maximum" or not item.about["of_counts"]:
        _apply(program, item, function, given, out)
        return
    source = program.plan[item.inputs[0]]
    sums = program.state(source, f"sums_for_{item.number}", "float", source.size)
    before = program.state(item, "before", "float", item.size)
    greatest = program.memory.add("float", item.size, "greatest", kept=False)
    for array in (sums, before):
        program.say(f"reset_{phase}", f"memset({array}, 0, sizeof {array});")
    program.say(function, _add(program, source.size, given[0][0], str(sums)))
    _apply(program, item, function, [(str(sums), 0)], str(greatest))
    if program.plan.sizes is None:
        program.say(function, program.call("rise_values", item.size, greatest, before, out))
    else:
        size = program.size_now()
        program.say(function, program.call("rise_sized", item.size, size, greatest, before, out))


def accumulate(program: Program, item: Item, phase: int) -> None:
    """Compute the values of one step as a sum of parts."""
    if program.plan.phases[item.number] == phase:
        add_base(program, item, phase)
    base, out, n = base_at(program, item), program.values(item, phase), item.channels
    body = inputs_of_pixel(program, item, phase)
    body.append(f"memcpy({out} + p * {n}, current, {n} * sizeof current[0]);")
    if base != "NULL":
        body.append(program.call("add_to", n, base, f"{out} + p * {n}"))
    program.say(f"step_{phase}", program.each_pixel(item, body))


def expand(program: Program, item: Item, phase: int) -> None:
    """Give the spikes of one step as values."""
    amplitude = program.constants.add(item.amplitude, "amplitude")
    program.templates.use("copy")
    for plane, gain in enumerate(item.gains):
        at = f"{program.spikes(item, phase)} + {plane * item.plane_bytes}"
        call = program.call(
            "spikes_to_values", item.pixels, item.channels, at, amplitude, number(gain), int(plane > 0),
            program.values(item, phase),
        )  # fmt: skip
        program.say(f"step_{phase}", call)


def mean_of(program: Program, item: Item, phase: int) -> None:
    """Sum spikes or values over the steps, and give their mean at the end."""
    step, end = f"step_{phase}", f"end_{phase}"
    if item.form == "current":
        given = [(program.mean(program.plan[k]), 0) for k in item.inputs]
        _apply(program, item, end, given, program.mean(item))
        return
    sums = program.state(item, "sums", "float", item.size)
    program.say(f"reset_{phase}", f"memset({sums}, 0, sizeof {sums});")
    if item.form == "spikes":
        for plane, gain in enumerate(item.gains):
            at = f"{program.spikes(item, phase)} + {plane * item.plane_bytes}"
            amount = number(gain)
            if program.plan.sizes is not None:
                amount = program.size_now() if gain == 1 else f"{amount} * {program.size_now()}"
            call = program.call("tally", item.pixels, item.channels, at, amount, sums)
            program.say(step, f"if (t >= DELAY) {{\n    {call}\n  }}")
        amplitude = program.constants.add(item.amplitude, "amplitude")
        call = program.call(
            "mean_spikes", item.pixels, item.channels, sums, "window", amplitude, program.mean(item)
        )
    else:
        call = _add(program, item.size, program.values(item, phase), str(sums))
        program.say(step, f"if (t >= DELAY) {{\n    {call}\n  }}")
        call = program.call("mean_values", item.size, sums, "window", program.mean(item))
    program.say(end, call)


def _add(program: Program, size: int, values: str, sums: str) -> str:
    """Return the statement that adds the values of a step to sums over the steps."""
    if program.plan.sizes is None:
        return program.call("add_to", size, values, sums)
    return program.call("add_sized", size, program.size_now(), values, sums)


def _last(program: Program, item: Item, given: str, out: str) -> str:
    return program.call("to_channels_last", item.pixels, item.channels, given, out)


def _apply(
    program: Program, item: Item, function: str, given: list[tuple[str, int]], out: str
) -> None:
    """Add the statements of one layer, from values, and whether they are [channel][pixel], to values."""
    n, about = item.channels, item.about
    here = f"{out} + p * {n}"
    source = program.plan[item.inputs[0]]
    (first, plain), *others = given

    def pixels(*body: str) -> None:
        program.say(function, program.each_pixel(item, list(body)))

    def call(template: str, *arguments: object) -> str:
        return program.call(template, *arguments)

    match item.kind:
        case "conv":
            body = [program.convolve(function, about, first, plain, here)]
            if about["bias"].size:
                body.append(call("add_to", n, program.constants.add(about["bias"], "bias"), here))
            pixels(*body)
        case "average" | "maximum":
            rows, columns = about["rows"], about["columns"]
            window = [
                f"{program.windows(rows)}[y]", rows["step"], f"{program.windows(columns)}[x]", columns["step"],
                source.shape[2],
            ]  # fmt: skip
            if item.kind == "maximum":
                pixels(call("max_values", *window, n, first, here))
                return
            divisors = np.outer(rows["divisor"], columns["divisor"]).astype(np.float32)
            same = (divisors == divisors[0, 0]).all()
            divisor = (
                number(divisors[0, 0])
                if same
                else f"{program.constants.add(divisors, 'divisors')}[p]"
            )
            pixels(call("mean_window", *window, n, divisor, first, here))
        case "add":
            program.say(function, f"memcpy({out}, {first}, {item.size} * sizeof *{out});")
            for other, _ in others:
                program.say(function, call("add_to", item.size, other, out))
        case "concat":
            done = 0
            for (values, _), k in zip(given, item.inputs, strict=True):
                part = program.plan[k].channels
                pixels(f"memcpy({here} + {done}, {values} + p * {part}, {part} * sizeof *{out});")
                done += part
        case "upsample":
            fy, fx = about["factor"]
            pixel = f"(y / {fy} * {source.shape[2]} + x / {fx})"
            pixels(f"memcpy({here}, {first} + {pixel} * {n}, {n} * sizeof *{out});")
        case "affine":
            scale, at = per_pixel(item, about["scale"])
            arguments = [f"{program.constants.add(scale, 'scale')}{at}", "NULL"]
            if about["shift"].size:
                shift, at = per_pixel(item, about["shift"])
                arguments[1] = f"{program.constants.add(shift, 'shift')}{at}"
            pixels(call("affine", n, *arguments, f"{first} + p * {n}", here))
        case "flatten":
            text = call("to_channels_first", source.pixels, source.channels, first, out)
            program.say(function, text)
        case "relu":
            upper = np.resize(about["upper"], n) if about["upper"].size else None
            limit = "NULL" if upper is None else program.constants.add(upper, "upper")
            program.say(
                function, call("rectify", item.pixels, n, limit, about["levels"], first, out)
            )
        case "gather":
            program.say(function, f"memset({out}, 0, {item.size} * sizeof *{out});")
            arrays = dict(zip(item.inputs, given, strict=True))
            for source, moves in program.moves(item):
                program.say(function, call("move_values", *moves, arrays[source.number][0], out))
        case "mix":
            # Not "begin" as in the plan: functions have that name, and a number behind it.
            labels = {"begin": "rows", "from": "sources"}
            tables = [program.constants.add(about[k], name, "int") for k, name in labels.items()]
            weights = program.constants.add(about["weight"], "weights")
            program.say(function, call("mix", item.pixels, n, *tables, weights, first, out))

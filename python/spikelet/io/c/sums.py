"""The input of neurons at one step: parts of spikes and values, in the order in which the engine adds them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet.io.c.constants import number
from spikelet.io.c.plan import Item
from spikelet.io.c.program import Program

__all__ = ["add_base", "base_at", "inputs_of_pixel"]


def inputs_of_pixel(program: Program, item: Item, phase: int) -> list[str]:
    """Return statements that sum the input of the pixel `p` at (y, x) in the array `current`."""
    program.widest = max(program.widest, item.channels)
    n = item.channels
    whole = item.whole
    value, suffix = ("int16_t", "_whole") if whole else ("float", "")
    total, part_sum = ("whole", "whole_part") if whole else ("current", "part")
    types = {"value": value, "suffix": suffix}
    lines: list[str] = []
    first = True
    for part in item.parts:
        source = program.plan[part["source"]]
        if part["kind"] == "values":
            at = f"{program.values(source, phase)} + p * {n}"
            lines.append(program.call("join", n, at, "1.0f", int(not first), total))
            first = False
            continue
        bits = program.spikes(source, phase)
        if part["kind"] != "copy" and part["walked"] and len(source.gains) > 2:
            weights = program.constants.add(part["weight"].transpose(3, 2, 1, 0), "weights")
            gains = program.constants.add(np.asarray(source.gains, np.float32), "gains")
            to = total if first else part_sum
            sizes = [len(source.gains), source.plane_bytes, gains]
            lines.append(program.call("clear", n, to))
            lines.append(
                program.call(
                    "walk_sizes", program.kernel(part), weights, bits, *sizes, "y", "x", to
                )
            )
            if not first:
                lines.append(program.call("join", n, part_sum, "1.0f", 1, total))
            first = False
            continue
        for plane, gain in enumerate(source.gains):
            gain_text = str(int(gain)) if whole else number(gain)
            plane_bits = f"{bits} + {plane * source.plane_bytes}" if plane else str(bits)
            if part["kind"] == "copy":
                weights = program.constants.add(
                    part["weight"], "weights", "int16_t" if whole else "float"
                )
                at = f"{plane_bits} + p * {source.bytes}"
                lines.append(
                    program.call("copy", n, weights, at, gain_text, int(not first), total, **types)
                )
            elif part["walked"]:
                kernel = program.kernel(part)
                weights = program.constants.add(
                    part["weight"].transpose(3, 2, 1, 0), "weights", "int16_t" if whole else "float"
                )
                to = total if first else part_sum
                lines.append(program.call("clear", n, to, **types))
                lines.append(
                    program.call("walk", kernel, weights, plane_bits, "y", "x", to, **types)
                )
                if not first:
                    lines.append(program.call("join", n, part_sum, gain_text, 1, total, **types))
            else:
                kernel = program.kernel(part)
                weights = program.constants.add(_scattered(part), "weights")
                if first:
                    lines.append(program.call("clear", n, total))
                lines.append(
                    program.call("scatter", kernel, weights, plane_bits, gain_text, "y", "x", total)
                )
            first = False
    if first:
        lines.append(program.call("clear", n, "current"))
    elif whole:
        lines.append(program.call("widen", n, "whole", "current"))
    return lines


def _scattered(part: dict[str, Any]) -> Any:
    """Return weights as [kernel row][kernel column][channel in][output of the group]."""
    out, per_group, height, width = part["weight"].shape
    groups = part["groups"]
    weight = part["weight"].reshape(groups, out // groups, per_group, height, width)
    return weight.transpose(3, 4, 0, 2, 1)


def base_at(program: Program, item: Item) -> str:
    """Return where the constant input of the pixel `p` is, or NULL."""
    if _is_alias(item):
        return f"{program.mean(program.plan[item.constants[0]])} + p * {item.channels}"
    if item.constants or item.folded:
        return f"{program.base(item)} + p * {item.channels}"
    if item.bias.size and item.bias.any():
        return program.constants.add(item.bias, "bias")
    return "NULL"


def _is_alias(item: Item) -> bool:
    """Return whether the constant input is just another constant."""
    scaled = item.scale.size and not (item.scale == 1).all()
    biased = item.bias.size and item.bias.any()
    return bool(len(item.constants) == 1 and not item.folded and not biased and not scaled)


def add_base(program: Program, item: Item, phase: int) -> None:
    """Compute the constant input of all steps, before them."""
    if _is_alias(item) or not (item.constants or item.folded):
        return
    base, n = program.base(item), item.channels
    function = f"begin_{phase}"
    program.say(function, f"memset({base}, 0, sizeof {base});")
    for k in item.constants:
        program.say(
            function, program.call("add_to", item.size, program.mean(program.plan[k]), base)
        )
    for part in item.folded:
        program.widest = max(program.widest, n)
        source = program.plan[part["source"]]
        values, plain = program.constant_values(source)
        text = program.convolve(function, part, values, plain, "current")
        body = [text, program.call("add_to", n, "current", f"{base} + p * {n}")]
        program.say(function, program.each_pixel(item, body))
    if item.bias.size:
        bias = program.constants.add(item.bias, "bias")
        body = [program.call("add_to", n, bias, f"{base} + p * {n}")]
        program.say(function, program.each_pixel(item, body))
    if item.scale.size:
        scale = program.constants.add(item.scale, "scale")
        program.say(function, program.call("scale_by", item.pixels, n, scale, base))


def per_pixel(item: Item, values: Any) -> tuple[Any, str]:
    """Return parameters, one a channel or one a neuron, as they are stored, and how to reach those of the pixel `p`."""
    if values.size == item.channels:
        return values, ""
    stored = np.reshape(values, (item.channels, item.pixels)).T
    return stored, f" + p * {item.channels}"

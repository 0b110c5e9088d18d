"""The input of neurons at one step: parts of spikes and values, in the order in which the engine adds them."""

from __future__ import annotations

from typing import Any

from spikelet.io.c.constants import number
from spikelet.io.c.plan import Item
from spikelet.io.c.program import Program

__all__ = ["add_base", "base_at", "inputs_of_pixel"]


def inputs_of_pixel(program: Program, item: Item, phase: int) -> list[str]:
    """Return statements that sum the input of the pixel `p` at (y, x) in the array `current`."""
    program.widest = max(program.widest, item.channels)
    n, whole = item.channels, item.whole
    value = "int16_t" if whole else "float"
    types = {"value": value, "suffix": "_whole" if whole else ""}
    total, part_sum = ("whole", "whole_part") if whole else ("current", "part")
    lines: list[str] = []

    def call(template: str, *arguments: Any, **words: str) -> None:
        lines.append(program.call(template, *arguments, **words))

    def weights_of(array: Any) -> str:
        return program.constants.add(array, "weights", value)

    def walk(template: str, gain: str, *arguments: Any, **words: str) -> None:
        """Sum the weights of a part by itself, and then add that to the total, if there is one yet."""
        to = part_sum if lines else total
        first, kernel = not lines, program.kernel(part)
        weights = weights_of(part["weight"].transpose(3, 2, 1, 0))
        call("clear", n, to, **words)
        call(template, kernel, weights, *arguments, "y", "x", to, **words)
        if not first:
            call("join", n, part_sum, gain, 1, total, **words)

    for part in item.parts:
        source = program.plan[part["source"]]
        if part["kind"] == "values":
            at = f"{program.values(source, phase)} + p * {n}"
            call("join", n, at, "1.0f", int(bool(lines)), total)
            continue
        if part["kind"] != "copy" and part["walked"] and len(source.gains) > 2:
            sizes = [len(source.gains), source.plane_bytes, program.gains(source)]
            walk("walk_sizes", "1.0f", program.spikes(source, phase), *sizes)
            continue
        for plane, gain in enumerate(source.gains):
            gain_text = str(int(gain)) if whole else number(gain)
            bits = program.plane(source, phase, plane)
            if part["kind"] == "copy":
                at, add = f"{bits} + p * {source.bytes}", int(bool(lines))
                call("copy", n, weights_of(part["weight"]), at, gain_text, add, total, **types)
            elif part["walked"]:
                walk("walk", gain_text, bits, **types)
            else:
                if not lines:
                    call("clear", n, total)
                weights = program.constants.add(_scattered(part), "weights")
                call("scatter", program.kernel(part), weights, bits, gain_text, "y", "x", total)
    if not lines:
        call("clear", n, "current")
    elif whole:
        call("widen", n, "whole", "current")
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

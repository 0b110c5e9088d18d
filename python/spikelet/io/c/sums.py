"""The input of neurons at one step: parts of spikes and values, in the order in which the engine adds them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spikelet.io.c.constants import number
from spikelet.io.c.plan import Item
from spikelet.io.c.program import Node


def inputs_of_pixel(node: Node) -> list[str]:
    """Return statements that sum the input of the pixel `p` at (y, x) in the array `current`."""
    program, item = node.program, node.item
    program.widest = max(program.widest, item.channels)
    n, whole = item.channels, item.whole
    value = "int16_t" if whole else "float"
    types = {"value": value, "suffix": "_whole" if whole else ""}
    total, part_sum = ("whole", "whole_part") if whole else ("current", "part")
    lines: list[str] = []

    def call(template: str, *arguments: Any, **words: str) -> None:
        lines.append(program.call(template, *arguments, **words))

    def walk(template: str, gain: str, *arguments: Any, **words: str) -> None:
        """Sum the weights of a part by itself, and then add that to the total, if there is one yet."""
        to = part_sum if lines else total
        first, kernel = not lines, program.kernel(part)
        weights = node.constant(part["weight"].transpose(3, 2, 1, 0), "weights", value)
        call("clear", n, to, **words)
        call(template, kernel, weights, *arguments, "y", "x", to, **words)
        if not first:
            call("join", n, part_sum, gain, 1, total, **words)

    for part in item.parts:
        source = node.of(part["source"])
        gains = source.item.gains
        if part["kind"] == "values":
            call("join", n, node.at(source.values), "1.0f", int(bool(lines)), total)
            continue
        if part["kind"] != "copy" and part["walked"] and len(gains) > 2:
            walk(
                "walk_sizes",
                "1.0f",
                source.plane(),
                len(gains),
                source.item.plane_bytes,
                source.gains,
            )
            continue
        for plane, gain in enumerate(gains):
            gain_text = str(int(gain)) if whole else number(gain)
            bits = source.plane(plane)
            if part["kind"] == "copy":
                at, add = f"{bits} + p * {source.item.bytes}", int(bool(lines))
                weights = node.constant(part["weight"], "weights", value)
                call("copy", n, weights, at, gain_text, add, total, **types)
            elif part["walked"]:
                walk("walk", gain_text, bits, **types)
            else:
                if not lines:
                    call("clear", n, total)
                weights = node.constant(_scattered(part), "weights")
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


def base_at(node: Node) -> str:
    """Return where the constant input of the pixel `p` is, or NULL."""
    item = node.item
    if _is_alias(item):
        return node.at(node.of(item.constants[0]).mean)
    if item.constants or item.folded:
        return node.at(node.state("base"))
    return node.constant(item.bias, "bias") if item.bias.size and item.bias.any() else "NULL"


def _is_alias(item: Item) -> bool:
    """Return whether the constant input is just another constant."""
    scaled = item.scale.size and not (item.scale == 1).all()
    biased = item.bias.size and item.bias.any()
    return bool(len(item.constants) == 1 and not item.folded and not biased and not scaled)


def add_base(node: Node) -> None:
    """Compute the constant input of all steps, before them."""
    item, n, program = node.item, node.item.channels, node.program
    if _is_alias(item) or not (item.constants or item.folded):
        return
    node = replace(node, when="begin")
    base = node.state("base")
    node.say(f"memset({base}, 0, sizeof {base});")
    for k in item.constants:
        node.add("add_to", item.size, node.of(k).mean, base)
    for part in item.folded:
        program.widest = max(program.widest, n)
        text = node.convolve(part, *node.of(part["source"]).constant_values, "current")
        node.each_pixel(text, node.call("add_to", n, "current", node.at(base)))
    if item.bias.size:
        node.each_pixel(node.call("add_to", n, node.constant(item.bias, "bias"), node.at(base)))
    if item.scale.size:
        node.add("scale_by", item.pixels, n, node.constant(item.scale, "scale"), base)

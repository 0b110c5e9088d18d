"""Layers of values: constants once, sequences at each step, means at the end. The table has a row for each kind of node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spikelet.io.c.constants import number
from spikelet.io.c.plan import Item
from spikelet.io.c.program import Node
from spikelet.io.c.sums import add_base, base_at, inputs_of_pixel

FUNCTIONS = {
    "abs": "magnitude_of(z)",
    "celu": "z > 0.0f ? z : alpha[c] * power_less_one(z / alpha[c])",
    "clip": "z < alpha[c] ? alpha[c] : z > beta[c] ? beta[c] : z",
    "cos": "cosf(z)",
    "elu": "z > 0.0f ? z : alpha[c] * power_less_one(z)",
    "erf": "erff(z)",
    "exp": "power_of(z)",
    "floor": "floorf(z)",
    "gelu": "gelu_of(z)",
    "gelu_tanh": "gelu_tanh_of(z)",
    "hardshrink": "magnitude_of(z) <= alpha[c] ? 0.0f : z",
    "hardsigmoid": "hard_of(z, alpha[c], beta[c])",
    "hardswish": "z * hard_of(z, alpha[c], beta[c])",
    "leaky_relu": "z > 0.0f ? z : alpha[c] * z",
    "log": "log_of(z)",
    "logsigmoid": "-softplus_of(-z)",
    "mish": "mish_of(z)",
    "pow": "powf(z, alpha[c])",
    "reciprocal": "1.0f / z",
    "selu": "beta[c] * (z > 0.0f ? z : alpha[c] * power_less_one(z))",
    "sigmoid": "sigmoid_of(z)",
    "silu": "z * sigmoid_of(alpha[c] * z)",
    "sin": "sinf(z)",
    "softplus": "alpha[c] * z > beta[c] ? z : softplus_of(alpha[c] * z) / alpha[c]",
    "softshrink": "z > alpha[c] ? z - alpha[c] : z < -alpha[c] ? z + alpha[c] : z == z ? 0.0f : z",
    "softsign": "z / (magnitude_of(z) + 1.0f)",
    "sqrt": "sqrtf(z)",
    "square": "z * z",
    "tanh": "tanh_of(z)",
    "threshold": "z <= alpha[c] ? beta[c] : z",
}
"""Functions of one value z: expressions of C with the operations of `cpp/src/layers/activation.hpp`, in their order."""


def once(node: Node) -> None:
    """Compute a constant from constants, or from means."""
    item, node = node.item, replace(node, when="begin")
    if item.kind == "input":
        if item.number in node.program.copied:
            _take_input(node, node.mean)
    elif item.kind != "constant":
        given = [node.of(k).constant_values for k in item.inputs]
        _apply(node, given, node.mean)


def at_each_step(node: Node) -> None:
    """Compute the values of one step from those of the inputs."""
    item, out = node.item, node.values
    if item.kind == "input":
        _take_input(node, out)
        return
    given = [node.of(k).values for k in item.inputs]
    if item.kind == "delay":
        delay(node)
    elif item.kind == "delayed":
        _arrive_later(node, given[0], out)
    elif node.program.plan.is_graded(item):
        _send_graded(node, given, out)
    elif item.kind == "maximum" and item.about["of_counts"]:
        _rise(node, given[0], out)
    else:
        _apply(node, [(values, 0) for values in given], out)


def _take_input(node: Node, out: str) -> None:
    name = f"input_{node.program.plan.inputs.index(node.item)}"
    node.say(_last(node, name, out))


def _rise(node: Node, given: str, out: str) -> None:
    """Send the increase of the greatest sum so far."""
    item, source, program = node.item, node.source.item, node.program
    sums = node.zeroed(f"sums_for_{item.number}", of=source)
    before = node.zeroed("before")
    greatest = program.memory.add("float", item.size, "greatest", kept=False)
    node.say(_add(node, source.size, given, sums))
    _apply(node, [(sums, 0)], str(greatest))
    if program.plan.sizes is None:
        node.add("rise_values", item.size, greatest, before, out)
    else:
        node.add("rise_sized", item.size, program.size_now(), greatest, before, out)


def _send_graded(node: Node, given: list[str], out: str) -> None:
    """Send what makes the mean of all values sent the function of the mean inputs.

    The mean so far divides by the `count` of steps, or by the sum of their sizes; means begin again at the delay.
    """
    item, program = node.item, node.program
    count, less = program.counts()
    arrays = []
    for k, values in zip(item.inputs, given, strict=True):
        source = program.plan[k]
        if source.form == "constant":
            arrays.append((values, 0))
            continue
        sums = node.zeroed(f"sums_for_{item.number}", of=source)
        mean = program.memory.add("float", source.size, "means", kept=False)
        node.say(f"if (t == DELAY) {{\n    memset({sums}, 0, sizeof {sums});\n  }}")
        node.say(_add(node, source.size, values, sums))
        node.add("mean_values", source.size, sums, count, mean)
        arrays.append((str(mean), 0))
    now = str(program.memory.add("float", item.size, "now", kept=False))
    before = node.zeroed("before")
    _apply(node, arrays, now)
    call = node.call("send_graded", item.size, count, less, program.size_now(), now, before, out)
    if program.plan.sizes is not None:  # the count of steps that keep the value before
        copy = f"memcpy({out}, {before}, sizeof {before});"
        call = f"if ({program.keeps()}) {{\n    {copy}\n  }} else {{\n    {call}\n  }}"
    node.say(call)


def delay(node: Node) -> None:
    """Give the values, or the spikes, of an earlier step: those of each step lie in a ring until they arrive."""
    item, source, spikes = node.item, node.source, node.item.form == "spikes"
    size, ctype = (item.planes * item.plane_bytes, "uint8_t") if spikes else (item.size, "float")
    steps = np.asarray(node.about["steps"], np.int64)
    slots = int(steps.max()) + 1
    ring = node.zeroed("ring", ctype, slots * size)
    given, out = (n.plane() if spikes else n.values for n in (source, node))
    copy = f"memcpy({ring} + t % {slots} * {size}, {given}, {size} * sizeof *{ring});"
    if source.item.number < item.number:
        node.say(copy)
    else:
        node.program.later[source.item.number].append(copy)
    each = np.broadcast_to(np.repeat(steps, item.size // steps.size), item.size)
    each = each.reshape(item.channels, item.pixels).T
    if not spikes:
        node.add("delay_values", size, slots, "t", node.constant(each, "steps", "int"), ring, out)
        return
    node.say(f"memset({out}, 0, {size});")
    for step in np.unique(each).tolist():
        mask = np.packbits(each == step, axis=1, bitorder="little")
        name = node.constant(np.tile(mask.ravel(), item.planes), "mask", "uint8_t")
        at = f"{ring} + (t + {slots - step}) % {slots} * {size}"
        node.add("delay_spikes", size, at, name, out)


def _arrive_later(node: Node, given: str, out: str) -> None:
    """Add the weights of each input to the sums of later steps, which lie in a ring."""
    source, n = node.source.item, node.item.channels
    shape = (n, source.channels, source.pixels)
    weights, delays = (
        np.reshape(node.about[name], shape).transpose(2, 1, 0) for name in ("weights", "delays")
    )
    slots = int(delays.max()) + 1
    ring = node.state("ring", "float", slots * n)
    bias = node.about["bias"]
    first = node.constant(bias if len(bias) else np.zeros(n), "bias")
    node.add("fill_ring", slots, n, first, ring, when="reset")
    tables = [node.constant(weights, "weights"), node.constant(delays, "delays", "int")]
    ends = [first, given, f"t % {slots}", ring, out]
    node.add("arrive_later", source.size, n, slots, *tables, *ends)


def accumulate(node: Node) -> None:
    """Compute the values of one step as a sum of parts."""
    if node.program.plan.phases[node.item.number] == node.phase:
        add_base(node)
    base, here, n = base_at(node), node.at(node.values), node.item.channels
    body = inputs_of_pixel(node)
    body.append(f"memcpy({here}, current, {n} * sizeof current[0]);")
    if base != "NULL":
        body.append(node.call("add_to", n, base, here))
    node.each_pixel(*body)


def expand(node: Node) -> None:
    """Give the spikes of one step as values."""
    item, values = node.item, node.values
    amplitude = node.constant(item.amplitude, "amplitude")
    node.program.templates.use("copy")
    for plane, gain in enumerate(item.gains):
        given = [node.plane(plane), amplitude, number(gain), int(plane > 0), values]
        node.add("spikes_to_values", item.pixels, item.channels, *given)


def mean_of(node: Node) -> None:
    """Sum spikes or values over the steps, and give their mean at the end."""
    item, sizes, end = node.item, node.program.plan.sizes, replace(node, when="end")
    if item.form == "current":
        _apply(end, [(node.of(k).mean, 0) for k in item.inputs], node.mean)
        return
    sums = node.zeroed("sums")
    n, mean = (item.pixels, item.channels), node.mean
    calls = []
    if item.form == "spikes":
        for plane, gain in enumerate(item.gains):
            at, amount = node.plane(plane), number(gain)
            if sizes is not None:
                now = node.program.size_now()
                amount = now if gain == 1 else f"{amount} * {now}"
            calls.append(node.call("tally", *n, at, amount, sums))
    else:
        calls.append(_add(node, item.size, node.values, sums))
    for call in calls:
        node.say(f"if (t >= DELAY) {{\n    {call}\n  }}")
    if item.form == "spikes":
        amplitude = node.constant(item.amplitude, "amplitude")
        end.add("mean_spikes", *n, sums, "window", amplitude, mean)
    else:
        end.add("mean_values", item.size, sums, "window", mean)


def _add(node: Node, size: int, values: str, sums: str) -> str:
    """Return the statement that adds the values of a step to sums over the steps."""
    if node.program.plan.sizes is None:
        return node.call("add_to", size, values, sums)
    return node.call("add_sized", size, node.program.size_now(), values, sums)


def _last(node: Node, given: str, out: str) -> str:
    return node.call("to_channels_last", node.item.pixels, node.item.channels, given, out)


def _apply(node: Node, given: list[tuple[str, int]], out: str) -> None:
    VALUES[node.item.kind](replace(node, given=given, out=out))


def _conv(node: Node) -> None:
    (first, plain), n = node.given[0], node.item.channels
    body = [node.convolve(node.about, first, plain, node.here)]
    if node.about["bias"].size:
        body.append(node.call("add_to", n, node.constant(node.about["bias"], "bias"), node.here))
    node.each_pixel(*body)


def _pool(node: Node) -> None:
    rows, columns = node.about["rows"], node.about["columns"]
    window, n = node.window, node.item.channels
    first = node.given[0][0]
    if node.item.kind == "maximum":
        node.each_pixel(node.call("max_values", *window, n, first, node.here))
        return
    divisors = np.outer(rows["divisor"], columns["divisor"]).astype(np.float32)
    same = (divisors == divisors[0, 0]).all()
    divisor = number(divisors[0, 0]) if same else f"{node.constant(divisors, 'divisors')}[p]"
    node.each_pixel(node.call("mean_window", *window, n, divisor, first, node.here))


def _sum(node: Node) -> None:
    (first, _), *others = node.given
    size = node.item.size
    node.say(f"memcpy({node.out}, {first}, {size} * sizeof *{node.out});")
    for other, _ in others:
        node.add("add_to", size, other, node.out)


def _concat(node: Node) -> None:
    done = 0
    for (values, _), k in zip(node.given, node.item.inputs, strict=True):
        part = node.program.plan[k].channels
        size = f"{part} * sizeof *{node.out}"
        node.each_pixel(f"memcpy({node.here} + {done}, {values} + p * {part}, {size});")
        done += part


def _upsample(node: Node) -> None:
    fy, fx = node.about["factor"]
    n, values = node.item.channels, node.given[0][0]
    pixel = f"(y / {fy} * {node.source.item.shape[2]} + x / {fx})"
    node.each_pixel(f"memcpy({node.here}, {values} + {pixel} * {n}, {n} * sizeof *{node.out});")


def _affine(node: Node) -> None:
    n, values = node.item.channels, node.given[0][0]
    factors = (node.of_pixel(node.about[k], k) for k in ("scale", "shift"))
    node.each_pixel(node.call("affine", n, *factors, node.at(values), node.here))


def _relu(node: Node) -> None:
    sizes, limit = (node.item.pixels, node.item.channels), node.by_channel("upper")
    node.add("rectify", *sizes, limit, node.about["levels"], node.given[0][0], node.out)


def _gather(node: Node) -> None:
    size = f"{node.item.size} * sizeof *{node.out}"
    node.say(f"memset({node.out}, 0, {size});")
    arrays = dict(zip(node.item.inputs, node.given, strict=True))
    for source, moves in node.moves():
        node.add("move_values", *moves, arrays[source.item.number][0], node.out)


def _mix(node: Node) -> None:
    # Not "begin" as in the plan: functions have that name, and a number behind it.
    labels = {"begin": "rows", "from": "sources"}
    tables = [node.constant(node.about[k], name, "int") for k, name in labels.items()]
    weights = node.constant(node.about["weight"], "weights")
    sizes = (node.item.pixels, node.item.channels)
    node.add("mix", *sizes, *tables, weights, node.given[0][0], node.out)


def _activation(node: Node) -> None:
    sizes, function = (node.item.pixels, node.item.channels), node.about["function"].name
    given = (node.by_channel("alpha"), node.by_channel("beta"), node.given[0][0], node.out)
    node.add("activate", *sizes, *given, suffix=f"_{function}", f=FUNCTIONS[function])


_BINARY = {
    "multiply": "x * y",
    "divide": "x / y",
    "maximum": "y > x ? y : x",
    "minimum": "y < x ? y : x",
}


def _binary(node: Node) -> None:
    item, function = node.item, node.about["function"].name
    operands = []
    for (values, _), k, which in zip(node.given, item.inputs, ("first", "second"), strict=True):
        if not node.about[which].size:
            operands += [node.at(values), "NULL"]
            continue
        source = node.program.plan[k]
        channel, pixel = np.divmod(node.about[which].astype(np.int64), source.pixels)
        places = np.reshape(pixel * source.channels + channel, (item.channels, item.pixels)).T
        if (places == places[0]).all():
            operands += [values, node.constant(places[0], "places", "int")]
        else:
            table = node.constant(places, "places", "int")
            operands += [values, node.at(table)]
    words = {"suffix": f"_{function}", "f": _BINARY[function]}
    node.each_pixel(node.call("combine", item.channels, *operands, node.here, **words))


def _plain(template: str, arguments: Callable[[Node], Sequence[Any]], **words: Any) -> Row:
    """Return the row of a function of values in the order [channel][pixel]."""

    def write(node: Node) -> None:
        def ordered(item: Item, values: str, back: str = "") -> str:
            """Return values in that order, or those of a result before they are put `back` into the stored order."""
            if 1 in (item.pixels, item.channels):
                return back or values
            return str(node.program.memory.add("float", item.size, "ordered", kept=False))

        given = []
        for (values, is_plain), k in zip(node.given, node.item.inputs, strict=True):
            source = node.program.plan[k]
            given.append(values if is_plain else ordered(source, values))
            if given[-1] != values:
                node.add("to_channels_first", source.pixels, source.channels, values, given[-1])
        out = ordered(node.item, node.out)
        made = {name: word(node) for name, word in words.items()}
        node.add(template, *arguments(node), *given, out, **made)
        if out != node.out:
            node.say(_last(node, out, node.out))

    return write


def _matrices(node: Node) -> list[Any]:
    tables = [node.constant(node.about[name], name, "int") for name in ("first", "second")]
    node.program.count(node.when, len(node.about["first"]) * int(np.prod(node.about["sizes"])))
    return [len(node.about["first"]), *node.about["sizes"], *tables]


# What is read of a value v, how values a and b are joined, and what is given of all of them.
_REDUCED = {
    "mean": ("v", "a + b", "a / n"),
    "sum": ("v", "a + b", "a"),
    "max": ("v", "b > a ? b : a", "a"),
    "min": ("v", "b < a ? b : a", "a"),
    "prod": ("v", "a * b", "a"),
    "l1": ("fabs(v)", "a + b", "a"),
    "l2": ("v * v", "a + b", "sqrt(a)"),
}


def _reduction(part: int) -> Callable[[Node], str]:
    return lambda node: _REDUCED[node.about["function"].name][part]


def _exact(value: float) -> str:
    """Return a double of C."""
    return repr(float(value))


Row = Callable[[Node], None]
VALUES: dict[str, Row] = {
    "conv": _conv,
    "average": _pool,
    "maximum": _pool,
    "add": _sum,
    "concat": _concat,
    "upsample": _upsample,
    "affine": _affine,
    "relu": _relu,
    "gather": _gather,
    "mix": _mix,
    "activation": _activation,
    "binary": _binary,
    "matmul": _plain("multiply_matrices", _matrices),
    "softmax": _plain("softmax", lambda node: [*node.about["axis"], int(node.about["logarithm"])]),
    "normalize": _plain(
        "normalize",
        lambda node: [*node.about["axis"], int(node.about["centered"]), _exact(node.about["eps"])],
    ),
    "local_response": _plain(
        "respond_locally",
        lambda node: [
            *node.about["axis"],
            node.about["size"],
            *(_exact(node.about[name]) for name in ("alpha", "beta", "k")),
        ],
    ),
    "reduce": _plain(
        "reduce",
        lambda node: node.about["axis"],
        suffix=lambda node: f"_{node.about['function'].name}",
        read=_reduction(0),
        join=_reduction(1),
        give=_reduction(2),
    ),
}
"""How the values of each kind of node are computed; neurons, inputs, constants and delays are no functions of values."""

"""Layers of values: constants once, sequences at each step, means at the end. The table has a row for each kind of node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet.io.c.constants import number
from spikelet.io.c.functions import FUNCTIONS
from spikelet.io.c.plan import Item
from spikelet.io.c.program import Program
from spikelet.io.c.sums import add_base, base_at, inputs_of_pixel

__all__ = ["VALUES", "accumulate", "at_each_step", "delay", "expand", "mean_of", "once"]


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
    given = [program.values(program.plan[k], phase) for k in item.inputs]
    if item.kind == "delay":
        delay(program, item, phase)
    elif item.kind == "delayed":
        _arrive_later(program, item, phase, given[0], out)
    elif program.plan.is_graded(item):
        _send_graded(program, item, phase, given, out)
    elif item.kind == "maximum" and item.about["of_counts"]:
        _rise(program, item, phase, given[0], out)
    else:
        _apply(program, item, function, [(values, 0) for values in given], out)


def _rise(program: Program, item: Item, phase: int, given: str, out: str) -> None:
    """Send the increase of the greatest sum so far."""
    function, source = f"step_{phase}", program.plan[item.inputs[0]]
    sums = program.zeroed(source, f"sums_for_{item.number}", phase)
    before = program.zeroed(item, "before", phase)
    greatest = program.memory.add("float", item.size, "greatest", kept=False)
    program.say(function, _add(program, source.size, given, sums))
    _apply(program, item, function, [(sums, 0)], str(greatest))
    if program.plan.sizes is None:
        program.say(function, program.call("rise_values", item.size, greatest, before, out))
    else:
        size = program.size_now()
        program.say(function, program.call("rise_sized", item.size, size, greatest, before, out))


def _send_graded(program: Program, item: Item, phase: int, given: list[str], out: str) -> None:
    """Send what makes the mean of all values sent the function of the mean inputs.

    The mean so far divides by the `count` of steps, or by the sum of their sizes; means begin again at the delay.
    """
    function = f"step_{phase}"
    count, less = program.counts()
    arrays = []
    for k, values in zip(item.inputs, given, strict=True):
        source = program.plan[k]
        if source.form == "constant":
            arrays.append((values, 0))
            continue
        sums = program.zeroed(source, f"sums_for_{item.number}", phase)
        mean = program.memory.add("float", source.size, "means", kept=False)
        program.say(function, f"if (t == DELAY) {{\n    memset({sums}, 0, sizeof {sums});\n  }}")
        program.say(function, _add(program, source.size, values, sums))
        program.say(function, program.call("mean_values", source.size, sums, count, mean))
        arrays.append((str(mean), 0))
    now = str(program.memory.add("float", item.size, "now", kept=False))
    before = program.zeroed(item, "before", phase)
    _apply(program, item, function, arrays, now)
    size = program.size_now()
    call = program.call("send_graded", item.size, count, less, size, now, before, out)
    if program.plan.sizes is not None:  # the count of steps that keep the value before
        copy = f"memcpy({out}, {before}, sizeof {before});"
        call = f"if ({program.keeps()}) {{\n    {copy}\n  }} else {{\n    {call}\n  }}"
    program.say(function, call)


def delay(program: Program, item: Item, phase: int) -> None:
    """Give the values, or the spikes, of an earlier step: those of each step lie in a ring until they arrive."""
    source, spikes = program.plan[item.inputs[0]], item.form == "spikes"
    function, n = f"step_{phase}", item.channels
    size, ctype = (item.planes * item.plane_bytes, "uint8_t") if spikes else (item.size, "float")
    steps = np.asarray(item.about["steps"], np.int64)
    slots = int(steps.max()) + 1
    ring = program.state(item, "ring", ctype, slots * size)
    program.say(f"reset_{phase}", f"memset({ring}, 0, sizeof {ring});")
    given = program.spikes(source, phase) if spikes else program.values(source, phase)
    out = program.spikes(item, phase) if spikes else program.values(item, phase)
    copy = f"memcpy({ring} + t % {slots} * {size}, {given}, {size} * sizeof *{ring});"
    if source.number < item.number:
        program.say(function, copy)
    else:
        program.later[source.number].append(copy)
    each = np.broadcast_to(np.repeat(steps, item.size // steps.size), item.size)
    each = each.reshape(n, item.pixels).T
    if not spikes:
        table = program.constants.add(each, "steps", "int")
        program.say(function, program.call("delay_values", size, slots, "t", table, ring, out))
        return
    program.say(function, f"memset({out}, 0, {size});")
    for step in np.unique(each).tolist():
        mask = np.packbits(each == step, axis=1, bitorder="little")
        name = program.constants.add(np.tile(mask.ravel(), item.planes), "mask", "uint8_t")
        at = f"{ring} + (t + {slots - step}) % {slots} * {size}"
        program.say(function, program.call("delay_spikes", size, at, name, out))


def _arrive_later(program: Program, item: Item, phase: int, given: str, out: str) -> None:
    """Add the weights of each input to the sums of later steps, which lie in a ring."""
    source, n = program.plan[item.inputs[0]], item.channels
    shape = (n, source.channels, source.pixels)
    weights, delays = (
        np.reshape(item.about[name], shape).transpose(2, 1, 0) for name in ("weights", "delays")
    )
    slots = int(delays.max()) + 1
    ring = program.state(item, "ring", "float", slots * n)
    bias = item.about["bias"]
    start = np.zeros(n) if not len(bias) else bias
    first = program.constants.add(start, "bias")
    program.say(f"reset_{phase}", program.call("fill_ring", slots, n, first, ring))
    tables = [
        program.constants.add(weights, "weights"),
        program.constants.add(delays, "delays", "int"),
    ]
    program.say(
        f"step_{phase}",
        program.call(
            "arrive_later", source.size, n, slots, *tables, first, given, f"t % {slots}", ring, out
        ),
    )


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
    values = program.values(item, phase)
    program.templates.use("copy")
    for plane, gain in enumerate(item.gains):
        at = program.plane(item, phase, plane)
        sizes = (item.pixels, item.channels)
        call = program.call(
            "spikes_to_values", *sizes, at, amplitude, number(gain), int(plane > 0), values
        )
        program.say(f"step_{phase}", call)


def mean_of(program: Program, item: Item, phase: int) -> None:
    """Sum spikes or values over the steps, and give their mean at the end."""
    step, end = f"step_{phase}", f"end_{phase}"
    if item.form == "current":
        given = [(program.mean(program.plan[k]), 0) for k in item.inputs]
        _apply(program, item, end, given, program.mean(item))
        return
    sums = program.zeroed(item, "sums", phase)
    n, mean = (item.pixels, item.channels), program.mean(item)
    calls = []
    if item.form == "spikes":
        for plane, gain in enumerate(item.gains):
            at = program.plane(item, phase, plane)
            amount = number(gain)
            if program.plan.sizes is not None:
                amount = program.size_now() if gain == 1 else f"{amount} * {program.size_now()}"
            calls.append(program.call("tally", *n, at, amount, sums))
    else:
        calls.append(_add(program, item.size, program.values(item, phase), sums))
    for call in calls:
        program.say(step, f"if (t >= DELAY) {{\n    {call}\n  }}")
    if item.form == "spikes":
        amplitude = program.constants.add(item.amplitude, "amplitude")
        program.say(end, program.call("mean_spikes", *n, sums, "window", amplitude, mean))
    else:
        program.say(end, program.call("mean_values", item.size, sums, "window", mean))


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
    VALUES[item.kind](Node(program, item, function, given, out))


@dataclass(frozen=True)
class Node:
    """A node whose values are computed from those of its inputs.

    Parameters
    ----------
    program : Program
    item : Item
    function : str
        The function that gets the statements.
    given : list of (str, int)
        The values of each input, and whether they are [channel][pixel] instead of [pixel][channel].
    out : str
        The array of the results.
    """

    program: Program
    item: Item
    function: str
    given: list[tuple[str, int]]
    out: str

    @property
    def about(self) -> dict[str, Any]:
        """The parameters of the node."""
        about: dict[str, Any] = self.item.about
        return about

    @property
    def here(self) -> str:
        """The results of the pixel `p`."""
        return f"{self.out} + p * {self.item.channels}"

    @property
    def source(self) -> Item:
        """The first input."""
        return self.program.plan[self.item.inputs[0]]

    def say(self, template: str, *arguments: Any, **words: str) -> None:
        """Add the call of a function."""
        self.program.say(self.function, self.program.call(template, *arguments, **words))

    def each_pixel(self, *body: str) -> None:
        """Add a loop over the pixels."""
        self.program.say(self.function, self.program.each_pixel(self.item, list(body)))

    def constant(self, values: Any, label: str, ctype: str = "float") -> str:
        """Return the name of a constant array; NULL if it is empty."""
        if not np.size(values):
            return "NULL"
        return self.program.constants.add(values, label, ctype)

    def by_channel(self, name: str) -> str:
        """Return a parameter, one number or one a channel, as one a channel."""
        values = self.about[name]
        return self.constant(np.resize(values, self.item.channels) if values.size else values, name)


def _conv(node: Node) -> None:
    (first, plain), n = node.given[0], node.item.channels
    body = [node.program.convolve(node.function, node.about, first, plain, node.here)]
    if node.about["bias"].size:
        body.append(
            node.program.call("add_to", n, node.constant(node.about["bias"], "bias"), node.here)
        )
    node.each_pixel(*body)


def _pool(node: Node) -> None:
    rows, columns = node.about["rows"], node.about["columns"]
    window, n = node.program.window(node.item), node.item.channels
    first = node.given[0][0]
    if node.item.kind == "maximum":
        node.each_pixel(node.program.call("max_values", *window, n, first, node.here))
        return
    divisors = np.outer(rows["divisor"], columns["divisor"]).astype(np.float32)
    same = (divisors == divisors[0, 0]).all()
    divisor = number(divisors[0, 0]) if same else f"{node.constant(divisors, 'divisors')}[p]"
    node.each_pixel(node.program.call("mean_window", *window, n, divisor, first, node.here))


def _sum(node: Node) -> None:
    (first, _), *others = node.given
    size = node.item.size
    node.program.say(node.function, f"memcpy({node.out}, {first}, {size} * sizeof *{node.out});")
    for other, _ in others:
        node.say("add_to", size, other, node.out)


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
    pixel = f"(y / {fy} * {node.source.shape[2]} + x / {fx})"
    node.each_pixel(f"memcpy({node.here}, {values} + {pixel} * {n}, {n} * sizeof *{node.out});")


def _affine(node: Node) -> None:
    n, values = node.item.channels, node.given[0][0]
    factors = (node.program.of_pixel(node.item, node.about[k], k) for k in ("scale", "shift"))
    node.each_pixel(node.program.call("affine", n, *factors, f"{values} + p * {n}", node.here))


def _relu(node: Node) -> None:
    sizes, limit = (node.item.pixels, node.item.channels), node.by_channel("upper")
    node.say("rectify", *sizes, limit, node.about["levels"], node.given[0][0], node.out)


def _gather(node: Node) -> None:
    size = f"{node.item.size} * sizeof *{node.out}"
    node.program.say(node.function, f"memset({node.out}, 0, {size});")
    arrays = dict(zip(node.item.inputs, node.given, strict=True))
    for source, moves in node.program.moves(node.item):
        node.say("move_values", *moves, arrays[source.number][0], node.out)


def _mix(node: Node) -> None:
    # Not "begin" as in the plan: functions have that name, and a number behind it.
    labels = {"begin": "rows", "from": "sources"}
    tables = [node.constant(node.about[k], name, "int") for k, name in labels.items()]
    weights = node.constant(node.about["weight"], "weights")
    sizes = (node.item.pixels, node.item.channels)
    node.say("mix", *sizes, *tables, weights, node.given[0][0], node.out)


def _activation(node: Node) -> None:
    sizes, function = (node.item.pixels, node.item.channels), node.about["function"].name
    given = (node.by_channel("alpha"), node.by_channel("beta"), node.given[0][0], node.out)
    node.say("activate", *sizes, *given, suffix=f"_{function}", f=FUNCTIONS[function])


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
            operands += [f"{values} + p * {item.channels}", "NULL"]
            continue
        source = node.program.plan[k]
        channel, pixel = np.divmod(node.about[which].astype(np.int64), source.pixels)
        places = np.reshape(pixel * source.channels + channel, (item.channels, item.pixels)).T
        if (places == places[0]).all():
            operands += [values, node.constant(places[0], "places", "int")]
        else:
            table = node.constant(places, "places", "int")
            operands += [values, f"{table} + p * {item.channels}"]
    words = {"suffix": f"_{function}", "f": _BINARY[function]}
    call = node.program.call("combine", item.channels, *operands, node.here, **words)
    node.each_pixel(call)


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
                node.say("to_channels_first", source.pixels, source.channels, values, given[-1])
        out = ordered(node.item, node.out)
        made = {name: word(node) for name, word in words.items()}
        node.say(template, *arguments(node), *given, out, **made)
        if out != node.out:
            node.program.say(node.function, _last(node.program, node.item, out, node.out))

    return write


def _matrices(node: Node) -> list[Any]:
    tables = [node.constant(node.about[name], name, "int") for name in ("first", "second")]
    node.program.count(node.function, len(node.about["first"]) * int(np.prod(node.about["sizes"])))
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
    "normalise": _plain(
        "normalize",
        lambda node: [*node.about["axis"], int(node.about["centred"]), _exact(node.about["eps"])],
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

"""Neurons in ONNX: a scan over time, whose body is the step of `spikelet.torch.plain`.

A scan keeps the number of steps open, and the graph as small as one step; unrolled, 100 steps of a layer would be 1000
operators.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from spikelet.conversion.building import refuse
from spikelet.torch.cell import PARAMETERS, Cell, Charge, Reset, When
from spikelet.torch.export.writer import Writer, array_of
from spikelet.torch.modules import LI, Neuron

__all__ = ["neuron"]


def neuron(writer: Writer, where: str, module: Neuron, x: str, rank: int) -> str:
    """Add neurons over [T, B, ...], of this rank; return the name of their spikes, or of the potentials of an `LI`."""
    if type(module).forward not in (Neuron.forward, LI.forward):
        refuse(where, "has its own forward", "use an unmodified neuron of spikelet.torch")
    if module.return_v:
        refuse(
            where,
            "returns its last potential too",
            "make it with return_v=False, and load its state_dict",
        )
    made = module.setting()
    if module.steps is not None:  # the same input at each step
        x, rank = writer.add("Unsqueeze", x, writer.ints(0)), rank + 1
        x = writer.add("Expand", x, writer.ints(module.steps, *[1] * (rank - 1)))
    shape = ["B", *[f"n{k}" for k in range(rank - 2)]]
    value = {
        name: getattr(made.cell, name) if name not in made.tensors else array_of(made.tensors[name])
        for name in PARAMETERS
    }
    first = writer.add("Gather", x, writer.constant(0, "first", integer=True), axis=0)
    zero = writer.add(
        "ConstantOfShape", writer.add("Shape", first),
        value=helper.make_tensor("zero", writer.element, [1], [0.0]),
    )  # fmt: skip
    start = writer.add("Add", zero, writer.constant(made.v_first)) if made.v_first else zero
    recurrent = getattr(module, "recurrent", None)
    states = {"v": start}
    states |= {"i": zero} if made.cell.synapse else {}
    states |= {"a": zero} if made.cell.adaptive else {}
    states |= {"s": zero} if recurrent is not None else {}
    gives = "v" if isinstance(module, LI) else "s"

    body = Writer(writer.real, f"{writer.name('step')}/")
    given = {name: f"{body.prefix}{name}" for name in (*states, "x")}
    after = _step(body, made.cell, value, given, None if recurrent is None else array_of(recurrent))
    ends = [body.add("Identity", after[name]) for name in (*states, gives)]

    def info(name: str, sizes: Any) -> Any:
        return helper.make_tensor_value_info(name, writer.element, sizes)

    graph = body.graph(
        "step", [info(name, shape) for name in given.values()], [info(name, shape) for name in ends]
    )
    last = [writer.name(f"last_{name}") for name in states]
    spikes = writer.name("potentials" if gives == "v" else "spikes")
    writer.add("Scan", *states.values(), x, outputs=[*last, spikes], body=graph, num_scan_inputs=1)
    return spikes


def _step(
    b: Writer, cell: Cell, value: dict[str, Any], given: dict[str, str], recurrent: Any
) -> dict[str, str]:
    """Return the names of the states and spikes after a step."""
    v, seen = given["v"], given["x"]
    after: dict[str, str] = {}
    if recurrent is not None:
        seen = b.add("Add", seen, b.add("MatMul", given["s"], b.constant(recurrent.T, "recurrent")))
    if cell.synapse:
        kept = b.add("Mul", b.constant(value["syn_decay"], "syn_decay"), given["i"])
        seen = after["i"] = b.add("Add", kept, seen)
    threshold = b.constant(value["threshold"], "threshold")
    late = None
    if cell.when != When.same and cell.reset != Reset.none:
        late = _crossed(b, cell, b.add("Sub", v, threshold))
        if cell.reset == Reset.value:
            v = b.add("Where", late, b.constant(cell.v_reset, "v_reset"), v)
    h = _charged(b, cell, value["leak"], v, seen)
    if late is not None and cell.reset == Reset.subtract:
        h = b.add("Sub", h, b.add("Mul", _number(b, late), threshold))
    level = threshold
    if cell.adaptive:
        rise = b.add("Mul", b.constant(value["boost"], "boost"), given["a"])
        level = b.add("Add", threshold, rise)
    crossed = _crossed(b, cell, b.add("Sub", h, level))
    s = after["s"] = _number(b, crossed)
    if cell.when == When.next or cell.reset == Reset.none:
        after["v"] = h
    elif cell.reset == Reset.subtract:
        now = s if late is None else b.add("Sub", s, _number(b, late))
        after["v"] = b.add("Sub", h, b.add("Mul", now, threshold))
    else:
        now = s if late is None else b.add("Sub", s, _number(b, late))
        stays = b.add("Mul", b.add("Sub", b.constant(1.0, "one"), now), h)
        after["v"] = b.add("Add", stays, b.add("Mul", now, b.constant(cell.v_reset, "v_reset")))
    if cell.adaptive:
        decayed = b.add("Mul", b.constant(value["adapt_decay"], "adapt_decay"), given["a"])
        after["a"] = b.add("Add", decayed, s)
    return after


def _charged(b: Writer, cell: Cell, leak: Any, v: str, x: str) -> str:
    """Return the name of the potential before the spike."""
    driven = b.add("Mul", b.constant(cell.gain, "gain"), x)
    rate = b.constant(np.asarray(leak), "leak")
    if cell.charge == Charge.decay:
        return b.add("Add", b.add("Mul", rate, v), driven)
    above = b.add("Sub", v, b.constant(cell.rest, "rest"))
    if cell.charge == Charge.relax_input:
        return b.add("Add", v, b.add("Div", b.add("Sub", driven, above), rate))
    return b.add("Add", b.add("Sub", v, b.add("Div", above, rate)), driven)


def _crossed(b: Writer, cell: Cell, u: str) -> str:
    return b.add("Greater" if cell.strict else "GreaterOrEqual", u, b.constant(0.0, "zero"))


def _number(b: Writer, truth: str) -> str:
    return b.add("Cast", truth, to=b.element)

"""What the statements of a program are made of."""

from __future__ import annotations

import numpy as np
from tests.support.c_networks import SHAPE, chain, neuron, residual, w

from spikelet import layers as L
from spikelet.io.c.plan import Plan
from spikelet.io.c.program import Node
from spikelet.io.c.writing import translated
from spikelet.layers.to_core import Source


def test_moves_join_neighbors() -> None:
    model = chain(
        L.Conv2d(w(8, 3, 1, 1)), neuron(), L.Slice((2, 0, 0), (6, None, None)), L.Linear(w(2, 4))
    )
    graph = model.graph.upto("slice2")
    plan = Plan(graph, (3, 1, 3), [Source()], whole=False)
    program = translated(plan)
    (item,) = (i for i in plan.items if i.kind == "gather")
    ((source, (count, table)),) = Node(program, item, 0).moves()
    assert (source.item.kind, count) == ("neuron", 3)
    rows = "    {0, 2, 4},\n    {4, 10, 4},\n    {8, 18, 4},"
    assert f"{table}[] = {{\n{rows}" in program.constants.tables()


def test_the_input_is_copied_only_if_it_is_needed_later() -> None:
    assert translated(Plan(residual().graph, SHAPE, [Source()], whole=False)).copied == set()
    model = chain(L.MaxPool2d(2), L.Conv2d(w(4, 3, 3, 3)), neuron())
    assert translated(Plan(model.graph, SHAPE, [Source()], whole=False)).copied == {0}


def test_memory_and_products_are_counted() -> None:
    program = translated(Plan(residual().graph, SHAPE, [Source()], whole=True))
    neurons = 16 * 64 * 2 + 36 * 16
    assert (
        4 * neurons < program.ram < 4 * (neurons + 16 * 64) + 12_000
    )  # the constant input of the first neurons
    assert program.products == {"begin": 3 * 16 * 9 * 64, "step": 0, "end": 144 * 10}
    assert np.isclose(
        program.constants.bytes, 2 * (16 * 16 * 9 + 36 * 16 * 9) + 4 * (16 * 27 + 1440), rtol=0.2
    )


def test_parameters_of_each_neuron_are_stored_pixel_by_pixel() -> None:
    plan = Plan(residual().graph, SHAPE, [Source()], whole=False)
    program, item = translated(plan), plan[1]
    node = Node(program, item, 0)
    values = np.arange(item.size, dtype=float)
    text = node.of_pixel(values, "each")
    assert text.endswith(f" + p * {item.channels}")
    assert f"{text.split()[0]}[] = {{\n    0.0f, {item.pixels}.0f," in program.constants.arrays()
    assert " + p" not in node.of_pixel(values[: item.channels], "each")
    assert node.of_pixel(values[:0], "each") == "NULL"

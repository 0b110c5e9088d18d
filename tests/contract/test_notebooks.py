"""Notebooks: tables of what one looks at, progress, and the stop button, in a real kernel."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests._util.test_html import Checker

import spikelet as sl
from spikelet.conversion.converted import ConvertedModel

NASTY = "<b>E & I</b>"


def network() -> sl.Network:
    net = sl.Network(seed=3)
    cells = net.population(10, sl.LIF(I_e=np.linspace(300.0, 500.0, 10)), name=NASTY)
    source = net.population(4, sl.PoissonSource(50.0), name="X")
    net.connect(source, cells, sl.AllToAll(), weight=0.5, plasticity=sl.STDP())
    net.connect(cells, cells, sl.AllToAll(), weight=1.0, delay=1.5, weight_dtype="int16")
    net.inject(cells, sl.PoissonInput(rate=100.0, weight=1.0))
    net.record(cells, "spikes")
    net.record(cells, ["V_m", "theta"], every=1.0)
    net.record(net.projections[0], "weights", every=10.0)
    return net


def model() -> sl.SpikingModel:
    random = np.random.default_rng(0)
    layers = [
        sl.layers.Linear(random.normal(size=(6, 4))),
        sl.layers.ReLU(),
        sl.layers.Linear(random.normal(size=(3, 6))),
    ]
    return sl.convert(layers, random.random((40, 4)), steps=8)


def shown() -> Iterator[Any]:
    """Yield one object of each kind that has a table."""
    net = network()
    net.run(50.0)
    cells, source = net.populations
    yield net
    yield from net.populations
    yield cells[:3]
    yield cells[:3] + source
    yield from net.projections
    yield from net.recorders
    yield net.record(cells, ["V_m", "I_syn_ex"])
    both = cells + source
    yield net.record(both, "spikes")
    yield net.record(cells[:3] + net.population(2, sl.LIF(), name=NASTY), "V_m")
    yield net.connect(both, cells, sl.FixedIndegree(2))
    yield net.recorders[0].spikes  # type: ignore[union-attr]
    snn = model()
    x = np.random.default_rng(1).random((5, 4))
    yield snn
    yield snn.ann  # type: ignore[attr-defined]
    yield snn.run(x)
    yield snn.report(x)  # type: ignore[attr-defined]
    yield sl.sweep(_half, {"x": [1, 2]}, executor="serial")
    yield sl.info()


def _half(x: int, seed: int) -> dict[str, float]:
    return {"y": x / 2, "name": NASTY}  # type: ignore[dict-item]


def test_what_one_looks_at_has_a_table() -> None:
    kinds = set()
    for item in shown():
        text = item._repr_html_()
        checker = Checker(text)
        assert checker.cells, item
        assert NASTY not in text
        kinds.add(type(item))
    assert {
        sl.Network,
        sl.Population,
        sl.Projection,
        sl.SpikeRecorder,
        ConvertedModel,
        sl.SweepResult,
    } <= kinds


def test_names_and_numbers_are_in_the_tables() -> None:
    net = network()
    net.run(50.0)
    cells = net.populations[0]
    assert {NASTY, "10", "LIF", "STDP", "PoissonInput"} <= set(Checker(net._repr_html_()).cells)
    assert {"I_e", "300 to 500 (array (10,))", "pA"} <= set(Checker(cells._repr_html_()).cells)
    assert "40" in Checker(net.projections[0]._repr_html_()).cells
    assert "50 samples" in Checker(net.recorders[1]._repr_html_()).cells


def test_a_table_never_waits_for_a_run() -> None:
    net = network()
    texts: list[str] = []
    failed: list[BaseException] = []

    def look(_: float) -> None:
        if texts:
            return

        def show() -> None:
            try:
                items = [net, *net.populations, *net.projections, *net.recorders]
                texts.extend(item._repr_html_() for item in items)
            except BaseException as error:  # noqa: BLE001  # reported below
                failed.append(error)

        thread = threading.Thread(target=show)
        thread.start()
        thread.join(timeout=20.0)

    for k in range(14):  # a short run does not ask for progress
        if not texts:
            net.run(2000.0 * 2**k, progress=look)
    assert failed == []
    assert len(texts) == 1 + 2 + 2 + 4
    assert any("running" in text for text in texts)


# A kernel ---------------------------------------------------------------------------------------------------------------

FIRST = """
import spikelet as sl
net = sl.Network(seed=1)
cells = net.population(2000, sl.LIF(I_e=450.0), name="cells")
net.connect(cells, cells, sl.FixedIndegree(100), weight=-5.0)
spikes = net.record(cells, "spikes")
net.run(10.0)
"""
ENDLESS = "print('started', flush=True)\nnet.run(1e9)"
AFTER = """
stopped_at, count = net.t, len(spikes)
assert stopped_at > 10.0, stopped_at
net.run(10.0)
assert abs(net.t - stopped_at - 10.0) < 1e-6
fresh = sl.Network(seed=1)
same = fresh.population(2000, sl.LIF(I_e=450.0), name="cells")
fresh.connect(same, same, sl.FixedIndegree(100), weight=-5.0)
again = fresh.record(same, "spikes")
fresh.run(min(net.t, 500.0))
until = min(net.t, 500.0)
assert [*again.times] == [*spikes.between(0.0, until)[0]]  # the interruption changed nothing
print("usable")
net
"""
PROGRESS = "net.run(200.0, progress=True)"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Start a kernel."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook()
    one = nbclient.NotebookClient(notebook, kernel_name="python3", timeout=100, allow_errors=True)
    with one.setup_kernel():
        yield one


def execute(client: Any, code: str, when: Any = None) -> list[Any]:
    """Run a cell, and return its outputs."""
    import nbformat  # noqa: PLC0415  # the fixture has looked for it

    cell = nbformat.v4.new_code_cell(code)
    client.nb.cells.append(cell)
    if when is not None:
        when(cell)
    client.execute_cell(cell, len(client.nb.cells) - 1)
    outputs: list[Any] = cell.outputs
    return outputs


def test_the_stop_button_stops_a_run_and_the_network_is_usable(client: Any) -> None:
    assert execute(client, FIRST) == []

    def press(cell: Any) -> None:
        def wait_and_press() -> None:
            for _ in range(400):
                if any("started" in str(output) for output in cell.outputs):
                    break
                asyncio.run(asyncio.sleep(0.05))
            asyncio.run(asyncio.sleep(0.3))
            done = client.km.interrupt_kernel()
            if asyncio.iscoroutine(done):
                asyncio.run(done)

        threading.Thread(target=wait_and_press, daemon=True).start()

    outputs = execute(client, ENDLESS, press)
    errors = [output for output in outputs if output.output_type == "error"]
    assert [error.ename for error in errors] == ["KeyboardInterrupt"]
    outputs = execute(client, AFTER)
    assert outputs[0].text == "usable\n"
    table = outputs[1].data["text/html"]
    assert "cells" in Checker(table).cells


def test_progress_is_shown_in_a_notebook(client: Any) -> None:
    pytest.importorskip("rich")
    outputs = execute(client, FIRST.replace("net.run(10.0)", "") + PROGRESS)
    assert all(output.output_type != "error" for output in outputs)
    text = " ".join(str(output) for output in outputs)
    assert "200 / 200 ms" in text
    assert "x real time" in text

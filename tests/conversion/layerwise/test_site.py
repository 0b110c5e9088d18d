"""What a method can measure at a site, compared with runs of whole networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.conversions import IMAGES, Spy, branched

from spikelet import layers as L
from spikelet.conversion.layerwise import site as module
from spikelet.conversion.layerwise.activity import Calibration
from spikelet.conversion.layerwise.site import Method, Site, linear_parts
from spikelet.conversion.layerwise.streaming import fit_layers
from spikelet.conversion.passes import run_passes
from spikelet.conversion.preparation import pool_parts
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

STEPS = 6
NEURON = L.IF(1.0, v_init=0.5)
NAMES = ("r1", "rl", "rr", "r3", "r4")


def walk(look: Any, **options: Any) -> None:
    cal = Calibration(
        run_passes("test", branched(), pool_parts),
        {"input": IMAGES},
        STEPS,
        **{"threads": 1, **options},
    )
    fit_layers("test", cal, Spy(look))


def whole(steps: int, records: Any, spiking: Any = NAMES) -> Any:
    """Record the whole ANN, or the whole spiking network."""
    graph = run_passes("test", branched(), pool_parts).replaced(
        dict.fromkeys(spiking if steps > 1 else (), NEURON)
    )
    return SpikingModel(graph, threads=1).run(IMAGES, steps, record=records)


def flat(values: Any) -> Any:
    return values.reshape(*values.shape[:-2], -1)


def test_values_are_those_of_whole_networks() -> None:
    sources = {"r1": "c1", "rl": "left", "rr": "right", "r3": "sum", "r4": "c4"}
    ann = whole(1, [*sources.values(), *NAMES])
    snn = whole(STEPS, [f"{n}.value" for n in sources.values()] + [f"{n}.mean" for n in (*NAMES, "p2")])  # fmt: skip
    seen = []

    def look(site: Site) -> None:
        seen.append(site.name)
        source = sources[site.name]
        assert site.source == source
        np.testing.assert_allclose(site.potentials(), flat(ann[source][0]), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(site.target(), flat(ann[site.name][0]), rtol=1e-5, atol=1e-6)
        values = flat(snn[f"{source}.value"])
        np.testing.assert_allclose(site.currents(), values, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(site.mean_current(), values.mean(0), rtol=1e-4, atol=1e-5)
        mean = flat(snn[f"{site.name}.mean"])
        np.testing.assert_allclose(site.mean_output(NEURON), mean, rtol=1e-5, atol=1e-6)
        place = site.place(4, 1 << 20)
        np.testing.assert_allclose(
            site.mean_output(NEURON, place), mean[place.samples], rtol=1e-5, atol=1e-6
        )
        if site.name == "r3":
            np.testing.assert_allclose(site.means("p2"), snn["p2.mean"], rtol=1e-5, atol=1e-6)

    walk(look)
    assert seen == [*NAMES]


def test_a_place_is_a_part_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(site: Site) -> None:
        place, all_pixels = site.place(7, 5), site.place(7, 1 << 20)
        assert site.place(7, 5).positions is not None
        np.testing.assert_array_equal(site.place(7, 5).positions, place.positions)
        assert len(range(30)[place.samples]) == 7
        for values in (site.potentials, site.target, site.mean_current, site.currents):
            some = values()[..., place.samples, :, :]
            np.testing.assert_array_equal(values(all_pixels), some)
            np.testing.assert_array_equal(values(place), some[..., place.positions])
        parts = [site.currents(p) for p in site.parts(STEPS)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), site.currents())

    walk(look)
    monkeypatch.setattr(module, "_HELD", 0)
    monkeypatch.setattr(module, "_BATCH", 4 * 1000)
    walk(look)


@pytest.mark.parametrize("options", [{"threads": 2}, {"held": 0, "batch": 4000}], ids=["threads", "batches"])  # fmt: skip
def test_bits_depend_on_neither_threads_nor_batches(
    options: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(found: list[Any]) -> Any:
        return lambda site: found.append(
            [site.potentials(), site.mean_current(), site.currents(site.place(5, 8))]
        )

    one: list[Any] = []
    other: list[Any] = []
    walk(record(one))
    if "batch" in options:
        monkeypatch.setattr(module, "_HELD", options["held"])
        monkeypatch.setattr(module, "_BATCH", options["batch"])
    walk(record(other), threads=options.get("threads", 1))
    for a, b in zip(one, other, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_changes_are_tried_without_being_made() -> None:
    def look(site: Site) -> None:
        if site.name != "r4":
            return
        layer = site.graph["c4"].layer
        assert isinstance(layer, L.Conv2d)
        double = {"c4": layer.replace(weight=2 * layer.weight, bias=2 * layer.bias)}
        for values in (site.mean_current, site.currents):
            np.testing.assert_allclose(values(changes=double), 2 * values(), rtol=1e-5, atol=1e-6)

    walk(look)


def test_a_constant_input_takes_no_memory() -> None:
    def look(site: Site) -> None:
        if site.name == "r1":
            assert site.exact
            assert site.currents().strides[0] == 0
        else:
            assert not site.exact
            assert site.currents(site.place(2, 2)).strides[0] > 0

    walk(look)


def test_linear_parts_feed_nothing_else() -> None:
    graph = branched()
    assert linear_parts(graph, "sum") == ("c3",)
    assert linear_parts(graph, "out") == ("out",)
    assert linear_parts(graph, "input") == ()
    shared = Graph([*graph.nodes, ("also", L.ReLU(), "c4")], outputs=["out", "also"])
    assert linear_parts(shared, "c4") == ()


def test_a_method_makes_spiking_neurons_of_relus() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Method()  # type: ignore[abstract]  # that is the point
    method = Spy()
    assert method.spiking
    assert method.accepts(L.ReLU(upper=6.0), "soft")
    assert not method.accepts(L.Activation("sigmoid"), "soft")

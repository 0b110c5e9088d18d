"""Folding computes the same with fewer layers; the reference of layered models is checked against sums by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.layers_reference import (
    COMPARED,
    activations,
    random_graph,
    run_reference,
    spikes,
)
from torch import nn

from spikelet import layers as L
from spikelet.conversion.folding import batch_norm, fold
from spikelet.layers.graph import Graph

rng = np.random.default_rng(3)
AFFINE = L.Affine([2.0, -0.5, 3.0], [1.0, 0.25, -2.0])
SCALE = L.Affine([2.0, -0.5, 3.0])


def conv(**options: Any) -> L.Conv2d:
    groups = options.get("groups", 1)
    return L.Conv2d(rng.normal(size=(3, 3 // groups, 2, 2)), rng.normal(size=3), **options)


def check(layers: Any, kinds: list[str], shape: tuple[int, ...] = (3, 5, 4)) -> Graph:
    graph = Graph(layers)
    folded = fold(graph)
    assert [type(n.layer).__name__ for n in folded] == kinds
    x = rng.normal(size=(4, *shape))
    a, b = activations(graph, x), activations(folded, x)
    np.testing.assert_allclose(b[folded.output.name], a[graph.output.name], rtol=1e-12, atol=1e-12)
    return folded


@pytest.mark.parametrize("affine", [AFFINE, SCALE])
@pytest.mark.parametrize("options", [{}, {"groups": 3}, {"padding": 1}, {"stride": 2}])
def test_an_affine_layer_after_a_convolution_is_folded(affine: L.Affine, options: Any) -> None:
    folded = check([("c", conv(**options), ["input"]), affine, L.ReLU()], ["Conv2d", "ReLU"])
    assert folded.nodes[0].name == "c"


@pytest.mark.parametrize("options", [{}, {"groups": 3}, {"dilation": 2}])
def test_an_affine_layer_before_a_convolution_is_folded(options: Any) -> None:
    check([L.ReLU(), AFFINE, conv(**options)], ["ReLU", "Conv2d"])


def test_padding_keeps_a_shift_before_it() -> None:
    check([AFFINE, conv(padding=(0, 0, 1, 0))], ["Affine", "Conv2d"])
    check([SCALE, conv(padding=1)], ["Conv2d"])
    check([L.Affine([1.0, 2, 3], [0.0, 0, 0]), conv(padding=1)], ["Conv2d"])


def test_an_affine_layer_next_to_a_linear_one_is_folded() -> None:
    linear = L.Linear(rng.normal(size=(3, 3)))
    check([AFFINE, linear, AFFINE, SCALE, L.ReLU()], ["Linear", "ReLU"], (3,))
    check([linear, L.ReLU(), SCALE, AFFINE], ["Linear", "ReLU", "Affine"], (3,))


def test_an_affine_layer_with_other_consumers_stays() -> None:
    layers = [("c", conv(padding=(1, 0, 1, 0)), ["input"]), ("a", AFFINE, ["c"])]
    check([*layers, ("s", L.Add(), ["a", "c"])], ["Conv2d", "Affine", "Add"])
    # Of the affine's two takers one could fold it; both need it.
    two = [("a", AFFINE, ["input"]), ("c", conv(), ["a"]), ("d", conv(), ["a"])]
    check([*two, ("s", L.Add(), ["c", "d"])], ["Affine", "Conv2d", "Conv2d", "Add"])


def test_consumers_of_a_folded_layer_take_its_input() -> None:
    layers = [("c", conv(padding=(1, 0, 1, 0)), ["input"]), ("a", AFFINE, ["c"])]
    layers += [("r", L.ReLU(), ["a"]), ("s", L.Add(), ["a", "r"])]
    folded = check(layers, ["Conv2d", "ReLU", "Add"])
    assert folded["s"].inputs == ("c", "r")


def test_nothing_is_folded_into_a_sum() -> None:
    check([("s", L.Add(), ["input", "input"]), AFFINE, L.ReLU()], ["Add", "Affine", "ReLU"])


def test_an_overflow_is_named() -> None:
    big = L.Affine([1e300, 1, 1])
    layers = [("c", conv().replace(weight=np.full((3, 3, 1, 1), 1e300)), ["input"])]
    with pytest.raises(ValueError, match=r"fold: layer 'bn': .*weight must be finite"):
        fold(Graph([*layers, ("bn", big, ["c"])]))


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_is_pytorchs(affine: bool) -> None:
    m = nn.BatchNorm1d(6, eps=1e-3, affine=affine).double().eval()
    with torch.no_grad():
        for p in (*m.parameters(), m.running_mean):
            p.normal_()
        m.running_var.uniform_(0, 2)
    arrays = [
        None if p is None else p.detach().numpy()
        for p in (m.weight, m.bias, m.running_mean, m.running_var)
    ]
    x = rng.normal(size=(5, 6))
    layer = batch_norm(*arrays, m.eps)
    np.testing.assert_allclose(
        x * layer.scale + layer.shift, m(torch.tensor(x)).detach().numpy(), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [0.0], [0.0], [-1.0]), "running_var must be finite and >= 0"),
        (([1.0], [0.0], [0.0], [0.0], 0.0), r"running_var \+ eps must be finite and > 0"),
        (([1.0, 1.0], [0.0], [0.0], [1.0]), "weight must have the shape"),
        ((1.0, [0.0], [0.0], [1.0]), "weight must have the shape"),
        (([np.nan], [0.0], [0.0], [1.0]), "weight must not contain NaN"),
        (([1.0], [np.inf], [0.0], [1.0]), "bias must be finite"),
    ],
)
def test_batch_norm_checks(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batch_norm(*arguments)


# --- graphs at random, and their reference -----------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_fold_and_evaluate(seed: int) -> None:
    graph, shape = random_graph(np.random.default_rng(seed), spiking=False)
    x = rng.normal(size=(2, *shape))
    found = activations(graph, x)
    for name, y in run_reference(graph, x, 3).items():
        scale = 1 + float(y.abs().max())
        np.testing.assert_allclose(found[name], y.mean(0).numpy(), rtol=0, atol=1e-11 * scale)
    folded = fold(graph)
    y = found[graph.output.name]
    again = activations(folded, x)[folded.output.name]
    np.testing.assert_allclose(again, y, rtol=0, atol=1e-11 * (1 + np.abs(y).max()))


def test_random_graphs_have_every_kind_of_layer_and_spike() -> None:
    kinds, rates = set(), []
    for seed in range(80):
        graph, shape = random_graph(np.random.default_rng(seed))
        sent = run_reference(graph, rng.random((2, *shape)), 8)
        for node in graph:
            kinds.add(type(node.layer))
            if isinstance(node.layer, L.Neuron):
                rates.append(float((sent[node.name] != 0).double().mean()))
    assert {kind.__name__ for kind in kinds} == COMPARED - {"PredictiveIF"}  # made by conversion
    assert np.median(rates) > 0.05
    assert np.mean(np.array(rates) > 0) > 0.6


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_signed_spikes_lose_nothing_and_retract_only_what_was_sent(levels: int) -> None:
    neuron = L.IF(threshold=0.7, v_init=0.3, code="signed", levels=levels)
    x = torch.tensor(rng.normal(0.1, 0.8, size=(60, 3, 20)))
    sent, v = spikes(neuron, x)
    assert (sent < 0).any()
    net = sent.cumsum(0)
    assert (net >= 0).all()
    torch.testing.assert_close(v + 0.7 * net, 0.3 + x.cumsum(0))


def test_spikes_by_hand() -> None:
    def run(neuron: L.Neuron, *x: float) -> tuple[list[float], list[float]]:
        s, v = spikes(neuron, torch.tensor(x, dtype=torch.float64).reshape(-1, 1, 1))
        return s.flatten().tolist(), v.flatten().tolist()

    assert run(L.IF(1.0), 0.75, 0.75, 2.5) == ([0, 1, 1], [0.75, 0.5, 2.0])
    assert run(L.IF(1.0, "value", 0.25), 0.75, 0.75, 2.5) == ([0, 1, 1], [0.75, 0.25, 0.25])
    assert run(L.LIF(1.0, decay=0.5, gain=1.0), 1.5, 0.5) == ([1, 0], [0.5, 0.75])
    signed = L.IF(1.0, code="signed", amplitude=2.0)
    assert run(signed, -1.0, 2.0, -1.5, -1.0) == ([0, 2, -2, 0], [-1.0, 0.0, -0.5, -1.5])
    # Sizes 1, 1/2, 1/4. At -0.3, taking back 1/2 leaves 0.2, which is below 1/4 and not sent again. At
    # -0.45 there is only 1/2 left to take back; then 0.35 sends 1/4.
    levels = L.IF(1.0, code="signed", levels=3)
    s, _ = run(levels, 1.0, -0.3, -0.65, 0.3)
    assert s == [1, -0.5, -0.5, 0.25]


def test_max_pool_of_counts() -> None:
    a = [1.0, 0, 0, 1, 1, 0]
    b = [0.0, 1, 1, 0, 0, 1]
    x = np.array([a, b]).T.reshape(6, 1, 1, 1, 2)
    for of, expected in (("counts", [1, 0, 1, 0, 1, 0]), ("steps", [1, 1, 1, 1, 1, 1])):
        graph = Graph([("pool", L.MaxPool2d((1, 2), of=of), ["input"])])
        y = run_reference(graph, x, 6, constant=False)["pool"]
        assert y.flatten().tolist() == expected

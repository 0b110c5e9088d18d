from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.nir_reference import reference

import spikelet as sl
from spikelet.io.nir.fields import check
from spikelet.io.nir.flat import flatten
from spikelet.io.nir.node_layers import STATELESS, output_shape, own_shapes


def conv(dims: int, **changes: Any) -> dict[str, Any]:
    kind = f"Conv{dims}d"
    values = {
        "weight": np.ones((6, 2, *((3, 5)[:dims]))), "stride": 2, "padding": 1, "dilation": 1, "groups": 2,
        "bias": np.zeros(6), **changes,
    }  # fmt: skip
    return check("c", kind, values)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_convolutions_agree_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    for _ in range(200):
        dims = int(rng.integers(1, 3))
        kernel = tuple(rng.integers(1, 5, dims).tolist())
        way: Any = rng.choice(["same", "valid", "number"])
        if way == "number":
            way = tuple(rng.integers(0, 3, dims).tolist())
        stride = (1,) * dims if way == "same" else tuple(rng.integers(1, 4, dims).tolist())
        dilation = tuple(rng.integers(1, 3, dims).tolist())
        sides = tuple(rng.integers(8, 20, dims).tolist())
        made = (torch.nn.Conv1d, torch.nn.Conv2d)[dims - 1](
            4, 6, kernel, stride, way, dilation, groups=2
        )
        out = made(torch.zeros(1, 4, *sides)).shape[1:]
        values = conv(
            dims, weight=np.ones((6, 2, *kernel)), stride=stride, padding=way, dilation=dilation
        )
        assert output_shape("c", f"Conv{dims}d", values, (4, *sides)) == tuple(out)


def test_same_padding_puts_the_odd_pixel_behind() -> None:
    values = conv(2, padding="same", stride=1, weight=np.ones((6, 2, 4, 3)))
    (layer,) = STATELESS["Conv2d"](values, (4, 9, 9))
    assert layer.padding == (1, 2, 1, 1)
    (layer,) = STATELESS["Conv1d"](conv(1, padding="valid"), (4, 9))
    assert layer.padding == (0, 0)


def test_declared_shapes() -> None:
    assert own_shapes("Conv2d", conv(2, input_shape=(7, 8)))[0] == (4, 7, 8)
    assert own_shapes("Conv1d", conv(1, input_shape=7))[0] == (4, 7)
    assert own_shapes("Linear", check("l", "Linear", {"weight": np.ones((5, 2, 3))})) == (
        (5, 3),
        (5, 2),
    )
    assert own_shapes("Scale", check("s", "Scale", {"scale": np.float64(2)})) == (None, None)


@pytest.mark.parametrize(
    ("start", "end", "shape"),
    [(0, -1, (24,)), (1, -1, (2, 12)), (0, 1, (6, 4)), (-2, -1, (2, 12)), (1, 1, (2, 3, 4))],
)
def test_flatten(start: int, end: int, shape: tuple[int, ...]) -> None:
    values = check("f", "Flatten", {"start_dim": start, "end_dim": end})
    assert output_shape("f", "Flatten", values, (2, 3, 4)) == shape


def test_pools() -> None:
    values = check("p", "SumPool2d", {"kernel_size": [2, 3], "stride": 2, "padding": [0, 1]})
    assert output_shape("p", "SumPool2d", values, (3, 7, 8)) == (3, 3, 4)


@pytest.mark.parametrize(
    ("kind", "values", "shape", "rule"),
    [
        ("Flatten", {"start_dim": 2, "end_dim": 1}, (2, 3, 4), "must be axes of a signal of shape"),
        ("Flatten", {"start_dim": 0, "end_dim": 5}, (2, 3), "must be axes of a signal of shape"),
        ("SumPool2d", {"kernel_size": 9, "stride": 1, "padding": 0}, (1, 4, 4), "must be at least"),
        ("SumPool2d", {"kernel_size": 1, "stride": 1, "padding": 0}, (4, 4), "must be .channels"),
        ("Linear", {"weight": np.ones((2, 3))}, (4,), r"must be \(3,\), got \(4,\)"),
    ],
)
def test_signals_that_do_not_fit(kind: str, values: Any, shape: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^here: .*{rule}"):
        output_shape("here", kind, check("here", kind, values), shape)


def test_convolutions_refuse_other_signals() -> None:
    with pytest.raises(ValueError, match=r"^c: Conv2d: input channels must be 4, got 3"):
        output_shape("c", "Conv2d", conv(2), (3, 9, 9))
    with pytest.raises(ValueError, match="output shape must have at most"):
        output_shape("c", "Conv2d", conv(2, padding=2**16, stride=1), (4, 9, 9))


nir = pytest.importorskip("nir")

RNG = np.random.default_rng(3)


def case(node: Any, takes: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the flat node and a graph with only this node."""
    graph = nir.NIRGraph(
        {"i": nir.Input(np.array(takes)), "x": node}, [("i", "x")], type_check=False
    )
    found = flatten(graph, "g").nodes["x"]
    graph.nodes["o"] = nir.Output(np.array(found.sends))
    graph.edges.append(("x", "o"))
    return found, graph


NODES: list[tuple[Any, tuple[int, ...]]] = [
    (nir.Affine(RNG.normal(size=(7, 30)), RNG.normal(size=7)), (30,)),
    (nir.Linear(RNG.normal(size=(3, 4, 5))), (3, 5)),
    (nir.Affine(RNG.normal(size=(3, 4, 5)), RNG.normal(size=4)), (3, 5)),
    (nir.Scale(RNG.normal(size=(2, 3))), (2, 3)),
    (nir.Conv1d(None, RNG.normal(size=(6, 2, 4)), 2, 3, 2, 2, RNG.normal(size=6)), (4, 20)),
    (nir.Conv1d(None, RNG.normal(size=(2, 3, 4)), 1, "same", 3, 1, RNG.normal(size=2)), (3, 20)),
    (nir.Conv2d(None, RNG.normal(size=(4, 2, 3, 2)), (2, 1), (0, 2), (1, 3), 2, RNG.normal(size=4)), (4, 9, 8)),
    (nir.Conv2d(None, RNG.normal(size=(4, 4, 2, 4)), 1, "same", 1, 1, RNG.normal(size=4)), (4, 9, 8)),
    (nir.SumPool2d(np.array([2, 3]), np.array([1, 2]), np.array([1, 0])), (2, 6, 7)),
    (nir.AvgPool2d(np.array([3, 2]), np.array([2, 2]), np.array([1, 1])), (2, 6, 7)),
    (nir.Flatten({"input": None}, 0, 1), (2, 3, 4)),
]  # fmt: skip
IDS = [f"{type(node).__name__}{k}" for k, (node, _) in enumerate(NODES)]


@pytest.mark.parametrize(("node", "takes"), NODES, ids=IDS)
def test_layers_of_each_node_are_those_of_the_reference(node: Any, takes: Any) -> None:
    flat, graph = case(node, takes)
    x = RNG.normal(size=(5, *takes)) * (RNG.random((5, *takes)) < 0.7)
    y = (
        sl.SpikingModel(STATELESS[flat.kind](flat.values, flat.takes), dtype="float64")
        .run(x, steps=1)
        .output
    )
    expected = reference(graph, {"i": x[:, None]}, 1.0, "exact", "value")["o"][:, 0]
    assert y.shape == (5, *flat.sends)
    np.testing.assert_allclose(y, expected, atol=1e-12)

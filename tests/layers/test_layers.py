"""Layers as descriptions: the shapes they make, and what they refuse."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.layers_reference import _stateless

from spikelet import layers as L
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel

NAN, INF = np.nan, np.inf
ONES = np.ones


# Shapes

SHAPES: list[tuple[Any, list[tuple[int, ...]], tuple[int, ...]]] = [
    (L.Linear(ONES((3, 4))), [(4,)], (3,)),
    (L.Conv2d(ONES((6, 2, 3, 3))), [(2, 5, 7)], (6, 3, 5)),
    (L.Conv2d(ONES((6, 2, 3, 2)), padding=1, stride=2), [(2, 5, 7)], (6, 3, 4)),
    (L.Conv2d(ONES((6, 2, 3, 3)), padding=(0, 2), dilation=(1, 3)), [(2, 5, 7)], (6, 3, 5)),
    (L.Conv2d(ONES((6, 2, 2, 2)), padding=(1, 0, 0, 2), stride=(1, 3)), [(2, 5, 7)], (6, 5, 3)),
    (L.Conv2d(ONES((6, 2, 1, 1)), groups=3), [(6, 1, 1)], (6, 1, 1)),
    (L.AvgPool2d(2), [(3, 5, 4)], (3, 2, 2)),
    (L.AvgPool2d(2, ceil_mode=True), [(3, 5, 4)], (3, 3, 2)),
    (L.AvgPool2d((3, 1), (1, 2), (1, 0)), [(3, 5, 4)], (3, 5, 2)),
    # A last window that would begin in the padding does not count.
    (L.AvgPool2d(2, 3, 1, ceil_mode=True), [(1, 5, 4)], (1, 2, 2)),
    (L.MaxPool2d(3, 2, 1), [(3, 5, 4)], (3, 3, 2)),
    (L.MaxPool2d(5), [(3, 5, 5)], (3, 1, 1)),
    (L.AdaptiveAvgPool2d((2, 7)), [(3, 5, 4)], (3, 2, 7)),
    (L.Flatten(), [(3, 5, 4)], (60,)),
    (L.Flatten(), [(3,)], (3,)),
    (L.Add(), [(3, 5, 4)] * 3, (3, 5, 4)),
    (L.Concat(), [(3, 5, 4), (1, 5, 4), (2, 5, 4)], (6, 5, 4)),
    (L.Concat(), [(3,), (4,)], (7,)),
    (L.Upsample((2, 3)), [(3, 5, 4)], (3, 10, 12)),
    (L.Affine(ONES(3)), [(3, 5, 4)], (3, 5, 4)),
    (L.ReLU(), [(3, 5, 4)], (3, 5, 4)),
    (L.ReLU(ONES(3), 4), [(3, 5, 4)], (3, 5, 4)),
    (L.IF(ONES(3)), [(3, 5, 4)], (3, 5, 4)),
    (L.LIF(ONES((3, 5, 4))), [(3, 5, 4)], (3, 5, 4)),
    (L.PredictiveIF(pace=ONES((4, 3)), limit=ONES(4)), [(3, 5, 4)], (3, 5, 4)),
]


@pytest.mark.parametrize(("layer", "given", "wanted"), SHAPES)
def test_shapes(layer: Any, given: list[tuple[int, ...]], wanted: tuple[int, ...]) -> None:
    assert layer.output_shape(given) == wanted
    if not isinstance(layer, (L.Neuron, L.ReLU)):
        made = _stateless(layer, [torch.ones((1, *shape), dtype=torch.float64) for shape in given])
        assert made.shape == (1, *wanted)


REFUSED_SHAPES: list[tuple[Any, list[tuple[int, ...]], str]] = [
    (L.Linear(ONES((3, 4))), [(5,)], "Linear 'here': input shape must be (4,), got (5,)"),
    (L.Linear(ONES((3, 4))), [(4, 1, 1)], "Linear 'here': input shape must be (4,), got (4, 1, 1)"),
    (L.Linear(ONES((3, 4))), [(4,), (4,)], "Linear 'here': inputs must be 1, got 2"),
    (
        L.Conv2d(ONES((6, 2, 3, 3))),
        [(3, 5, 7)],
        "Conv2d 'here': input channels must be 2, got 3",
    ),
    (
        L.Conv2d(ONES((6, 2, 3, 3)), groups=2),
        [(2, 5, 7)],
        "Conv2d 'here': input channels must be 4, got 2",
    ),
    (
        L.Conv2d(ONES((6, 2, 3, 3))),
        [(2,)],
        "Conv2d 'here': input shape must be (channels, height, width), got (2,)",
    ),
    (
        L.Conv2d(ONES((6, 2, 3, 3)), dilation=3, padding=(1, 0, 0, 0)),
        [(2, 5, 7)],
        "Conv2d 'here': input size must be at least 6, got 5",
    ),
    (L.AvgPool2d(3), [(2, 2, 9)], "AvgPool2d 'here': input size must be at least 3, got 2"),
    (
        L.AvgPool2d(3),
        [(9,)],
        "AvgPool2d 'here': input shape must be (channels, height, width), got (9,)",
    ),
    (L.MaxPool2d(3), [(2, 9, 1)], "MaxPool2d 'here': input size must be at least 3, got 1"),
    (
        L.AdaptiveAvgPool2d(1),
        [(2,)],
        "AdaptiveAvgPool2d 'here': input shape must be (channels, height, width), got (2,)",
    ),
    (
        L.Upsample(2),
        [(2, 3)],
        "Upsample 'here': input shape must be (channels, height, width), got (2, 3)",
    ),
    (L.Add(), [(2,)], "Add 'here': inputs must be at least 2, got 1"),
    (L.Add(), [(2,), (3,)], "Add 'here': input shapes must be equal, got ((2,), (3,))"),
    (
        L.Concat(),
        [(2, 3, 4), (2, 3, 5)],
        (
            "Concat 'here': input shapes must be equal except for the channels, "
            "got ((2, 3, 4), (2, 3, 5))"
        ),
    ),
    (L.Concat(), [(2, 3, 4), (2,)], "Concat 'here': input shapes must be equal except for"),
    (L.Affine(ONES(3)), [(4, 1, 1)], "Affine 'here': input channels must be 3, got 4"),
    (
        L.ReLU(ONES(3)),
        [(4, 1, 1)],
        "ReLU 'here': upper must be one number or 4 numbers, got shape (3,)",
    ),
    (
        L.IF(ONES(3)),
        [(4, 2, 2)],
        (
            "IF 'here': threshold must be one number, or have the shape (4,) or (4, 2, 2), got "
            "shape (3,)"
        ),
    ),
    (L.IF(v_init=ONES((4, 2, 1))), [(4, 2, 2)], "IF 'here': v_init must be one number, or"),
    (L.LIF(amplitude=ONES(3)), [(4,)], "LIF 'here': amplitude must be one number, or"),
    (
        L.PredictiveIF(pace=ONES(5), limit=ONES((5, 3))),
        [(4, 2, 2)],
        "PredictiveIF 'here': limit must be [steps] or [steps, 4], got shape (5, 3)",
    ),
]


@pytest.mark.parametrize(("layer", "given", "message"), REFUSED_SHAPES)
def test_shapes_that_do_not_fit_are_refused(
    layer: Any, given: list[tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        layer.output_shape(given, "here")


# Parameters

Make = Callable[..., Any]
K = ONES((2, 2, 3, 3))
REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.Linear, {"weight": [[1.0, NAN]]}, ValueError, ("weight", "NaN")),
    (L.Linear, {"weight": [[1.0, INF]]}, ValueError, ("weight", "finite at index 1", "inf")),
    (L.Linear, {"weight": [1.0]}, ValueError, ("weight", "2 dimensions", "(1,)")),
    (L.Linear, {"weight": ONES((0, 3))}, ValueError, ("weight", "not be empty", "(0, 3)")),
    (L.Linear, {"weight": "much"}, TypeError, ("weight", "number", "'much'")),
    (L.Linear, {"weight": [[1.0]], "bias": [1, 2]}, ValueError, ("bias", "each of 1", "(2,)")),
    (L.Linear, {"weight": [[1.0]], "bias": [NAN]}, ValueError, ("bias", "NaN")),
    (L.Conv2d, {"weight": ONES((2, 2, 3))}, ValueError, ("weight", "4 dimensions", "(2, 2, 3)")),
    (L.Conv2d, {"weight": K * INF}, ValueError, ("weight", "finite", "inf")),
    (L.Conv2d, {"weight": K, "bias": [1.0]}, ValueError, ("bias", "each of 2", "(1,)")),
    (L.Conv2d, {"weight": K, "stride": 0}, ValueError, ("stride", ">= 1", "got 0")),
    (L.Conv2d, {"weight": K, "stride": 1.5}, TypeError, ("stride", "integer", "1.5")),
    (L.Conv2d, {"weight": K, "stride": (1, 2, 3)}, ValueError, ("stride", "(1, 2, 3)", "two")),
    (L.Conv2d, {"weight": K, "dilation": (1, 0)}, ValueError, ("dilation", ">= 1", "got 0")),
    (L.Conv2d, {"weight": K, "padding": -1}, ValueError, ("padding", ">= 0", "got -1")),
    (L.Conv2d, {"weight": K, "padding": (0, 0, 0, -2)}, ValueError, ("padding", ">= 0", "-2")),
    (L.Conv2d, {"weight": K, "padding": (1, 2, 3)}, ValueError, ("padding", "two", "(1, 2, 3)")),
    (L.Conv2d, {"weight": K, "padding": "same"}, TypeError, ("padding", "integer", "'same'")),
    (L.Conv2d, {"weight": K, "groups": 0}, ValueError, ("groups", ">= 1", "got 0")),
    (L.Conv2d, {"weight": K, "groups": 3}, ValueError, ("groups", "divide the 2", "got 3")),
    (L.AvgPool2d, {"kernel_size": 0}, ValueError, ("kernel_size", ">= 1", "got 0")),
    (L.AvgPool2d, {"kernel_size": 2, "stride": 0}, ValueError, ("stride", ">= 1", "got 0")),
    (L.AvgPool2d, {"kernel_size": 2, "padding": 2}, ValueError, ("padding", "half", "(2, 2)")),
    (L.MaxPool2d, {"kernel_size": (2, 3, 4)}, ValueError, ("kernel_size", "(2, 3, 4)")),
    (L.MaxPool2d, {"kernel_size": 2, "of": "rate"}, ValueError, ("of", '"counts"', "'rate'")),
    (L.AdaptiveAvgPool2d, {"output_size": 0}, ValueError, ("output_size", ">= 1", "got 0")),
    (L.AdaptiveAvgPool2d, {"output_size": None}, TypeError, ("output_size", "None")),
    (L.Upsample, {"scale_factor": 0}, ValueError, ("scale_factor", ">= 1", "got 0")),
    (L.Upsample, {"scale_factor": 1.5}, TypeError, ("scale_factor", "integer", "1.5")),
    (L.Affine, {"scale": [NAN]}, ValueError, ("scale", "NaN")),
    (L.Affine, {"scale": []}, ValueError, ("scale", "not be empty", "(0,)")),
    (L.Affine, {"scale": [1.0], "shift": [1, 2]}, ValueError, ("shift", "each of 1", "(2,)")),
    (L.ReLU, {"upper": 0.0}, ValueError, ("upper", "> 0", "0.0")),
    (L.ReLU, {"upper": NAN}, ValueError, ("upper", "NaN")),
    (L.ReLU, {"upper": [1.0, -1.0]}, ValueError, ("upper", "> 0 at index 1", "-1.0")),
    (L.ReLU, {"upper": ONES((2, 2))}, ValueError, ("upper", "one dimension", "(2, 2)")),
    (L.ReLU, {"levels": 4}, ValueError, ("levels", "0 if there is no upper limit", "got 4")),
    (L.ReLU, {"upper": 1.0, "levels": -1}, ValueError, ("levels", ">= 0", "got -1")),
    (L.ReLU, {"upper": 1.0, "levels": 2.0}, TypeError, ("levels", "integer", "2.0")),
    (L.IF, {"threshold": 0.0}, ValueError, ("threshold", "> 0", "0.0")),
    (L.IF, {"threshold": -1.0}, ValueError, ("threshold", "> 0", "-1.0")),
    (L.IF, {"threshold": INF}, ValueError, ("threshold", "finite", "inf")),
    (L.IF, {"threshold": [1.0, NAN]}, ValueError, ("threshold", "NaN")),
    (L.IF, {"threshold": ONES((1, 1, 1, 1))}, ValueError, ("threshold", "3 dimensions")),
    (L.IF, {"threshold": None}, ValueError, ("threshold", "NaN", "None")),
    (L.IF, {"v_init": INF}, ValueError, ("v_init", "finite", "inf")),
    (L.IF, {"amplitude": ONES((1, 1))}, ValueError, ("amplitude", "one dimension", "(1, 1)")),
    (L.IF, {"amplitude": NAN}, ValueError, ("amplitude", "NaN")),
    (L.IF, {"reset": "soft"}, ValueError, ("reset", '"subtract"', "'soft'")),
    (L.IF, {"reset": "zero", "v_reset": 1.0}, ValueError, ("v_reset", "below", "1.0")),
    (L.IF, {"v_reset": INF}, ValueError, ("v_reset", "finite", "inf")),
    (L.IF, {"code": "ternary"}, ValueError, ("code", '"signed"', "'ternary'")),
    (L.IF, {"code": "signed", "reset": "zero"}, ValueError, ("reset", "subtract", "signed")),
    (L.IF, {"levels": 2}, ValueError, ("levels", "binary", "got 2")),
    (L.IF, {"code": "signed", "levels": 9}, ValueError, ("levels", "<= 8", "got 9")),
    (L.IF, {"code": "signed", "levels": 0}, ValueError, ("levels", ">= 1", "got 0")),
    (L.LIF, {"tau_m": 0.0}, ValueError, ("tau_m", "> 0", "0.0")),
    (L.LIF, {"tau_m": NAN}, ValueError, ("tau_m", "NaN")),
    (L.LIF, {"tau_m": [1.0, 2.0]}, ValueError, ("tau_m", "0 dimensions", "(2,)")),
    (L.LIF, {"dt": -1.0}, ValueError, ("dt", "> 0", "-1.0")),
    (L.LIF, {"decay": 1.5}, ValueError, ("decay", "at most 1", "1.5")),
    (L.LIF, {"decay": -0.5}, ValueError, ("decay", ">= 0", "-0.5")),
    (L.LIF, {"gain": INF}, ValueError, ("gain", "finite", "inf")),
    (L.LIF, {"code": "differential"}, ValueError, ("code", "differential", "leak")),
    (L.PredictiveIF, {}, ValueError, ("pace", "NaN")),
    (L.PredictiveIF, {"pace": 1.0, "limit": [1.0]}, ValueError, ("pace", "[steps]", "()")),
    (L.PredictiveIF, {"pace": [1.0], "limit": []}, ValueError, ("limit", "[steps]", "(0,)")),
    (L.PredictiveIF, {"pace": [INF], "limit": [1.0]}, ValueError, ("pace", "finite", "inf")),
    (L.PredictiveIF, {"pace": [1.0], "limit": [NAN]}, ValueError, ("limit", "NaN")),
    (
        L.PredictiveIF,
        {"pace": ONES(3), "limit": ONES(4)},
        ValueError,
        ("pace and limit", "same number of steps", "(3, 4)"),
    ),
    (
        L.PredictiveIF,
        {"pace": ONES(3), "limit": ONES(3), "code": "signed"},
        ValueError,
        ("code and reset", "binary", "signed"),
    ),
    (
        L.PredictiveIF,
        {"pace": ONES(3), "limit": ONES(3), "reset": "zero"},
        ValueError,
        ("code and reset", "subtract", "zero"),
    ),
]


@pytest.mark.parametrize(("make", "arguments", "kind", "words"), REFUSED)
def test_parameters_that_make_no_sense_are_refused(
    make: Make, arguments: dict[str, Any], kind: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        make(**arguments)
    message = str(caught.value)
    assert message.startswith(f"{make.__name__}: ")
    for word in words:
        assert word in message


def test_names_of_arguments_are_fixed() -> None:
    with pytest.raises(TypeError, match="treshold"):
        L.IF(treshold=1.0)
    with pytest.raises(TypeError, match="positional"):
        L.IF(1.0, "zero", 0.0, 0.5)  # type: ignore[call-arg]


# Layers do not change


def test_layers_keep_copies_that_cannot_be_written() -> None:
    given = np.ones((2, 3))
    layer = L.Linear(given, [1.0, 2.0])
    given[0, 0] = 7.0
    assert layer.weight[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        layer.bias += 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.weight = given
    neuron = L.PredictiveIF(given[0], pace=given, limit=given)
    for name in ("threshold", "pace", "limit"):
        array = getattr(neuron, name)
        assert array is not given
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5.0
    assert given.flags.writeable


def test_replace_checks_again() -> None:
    layer = L.IF(2.0, v_init=1.0)
    other = layer.replace(threshold=[1.0, 2.0])
    assert (layer.threshold, other.v_init) == (2.0, 1.0)
    with pytest.raises(
        ValueError, match=r"IF: threshold must be finite and > 0 at index 0, got -1\.0"
    ):
        layer.replace(threshold=-1.0)


def test_repr_shows_what_is_not_the_default() -> None:
    assert repr(L.Linear(ONES((2, 3)))) == "Linear(weight=2x3 array)"
    assert repr(L.IF(2.0, code="signed")) == "IF(threshold=2.0, code='signed')"
    assert repr(L.LIF([1.0, 2.0], tau_m=5.0)) == "LIF(threshold=2 array, tau_m=5.0)"


def test_coefficients() -> None:
    assert L.IF().coefficients() == (1.0, 1.0)
    decay, gain = L.LIF(tau_m=10.0, dt=0.5).coefficients()
    assert (decay, gain) == (np.exp(-0.05), -np.expm1(-0.05))
    assert L.LIF(decay=0.9).coefficients() == (0.9, 1 - 0.9)
    assert L.LIF(decay=0.9, gain=1.0).coefficients() == (0.9, 1.0)
    assert L.LIF(tau_m=1e9).coefficients()[1] == pytest.approx(1e-9, rel=1e-12)


# Graphs


def test_a_bare_layer_takes_the_one_before() -> None:
    graph = Graph([L.Linear(ONES((2, 3))), L.IF(), ("out", L.Linear(ONES((1, 2))), "if1")])
    assert [(n.name, n.inputs) for n in graph] == [
        ("linear0", ("input",)),
        ("if1", ("linear0",)),
        ("out", ("if1",)),
    ]
    assert graph.shapes((3,)) == {"input": (3,), "linear0": (2,), "if1": (2,), "out": (1,)}
    assert graph.output.name == "out"
    assert len(graph.upto("if1")) == 2
    assert [n.name for n in graph.consumers("linear0")] == ["if1"]
    assert graph.replaced({"if1": L.ReLU()})["if1"].layer.upper is None


RELU = L.ReLU()
REFUSED_GRAPHS: list[tuple[list[Any], type[Exception], str]] = [
    ([], ValueError, "SpikingModel: layers must hold at least one layer, got []"),
    ([RELU, "relu"], TypeError, "SpikingModel: layers[1] must be a layer of sl.layers or"),
    ([("a", RELU)], TypeError, "SpikingModel: layers[0] must be a layer"),
    ([("a", RELU, "input"), ("a", RELU, "a")], ValueError, "name must be unique, got 'a'"),
    ([("input", RELU, "input")], ValueError, "name must be unique, got 'input'"),
    ([("a", RELU, "b")], ValueError, "inputs of 'a' must be the name of an earlier layer, got 'b'"),
    (
        [("a", RELU, "a")],
        ValueError,
        "SpikingModel: inputs of 'a' must be the name of an earlier layer, got 'a'",
    ),
    (
        [("a", RELU, "input"), ("b", RELU, "input")],
        ValueError,
        "layers must all lead to the last one, got unused 'a'",
    ),
    ([("a", L.Add(), ())], ValueError, "layers must use the input, got ['a']"),
]


@pytest.mark.parametrize(("layers", "kind", "message"), REFUSED_GRAPHS)
def test_graphs_that_make_no_sense_are_refused(
    layers: list[Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        SpikingModel(layers)


def test_a_layer_that_does_not_fit_is_named_by_the_model() -> None:
    graph = Graph([Node("first", L.Linear(ONES((2, 3))), ("input",)), L.IF(ONES(5))])
    with pytest.raises(ValueError, match=r"^Linear 'first': input shape must be \(3,\), got \(4,"):
        graph.shapes((4,))
    with pytest.raises(ValueError, match=r"^IF 'if1': threshold .* got shape \(5,\)"):
        SpikingModel(graph).run(ONES((1, 3)), 2)


# PredictiveIF


def test_predictive_with_pace_of_the_threshold_is_a_soft_neuron_that_starts_half_way() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0.3, 0.7, (32, 5, 4))
    threshold = np.array([0.5, 0.7, 0.9, 1.1])
    soft = L.IF(threshold, v_init=threshold / 2)
    pace = np.broadcast_to(1 / threshold, (32, 4))
    predictive = L.PredictiveIF(threshold, pace=pace, limit=np.full(32, 0.5))
    assert predictive.steps == 32
    runs = [
        SpikingModel([layer], dtype="float64", threads=1).run(x) for layer in (soft, predictive)
    ]
    assert runs[0].spikes is not None
    assert 0 < np.count_nonzero(runs[0].spikes) < runs[0].spikes.size
    np.testing.assert_array_equal(runs[0].spikes, runs[1].spikes)


def test_predictive_does_not_spike_where_its_limit_is_infinite() -> None:
    limit = np.where(np.arange(9) % 3 == 1, 0.5, np.inf)
    layer = L.PredictiveIF(pace=np.ones(9), limit=limit)
    result = SpikingModel([layer], dtype="float64", threads=1).run(np.full((9, 1, 2), 5.5))
    assert result.spikes is not None
    np.testing.assert_array_equal(result.spikes[:, 0, 0], np.isfinite(limit))


def test_predictive_holds_for_its_steps_alone() -> None:
    layer = L.PredictiveIF(pace=np.ones(9), limit=np.ones(9))
    model = SpikingModel([("late", layer, "input")])
    message = "SpikingModel.run: steps must be 9, which 'late' was made for, got 8"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.run(ONES((1, 2)), 8)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.run(np.full((8, 1, 2), 0.5))

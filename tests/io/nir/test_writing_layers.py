"""Layers without memory as nodes: each gives the layer's values, for NIR and in the forms that libraries read."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tests.support.nir_models import grid

import spikelet as sl
from spikelet import layers

nir = pytest.importorskip("nir")


def written(made, shape, convention="nir"):
    model = sl.SpikingModel(made, dtype="float64", threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        graph = sl.io.write_nir(model, input_shape=shape, convention=convention)
    return model, graph


def compare(made, shape, convention="nir", tolerance=1e-12):
    """Compare the output at each step; return the kinds of nodes."""
    model, graph = written(made, shape, convention)
    x = np.random.default_rng(1).normal(size=(5, 2, *shape))
    last = model.graph.output.name
    wanted = model.run(x, record=f"{last}.value")[f"{last}.value"]
    found = sl.io.read_nir(graph).run(x).output
    np.testing.assert_allclose(found, wanted, atol=tolerance, rtol=tolerance)
    assert np.abs(wanted).max() > 0
    return {name: type(node).__name__ for name, node in graph.nodes.items()}


RNG = np.random.default_rng(0)
IMAGE = (4, 6, 7)
CASES = {
    "stride": layers.Conv2d(grid(RNG, 3, 4, 3, 3), stride=2, padding=1),
    "dilation": layers.Conv2d(grid(RNG, 3, 4, 2, 2), grid(RNG, 3), dilation=2),
    "groups": layers.Conv2d(grid(RNG, 6, 2, 3, 3), grid(RNG, 6), groups=2),
    "depthwise": layers.Conv2d(grid(RNG, 4, 1, 3, 3), groups=4, padding=1),
    "not square": layers.Conv2d(grid(RNG, 3, 4, 1, 3), padding=(0, 1)),
    "one-sided padding": layers.Conv2d(grid(RNG, 3, 4, 3, 3), padding=(0, 1, 2, 0)),
    "one-sided, dilated": layers.Conv2d(grid(RNG, 3, 4, 2, 2), padding=(2, 0, 0, 2), dilation=2),
    "mean": layers.AvgPool2d(2),
    "overlapping mean": layers.AvgPool2d(3, 1, 1),
    "mean without zeros": layers.AvgPool2d(3, 2, 1, count_include_pad=False),
    "ceil that adds nothing": layers.AvgPool2d(2, 2, ceil_mode=True),
    "global mean": layers.AdaptiveAvgPool2d(1),
    "adaptive mean": layers.AdaptiveAvgPool2d((3, 7)),
    "scale": layers.Affine(grid(RNG, 4)),
    "scale and shift": layers.Affine(grid(RNG, 4), grid(RNG, 4)),
    "one scale and shift": layers.Affine(0.5, 0.25),
    "scale of columns": layers.Affine(grid(RNG, 1, 1, 7)),
    "scale of pixels, and shift": layers.Affine(grid(RNG, *IMAGE), grid(RNG, 4)),
    "flatten": layers.Flatten(),
    "reshape to a vector": layers.Reshape((-1,)),
}


NEED_SCALE = ("mean without zeros", "scale", "scale of pixels, and shift")


@pytest.mark.parametrize("name", CASES)
def test_each_layer_keeps_its_values(name):
    shape = (4, 6, 6) if name.startswith("ceil") else IMAGE
    compare([CASES[name]], shape)


@pytest.mark.parametrize("convention", ["snntorch", "spikingjelly", "norse", "sinabs"])
@pytest.mark.parametrize("name", [n for n in CASES if n not in NEED_SCALE])
def test_forms_for_libraries_keep_its_values(name, convention):
    """The layer, and one with weights behind it, which take up its factors; the graph has what the library reads."""
    shape = (4, 6, 6) if name.startswith("ceil") else IMAGE
    after = CASES[name].output_shape([shape])
    behind = layers.Linear(grid(RNG, 3, int(np.prod(after))), grid(RNG, 3))
    made = [CASES[name], *([] if len(after) == 1 else [layers.Flatten()]), behind]
    kinds = compare(made, shape, convention, 1e-4)  # in float32
    assert not {"Scale", "LI"} & set(kinds.values())
    assert ("AvgPool2d" in kinds.values()) <= (convention in ("snntorch", "spikingjelly"))
    assert ("Linear" in kinds.values()) <= (convention != "sinabs")


def test_a_reshape_is_a_flatten_or_nothing():
    assert "Flatten" in compare([layers.Reshape((168,))], IMAGE).values()
    same = [CASES["mean"], layers.Reshape((4, 3, -1)), layers.Flatten()]
    assert sorted(compare(same, IMAGE).values()) == ["AvgPool2d", "Flatten", "Input", "Output"]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            layers.Permute((0, 2, 1)),
            r"\(Permute\) has no node in NIR, and the layers behind it need its order of values; if it is the first layer, pass",
        ),
        (
            layers.Reshape((4, 42)),
            r"\(Reshape\) has no node in NIR, and .* otherwise write the parts",
        ),
        (layers.Upsample(2), r"\(Upsample\) is an upsampling, .* otherwise write the parts"),
        (
            layers.ConvTranspose2d(np.ones((4, 1, 2, 2))),
            r"\(ConvTranspose2d\) has no node in NIR; write the parts",
        ),
    ],
)
def test_layers_without_a_node_are_refused_with_a_way_out(layer, message):
    with pytest.raises(ValueError, match=rf"^write_nir: layer '\w+': {message}"):
        written([layer, layers.IF(1.0, "zero")], IMAGE)


def test_delays_of_synapses_are_matrices_behind_delays():
    rng = np.random.default_rng(3)
    delay = rng.integers(0, 4, (6, 5))
    made = [layers.DelayedLinear(grid(rng, 6, 5), delay, grid(rng, 6)), layers.IF(0.5, "zero")]
    model, graph = written(made, (5,))
    assert [type(n).__name__ for n in graph.nodes.values()].count("Delay") == 3
    x = (rng.random((20, 3, 5)) < 0.4).astype(np.uint8)
    np.testing.assert_array_equal(sl.io.read_nir(graph).run(x).output, model.run(x).spikes)
    with pytest.raises(ValueError, match=r"needs a nir\.Delay, which Norse's reader does not have"):
        written(made, (5,), "norse")


def test_convolutions_for_libraries_have_no_groups():
    _, graph = written([CASES["groups"]], IMAGE, "spikingjelly")
    (conv,) = (n for n in graph.nodes.values() if isinstance(n, nir.Conv2d))
    assert (conv.groups, conv.weight.shape) == (1, (6, 4, 3, 3))
    assert not conv.weight[:3, 2:].any()


def test_nir_reads_what_it_infers_the_shape_of(tmp_path):
    path = tmp_path / "a.nir"
    for name, layer in CASES.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = sl.SpikingModel([layer, layers.IF(1.0, "zero")])
            sl.io.write_nir(model, path, input_shape=IMAGE if "ceil" not in name else (4, 6, 6))
        if any("type_check=False" in str(w.message) for w in caught):
            with pytest.raises(ValueError, match="type mismatch"):
                nir.read(path)
            nir.read(path, type_check=False)
        else:
            nir.read(path)
        assert bool(caught) == (name in ("groups", "depthwise", "not square", "one-sided padding"))


def test_sizes_of_spikes_go_into_the_next_weights():
    made = [
        layers.Linear(np.eye(3)),
        layers.IF(0.5, "zero", amplitude=[1, 2, 4]),
        layers.Linear(np.ones((2, 3))),
    ]
    _, graph = written(made, (3,))
    np.testing.assert_array_equal(graph.nodes["linear2"].weight, [[1, 2, 4]] * 2)
    assert "Scale" not in {type(n).__name__ for n in graph.nodes.values()}


def test_sizes_of_spikes_without_weights_behind_them_are_nodes():
    kinds = compare([layers.Linear(np.eye(3)), layers.IF(0.5, "zero", amplitude=[1, 2, 4])], (3,))
    assert kinds["if1_scale"] == "Scale"
    neuron = layers.IF(0.5, "zero", amplitude=2.0)
    made = [
        ("a", neuron, ["input"]),
        ("b", neuron.replace(amplitude=1.0), ["input"]),
        ("c", layers.Add(), ["a", "b"]),
        ("d", layers.Linear(np.ones((2, 3))), ["c"]),
    ]
    assert compare(made, (3,))["a_scale"] == "Scale"


def test_sums_of_one_layer_with_itself():
    made = [
        ("a", layers.Linear(grid(RNG, 3, 3)), ["input"]),
        ("b", layers.Add(), ["a", "a"]),
        ("c", layers.IF(0.5, "zero"), ["b"]),
    ]
    assert compare(made, (3,))["a_scale"] == "Scale"
    _, graph = written(
        [("b", layers.Add(), ["input", "input"]), ("c", layers.Linear(np.eye(3)), ["b"])], (3,)
    )
    np.testing.assert_array_equal(graph.nodes["c"].weight, 2 * np.eye(3))
    assert len(set(graph.edges)) == len(graph.edges)


@pytest.mark.parametrize("shape", [(2,), (2, 3, 4)])
def test_concatenations_are_sums_of_maps(shape):
    made = [
        ("a", layers.Affine(grid(RNG, 2), grid(RNG, 2)), ["input"]),
        ("b", layers.Concat(), ["a", "input", "a"]),
    ]
    compare(made, shape)


@pytest.mark.parametrize("convention", ["snntorch", "spikingjelly"])
def test_thresholds_by_channel_go_into_the_weights_before_them(convention):
    conv = layers.Conv2d(grid(RNG, 3, 4, 3, 3), grid(RNG, 3))
    model, graph = written([conv, layers.IF([0.5, 1.0, 2.0], "zero")], IMAGE, convention)
    (neurons,) = (n for n in graph.nodes.values() if type(n).__name__ in ("IF", "LIF"))
    assert len(set(neurons.v_threshold.ravel().tolist())) == 1
    x = (np.random.default_rng(0).random((20, 2, *IMAGE)) < 0.5).astype(np.uint8)
    found = sl.io.read_nir(graph).run(x, dtype="float32").output
    if convention == "snntorch":  # SpikingJelly spikes at the threshold
        np.testing.assert_array_equal(found, model.run(x).spikes)
    assert found.any()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([layers.Conv2d(np.ones((1, 4, 2, 2)), padding=(1, 0, 0, 0), dilation=2)], "dilation 2 does not divide"),
        ([layers.AvgPool2d(4, 4, ceil_mode=True)], "ceil_mode"),
        ([layers.AvgPool2d(2, dilation=2)], "has dilated windows"),
        ([("a", layers.AvgPool2d((6, 7)), ["input"]), ("b", layers.Add(), ["input", "a"])], "adds samples of different shapes"),
        ([layers.Affine(1.0, grid(RNG, 1, 1, 7))], "shifts each pixel by its own number"),
        ([layers.AdaptiveAvgPool2d(4)], "windows of unequal sizes"),
        ([layers.Upsample(2)], "is an upsampling"),
        ([layers.MaxPool2d(2)], "is max pooling"),
    ],
)  # fmt: skip
def test_what_nir_does_not_have_is_refused(made, message):
    with pytest.raises(ValueError, match=rf"write_nir: layer '\w+': .*{message}"):
        written(made, IMAGE)


@pytest.mark.parametrize(
    ("made", "convention", "message"),
    [
        ([CASES["mean without zeros"], layers.IF(1.0, "zero")], "norse", "needs a nir.Scale"),
        ([layers.IF([1.0, 2, 3, 4], "zero")], "snntorch", "a threshold for each neuron"),
        ([("a", layers.Conv2d(grid(RNG, 4, 4, 1, 1)), ["input"]), ("b", layers.Add(), ["a", "input"])], "norse",
         r"layer 'input': goes to several layers \(a, output\)"),
    ],
)  # fmt: skip
def test_what_a_library_does_not_read_is_refused(made, convention, message):
    with pytest.raises(ValueError, match=message):
        written(made, IMAGE, convention)


def test_weights_that_overflow_are_refused():
    made = [layers.Linear(np.eye(3) * 1e200), layers.IF(1.0, "zero")]
    model = sl.SpikingModel(made, dtype="float64")
    with pytest.raises(
        ValueError, match="write_nir: weight must be finite and within the range of float32"
    ):
        sl.io.write_nir(model, dtype="float32")
    assert sl.io.write_nir(model).nodes["linear0"].weight[0, 0] == 1e200


def test_names_are_those_of_layers_as_far_as_readers_take_them():
    weight = layers.Linear(np.eye(3))
    made = [
        ("features.0/a", weight, ["input"]),
        ("features_0_a", weight, ["features.0/a"]),
        ("output", weight, ["features_0_a"]),
    ]
    _, graph = written(made, (3,))
    assert sorted(graph.nodes) == ["features_0_a", "features_0_a_1", "input", "output", "output_1"]
    assert list(graph.nodes) == sorted(graph.nodes)  # as a file gives them back


def test_types_are_full():
    _, graph = written(
        [CASES["stride"], CASES["mean"].replace(kernel_size=1), layers.Flatten()], IMAGE
    )
    for name, node in graph.nodes.items():
        for types in (node.input_type, node.output_type):
            assert all(v is not None for v in types.values()), name
    assert graph.check_types()
    assert tuple(graph.input_type["input"]) == IMAGE


@pytest.mark.parametrize("after", ["neurons", "scale", "convolution", "pool", "concatenation"])
def test_factors_of_channels_and_pixels_meet(after):
    """As many columns as channels: the factors of channels were those of columns."""
    amplitude = np.arange(1.0, 7)
    columns = ("c", layers.Affine(2.0 ** -np.arange(6).reshape(1, 1, 6)), "a")
    made = [("a", layers.IF(0.5, amplitude=amplitude), "input"), columns]
    made += {
        "neurons": [],
        "scale": [("d", layers.Affine(amplitude), "c")],
        "convolution": [("d", layers.Conv2d(grid(RNG, 3, 6, 3, 3)), "c")],
        "pool": [("d", layers.AvgPool2d(2), "c")],
        "concatenation": [("d", layers.Concat(), ("a", "c"))],
    }[after]
    compare([*made, ("z", layers.Affine(1.0), made[-1][0])], (6, 6, 6))


def test_concatenations_of_rows_are_refused():
    made = [
        ("a", layers.Affine(2.0), "input"),
        ("b", layers.Affine(3.0), "input"),
        ("c", layers.Concat(axis=1), ("a", "b")),
    ]
    with pytest.raises(ValueError, match="layer 'c': concatenates along axis 1"):
        written(made, (2, 3, 3))

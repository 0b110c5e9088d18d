"""Layered models as NIR graphs: `read_nir` runs them with the same spikes and values, one for one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tests.support.nir_models import images, quietly, spikes, vectors

import spikelet as sl
from spikelet import layers
from spikelet.layers.graph import Graph, Node

pytest.importorskip("nir")


def key(name: str) -> str:
    """The node of a layer: readers make modules of their names."""
    plain = "".join(c if c.isalnum() or c in "_-" else "_" for c in name)
    return "output_1" if plain == "output" else plain


def compare(model: sl.SpikingModel, graph, x, **options) -> int:
    """Compare the spikes of all neurons and the output; return the number of spikes."""
    wanted = model.run(x, record=list(model.neurons))
    names = {name: key(name) for name in model.neurons}
    found = sl.io.read_nir(graph).run(x, record=list(names.values()), **options)
    total = 0
    for name, node in names.items():
        np.testing.assert_array_equal(found.record[node], wanted[name], err_msg=name)
        total += int(np.abs(wanted[name]).sum())
    np.testing.assert_allclose(found.output.mean(0), wanted.output, atol=1e-12)
    return total


@pytest.mark.parametrize("mode", ["exact", "euler"])
@pytest.mark.parametrize("make", [vectors, images])
def test_random_models_keep_their_spikes(make, mode, tmp_path):
    total = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        model, shape = make(rng)
        dt = float(rng.choice([1e-4, 1e-3, 1.0]))
        path = tmp_path / "model.nir"
        quietly(model, path, input_shape=shape, mode=mode, dt=dt)
        total += compare(model, path, spikes(rng, shape))
    assert total > 2000  # it says something


@pytest.mark.parametrize("make", [vectors, images])
def test_models_come_back_as_models(make):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        model, shape = make(rng, even=True) if make is images else make(rng)
        back = sl.io.read_nir(quietly(model, input_shape=shape)).to_spiking_model()
        x = spikes(rng, shape)
        record = list(model.neurons)
        wanted = model.run(x, record=record)
        found = back.run(x, record=[key(name) for name in record])
        for name in record:
            np.testing.assert_array_equal(found[key(name)], wanted[name])


def test_float32_models_are_written_in_float32_and_keep_their_spikes():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        double, shape = vectors(rng)
        model = sl.SpikingModel(double.graph, threads=1)
        graph = quietly(model, input_shape=shape)
        assert graph.nodes["a"].weight.dtype == np.float32
        compare(model, graph, spikes(rng, shape), dtype="float32")
        assert quietly(model, dtype="float64").nodes["a"].weight.dtype == np.float64


@pytest.fixture(scope="module")
def converted():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    ann = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.AvgPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(36, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3),
    )  # fmt: skip
    x = torch.rand(32, 1, 6, 6)
    return lambda neuron: sl.convert(ann, x, neuron=neuron, steps=32), x.numpy()


@pytest.mark.parametrize("neuron", ["soft", "hard"])
def test_converted_models_keep_their_rates(converted, neuron):
    convert, x = converted
    model = convert(neuron)
    given = np.broadcast_to(x, (32, *x.shape))
    wanted = model.run(x, steps=32, delay=0, record=list(model.neurons))
    graph = quietly(model, input_shape=(1, 6, 6))
    found = sl.io.read_nir(graph).run(given, dtype="float32", record=list(model.neurons))
    for name in model.neurons:
        # Sums in another order: a potential that meets its threshold within rounding may differ.
        assert (found.record[name] != wanted[name]).mean() < 1e-3
        assert wanted[name].mean() > 0.02
    np.testing.assert_allclose(found.output.mean(0), wanted.output, atol=0.05)


def test_a_converted_model_knows_the_shape_of_its_samples(converted):
    model = converted[0]("soft")
    graph, given = quietly(model), quietly(model, input_shape=(1, 6, 6))
    assert sorted(graph.nodes) == sorted(given.nodes)
    np.testing.assert_array_equal(graph.nodes["input"].output_type["output"], (1, 6, 6))
    with pytest.raises(
        ValueError, match=r"input_shape must be the shape of one sample.*other shapes"
    ):
        sl.io.write_nir(sl.SpikingModel(model.graph))


@pytest.mark.parametrize(
    ("neuron", "what"),
    [
        ("signed", r"\(IF\): sends .* spikes, and those of NIR are 0 or 1"),
        ("differential", r"\(IF\): sends .* spikes, and those of NIR are 0 or 1"),
        ("multi", r"\(PredictivePair\): spikes by a schedule that was fitted"),
    ],
)
def test_spikes_that_are_not_0_or_1_are_refused(converted, neuron, what):
    with pytest.raises(ValueError, match=rf"layer '1' {what}"):
        sl.io.write_nir(converted[0](neuron), input_shape=(1, 6, 6))


def test_a_reset_a_step_later_is_refused_with_a_way_out_that_can_be_written():
    weight = layers.Linear(np.ones((2, 3)))
    late = layers.LIF(1.0, decay=0.5, gain=1.0, reset_delay=True, strict=True)
    with pytest.raises(ValueError, match=r'train with reset="zero" or convention="spikelet"'):
        sl.io.write_nir(sl.SpikingModel([weight, late]))
    at_once = layers.LIF(1.0, "zero", decay=0.5, gain=1.0, strict=True)
    assert sl.io.write_nir(sl.SpikingModel([weight, at_once])).nodes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strict", [False, True])
def test_a_strict_threshold_comes_back(strict, dtype):
    """A potential that just reaches it tells the two apart."""
    neuron = layers.IF(1.0, "zero", strict=strict)
    model = sl.SpikingModel([layers.Linear(np.eye(1)), neuron], dtype=dtype, threads=1)
    x = np.full((6, 1, 1), 0.5)
    wanted = model.run(x).spikes
    graph = sl.io.read_nir(quietly(model))
    np.testing.assert_array_equal(graph.run(x, dtype=dtype).output, wanted)
    np.testing.assert_array_equal(graph.to_spiking_model(dtype=dtype).run(x).spikes, wanted)
    assert wanted.ravel().tolist() == ([0, 0, 1, 0, 0, 1] if strict else [0, 1, 0, 1, 0, 1])


def test_schedules_analog_neurons_and_maxima_are_refused():
    schedule = layers.PredictiveIF(1.0, pace=np.ones(4), limit=np.ones(4))
    weight = layers.Linear(np.ones((2, 3)))
    for layer, what in ((schedule, "by a schedule"), (layers.ReLU(), "is an analog activation")):
        with pytest.raises(ValueError, match=f"layer '1'.*{what}"):
            sl.io.write_nir(sl.SpikingModel([("0", weight, ["input"]), ("1", layer, ["0"])]))
    pool = sl.SpikingModel([layers.MaxPool2d(2), layers.IF()])
    with pytest.raises(ValueError, match=r"layer 'maxpool2d0'.*\(MaxPool2d\) is max pooling"):
        sl.io.write_nir(pool, input_shape=(1, 4, 4))


def test_what_only_the_metadata_holds_is_said_once():
    model = sl.SpikingModel([layers.Linear(np.ones((2, 3))), layers.IF(1.0, v_init=0.5)])
    with pytest.warns(
        UserWarning, match="no reset by subtraction.*no initial potentials"
    ) as caught:
        sl.io.write_nir(model)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_plain_models_are_written_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(5):
            model, shape = vectors(np.random.default_rng(seed), plain=True)
            sl.io.write_nir(model, input_shape=shape)


def test_models_of_int16_are_written_with_a_warning():
    model = sl.SpikingModel([layers.Linear(np.ones((2, 3))), layers.IF(1.0, "zero")], dtype="int16")
    with pytest.warns(UserWarning, match="in float32, not in the 16 bits of the model"):
        sl.io.write_nir(model)


def test_the_step_of_the_model_is_that_of_the_graph():
    lif = layers.LIF(1.0, "zero", tau_m=20.0, dt=0.5)
    graph = sl.io.write_nir(sl.SpikingModel([layers.Linear(np.ones((2, 3))), lif]))
    assert graph.metadata["spikelet"]["dt"] == 0.5e-3
    np.testing.assert_allclose(graph.nodes["lif1"].tau, 0.02, rtol=1e-14)
    np.testing.assert_allclose(graph.nodes["lif1"].r, 1.0, rtol=1e-14)


def test_the_shape_of_images_has_to_be_given():
    model = sl.SpikingModel([layers.Conv2d(np.ones((1, 1, 2, 2))), layers.IF(1.0, "zero")])
    with pytest.raises(ValueError, match="input_shape must be the shape of one sample"):
        sl.io.write_nir(model)
    with pytest.raises(ValueError, match=r"layer 'conv2d0'|Conv2d 'conv2d0'"):
        sl.io.write_nir(model, input_shape=(3, 8, 8))
    with pytest.raises(ValueError, match="input_shape must be"):
        sl.io.write_nir(model, input_shape=(0, 8, 8))


@pytest.mark.parametrize("decay", [0.75, 1.0])
def test_a_readout_keeps_its_potential(decay):
    rng = np.random.default_rng(0)
    readout = layers.LI(decay=decay, gain=0.5, v_init=0.25)
    made = [layers.IF(0.5), layers.Linear(rng.normal(size=(3, 5))), readout]
    model = sl.SpikingModel(made, dtype="float64")
    graph = quietly(model, input_shape=(5,))
    x = (rng.random((6, 2, 5)) < 0.6).astype(np.uint8)
    found = sl.io.read_nir(graph).run(x).output
    np.testing.assert_allclose(found, model.run(x, record="v").v, rtol=1e-6)
    assert {type(n).__name__ for n in graph.nodes.values()} >= {"LI" if decay < 1 else "I"}


def test_a_potential_can_be_an_output_and_lead_to_other_layers():
    rng = np.random.default_rng(0)
    biased = layers.Linear(rng.normal(size=(3, 5)), rng.random(3))
    nodes = [
        Node("v", layers.LI(decay=0.75), ("input",)),
        Node("w", biased, ("v",)),
        Node("out", layers.IF(0.5, "zero"), ("w",)),
    ]
    model = sl.SpikingModel(Graph(nodes, outputs=["v", "out"]), dtype="float64")
    x = (rng.random((6, 2, 5)) < 0.6).astype(np.uint8)
    found = sl.io.read_nir(quietly(model, input_shape=(5,))).run(x)
    wanted = model.run(x, record=["v", "out"])
    np.testing.assert_allclose(found.outputs["v_output"], wanted["v"], rtol=1e-12)
    np.testing.assert_array_equal(found.outputs["out_output"], wanted["out"])
    assert wanted["out"].any()


STEPS = {
    "current within the step": (layers.CubaLIF(0.5, "value", -0.25, decay=0.75, gain=0.5, syn_decay=0.5), "euler"),
    "current of the step before": (
        layers.CubaLIF(
            0.5, "subtract", decay=np.exp(-0.25), syn_decay=np.exp(-0.5), syn_gain=-np.expm1(-0.5),
            gain=-np.expm1(-0.25) - (np.exp(-0.25) - np.exp(-0.5)), pull=np.exp(-0.25) - np.exp(-0.5), strict=True,
        ),
        "exact",
    ),
    "drive": (layers.LIF(0.5, "zero", decay=[0.75, 0.5, 0.25], gain=0.5, drive=0.125), "exact"),
    "never reset": (layers.LIF(0.5, "none", decay=0.75), "exact"),
    "readout with a current": (layers.LI(decay=0.75, syn_decay=0.5, syn_gain=0.25, drive=0.1), "euler"),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_neurons_of_each_kind_come_back(name):
    neuron, mode = STEPS[name]
    rng = np.random.default_rng(4)
    model = sl.SpikingModel([layers.Linear(rng.normal(size=(3, 5))), neuron], dtype="float64")
    graph = quietly(model, dt=1e-3)
    assert graph.metadata["spikelet"]["mode"] == mode
    x = (rng.random((30, 2, 5)) < 0.6).astype(np.uint8)
    last = model.graph.output.name
    wanted = model.run(x, record=last)[last]
    np.testing.assert_allclose(sl.io.read_nir(graph).run(x).output, wanted, atol=1e-12)
    assert wanted.any()
    if neuron.has_synapse if hasattr(neuron, "has_synapse") else False:
        other = "exact" if mode == "euler" else "euler"
        with pytest.raises(ValueError, match=f'this is how mode="{mode}" makes steps'):
            sl.io.write_nir(model, mode=other)


def loop(*between, delay=1):
    """A recurrent layer, whose spikes come back through some layers."""
    rng = np.random.default_rng(2)
    nodes = [
        ("back", layers.Delay(delay), ("lif",)),
        ("w", layers.Linear(rng.normal(size=(5, 5)), rng.normal(size=5) / 5), ("back",)),
        *((f"more{k}", layer, (f"more{k - 1}" if k else "w",)) for k, layer in enumerate(between)),
        ("sum", layers.Add(), ("input", f"more{len(between) - 1}" if between else "w")),
        ("lif", layers.LIF(0.5, "zero", decay=0.75, amplitude=2.0), ("sum",)),
        ("out", layers.Linear(rng.normal(size=(2, 5))), ("lif",)),
    ]
    return sl.SpikingModel(nodes, dtype="float64")


@pytest.mark.parametrize(
    ("model", "delays"),
    [
        (loop(), 0),  # the edge that closes the cycle takes the step
        (loop(layers.Linear(np.eye(5)[::-1])), 0),
        (loop(layers.IF(0.5, "zero")), 1),
        (loop(delay=2), 1),
        (loop(delay=[1, 2, 3, 4, 5]), 1),
    ],
)
def test_recurrent_layers_come_back(model, delays):
    graph = quietly(model, input_shape=(5,))
    kinds = [type(node).__name__ for node in graph.nodes.values()]
    assert kinds.count("Delay") == delays
    x = (np.random.default_rng(0).random((20, 3, 5)) < 0.4).astype(np.uint8)
    wanted = model.run(x, record=["lif", "out"])
    found = sl.io.read_nir(graph).run(x, record="lif")
    np.testing.assert_array_equal(found.record["lif"], wanted["lif"])
    np.testing.assert_allclose(found.output, wanted["out"], atol=1e-12)
    if not delays:
        with pytest.raises(
            ValueError, match="layer 'back': makes a network recurrent, and snnTorch's"
        ):
            sl.io.write_nir(model, input_shape=(5,), convention="snntorch")

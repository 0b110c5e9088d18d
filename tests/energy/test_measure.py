"""Operations, states and memory traffic are counted exactly."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.layered import inputs, operations, pair

import spikelet as sl
from spikelet import layers as L
from spikelet.energy import measure
from spikelet.layers import IF, LIF, Conv2d, Flatten, Linear, ReLU
from spikelet.layers.first_spike_program import FirstSpikeProgram
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

CONVOLUTIONS = [
    {},
    {"padding": 1},
    {"padding": (2, 0)},
    {"padding": (0, 2, 1, 0)},
    {"stride": 2, "padding": 1},
    {"stride": (1, 3)},
    {"dilation": 2, "padding": 2},
    {"dilation": (1, 2), "stride": (2, 1), "padding": (0, 3)},
    {"groups": 2, "padding": 1},
    {"groups": 4, "stride": 2},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_counts_are_those_of_brute_force(options, dtype):
    rng = np.random.default_rng(1)
    groups = options.get("groups", 1)
    first = Conv2d(rng.normal(size=(4, 4 // groups, 3, 2)), **options)
    second = Conv2d(rng.normal(size=(8, 4 // groups, 2, 3)), **options)
    layers = [first, IF(0.7), second, IF(0.9), Flatten()]
    x = rng.normal(size=(3, 4, 13, 12)) * (rng.random((3, 4, 13, 12)) < 0.6)
    shapes = Graph(layers).shapes((4, 13, 12))
    size = int(np.prod(shapes["if3"]))
    last = Linear(rng.normal(size=(5, size)))
    model = SpikingModel([*layers, last], dtype=dtype, threads=1)
    steps = 6
    result = model.run(x, steps, record=["if1", "if3"])
    report = measure(model, x, steps).snn
    assert result["if1"].any()
    assert report["conv2d0"].effective_macs == pytest.approx(steps * operations(x, first))
    assert report["conv2d0"].dense_macs == pytest.approx(
        steps * operations(np.ones((1, 4, 13, 12)), first)
    )
    for name, layer, spikes in (("conv2d2", second, "if1"), ("linear5", last, "if3")):
        expected = sum(operations(frame, layer) for frame in result[spikes])
        assert report[name].effective_acs == pytest.approx(expected)
        assert report[name].effective_macs == 0
        dense = operations(np.ones((1, *result[spikes].shape[2:])), layer)
        assert report[name].dense_macs == pytest.approx(steps * dense)
    for name in ("if1", "if3"):
        share = np.count_nonzero(result[name]) / result[name].size
        assert report[name].activation_sparsity == pytest.approx(1 - share)


def test_ann_counts_skip_zeros():
    x = inputs()
    snn, ann = pair(x)
    analog = measure(ann, x, 1)
    values = ann.run(x, 1, record=["relu1", "relu2", "relu3", "relu4"])
    for name, source in (("conv1", x), ("conv2", "relu1"), ("conv3", "relu2"), ("fc2", "relu4")):
        active = source if isinstance(source, np.ndarray) else values[source][0]
        expected = operations(active, ann.graph[name].layer)
        assert analog.snn[name].effective_macs == pytest.approx(expected)
        assert analog.snn[name].effective_acs == 0
    zeros = np.mean(values["relu2"] == 0)
    assert 0 < zeros < 1
    assert analog.snn["relu2"].activation_sparsity == pytest.approx(zeros)
    beside = measure(snn, x, 8, ann=ann)
    assert beside.ann == analog.snn
    total = beside.snn.total
    # Of neurons, an update and a comparison per step; the identity adds each of its spikes to the sum.
    neurons = total.membrane_updates + total.comparisons
    assert total.membrane_updates == total.comparisons == 8 * total.neurons
    joined = beside.snn["relu1"].spikes
    assert beside.snn["add"].other_additions == pytest.approx(joined)
    additions = total.effective_acs + neurons + joined
    assert beside.energy_pj == pytest.approx(0.9 * additions + 4.6 * total.effective_macs)
    assert beside.energy_nj == beside.energy_pj / 1000
    other = beside.ann.total
    assert other.comparisons == other.neurons
    assert beside.ann["add"].other_additions == pytest.approx(
        np.count_nonzero(values["relu1"]) / len(x)
    )
    spent = 4.6 * other.effective_macs + 0.9 * (other.neurons + other.other_additions)
    assert beside.ratio == pytest.approx(beside.energy_pj / spent)
    assert beside.dense_ratio == pytest.approx(
        beside.energy_pj / (4.6 * beside.ann.total.dense_macs)
    )
    assert beside.dense_ratio < beside.ratio


def test_first_layer_can_be_counted_once():
    x = inputs(3)
    snn, _ = pair(x)
    often, once = measure(snn, x, 8), measure(snn, x, 8, first_layer_once=True)
    assert often.snn["conv1"].effective_macs == 8 * once.snn["conv1"].effective_macs > 0
    assert often.snn["conv1"].dense_macs == 8 * once.snn["conv1"].dense_macs > 0
    for name in ("conv2", "conv3", "fc1", "fc2"):
        assert often.snn[name] == once.snn[name]


def test_sizes_of_spikes_are_products_unless_they_are_powers_of_two():
    rng = np.random.default_rng(0)
    ann = [Linear(rng.normal(size=(8, 8))), ReLU(), Linear(rng.normal(size=(5, 8)))]
    x = rng.random((40, 8))
    model = sl.convert(ann, x, steps=4, neuron="multi")
    for ratio, given, multiplied in ((0.5, True, False), (0.7, True, True), (0.7, False, False)):
        layers = {
            name: model.graph[name].layer.replace(level_ratio=ratio) for name in model.neurons
        }
        changed = SpikingModel(model.graph.replaced(layers), threads=1)
        found, done = measure(changed, x, 4, multiply_sizes=given).snn, changed.run(x, 4).operations
        last = model.graph.outputs[0]
        assert done[last].additions > 0
        row = found[last]
        shifted = (done[last].additions, 0.0, done[last].additions)
        assert (row.effective_acs, row.effective_macs, row.other_additions) == pytest.approx(
            (0.0, done[last].additions, 0.0) if multiplied else shifted
        )


def test_ann_segments_run_once():
    rng = np.random.default_rng(0)
    layers = [
        ("a", Linear(rng.random((6, 4))), ["input"]),
        ("relu", ReLU(), ["a"]),
        ("b", Linear(rng.random((6, 6))), ["relu"]),
        ("if", IF(1.0), ["b"]),
        ("c", Linear(rng.random((6, 6))), ["if"]),
        ("waits", ReLU(), ["c"]),
        ("d", Linear(rng.random((3, 6))), ["waits"]),
    ]
    x = rng.random((2, 4))
    found = measure(SpikingModel(layers, threads=1), x, 5).snn
    assert found["a"].effective_macs == 24
    assert found["b"].effective_macs == 5 * 36
    assert found["c"].effective_macs == 0
    assert found["c"].effective_acs == 6 * found["if"].spikes > 0
    assert found["d"].effective_macs == 18
    assert measure(SpikingModel(layers), x, 5, first_layer_once=True).snn["b"].effective_macs == 36
    # Only the ReLU that waits for spikes keeps a sum.
    assert (found["relu"].state_bytes, found["waits"].state_bytes) == (0, 24)
    assert (found["relu"].membrane_updates, found["waits"].membrane_updates) == (0, 30)


@pytest.mark.parametrize(("dtype", "size", "bytes_"), [("float32", 4, None), ("float64", 8, None)])
def test_footprint(dtype, size, bytes_):
    model = SpikingModel(
        [
            Conv2d(np.ones((3, 1, 2, 2)), np.ones(3)),
            IF(np.ones(3)),
            Flatten(),
            Linear(np.ones((2, 27))),
        ],
        dtype=dtype,
    )
    found = measure(model, np.ones((1, 1, 4, 4)), 2).snn
    assert found["conv2d0"].footprint == size * (12 + 3)
    # Thresholds, one v_init and one amplitude; a potential for each neuron.
    assert (found["if1"].parameter_bytes, found["if1"].state_bytes) == (size * 5, size * 27)
    assert found["linear3"].footprint == size * 54
    assert found.total.footprint == size * (15 + 5 + 27 + 54)


def test_states_of_codes():
    bytes_ = []
    for code in ("binary", "signed", "differential"):
        model = SpikingModel([Linear(np.ones((2, 1))), IF(1.0, code=code)], dtype="float64")
        bytes_.append(measure(model, np.ones((1, 1)), 2).snn["if1"].state_bytes)
    assert bytes_ == [16, 32, 64]


@pytest.mark.parametrize(
    "neuron", [IF(1.0, v_init=0.25), LIF(0.5), IF([1.0, 2.0], v_init=[0.0, 1.0])]
)
def test_membrane_updates(neuron):
    weights = np.array([[1.0, 0.0], [0.0, 0.5]])
    model = SpikingModel([Linear(weights), neuron], dtype="float64", threads=1)
    x = np.array([[1.0, 1.0], [0.25, 0.0], [0.0, 0.0]])
    steps = 7
    assert (
        measure(model, x, steps).snn["lif1" if isinstance(neuron, LIF) else "if1"].membrane_updates
        == 14
    )
    decay, gain = neuron.coefficients()
    count = 0
    for sample in x:
        v = np.broadcast_to(neuron.v_init, 2).astype(float)
        for _ in range(steps):
            before = v
            v = decay * v + gain * (weights @ sample)
            fired = v >= neuron.threshold
            v = np.where(fired, v - neuron.threshold, v)
            count += int(((v != before) | fired).sum())
    exact = measure(model, x, steps, count_changes=True, batch_size=2).snn.total.membrane_updates
    assert 0 < exact < 14
    assert exact == pytest.approx(count / 3)


def test_batches_change_nothing():
    x = inputs(7)
    snn, ann = pair(x)
    whole, parts = (measure(snn, x, 6, ann=ann, batch_size=n) for n in (None, 3))
    assert whole.samples == parts.samples == 7
    for a, b in ((whole.snn, parts.snn), (whole.ann, parts.ann)):
        for one, other in zip(a.layers, b.layers, strict=True):
            assert vars(one) == pytest.approx(vars(other))


def test_sequences_and_codings():
    x = inputs(4)
    snn, ann = pair(x)
    raster = (np.random.default_rng(0).random((9, *x.shape)) < 0.3).astype(np.int8)
    found = measure(snn, raster, ann=ann)
    assert (found.snn.steps, found.ann.steps, found.samples) == (9, 1, 4)
    expected = sum(operations(frame, snn.graph["conv1"].layer) for frame in raster)
    assert found.snn["conv1"].effective_acs == pytest.approx(expected)
    assert found.snn["conv1"].effective_macs == 0
    assert found.snn.input_spikes == raster.sum() / 4
    mean = operations(raster.mean(axis=0), snn.graph["conv1"].layer)
    assert found.ann["conv1"].effective_macs == pytest.approx(mean)
    coded = measure(snn, x, 5, coding="latency", first_layer_once=True)
    assert coded.snn["conv1"].effective_macs == 0
    assert coded.snn["conv1"].effective_acs > 0


BAD = [
    ({"technology": "7nm"}, ValueError, "technology must be one of 45nm"),
    ({"technology": 45}, TypeError, "technology must be a name"),
    ({"steps": 0}, ValueError, "steps must be >= 1"),
    ({"steps": 2.5}, TypeError, "steps must be an integer"),
    ({"x": np.zeros((0, 2, 8, 8))}, ValueError, "x must not be empty"),
    ({"x": np.zeros(4)}, ValueError, r"x must have the shape \[B"),
    ({"x": [["a"]]}, TypeError, "x must be an array of numbers"),
    ({"x": np.zeros((1, 3, 8, 8))}, ValueError, "conv1"),
    ({"batch_size": 0}, ValueError, "batch_size must be >= 1"),
    ({"record": "relu1"}, TypeError, "record must not be given"),
    ({"delay": 1}, TypeError, "delay must not be given"),
    ({"ann": "ann"}, TypeError, "ann must be a SpikingModel"),
    ({"model": 3}, TypeError, "model must be a SpikingModel"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input(change, error, message):
    x = inputs(1)
    arguments = {"model": pair(x)[0], "x": x, "steps": 2, **change}
    with pytest.raises(error, match=message):
        measure(**arguments)


def test_the_ann_must_be_one():
    x = inputs(1)
    snn, _ = pair(x)
    with pytest.raises(ValueError, match="ann must not have spiking neurons, got layer 'relu1'"):
        measure(snn, x, 2, ann=snn)


def test_graded_units_and_other_convolutions_are_counted():
    rng = np.random.default_rng(0)
    layers = [
        ("c", L.Conv1d(rng.normal(size=(4, 3, 3)), None, 1, 1), "input"),
        ("n", IF(1.0), "c"),
        ("u", L.Activation("gelu"), "n"),
        ("k", L.Constant(rng.normal(size=(4, 1))), ()),
        ("a", L.Add(), ("u", "k")),
        ("d", L.Conv1d(rng.normal(size=(2, 4, 1))), "a"),
        ("m", IF(1.0), "d"),
        ("s", L.Softmax(0), "m"),
    ]
    snn = SpikingModel(layers, threads=1)
    x = rng.random((3, 3, 5))
    table = measure(snn, x, 8).snn
    result = snn.run(x, 8)
    assert table["u"].effective_macs == 8 * 20
    assert table["u"].dense_macs == 8 * 20
    assert table["u"].state_bytes == 2 * 20 * 4
    assert table["s"].effective_macs == 2 * 10  # only its mean is computed
    assert table["d"].effective_macs == result.operations["d"].products > 0
    assert table["c"].effective_macs > 0
    assert "k" not in [row.name for row in table.layers]


BEFORE_THE_LAST = {
    "a pool with steps of its own": [L.AvgPool2d(3, 2)],
    "a pool in ceil mode": [L.AvgPool2d(2, ceil_mode=True)],
    "an adaptive pool": [L.AdaptiveAvgPool2d((3, 4))],
    "shuffled pixels": [
        Flatten(),
        L.Take(np.random.default_rng(2).permutation(2 * 7 * 9)),
        L.Reshape((2, 7, 9)),
    ],
    "an interpolation": [L.Resize((13, 17), "linear")],
}


@pytest.mark.parametrize("between", BEFORE_THE_LAST.values(), ids=BEFORE_THE_LAST)
@pytest.mark.parametrize("end", [[], [ReLU()]], ids=["the end", "a ReLU"])
def test_values_before_a_layer_of_means_are_counted_at_each_step(between, end):
    rng = np.random.default_rng(3)
    last = Conv2d(rng.normal(size=(5, 2, 2, 2)), rng.normal(size=5))
    neurons = IF([1.0, 0.8], amplitude=[1.0, 0.8])
    model = SpikingModel([neurons, *between, last, *end], threads=1)
    x = rng.random((4, 2, 7, 9)) * (rng.random((4, 2, 7, 9)) < 0.5)
    x[0] = 0
    names = [node.name for node in model.graph]
    source, name = names[len(between)], names[len(between) + 1]
    steps = 6
    values = model.run(x, steps, record=f"{source}.value")[f"{source}.value"]
    expected = sum(operations(frame, last) for frame in values)
    found = measure(model, x, steps).snn[name]
    assert found.effective_macs + found.effective_acs == pytest.approx(expected)
    assert 0 < expected < 0.8 * found.dense_macs
    again = measure(model, x, steps, batch_size=1, until=1e9).snn[name]
    assert again.effective_macs == pytest.approx(found.effective_macs)


def test_leaky_neurons_and_cycles_are_counted():
    rng = np.random.default_rng(0)
    cubas = L.CubaLIF(0.5, tau_syn=3.0, decay=[0.9, 0.8, 0.7, 0.6])
    layers = [
        ("in", Linear(rng.random((4, 3))), ["input"]),
        ("back", L.Delay(1), ["cuba"]),
        ("recurrent", Linear(rng.random((4, 4)) / 9), ["back"]),
        ("sum", L.Add(), ["in", "recurrent"]),
        ("cuba", cubas, ["sum"]),
        ("fc", Linear(rng.random((5, 4))), ["cuba"]),
        ("adaptive", L.ALIF(0.5), ["fc"]),
        ("out", Linear(rng.random((2, 5))), ["adaptive"]),
        ("readout", L.LI(tau_m=10.0), ["out"]),
    ]
    model = SpikingModel(layers, dtype="float64", threads=1)
    steps = 7
    found = measure(model, rng.random((3, 3)), steps, memory=True).snn
    spikes = found["cuba"].spikes
    assert spikes > 0
    assert found["fc"].effective_acs == pytest.approx(5 * spikes)
    # Spikes of the last step arrive after the run.
    assert 4 * (spikes - 4) <= found["recurrent"].effective_acs <= 4 * spikes
    assert found["in"].effective_macs == steps * 12
    assert (
        measure(model, rng.random((3, 3)), steps, first_layer_once=True).snn["in"].effective_macs
        == 12
    )
    # Potential and current; potential and adaptation; potential.
    states = [found[n].state_bytes / 8 for n in ("cuba", "adaptive", "readout")]
    assert states == [2 * 4, 2 * 5, 2]
    updates = [found[n].membrane_updates for n in ("cuba", "adaptive", "readout")]
    assert updates == [steps * 4, steps * 5, steps * 2]
    assert (found["readout"].neurons, found["readout"].spikes) == (0, 0)
    assert found["readout"].memory_pj > 0
    # Threshold, first potential and amplitude, and a decay for each neuron.
    assert found["cuba"].parameter_bytes / 8 == 3 + 4


@pytest.mark.parametrize("neuron", [IF(0.6), LIF(0.3)], ids=["IF", "LIF"])
def test_work_of_neurons_by_hand(neuron):
    rng = np.random.default_rng(0)
    weights, x, steps = rng.normal(size=(4, 3)), rng.random((5, 3)), 6
    model = SpikingModel([neuron, Linear(weights), neuron], dtype="float64", threads=1)
    (decay, gain), add, product = neuron.coefficients(), 0, 0
    for sample in x:
        v = [np.zeros(3), np.zeros(4)]
        for _ in range(steps):
            given = sample
            for k in range(2):
                for i in range(len(v[k])):
                    if decay != 1:
                        v[k][i] *= decay
                        product += 1
                    v[k][i] += gain * given[i]
                    product += gain != 1
                    add += 2  # the update, and the comparison
                fired = v[k] >= neuron.threshold
                v[k] -= fired * neuron.threshold
                given = weights @ fired if k == 0 else None
                add += 4 * fired.sum() if k == 0 else 0  # for each synapse
    found = measure(model, x, steps).snn.total
    assert found.compute_pj == pytest.approx((0.9 * add + 3.7 * product) / len(x))


def test_neurons_that_fire_once_step_by_step():
    rng = np.random.default_rng(3)

    def fire(n):
        return L.FirstSpike(rng.uniform(0.5, 1.5, n), 12)

    nodes = [
        ("a", Conv2d(rng.normal(size=(4, 2, 3, 3)), padding=1), ["input"]),
        ("fa", fire(4), ["a"]),
        ("b", Conv2d(rng.normal(size=(4, 2, 3, 3)), padding=1, groups=2), ["fa"]),
        ("add", L.Add(), ["b", "fa"]),
        ("fb", fire(4), ["add"]),
        ("c", Conv2d(rng.normal(size=(3, 4, 2, 3)), stride=(2, 1), dilation=(2, 1)), ["fb"]),
        ("fc", fire(3), ["c"]),
    ]
    graph, steps = Graph(nodes), 12
    x = rng.random((3, 2, 6, 7), dtype=np.float32)
    program = FirstSpikeProgram("test", graph, graph.shapes((2, 6, 7)), [(0.0, 1.0)], steps, 8)
    names = ["fa", "fb", "fc"]
    found, work = program.run([x], names, 1, step_by_step=True)
    spikes = {name: k for name, (k, _) in zip(names, found, strict=True)}
    updates, compared = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for name, terms in (("fa", ()), ("fb", ("b", "fa")), ("fc", ("c",))):
        for n, k in enumerate(spikes[name]):
            reached = np.zeros(k.shape, bool)
            waits = np.ones(k.shape, bool)
            for t in range(steps):
                for term in terms:
                    now = spikes[graph[term].inputs[0] if term != "fa" else "fa"][n] == steps - t
                    if term == "fa":
                        reached |= now
                    else:
                        layer = graph[term].layer
                        ones = layer.replace(weight=np.ones_like(layer.weight), bias=None)
                        at = SpikingModel([ones], threads=1).run(now[None].astype(float), 1)
                        reached |= at.output[0] > 0
                updates[name] += reached.sum()
                compared[name] += waits.sum()
                waits &= k != steps - t
    assert all(updates[name] for name in names[1:])
    for name in names:
        assert work[name].updates == pytest.approx(updates[name] / 3)
        assert work[name].comparisons == pytest.approx(compared[name] / 3)


def test_a_first_spike_network_beside_its_ann():
    rng = np.random.default_rng(1)
    ann = [
        Linear(rng.normal(size=(16, 8))),
        ReLU(),
        Linear(rng.normal(size=(12, 16))),
        ReLU(),
        Linear(rng.normal(size=(4, 12))),
    ]
    x = rng.random((60, 8), dtype=np.float32)
    snn = sl.convert(ann, x, steps=16, neuron="first_spike")
    report = measure(snn, x, ann=snn.ann, labels=snn.ann.predict(x, steps=1))
    prices = {name: t.name for name, t in report.technologies.items()}
    assert prices == {"snn": "45nm-int8", "ann": "45nm", "int8": "45nm-int8"}
    done = snn.run(x, record=True).operations
    total = report.snn.total
    additions = sum(o.additions + o.updates + o.comparisons for o in done.values())
    products = sum(o.products for o in done.values())
    assert total.compute_pj == pytest.approx(0.1 * additions + 0.3 * products)
    assert 0 < total.membrane_updates <= 16 * (12 + 4)
    other = report.int8.total
    # A ReLU is a comparison, and a product that rounds to 8 bits.
    assert other.compute_pj == pytest.approx(0.3 * other.effective_macs + (0.1 + 3.1) * 28)
    assert report.decisions["ann_accuracy"] == 1.0
    assert report.decisions["int8_agreement"] == report.decisions["int8_accuracy"] > 0.9
    rate, limit = report.break_even
    assert rate == pytest.approx(total.spikes / (16 * 28))
    # At this rate the additions for spikes cost what is left.
    fixed = total.compute_pj - 0.1 * total.effective_acs
    assert limit == pytest.approx(
        max(0, (other.compute_pj - fixed) / (0.1 * total.effective_acs) * rate)
    )

"""Weights of 16 bits: rounded to a grid, summed exactly, and the same however the network is laid out."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import Floats, make, spawn

import spikelet as sl

NEVER: dict[str, Any] = {"V_th": 1e6}
RELAY: dict[str, Any] = {"V_th": -60.0, "E_L": -70.0, "V_reset": -70.0, "t_ref": 0.0}


def relayed(net: sl.Network, steps: int, n: int = 30, seed: int = 4) -> tuple[Any, Floats]:
    """Add neurons that spike at random steps, and return them with what they do, [steps + 1, n]."""
    rng = np.random.default_rng(seed)
    fires = rng.random((steps + 1, n)) < 0.1
    fires[:3] = False  # a spike needs two steps to get through
    at, ids = np.nonzero(fires)
    given = net.population(n, sl.SpikeSource((at - 1) * net.dt, ids, snap=True))
    relay = net.population(n, sl.LIFDelta(**RELAY))
    net.connect(given, relay, sl.OneToOne(), weight=50.0, delay=net.dt)
    return relay, fires.astype(np.float64)


def lists(n_pre: int, n_post: int, size: int, signs: tuple[int, ...]) -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    weight = rng.uniform(0.0, 300.0, size) * rng.choice(signs, size)
    weight = weight.astype(np.float32).astype(np.float64)
    weight[:5] = 0.0
    return (
        rng.integers(0, n_pre, size),
        rng.integers(0, n_post, size),
        weight,
        rng.integers(1, 40, size),
    )


def arrivals(fires: Floats, pre: Any, post: Any, weight: Floats, delay: Any, n: int) -> Floats:
    """Return the sums that arrive, [steps, n]; exact, as all weights are on one grid."""
    sums = np.zeros((len(fires), n))
    for i, j, w, d in zip(pre, post, weight, delay, strict=True):
        sums[d:, j] += w * fires[: len(fires) - d, i]
    return sums[1:]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_are_the_drawn_ones_on_the_grid(dtype: Any) -> None:
    drawn = {}
    for bits in ("float", "int16"):
        net = make(dtype="float64" if bits == "float" else dtype)
        a = net.population(300, sl.LIF())
        drawn[bits] = net.connect(
            a, a, sl.FixedProbability(0.2), weight=sl.Normal(87.8, 8.78), weight_dtype=bits
        )
    fine, coarse = (np.asarray(p.weights, np.float64) for p in drawn.values())
    step = 2.0**-8  # 87.8 + 9 * 8.78 = 167 is below 65536 / 2^8
    np.testing.assert_array_equal(coarse, np.rint(fine / step) * step)
    assert np.abs(coarse - fine).max() < 1e-4 * 87.8
    net.prepare()
    np.testing.assert_array_equal(drawn["int16"].weights, coarse.astype(dtype))
    assert "16-bit weights in steps of 0.003906 pA (error at most 0.002 pA)" in repr(drawn["int16"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("model", "states", "signs"),
    [
        (sl.LIF, ("I_syn_ex", "I_syn_in"), (1, -1)),
        (sl.LIFOneCurrent, ("I_syn",), (1, -1)),
        (sl.LIFCond, ("g_ex", "g_in"), (1, -1)),
    ],
)
def test_what_arrives_is_the_exact_sum(
    model: Any, states: tuple[str, ...], signs: tuple[int, ...], dtype: Any
) -> None:
    steps, n = 200, 130
    net = make(dtype=dtype)
    relay, fires = relayed(net, steps)
    short = {p: 1e-4 for p in ("tau_syn", "tau_syn_ex", "tau_syn_in") if hasattr(model, p)}
    cells = net.population(n, model(**NEVER, **short))
    pre, post, weight, delay = lists(30, n, 5000, signs)
    p = net.connect(
        relay, cells, (pre, post), weight=weight, delay=delay * 0.1, weight_dtype="int16"
    )
    step = 2.0**-7  # the largest is below 300
    on_grid = np.rint(weight / step) * step
    recorders = [net.record(cells, state) for state in states]
    net.run(steps * 0.1)
    if len(states) == 1:
        parts = [on_grid]
    elif model is sl.LIFCond:
        parts = [np.maximum(on_grid, 0.0), np.maximum(-on_grid, 0.0)]
    else:
        parts = [np.maximum(on_grid, 0.0), np.minimum(on_grid, 0.0)]
    for recorder, part in zip(recorders, parts, strict=True):
        expected = arrivals(fires, pre, post, part, delay, n)[:steps].astype(dtype)
        assert (expected != 0).mean() > 0.5
        np.testing.assert_array_equal(recorder.values, expected)
    np.testing.assert_array_equal(np.sort(p.weights), np.sort(on_grid.astype(dtype)))


def test_delta_synapses_and_programs_get_the_same_sums() -> None:
    two = sl.Equations("""
        dx/dt = -x/(10*ms) : pA
        dV_m/dt = (E_L - V_m)/(10*ms) : mV
        """, threshold="V_m >= V_th", reset="V_m = E_L", receptors={"ex": "x += weight"},
        parameters={"E_L": (-70.0, "mV"), "V_th": (1e6, "mV")})  # fmt: skip
    for model, state in ((sl.LIFDelta(V_th=1e6), "V_m"), (two(), "x")):
        values = []
        for bits in ("float", "int16"):
            net = make(dtype="float64")
            relay, _ = relayed(net, 100)
            cells = net.population(100, model)
            pre, post, weight, delay = lists(30, 100, 900, (1,))
            net.connect(
                relay,
                cells,
                (pre, post),
                weight=np.rint(weight),
                delay=delay * 0.1,
                weight_dtype=bits,
            )
            recorder = net.record(cells, state)
            net.run(10.0)
            values.append(np.asarray(recorder.values))
        np.testing.assert_allclose(values[1], values[0], rtol=1e-12)
        assert np.ptp(values[1]) > 1.0


CODE = """
import numpy as np
from tests.network.test_weight_bits import busy, bits
net, cells, spikes, _ = busy(threads={threads}, dtype="{dtype}")
for piece in {pieces}:
    net.run(piece)
print(bits(net, cells, spikes))
"""


def busy(threads: int = 1, dtype: Any = "float32") -> tuple[Any, ...]:
    """Return a network with both kinds of weights in the same channels, and its parts."""
    net = make(threads=threads, dtype=dtype, seed=7)
    E = net.population(1300, sl.LIF(t_ref=1.0), name="E")
    I = net.population(300, sl.LIFOneCurrent(), name="I")
    D = net.population(100, sl.LIFDelta(), name="D")
    for cells, rate in ((E, 9000.0), (I, 9000.0)):
        cells.V_m = sl.Uniform(-70.0, -55.0)
        net.inject(cells, sl.PoissonInput(rate=rate, weight=90.0))
    delay = sl.Uniform(0.1, 4.0)
    p = net.connect(
        E, E, sl.FixedIndegree(40), weight=sl.Normal(60.0, 20.0), delay=delay, weight_dtype="int16"
    )
    net.connect(
        E,
        I,
        sl.FixedTotalNumber(20000),
        weight=sl.Normal(60.0, 6.0),
        delay=delay,
        weight_dtype="int16",
    )
    net.connect(
        I,
        E,
        sl.FixedProbability(0.1),
        weight=sl.Normal(-200.0, 20.0),
        delay=delay,
        weight_dtype=sl.Int16(1000.0),
    )
    net.connect(I, I, sl.FixedProbability(0.1), weight=-90.0, delay=0.7, weight_dtype="int16")
    net.connect(E, E, sl.FixedProbability(0.01), weight=sl.Normal(20.0, 2.0), delay=delay)
    net.connect(
        E,
        D,
        sl.FixedProbability(0.05),
        weight=sl.Normal(1.0, 1.0),
        delay=delay,
        weight_dtype="int16",
    )
    return net, (E, I, D), [net.record(x, "spikes") for x in (E, I, D)], p


def bits(net: Any, cells: Any, spikes: Any) -> str:
    """Hash spikes and states."""
    found = hashlib.sha256()
    for recorder in spikes:
        assert len(recorder.times) > 20
        found.update(np.asarray(recorder.times).tobytes() + np.asarray(recorder.ids).tobytes())
    for population in cells:
        for state in population.model.states:
            found.update(np.asarray(getattr(population, state)).tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_pieces_recorders_and_levels_change_no_bit(dtype: str) -> None:
    found = set()
    for threads, pieces in ((1, (60.0,)), (2, (20.3, 39.7)), (3, (60.0,)), (7, (0.1, 59.9))):
        net, cells, spikes, _ = busy(threads, dtype)
        if threads == 3:
            net.record(cells[0][::5], "I_syn_ex", every=0.7)
            net.record(cells[1], "I_syn", every=0.1)
        for piece in pieces:
            net.run(piece)
        found.add(bits(net, cells, spikes))
    assert len(found) == 1
    for level in sl.available_simd_levels():
        code = CODE.format(threads=2, dtype=dtype, pieces=(60.0,))
        found.add(spawn(code, SPIKELET_SIMD=level).strip())
    assert len(found) == 1


def rounding(projection: Any) -> str:
    """Return what repr says of the grid, or of floats."""
    return repr(projection).partition(" in steps of ")[2]


def test_saved_networks_go_on_alike(tmp_path: Path) -> None:
    net, _, spikes, p = busy()
    net.run(30.0)
    net.save(tmp_path / "half.npz")
    again = sl.Network.load(tmp_path / "half.npz", threads=2)
    for one in (net, again):
        one.run(30.0)
    assert len(spikes[0].times) > 100
    for old, new in zip(net.populations, again.populations, strict=True):
        for state in old.model.states:
            np.testing.assert_array_equal(getattr(old, state), getattr(new, state))
    for old, new in zip(net.projections, again.projections, strict=True):
        np.testing.assert_array_equal(old.weights, new.weights)
        assert rounding(old) == rounding(new)  # the form of the rows may depend on the threads
    assert "16-bit" in repr(p)


@pytest.mark.parametrize("step", [0.01, -0.5, "1", float("nan"), 64.0])
def test_a_damaged_step_is_refused(tmp_path: Path, step: Any) -> None:
    net = make()
    a = net.population(4, sl.LIF())
    net.connect(a, a, sl.AllToAll(), weight=87.75, weight_dtype="int16")
    net.save(tmp_path / "a.npz")
    with (
        zipfile.ZipFile(tmp_path / "a.npz") as old,
        zipfile.ZipFile(tmp_path / "b.npz", "w") as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, _with_step(name, data, step))
    with pytest.raises(ValueError, match="weight_step"):
        sl.Network.load(tmp_path / "b.npz")


def _with_step(name: str, data: bytes, step: Any) -> bytes:
    """Replace the stored step in the member that has it."""
    import io  # noqa: PLC0415

    if b"weight_step" not in data:
        array = np.load(io.BytesIO(data), allow_pickle=False)
        text = str(array) if array.dtype.kind == "U" else ""
        if "weight_step" not in text:
            return data
    array = np.load(io.BytesIO(data), allow_pickle=False)
    kind = array.dtype.kind
    text = bytes(array).decode() if kind in "uiS" else str(array)
    header = json.loads(text)
    header["projections"][0]["weight_step"] = step
    new = json.dumps(header)
    out = io.BytesIO()
    np.save(out, np.frombuffer(new.encode(), np.uint8) if kind in "ui" else np.array(new))
    return out.getvalue()


def test_weights_that_are_set_are_rounded_and_may_change_sign() -> None:
    net, _, _, p = busy()
    net.run(5.0)
    step = 2.0**-8
    new = np.linspace(-100.0, 200.0, len(p))
    for values in (np.abs(new), new, new[::-1]):
        fresh = values.astype(np.float32).astype(np.float64)
        p.weights = fresh
        np.testing.assert_array_equal(p.weights, (np.rint(fresh / step) * step).astype(np.float32))
        net.run(1.0)
        np.testing.assert_array_equal(p.weights, (np.rint(fresh / step) * step).astype(np.float32))
    before = np.array(p.weights)
    with pytest.raises(ValueError, match=r"at most 255\.996 in magnitude, got 300; connect with"):
        p.weights[3] = 300.0
    np.testing.assert_array_equal(p.weights, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_synapses_has_an_exact_sum(dtype: Any) -> None:
    n = 50_000  # 32768 of the largest weight fill 31 bits
    step = 2.0**-9
    weight = np.linspace(100.0, 127.9, n)
    total = np.rint(weight / step).sum() * step
    assert total / step > 2**31

    def arrived(threads: int) -> Any:
        net = make(threads=threads, dtype=dtype)
        a, b = net.population(n, sl.LIF(I_e=1e6)), net.population(200, sl.LIF(V_th=1e300))
        net.connect(a, b, (np.arange(n), np.zeros(n, int)), weight=weight, weight_dtype="int16")
        current = net.record(b, "I_syn_ex")
        net.run(2.0)
        return current.values

    found = arrived(1)
    assert found[found[:, 0] > 0, 0][0] == np.dtype(dtype).type(total)
    np.testing.assert_array_equal(found[:, 1:], 0.0)
    for threads in (2, 3):
        np.testing.assert_array_equal(arrived(threads), found)


def test_projections_together_have_an_exact_sum() -> None:
    n = 3000
    net = make()
    a, b = net.population(n, sl.LIF(I_e=1e6)), net.population(1, sl.LIF(V_th=1e300))
    large = net.connect(a, b, sl.AllToAll(), weight=60_000.0, weight_dtype="int16")
    small = net.connect(a, b, sl.AllToAll(), weight=2.0, weight_dtype="int16")
    current = net.record(b, "I_syn_ex")
    net.run(2.0)
    total = np.asarray(large.weights).sum() + np.asarray(small.weights).sum()
    assert current.values.max() >= total
    assert total in current.values


def test_weights_that_differ_too_much_for_one_sum_are_refused_by_connect() -> None:
    net = make()
    a, b = net.population(3, sl.LIF(I_e=1e6)), net.population(3, sl.LIF(), name="b")
    net.connect(a, b, sl.AllToAll(), weight=1.0, weight_dtype="int16")
    words = r"connect .*within a factor of 32768 .*Int16\(largest=\.\.\.\) for both, or weight_dtype=\"float\""
    for weight in (1e-5, 1e5):
        with pytest.raises(ValueError, match=words):
            net.connect(a, b, sl.AllToAll(), weight=weight, weight_dtype="int16")
    assert len(net.projections) == 1
    net.connect(a, b, sl.AllToAll(), weight=1e-5, weight_dtype=sl.Int16(largest=1.0))
    net.connect(a, b, sl.AllToAll(), weight=1e-5)
    net.connect(a, a, sl.AllToAll(), weight=1e-5, weight_dtype="int16")  # of another population
    net.run(1.0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"weight_dtype": "int8"}, ValueError, 'weight_dtype must be "float", "int16" or sl.Int16'),
        ({"weight_dtype": 16}, TypeError, "weight_dtype must be"),
        ({"weight_dtype": "int16", "plasticity": sl.STDP(w_max=100.0)}, ValueError, "plastic"),
        ({"weight_dtype": sl.Int16(50.0)}, ValueError, "at most 63.999"),
    ],
)
def test_what_cannot_have_16_bits_is_refused(options: Any, error: Any, words: str) -> None:
    net = make()
    a = net.population(5, sl.LIF(), name="a")
    with pytest.raises(error, match=words):
        net.connect(a, a, sl.AllToAll(), weight=87.8, **options)
    assert len(net.projections) == 0


def test_sources_are_refused_because_they_may_spike_twice_in_a_step() -> None:
    net = make()
    a = net.population(5, sl.LIF(), name="a")
    for kind in (sl.SpikeSource([0.1], [0]), sl.PoissonSource(rate=10.0)):
        with pytest.raises(
            ValueError, match=r'connect .*at most once in a step.*weight_dtype="float"'
        ):
            net.connect(net.population(1, kind), a, sl.AllToAll(), weight_dtype="int16")


@pytest.mark.parametrize("largest", [0.0, -1.0, float("inf"), float("nan"), "big"])
def test_int16_needs_a_largest_weight_above_0(largest: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="Int16: largest"):
        sl.Int16(largest)


def sparse(
    threads: int = 1, dtype: Any = "float32", *, filler: int = 0, signs: tuple[int, ...] = (1, -1)
) -> tuple[Any, ...]:
    """Return a network of few synapses for each delay; `filler` more from a source make lines of them."""
    steps, n = 150, 400
    net = make(threads=threads, dtype=dtype)
    relay, fires = relayed(net, steps)
    cells = net.population(n, sl.LIFOneCurrent(**NEVER, tau_syn=1e-4))
    rng = np.random.default_rng(8)
    size = 900
    pre, post = rng.integers(0, 30, size), rng.integers(0, n, size)
    weight = np.rint(rng.uniform(1.0, 30_000.0, size)) * rng.choice(signs, size) / 128.0
    delay = rng.integers(1, 40, size)
    if filler:  # a neuron that nothing reads gets the others
        pre = np.r_[pre, np.repeat(np.arange(30), 40 * 2 * filler)]
        post = np.r_[post, np.full(30 * 40 * 2 * filler, n)]
        delay = np.r_[delay, np.tile(np.repeat(np.arange(1, 41), 2 * filler), 30)]
        weight = np.r_[weight, np.tile([1.0, -1.0], 30 * 40 * filler)]
        cells = net.population(n + 1, sl.LIFOneCurrent(**NEVER, tau_syn=1e-4))
    p = net.connect(
        relay, cells, (pre, post), weight=weight, delay=delay * 0.1, weight_dtype=sl.Int16(400.0)
    )
    given = arrivals(fires, pre[:size], post[:size], weight[:size], delay[:size], n)[:steps]
    return net, p, net.record(cells[:n], "I_syn"), given, steps * 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("signs", [(1,), (-1,), (1, -1)])
def test_queued_rows_and_lines_give_the_exact_sum(signs: tuple[int, ...], dtype: Any) -> None:
    for filler in (0, 64):
        for threads in (1, 2, 3):
            net, p, current, given, end = sparse(threads, dtype, filler=filler, signs=signs)
            for piece in (0.4 * end, 0.6 * end):
                net.run(piece)
            assert ("cache lines" in repr(p)) == (filler > 0)
            # The filler's target is in one partition only.
            assert ("queued rows" in repr(p)) == (filler == 0 or threads > 1)
            assert (given != 0).mean() > 0.1
            np.testing.assert_array_equal(current.values, given.astype(dtype))


def test_weights_set_while_queued_events_are_in_flight_are_those_that_arrive(
    tmp_path: Path,
) -> None:
    found = []
    for filler in (0, 64):
        net, p, _, _, end = sparse(filler=filler)
        net.run(0.5 * end)
        p.weights = np.asarray(p.weights) * 0.5  # the signs stay
        assert ("queued rows" in repr(p)) == (filler == 0)
        net.run(0.1)
        net.save(tmp_path / "a.npz", recorders=True)
        net = sl.Network.load(tmp_path / "a.npz", threads=2)
        net.run(0.2 * end)
        net.projections[-1].weights = -np.asarray(net.projections[-1].weights)
        net.run(0.2 * end)
        found.append(np.asarray(net.recorders[0].values))
    assert np.ptp(found[0][-20:]) > 10.0
    np.testing.assert_array_equal(*found)


def test_weights_of_queued_rows_are_those_given() -> None:
    net, p, _, _, end = sparse()
    given = np.array(p.weights)
    net.run(end)
    assert "queued rows" in repr(p)
    np.testing.assert_array_equal(p.weights, given)
    given[::7] /= 2
    p.weights = given
    np.testing.assert_array_equal(p.weights, np.rint(given * 128) / 128)


def test_queued_rows_of_both_signs_hold_the_longest_delays() -> None:
    net = make(dt=0.1)
    delay = np.array([1, 32_768, 32_769, 65_535] * 2) * 0.1
    given = np.tile([-1.0, 2.0], 4)
    fires = net.population(1, sl.LIF(I_e=1e6, t_ref=1e9))
    cells = net.population(8, sl.LIFOneCurrent(**NEVER, tau_syn=1e-4))
    lists = (np.zeros(8, int), np.arange(8))
    p = net.connect(fires, cells, lists, weight=given, delay=delay, weight_dtype="int16")
    at, current = net.record(fires, "spikes"), net.record(cells, "I_syn")
    net.run(6555.0)
    assert "queued rows" in repr(p)
    np.testing.assert_array_equal(p.delays, delay)
    step, cell = np.nonzero(current.values)
    arrived = np.empty(8)
    arrived[cell] = current.times[step]
    np.testing.assert_allclose(arrived, at.times[0] + delay, rtol=1e-12)


def test_sparse_rows_take_less_memory_than_with_floats() -> None:
    sizes = {}
    for bits in ("float", "int16"):
        net = make()
        a = net.population(2000, sl.LIF())
        delay = sl.Uniform(0.1, 16.0)
        p = net.connect(a, a, sl.FixedIndegree(50), weight=sl.Normal(20.0, 2.0), delay=delay,
                        weight_dtype=bits)  # fmt: skip
        net.prepare()
        assert "queued rows" in repr(p)
        sizes[bits] = net.engine.sim.synapse_bytes() / len(p)
    assert sizes["int16"] < sizes["float"] - 1


def test_more_neurons_than_lines_reach_have_one_partition_of_queued_rows() -> None:
    """Only one thread has such a wide partition; all others give the same bits."""
    n = 70_000
    found = []
    for threads in (1, 2):
        net = make(threads=threads)
        a = net.population(n, sl.LIF(I_e=1e6, t_ref=1.0))
        b = net.population(n, sl.LIF(V_th=1e300))
        p = net.connect(a, b, sl.FixedIndegree(8), weight=sl.Normal(1.0, 3.0),
                        delay=sl.Uniform(0.1, 1.6), weight_dtype="int16")  # fmt: skip
        net.run(4.0)
        assert "queued rows of 16-bit weights" in repr(p)
        found.append([np.array(b.I_syn_ex), np.array(b.I_syn_in), np.array(p.weights)])
    assert np.ptp(found[0][0]) > 0
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_unions_pass_it_on() -> None:
    net = make()
    a, b = net.population(50, sl.LIF()), net.population(60, sl.LIF())
    group = net.connect(a + b, a + b, sl.FixedProbability(0.2), weight=30.0, weight_dtype="int16")
    assert len(group.blocks) == 4
    assert all("steps of" in repr(p) for p in group.blocks)


def test_zeros_need_no_grid() -> None:
    """A projection of nothing but zeros, or of no synapse, does not restrict the grids of others."""
    net = sl.Network()
    a, b = net.population(3, sl.LIF()), net.population(4, sl.LIF())
    none = np.array([], dtype=int)
    net.connect(a, b, sl.AllToAll(), weight=0.5, weight_dtype="int16")
    net.connect(a, b, (none, none), weight=[], weight_dtype="int16")
    zeros = net.connect(a, b, sl.AllToAll(), weight=0.0, weight_dtype="int16")
    net.run(1.0)
    zeros.weights = 0.3
    np.testing.assert_allclose(zeros.weights, 0.3, rtol=1e-6)

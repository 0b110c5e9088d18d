"""Convolutional STDP: the core against plain loops, what must not change a result, bad input."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from tests.conftest import spawn

from spikelet import _core
from spikelet._util import container
from spikelet.models.conv_stdp import SILENT, Conv, ConvSTDP
from spikelet.models.ridge_readout import RidgeReadout

F32 = np.float32
BINS = 5
Array = NDArray[Any]

SMALL = Conv(maps=6, kernel=3, threshold=2.0, window=3, stride=2, winners=3, radius=1)


def pictures(n: int, side: int = 8, seed: int = 0) -> Array:
    """Bars: some dark, some bright, at any place and in four directions."""
    draw = np.random.RandomState(seed)
    y, x = np.mgrid[:side, :side]
    images = np.zeros((n, side, side), F32)
    for k in range(n):
        for _ in range(2):
            angle, at = draw.randint(4) * np.pi / 4, draw.uniform(1, side - 2, 2)
            distance = np.abs((x - at[0]) * np.sin(angle) - (y - at[1]) * np.cos(angle))
            images[k] += draw.uniform(0.5, 1) * (distance < 0.8)
    return images.clip(0, 1)


def waves(n: int, shape: tuple[int, int, int] = (6, 7, 2), seed: int = 0) -> Array:
    draw = np.random.RandomState(seed)
    bins = draw.randint(0, BINS, (n, *shape))
    return np.where(draw.uniform(size=bins.shape) < 0.4, bins, SILENT).astype(np.uint8)


def layer(maps: int = 5, threshold: float = 1.5, shape: tuple[int, int] = (6, 7)) -> Any:
    weights = np.random.RandomState(1).uniform(0.2, 0.8, (3, 3, 2, maps))
    return _core.ConvStdp(weights, np.full(maps, threshold), *shape, BINS)


# The same in loops -----------------------------------------------------------------------------


def potentials(wave: Array, weights: Array) -> Array:
    """Return float32 [bins, rows, columns, maps], added up spike by spike in the core's order."""
    k, _, channels, maps = weights.shape
    rows, columns = wave.shape[0] - k + 1, wave.shape[1] - k + 1
    v = np.zeros((BINS, rows, columns, maps), F32)
    for r in range(rows):
        for c in range(columns):
            total = np.zeros(maps, F32)
            for b in range(BINS):
                for y in range(k):
                    for x in range(k):
                        for channel in range(channels):
                            if wave[r + y, c + x, channel] == b:
                                total = total + weights[y, x, channel]
                v[b, r, c] = total
    return v


def spike_times(wave: Array, weights: Array, thresholds: Array) -> Array:
    above = potentials(wave, weights) >= thresholds
    return np.where(above.any(axis=0), above.argmax(axis=0), SILENT).astype(np.uint8)


def learn(images: Array, weights: Array, thresholds: Array, rule: dict[str, Any]) -> Array:
    """Change weights and thresholds; return each map's wins."""
    maps = weights.shape[3]
    wins = np.zeros(maps, np.uint32)
    up, down, step = F32(rule["a_plus"]), F32(rule["a_minus"]), F32(rule["theta_plus"])
    for wave in images:
        v = potentials(wave, weights)
        spikes = []
        for r, c in np.ndindex(v.shape[1:3]):
            for b in range(BINS):
                excess = v[b, r, c] - thresholds
                if excess.max() >= 0:
                    spikes.append((b, -excess.max(), r, c, int(excess.argmax())))
                    break
        winners: list[tuple[Any, ...]] = []
        for spike in sorted(spikes):
            _, _, r, c, m = spike
            inhibited = [
                m == other or max(abs(r - wr), abs(c - wc)) <= rule["radius"]
                for _, _, wr, wc, other in winners
            ]
            if not any(inhibited) and len(winners) < rule["winners"]:
                winners.append(spike)
        for b, _, r, c, m in winners:
            for y, x, channel in np.ndindex(weights.shape[:3]):
                w = weights[y, x, channel, m]
                both = w * (F32(1) - w)
                if wave[r + y, c + x, channel] <= b:
                    w = w + up * (both if rule["multiplicative"] else F32(1) - w)
                else:
                    w = w - down * (both if rule["multiplicative"] else w)
                weights[y, x, channel, m] = np.clip(w, F32(0), F32(1))
            wins[m] += 1
            thresholds[m] += step
        fall = step * (F32(len(winners)) / F32(maps))
        np.maximum(thresholds - fall, F32(rule["theta_min"]), out=thresholds)
    return wins


# The core --------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.3, 1.5, 4.0, 100.0])
def test_spike_times(threshold: float) -> None:
    core, wave = layer(threshold=threshold), waves(4)
    expected = [spike_times(w, core.weights, core.thresholds) for w in wave]
    np.testing.assert_array_equal(core.respond(wave, 1, 1, 1), expected)


@pytest.mark.parametrize("maps", [1, 16, 17, 70, 130])
def test_numbers_of_maps(maps: int) -> None:
    core, wave = layer(maps), waves(1)
    expected = [spike_times(w, core.weights, core.thresholds) for w in wave]
    np.testing.assert_array_equal(core.respond(wave, 1, 1, 1), expected)


@pytest.mark.parametrize(("window", "stride"), [(1, 1), (2, 2), (3, 1), (2, 3), (9, 4)])
def test_pooling(window: int, stride: int) -> None:
    core, wave = layer(), waves(3)
    times = core.respond(wave, 1, 1, 1).astype(int)
    rows, columns = (max(0, side - window) // stride + 1 for side in times.shape[1:3])
    first, sums = core.respond(wave, window, stride, 1), core.features(wave, window, stride, 1)
    assert first.shape == sums.shape == (3, rows, columns, 5)
    for r, c in np.ndindex(rows, columns):
        at = np.s_[:, r * stride : r * stride + window, c * stride : c * stride + window]
        np.testing.assert_array_equal(first[:, r, c], times[at].min(axis=(1, 2)))
        early = np.where(times[at] == SILENT, 0, BINS - times[at]).sum(axis=(1, 2))
        np.testing.assert_array_equal(sums[:, r, c], early.astype(F32) / F32(BINS))


@pytest.mark.parametrize("multiplicative", [False, True])
@pytest.mark.parametrize(
    ("winners", "radius", "theta_plus"), [(1, 0, 0.0), (3, 1, 0.1), (9, 0, 0.5)]
)
def test_learning(multiplicative: bool, winners: int, radius: int, theta_plus: float) -> None:
    rule = {
        "a_plus": 0.1, "a_minus": 0.06, "multiplicative": multiplicative, "winners": winners,
        "radius": radius, "theta_plus": theta_plus, "theta_min": 1.0,
    }  # fmt: skip
    core, images = layer(), waves(12)
    weights, thresholds = core.weights, core.thresholds
    wins = learn(images, weights, thresholds, rule)
    np.testing.assert_array_equal(core.learn(images, *rule.values()), wins)
    np.testing.assert_array_equal(core.weights, weights)
    np.testing.assert_array_equal(core.thresholds, thresholds)
    assert wins.sum() > len(images) // 2
    assert not np.array_equal(weights, layer().weights)


def test_waves_of_pictures() -> None:
    images, cut = pictures(5, 9), 0.1
    wave = _core.dog_waves(images, 1.0, 2.0, 3, cut, BINS, 1)
    blur = {
        s: gaussian_filter1d(
            gaussian_filter1d(images.astype(float), s, axis=1, radius=3, mode="nearest"),
            s, axis=2, radius=3, mode="nearest",
        )
        for s in (1.0, 2.0)
    }  # fmt: skip
    contrast = blur[1.0] - blur[2.0]
    for image, bins in zip(contrast, wave, strict=True):
        fires = bins != SILENT
        strength = np.stack([image, -image], axis=-1).clip(0)
        assert (strength[fires] > cut * strength.max() - 1e-6).all()
        assert (strength[~fires] < cut * strength.max() + 1e-6).all()
        by_bin = [strength[fires][bins[fires] == b] for b in range(BINS)]
        for early, late in itertools.pairwise(by_bin):
            assert early.min() >= late.max() - 1e-6  # the strongest first
        sizes = [len(b) for b in by_bin]
        assert sum(sizes) == fires.sum()
        assert max(sizes) - min(sizes) <= 1


def test_even_pictures_are_silent() -> None:
    for gray in (0.0, 0.3, 1.0):
        wave = _core.dog_waves(np.full((1, 9, 9), gray, F32), 1.0, 2.0, 3, 0.0, BINS, 1)
        assert (wave == SILENT).all()
    model = ConvSTDP([SMALL], shape=(8, 8))
    assert not model.transform(np.zeros((2, 8, 8))).any()
    before = model.weights[0]
    model.fit(np.zeros((5, 8, 8)))
    np.testing.assert_array_equal(model.weights[0], before)
    assert model.seen == (5,)


# The model -------------------------------------------------------------------------------------


def same(a: ConvSTDP, b: ConvSTDP) -> None:
    assert a.seen == b.seen
    for key in ("weights", "thresholds", "wins"):
        for left, right in zip(getattr(a, key), getattr(b, key), strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.fixture
def two_layers() -> ConvSTDP:
    first = Conv(maps=6, kernel=3, threshold=2.0, window=2, stride=1, winners=3, radius=1)
    second = Conv(maps=7, kernel=2, threshold=3.0, window=2, stride=2, winners=2, radius=0)
    return ConvSTDP([first, second], shape=(8, 8), seed=3)


def test_same_seed_same_bits() -> None:
    images = pictures(40)
    models = [ConvSTDP([SMALL], shape=(8, 8), seed=s).fit(images) for s in (0, 0, 1)]
    same(models[0], models[1])
    assert not np.array_equal(models[0].weights[0], models[2].weights[0])


def test_threads_change_nothing() -> None:
    images = pictures(150)
    one, four = (ConvSTDP([SMALL], shape=(8, 8), threads=n).fit(images) for n in (1, 4))
    same(one, four)
    np.testing.assert_array_equal(one.transform(images), four.transform(images))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_lacks() -> None:
    code = """
import os, signal, threading, time, warnings
import numpy as np
from spikelet.models.conv_stdp import Conv, ConvSTDP
warnings.simplefilter("ignore")
images = np.random.default_rng(0).random((600, 28, 28), np.float32)
model = ConvSTDP([Conv(winners=64)]).fit(images[:5])
def forked():
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            code = 0 if model.weights[0].shape == (5, 5, 2, 128) and model.transform(images[:1]).any() else 2
        except RuntimeError as error:
            code = 3 if "forked" in str(error) else 4
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert forked() == 0
learning = threading.Thread(target=lambda: model.partial_fit(images))
learning.start()
found = set()
while learning.is_alive():
    found.add(forked())
    time.sleep(0.01)
assert 3 in found and found <= {0, 3}, found
assert forked() == 0
print("ok")
"""
    assert spawn(code).strip() == "ok"


def test_parts_change_nothing(two_layers: ConvSTDP) -> None:
    images = pictures(30)
    parts = ConvSTDP(two_layers.layers, shape=(8, 8), seed=3)
    for k in range(2):
        for part in (images[:7], images[7:8], images[8:]):
            parts.partial_fit(part, k)
    same(two_layers.fit(images), parts)
    whole = two_layers.transform(images)
    pieces = [two_layers.transform(images[:11]), two_layers.transform(images[11:])]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))


def test_resume(two_layers: ConvSTDP, tmp_path: Path) -> None:
    images = pictures(1100)

    def interrupt(k: int, seen: int, total: int) -> None:
        if (k, seen) == (1, 500):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two_layers.fit(images, progress=interrupt)
    two_layers.save(tmp_path / "half.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["half.npz"]
    loaded = ConvSTDP.load(tmp_path / "half.npz")
    assert loaded.seen == (1100, 500)
    same(loaded, two_layers)
    whole = ConvSTDP(two_layers.layers, shape=(8, 8), seed=3).fit(images)
    same(loaded.fit(images), whole)
    np.testing.assert_array_equal(loaded.transform(images[:9]), whole.transform(images[:9]))
    assert repr(loaded) == repr(whole)


def test_progress_and_epochs() -> None:
    calls: list[tuple[int, int, int]] = []
    model = ConvSTDP([SMALL], shape=(8, 8))
    model.fit(pictures(6), epochs=3, progress=lambda *call: calls.append(call))
    assert calls == [(0, 6, 18), (0, 12, 18), (0, 18, 18)]
    assert model.wins[0].sum() <= 18 * SMALL.winners


def test_steps_double() -> None:
    images = pictures(12)
    doubling = Conv(maps=6, kernel=3, threshold=2.0, a_plus=0.01, a_minus=0.005,
                    double_every=5, a_plus_max=0.03)  # fmt: skip
    model = ConvSTDP([doubling], shape=(8, 8)).fit(images)
    core = ConvSTDP([doubling], shape=(8, 8))._cores[0]
    wave = ConvSTDP([doubling], shape=(8, 8)).waves(images)[0]
    for part, growth in ((wave[:5], 1), (wave[5:10], 2), (wave[10:], 3)):
        core.learn(part, 0.01 * growth, 0.005 * growth, False, 8, 2, 0.02, 1.0)
    np.testing.assert_allclose(model.weights[0], core.weights, atol=1e-7)


def test_shapes(two_layers: ConvSTDP) -> None:
    images = pictures(3)
    assert two_layers.n_features == 2 * 2 * 7
    assert two_layers.transform(images).shape == (3, 28)
    assert two_layers.transform(images).dtype == F32
    assert [w.shape for w in two_layers.weights] == [(3, 3, 2, 6), (2, 2, 6, 7)]
    assert [w.shape for w in two_layers.waves(images)] == [(3, 8, 8, 2), (3, 6, 6, 6), (3, 4, 4, 7)]
    assert two_layers.transform(images[:0]).shape == (0, 28)
    assert two_layers.fit(images[:0]).seen == (0, 0)


def test_levels_are_thresholds() -> None:
    images = pictures(5)
    model = ConvSTDP([dataclasses.replace(SMALL, levels=(0.5, 1, 2))], shape=(8, 8)).fit(images)
    features = model.transform(images).reshape(5, 2, 2, 3, 6)
    assert (features[..., 0, :] >= features[..., 1, :]).all()
    assert (features[..., 1, :] >= features[..., 2, :]).all()
    plain = model._cores[0].features(model.waves(images)[0], 3, 2, 1)
    np.testing.assert_array_equal(features[..., 1, :], np.sqrt(plain))


def test_homeostasis_shares_the_wins() -> None:
    model = ConvSTDP([SMALL], shape=(8, 8)).fit(pictures(300), epochs=2)
    assert model.wins[0].min() > 0.5 * model.wins[0].mean()


def test_learned_features_beat_untrained_ones() -> None:
    datasets = pytest.importorskip("spikelet.datasets")
    pytest.importorskip("sklearn")
    (x, y), (x_test, y_test) = datasets.digits("train"), datasets.digits("test")
    spec = Conv(maps=24, kernel=3, threshold=2.0, window=3, stride=1, winners=4, radius=1)
    accuracy = []
    for epochs in (0, 4):
        model = ConvSTDP([spec], shape=(8, 8), center=0.5, surround=1.0).fit(x, epochs=epochs)
        readout = RidgeReadout().partial_fit(model.transform(x), y).solve(0.01)
        accuracy.append(float(np.mean(readout.predict(model.transform(x_test)) == y_test)))
    untrained, learned = accuracy
    assert learned > 0.95
    assert learned > untrained + 0.02


# Bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": 0}, "Conv: maps must be >= 1"),
        ({"kernel": -1}, "Conv: kernel must be >= 1"),
        ({"threshold": 0.0}, "Conv: threshold must be > 0"),
        ({"a_plus": -0.1}, r"Conv: a_plus must be in \[0, 1\]"),
        ({"a_minus": np.nan}, "Conv: a_minus must not contain NaN"),
        ({"theta_plus": -1.0}, "Conv: theta_plus must be >= 0"),
        ({"levels": ()}, "Conv: levels must be a sequence of one number or more"),
        ({"levels": (1.0, 0.0)}, "Conv: levels must be > 0 at index 1"),
        ({"bound": "hard"}, 'Conv: bound must be "soft" or "multiplicative", got \'hard\''),
    ],
)
def test_bad_layers(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conv(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": []}, "layers must be one Conv or more"),
        ({"shape": (4, 28)}, "must leave layer 0 at least 5 x 5 positions"),
        ({"layers": [Conv(), Conv(kernel=6)]}, "must leave layer 1 at least 6 x 6 positions"),
        ({"bins": 255}, "bins must be >= 1 and <= 254"),
        ({"center": 0.0}, "center must be > 0"),
        ({"cut": 1.5}, r"cut must be in \[0, 1\]"),
        ({"seed": -1}, "seed must be >= 0"),
        ({"threads": 0}, "threads must be >= 1"),
    ],
)
def test_bad_models(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvSTDP(**change)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "waves"])
def test_bad_images(method: str) -> None:
    call = getattr(ConvSTDP([SMALL], shape=(8, 8)), method)
    good = np.zeros((3, 8, 8))
    for images in (good[0], good[:, :7], good[..., None]):
        with pytest.raises(ValueError, match=rf"ConvSTDP.{method}: images must be \[n, 8, 8\]"):
            call(images)
    for value in (np.nan, -0.5, 1.5, np.inf):
        bad = good.copy()
        bad[1, 2, 3] = value
        with pytest.raises(ValueError, match=rf"ConvSTDP.{method}: images\[1\] must be in .*"):
            call(bad)
    with pytest.raises(TypeError, match="images must be an array of numbers"):
        call(np.zeros((3, 8, 8), complex))


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_a_copy_learns_on_by_itself(copied: Any) -> None:
    images = pictures(60)
    layers = [dataclasses.replace(SMALL, stride=1), SMALL]
    model = ConvSTDP(layers, shape=(8, 8), seed=3, threads=2).partial_fit(images[:40])
    twin = copied(model)
    assert (twin.threads, repr(twin)) == (2, repr(model))
    before = model.weights[0].copy()
    twin.partial_fit(images[40:])
    assert model.seen == (40, 0)
    assert np.array_equal(model.weights[0], before)
    model.partial_fit(images[40:])
    for name in ("weights", "thresholds", "wins"):
        assert all(map(np.array_equal, getattr(model, name), getattr(twin, name)))
    assert np.array_equal(model.transform(images), twin.transform(images))


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not a complete archive"):
        ConvSTDP.load(path)
    with path.open("wb") as file:
        container.write(file, {"format": "other"}, {})
    with pytest.raises(ValueError, match="its format is 'other', not 'spikelet conv-stdp'"):
        ConvSTDP.load(path)
    with pytest.raises(FileNotFoundError):
        ConvSTDP.load(tmp_path / "missing.npz")


def rewrite(path: Path, changes: dict[str, Any], more: dict[str, Any]) -> None:
    """Change the header and the arrays of a file; all checksums are right."""
    header, arrays = container.read(path)
    with path.open("wb") as file:
        container.write(file, header | changes, arrays | more)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("thresholds0", np.ones(5000, F32)), ("thresholds0", np.ones(5, F32)), ("weights0", np.ones((3, 2, 2, 6), F32)),
        ("weights0", np.ones((3, 3, 2, 6))), ("weights0", np.full((3, 3, 2, 6), np.nan, F32)),
        ("wins0", np.full(6, -1)), ("more", np.ones(1)),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_their_header(tmp_path: Path, name: str, value: Any) -> None:
    """Thresholds beyond their number once overflowed the heap."""
    path = tmp_path / "x.npz"
    ConvSTDP([SMALL], shape=(8, 8)).save(path)
    rewrite(path, {}, {name: value})
    with pytest.raises(
        ValueError, match=r"ConvSTDP.load: the file .*x.npz' cannot be read: file: "
    ):
        ConvSTDP.load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"seen": [-1]}, {"seen": [1, 2]}, {"bins": 255}, {"shape": [8]}, {"center": 1e9}, {"more": 1}, {"layers": [{}, {}]},
        {"layers": [{"maps": 65536, "kernel": 28}]},
    ],
    ids=str,
)  # fmt: skip
def test_headers_that_do_not_fit(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "x.npz"
    ConvSTDP([SMALL], shape=(8, 8)).save(path)
    rewrite(path, changes, {})
    with pytest.raises(ValueError, match=r"ConvSTDP.load: the file .*x.npz' cannot be read"):
        ConvSTDP.load(path)


def test_damaged_files(tmp_path: Path) -> None:
    """The archive's own reader raised BadZipFile and NotImplementedError."""
    path = tmp_path / "x.npz"
    model = ConvSTDP([SMALL], shape=(8, 8))
    model.save(path)
    whole, refused = path.read_bytes(), 0
    for byte in range(0, len(whole), 11):
        path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 8]) + whole[byte + 1 :])
        try:
            same(ConvSTDP.load(path), model)
        except ValueError:
            refused += 1
    assert refused > 0.8 * len(whole) / 11


def test_the_core_checks_sizes() -> None:
    w, t = np.ones((3, 3, 2, 5)), np.ones(5)
    for bad in (
        (w, np.ones(5000), 6, 7, BINS), (w[:, :2], t, 6, 7, BINS), (w[0], t, 6, 7, BINS), (w, t, 2, 7, BINS),
        (w, t, 6, 2**62, BINS), (w, t, 6, 7, 0), (w, t, 6, 7, 255),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r".+"):
            _core.ConvStdp(*bad)
    core = layer()
    for call in (core.respond, core.features):
        for wave, window, stride, threads in (
            (waves(1)[:, :5], 1, 1, 1), (waves(1), 0, 1, 1), (waves(1), 1, 0, 1), (waves(1), 1, 1, 0),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=r".+"):
                call(wave, window, stride, threads)
    with pytest.raises(ValueError, match="waves must be"):
        core.learn(waves(1)[:, :5], 0.1, 0.1, False, 1, 1, 0.0, 1.0)
    image = np.ones((1, 4, 4), F32)
    for images, radius, bins, threads in (
        (image[0], 3, 5, 1), (image[:, :0], 3, 5, 1), (image, 2**40, 5, 1), (image, 3, 0, 1), (image, 3, 5, -1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r".+"):
            _core.dog_waves(images, 1.0, 2.0, radius, 0.1, bins, threads)

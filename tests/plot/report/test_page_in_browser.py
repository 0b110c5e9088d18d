"""Reports in a browser: they draw, zoom, hover and pick, and their numbers are those of the objects.

SPIKELET_SCREENSHOTS=FOLDER keeps pictures of the pages, to be looked at.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.plot.report.browser import Browser
from tests.support.layered import inputs, pair

import spikelet as sl
from spikelet.conversion import report
from spikelet.plot.report import training


@pytest.fixture(scope="module")
def page(net, tmp_path_factory) -> Path:
    return net.report(tmp_path_factory.mktemp("report") / "net.html")


@pytest.fixture
def opened(browser, page) -> Browser:
    """Return the browser with the report of the network, as it is when it has just been opened."""
    if browser.run("return location.href") != page.resolve().as_uri():
        browser.open(page)
    whole(browser)
    return browser


def spikes_of(net: sl.Network) -> dict[str, sl.SpikeRecorder]:
    return {r.target.name: r for r in net.recorders if isinstance(r, sl.SpikeRecorder)}


def numbers(row: list[str]) -> list[float]:
    return [float(text.replace("\u202f", "")) for text in row[1:]]


def expected(recorder: Any, start: float, stop: float, rows: tuple[int, int] | None = None) -> list[float]:  # fmt: skip
    """Return the number of neurons, the number of spikes and the rate that a view shows."""
    elements = np.asarray(recorder.target.ids)[slice(*rows) if rows else slice(None)]
    times, ids = recorder.times, recorder.ids
    n = int(((times > start) & (times <= stop) & np.isin(ids, elements)).sum())
    return [len(elements), n, round(1e3 * n / len(elements) / (stop - start), 2)]


PLOT = "document.querySelector('figure .interactive .plot')"


def place(browser: Browser, time: float, row: float) -> tuple[float, float]:
    """Return where a time and a row are in the window [px]."""
    browser.run(f"{PLOT}.scrollIntoView()")
    script = f"""
        const plot = {PLOT}, box = plot.getBoundingClientRect(), layout = plot._fullLayout;
        const x = layout.xaxis, y = layout.yaxis;
        return [box.x + x._offset + x.l2p(arguments[0]), box.y + y._offset + y.l2p(arguments[1])];
    """
    x, y = browser.run(script, time, row)
    return x, y


def whole(browser: Browser) -> None:
    """Go back to the whole."""
    browser.run(f"return Plotly.relayout({PLOT}, {{'xaxis.autorange': true, 'yaxis.autorange': true}})")  # fmt: skip
    browser.wait("return document.querySelector('.span').textContent.startsWith('In view: 0 to 400')")  # fmt: skip


def test_it_draws_without_an_error_and_without_the_network(browser, page):
    browser.open(page)
    assert browser.messages() == []
    loaded = browser.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert [name for name in loaded if not name.startswith(("data:", "blob:"))] == []
    assert browser.run("return document.querySelectorAll('.js-plotly-plot .main-svg').length") > 4
    assert browser.run(f"return {PLOT}.querySelectorAll('canvas').length") > 0
    browser.picture("network")


def test_the_whole_raster_has_all_spikes(opened, net):
    found = {row[0]: numbers(row) for row in opened.table(".view")}
    assert found == {n: expected(r, -1.0, 400.0)[:2] + expected(r, 0.0, 400.0)[2:] for n, r in spikes_of(net).items()}  # fmt: skip
    drawn = opened.run(f"return {PLOT}.data.map((trace) => trace.x.length)")
    assert drawn == [len(r) for r in spikes_of(net).values()]
    times = opened.run(f"return Array.from({PLOT}.data[0].x)")
    np.testing.assert_allclose(times, spikes_of(net)["E <x>"].times, atol=1e-9)
    rates = opened.run("return document.querySelector('.rates').data.map((line) => Array.from(line.y))")  # fmt: skip
    for (*line, last), recorder in zip(rates, spikes_of(net).values(), strict=True):
        assert last == line[-1]  # up to the right edge of the last bin
        counts = sl.statistics.histogram(recorder, bin_size=400.0 / len(line))
        scale = 1e3 / (400.0 / len(line)) / len(recorder.target)
        np.testing.assert_allclose(line, counts * scale, atol=1e-9)


def test_zooming_counts_what_is_in_view(opened, net):
    opened.drag(place(opened, 100.0, 10.5), place(opened, 250.0, 60.5))
    opened.wait("return !document.querySelector('.span').textContent.startsWith('In view: 0 to 400')")  # fmt: skip
    start, stop = opened.run(f"return {PLOT}.layout.xaxis.range")
    low, high = sorted(opened.run(f"return {PLOT}.layout.yaxis.range"))
    assert abs(start - 100) < 2
    assert abs(stop - 250) < 2
    rows = int(np.ceil(low)), int(np.floor(high)) + 1
    assert abs(rows[0] - 11) <= 1
    assert abs(rows[1] - 61) <= 1
    first, last = (round(t / 0.1) * 0.1 + 1e-6 for t in (start, stop))
    (row, outside) = opened.table(".view")
    n, count, rate = numbers(row)
    want = expected(spikes_of(net)["E <x>"], first, last, rows)
    assert (n, count) == tuple(want[:2])
    assert rate == pytest.approx(want[2], abs=0.02)
    assert numbers(outside)[:2] == [0, 0]  # the other population is below
    labels = opened.run(f"return {PLOT}.layout.yaxis.ticktext")
    assert any(label.startswith("E <x> ") for label in labels)
    assert opened.run("return document.querySelector('.rates').layout.xaxis.range") == [start, stop]  # fmt: skip
    opened.picture("network_zoomed")
    whole(opened)
    assert numbers(opened.table(".view")[0])[1] == len(spikes_of(net)["E <x>"])


def test_hovering_names_the_neuron(opened, net):
    recorder = spikes_of(net)["I"]
    # Zoom in on one spike of a part of a population, so that no other one is near.
    row = 3
    element = int(recorder.target.ids[row])
    time = float(recorder.times[recorder.ids == element][0])
    view = {"xaxis.range[0]": time - 5, "xaxis.range[1]": time + 5, "yaxis.range[0]": 84.5, "yaxis.range[1]": 81.5}  # fmt: skip
    opened.run(f"return Plotly.relayout({PLOT}, arguments[0])", view)
    opened.wait(f"return Math.abs({PLOT}.layout.yaxis.range[0] - 84.5) < 1e-6")
    x, y = place(opened, time, 80 + row)
    opened.point((x - 60, y + 30))
    opened.point((x, y))
    opened.wait("return document.querySelector('.neuron').textContent.startsWith('I ')")
    told = opened.find(".neuron").text
    count = int((recorder.ids == element).sum())
    assert told.startswith(
        f"I {element} at {time:g} ms; {count} spikes in all, {count / 0.4:.2f} Hz"
    )
    opened.picture("network_hovered")


def test_populations_can_be_picked(opened, net):
    opened.run(f"{PLOT}.scrollIntoView({{block: 'center'}})")
    box = opened.find(".controls input[name='I']")
    opened.run("arguments[0].click()", box)
    opened.wait("return document.querySelectorAll('.view tbody tr').length === 1")
    assert [row[0] for row in opened.table(".view")] == ["E <x>"]
    assert opened.run(f"return {PLOT}.data.map((trace) => trace.visible !== false)") == [True, False]  # fmt: skip
    assert opened.run("return document.querySelector('.rates').data.length") == 1
    opened.run("arguments[0].click()", box)
    opened.wait("return document.querySelectorAll('.view tbody tr').length === 2")


def test_tables_are_those_of_the_network_and_sort(opened, net):
    rows = opened.run(
        "return [...document.querySelectorAll('table')].at(-1).innerText.trim().split('\\n').map((r) => r.split('\\t'))"
    )
    assert [(r[0], int(r[1].replace("\u202f", ""))) for r in rows[1:]] == [
        (f"{p.pre.name} → {p.post.name}", len(p)) for p in net.projections
    ]
    opened.run("[...document.querySelectorAll('table')].at(-1).querySelectorAll('th button')[1].click()")  # fmt: skip
    rows = opened.run(
        "return [...[...document.querySelectorAll('table')].at(-1).tBodies[0].rows].map((r) => Number(r.cells[1].dataset.value))"
    )
    assert rows == sorted(map(len, net.projections))


def test_rates_are_those_of_the_time_of_observation(browser, tmp_path):
    net = sl.Network(dt=0.1, seed=1)
    E, I = (net.population(5, sl.LIF(I_e=800.0), name=name) for name in "EI")
    net.record(E, "spikes")
    net.run(300.0)
    late = net.record(I, "spikes")
    net.run(100.0)
    browser.open(net.report(tmp_path / "late.html"))
    want = len(late) / 5 / 0.1
    assert want > 0
    old, new = browser.table(".view")
    assert old[3] != ""
    assert numbers(new) == [5, len(late), round(want, 2)]
    x, y = browser.run("const line = document.querySelector('.rates').data[1]; return [line.x, line.y]")  # fmt: skip
    assert all((rate is None) == (time < 300 - 1e-9) for time, rate in zip(x, y, strict=True))
    widths = np.diff(x)[len(x) - 1 - sum(rate is not None for rate in y[:-1]) :]
    rates = np.array([rate for rate in y[:-1] if rate is not None])
    assert (rates * widths).sum() / 100 == pytest.approx(want)
    browser.run(f"return Plotly.relayout({PLOT}, {{'xaxis.range[0]': 0, 'xaxis.range[1]': 200}})")
    browser.wait("return document.querySelector('.span').textContent.startsWith('In view: 0 to 200')")  # fmt: skip
    assert browser.table(".view")[1] == ["I", "5", "0", ""]
    assert browser.messages() == []


def test_a_raster_that_cannot_be_drawn_says_so(browser, page, tmp_path):
    without = "<script>HTMLCanvasElement.prototype.getContext = () => null</script></head>"
    path = tmp_path / "no_webgl.html"
    path.write_text(page.read_text().replace("</head>", without, 1))
    browser.open(path)
    notes = "[...document.querySelectorAll('figure .note')].find((p) => p.textContent.startsWith('This figure could not'))"
    assert browser.run(f"return {notes}.checkVisibility()")
    assert browser.find("picture img").is_displayed()


def test_a_dark_page_has_light_text(page):
    with Browser(dark=True) as dark:
        dark.open(page)
        colors = dark.run(
            f"return [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color, {PLOT}.layout.font.color]"
        )
        assert colors == ["rgb(20, 23, 27)", "rgb(228, 232, 236)", "#e4e8ec"]
        assert dark.messages() == []
        dark.picture("network_dark")


def test_without_javascript_the_summary_can_be_read(page, net):
    with Browser(scripts=False) as plain:
        plain.open(page)
        text = plain.find("main").text
        assert "mean rate" in text
        for population in net.populations:
            assert population.name in text
        image = plain.find("picture img")
        assert image.is_displayed()
        assert int(image.get_property("naturalWidth")) > 500
        assert plain.find("noscript p").is_displayed()
        assert not plain.find(".interactive").is_displayed()
        plain.picture("network_without_scripts")


def test_a_model(browser, tmp_path):
    x = inputs(6)
    compared = report(*pair(x), x, steps=8)
    browser.open(compared.save(tmp_path / "model.html"))
    assert browser.messages() == []
    bars = browser.run("return [...document.querySelectorAll('.plot')].map((p) => Array.from(p.data[0].x))")  # fmt: skip
    assert len(bars) == 6
    np.testing.assert_allclose(bars[0], 100 * compared["error"])
    np.testing.assert_allclose(bars[2], compared["rate"])
    names = browser.run("return document.querySelectorAll('.plot')[0].data[0].y")
    assert names == compared["layer"].tolist()
    browser.picture("model")


def measured(tau: float, w: int, seed: int) -> dict[str, float]:
    return {"rate": 10 * tau * w + seed % 5, "cv": 1 / tau}


def test_a_sweep(browser, tmp_path):
    result = sl.sweep(measured, {"tau": [1.0, 2.0, 3.0], "w": [1, 2]}, seeds=3, executor="serial")
    browser.open(result.report(tmp_path / "sweep.html"))
    assert browser.messages() == []

    def lines() -> dict[str, tuple[list[float], list[float]]]:
        script = "return document.querySelector('.plot').data.filter((t) => t.mode === 'lines').map((t) => [t.name, t.x, t.y])"
        return {name: (x, y) for name, x, y in browser.run(script)}

    table = result.table
    means = table.groupby(["w", "tau"])["rate"].mean()
    found = lines()
    assert list(found) == ["w = 1", "w = 2"]
    for w in (1, 2):
        assert found[f"w = {w}"][0] == [1.0, 2.0, 3.0]
        np.testing.assert_allclose(found[f"w = {w}"][1], means[w])
    browser.picture("sweep")
    pick = (
        "const s = document.querySelector(`select[name='${arguments[0]}']`); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change'))"
    )
    for name, value in (("result", "cv"), ("against", "w"), ("colours by", "(none)")):
        browser.run(pick, name, value)
    browser.wait("return document.querySelector('.plot').layout.yaxis.title.text === 'cv'")
    browser.wait("return document.querySelector('.plot').data.length === 2")
    assert lines() == {"cv": ([1, 2], pytest.approx(table.groupby("w")["cv"].mean().tolist()))}


def test_a_training(browser, tmp_path):
    epochs = [
        SimpleNamespace(epoch=k, loss=1 / k, accuracy=1 - 0.5 / k, test_accuracy=1 - 0.6 / k, spikes=3.0, seconds=1.0)
        for k in range(1, 9)
    ]  # fmt: skip
    browser.open(training.save(epochs, tmp_path / "training.html", None))
    assert browser.messages() == []
    loss, accuracy, _ = browser.run("return [...document.querySelectorAll('.plot')].map((p) => p.data.map((t) => Array.from(t.y)))")  # fmt: skip
    np.testing.assert_allclose(loss[0], [e.loss for e in epochs])
    np.testing.assert_allclose(accuracy[1], [100 * e.test_accuracy for e in epochs])
    browser.picture("training")


def test_many_spikes_stay_interactive(browser, tmp_path):
    rng = np.random.default_rng(0)
    net = sl.Network(dt=0.1, seed=1)
    n = 100_000
    source = sl.SpikeSource(
        np.sort(rng.integers(1, 100_001, n)) * 0.1, rng.integers(0, 5000, n), snap=True
    )
    recorder = net.record(net.population(5000, source, name="many"), "spikes")
    net.run(10_000.0)
    path = net.report(tmp_path / "many.html")
    assert path.stat().st_size < 4e6
    browser.open(path)
    assert numbers(browser.table(".view")[0])[:2] == [5000, n]
    browser.drag(place(browser, 2000.0, 1000.0), place(browser, 3000.0, 2000.0))
    browser.wait("return !document.querySelector('.span').textContent.startsWith('In view: 0 to 10')", 60.0)  # fmt: skip
    assert 0 < numbers(browser.table(".view")[0])[1] < 0.05 * n
    assert len(recorder) == n

"""Measure reports of networks: their size, and how long they take to write and to open in headless Chromium.

    python bench/python/report_sizes.py
    python bench/python/report_sizes.py --picture docs/images/report.png

Needs the extra "report", selenium, Chromium and its driver. A file counts as open when all of its figures are drawn and can be
zoomed; the time starts with the navigation.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import spikelet as sl
from spikelet.cli import bench_harness as harness

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.plot.report.browser import Browser, why_not

SECONDS = 10.0
RATE = 10.0  # Hz


def network(spikes: int) -> sl.Network:
    """Return a network of Poisson sources that sent about so many spikes in 10 s."""
    net = sl.Network(dt=0.1, seed=1)
    n = round(spikes / SECONDS / RATE)
    for name, size in (("E", n * 4 // 5), ("I", n // 5)):
        net.record(net.population(size, sl.PoissonSource(rate=RATE), name=name), "spikes")
    net.run(1e3 * SECONDS)
    return net


def zoom(browser: Browser) -> float:
    """Zoom into a tenth of the raster's time, and return the seconds until its counts are there."""
    plot = "document.querySelector('figure .interactive .plot')"
    start = time.perf_counter()
    browser.run(f"Plotly.relayout({plot}, {{'xaxis.range[0]': 2000, 'xaxis.range[1]': 3000}})")
    browser.wait(
        "return document.querySelector('.span').textContent.startsWith('In view: 2')", 120.0
    )
    return time.perf_counter() - start


def picture(path: Path) -> None:
    """Save a picture of the upper part of a report, of the network in docs/reports.md."""
    net = sl.Network(dt=0.1, seed=1)
    E, I = net.population(400, sl.LIF(), name="E"), net.population(100, sl.LIF(), name="I")
    net.inject(E + I, sl.PoissonInput(rate=9_000.0, weight=20.0))
    net.connect(E, E + I, sl.FixedProbability(0.2), weight=10.0, delay=1.5)
    net.connect(I, E + I, sl.FixedProbability(0.2), weight=-50.0, delay=1.5)
    for population in (E, I):
        net.record(population, "spikes")
    net.run(500.0)
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        browser.open(net.report(Path(folder) / "run.html", title="A balanced network"))
        browser.driver.set_window_size(900, 1130)
        time.sleep(1.0)
        browser.driver.save_screenshot(str(path))
    from PIL import Image  # noqa: PLC0415  # comes with matplotlib

    Image.open(path).convert("RGB").quantize(32, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Measure, or save a picture."""
    parser = harness.parser(__doc__, runs=3)
    parser.add_argument("--spikes", type=float, nargs="+", default=[1e4, 1e5, 1e6])
    parser.add_argument("--picture", type=Path, help="save a picture of a report instead")
    args, origin = parser.parse_args(), harness.about()
    if why_not():
        raise SystemExit(f"report_sizes.py {why_not()}")
    if args.picture:
        picture(args.picture)
        return

    def once(count: float, _: int) -> harness.Record:
        with tempfile.TemporaryDirectory() as folder:
            net, path = network(int(count)), Path(folder) / "report.html"
            net.report(path)  # the first one compresses plotly.js
            start = time.perf_counter()
            net.report(path)
            written = time.perf_counter() - start
            with Browser() as browser:
                opened, zoomed = browser.open(path) / 1e3, zoom(browser)
            return {
                "spikes": sum(len(r) for r in net.recorders), "neurons": sum(p.size for p in net.populations),
                "mb": path.stat().st_size / 1e6, "wall_s": written, "open_s": opened, "zoom_s": zoomed,
            }  # fmt: skip

    results = harness.take_turns(args.spikes, range(args.runs), once, "{wall_s:.1f} s")
    columns: dict[str, harness.Column] = {
        "spikes": "spikes .0f", "neurons": "neurons .0f", "file (MB)": "mb .1f", "written (s)": "wall_s .1f",
        "open (s)": "open_s .1f", "zoom (s)": "zoom_s .1f",
    }  # fmt: skip
    harness.show(args, origin, results, [harness.table(results, [], columns)])


if __name__ == "__main__":
    main()

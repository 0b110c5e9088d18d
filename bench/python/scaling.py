"""Show how cost grows with neurons, in-degree, firing rate, delays and threads.

    python bench/python/scaling.py --runs 3 --out scaling.png
    python bench/python/scaling.py --keep FOLDER --budget 60 --repeat-disturbed    # a part of it
    python bench/python/scaling.py --keep FOLDER --plastic paths.json --out scaling.png

The output is a table for each and a figure. The network is that of driven.py. Each run of each point
has its own process, and the points take turns. Times of runs with one thread are CPU times. With --keep, finished runs stay in a folder and are not
repeated. --plastic adds a panel of what `plastic_paths.py --json` measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from driven import MOST_EVENTS, Point
from models import DT

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record, middle

WORKER = Path(__file__).with_name("worker.py")


MEASURABLE = 0.1
"""If synapses cost less than this fraction of the neurons, their cost is lost in timing noise."""


def split(runs: list[Record]) -> float | None:
    """Return the ns per event that the synapses add, or None if they are too few to measure."""
    added = (middle(runs, "wall_s") or 0.0) / (middle(runs, "idle_wall_s") or 1.0) - 1
    return middle(runs, "ns_per_event") if added > MEASURABLE else None


def figure(key: str) -> Callable[[list[Record]], float | None]:
    return lambda runs: middle(runs, key)


COSTS: dict[str, tuple[str, str, Callable[[list[Record]], float | None]]] = {
    "ns/event, synapses": ("o-", ".2f", split),
    "ns/event, all work": ("o--", ".2f", figure("ns_per_event_all")),
    "ns/neuron-step": ("s-", ".2f", figure("ns_per_neuron_step")),
    "bytes/synapse": ("^:", ".1f", figure("bytes_per_synapse")),
    "ns/synapse built": ("v:", ".0f", figure("ns_per_synapse_built")),
}
"""What the page and the figure show: the style of a curve, the format of a number, and the figure of some runs."""


class Spot(NamedTuple):
    """A position on an axis."""

    x: str


@dataclass(frozen=True)
class Axis:
    """The points of one table and one panel."""

    name: str
    points: dict[float, Point]
    """The network at each position on the axis."""


def axes(threads: list[int], *, quick: bool) -> list[Axis]:
    """Return all axes; each changes one thing only, and the rest stays at the values given here.

    One number of threads makes no axis.
    """
    size, few, most = (1000, 10, 100) if quick else (20_000, 10, 10_000)
    base = Point(neurons=size, indegree=few if quick else 1000, rate=10.0)
    sizes = [1000, 2000] if quick else [1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
    degrees = [few, most] if quick else [few, 30, 100, 300, 1000, 3000, most]
    rates = [1.0, 100.0] if quick else [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]
    spreads = [1, 64] if quick else [1, 4, 16, 64, 160, 500]
    large = replace(base, neurons=10 * size, indegree=few if quick else 100)
    found = [
        Axis(f"neurons, in-degree {large.indegree}", {n: replace(large, neurons=n) for n in sizes}),
        Axis(
            f"neurons, in-degree {large.indegree}, delays of 1 to 16 steps",
            {n: replace(large, neurons=n, shortest=1, longest=16) for n in sizes},
        ),
        # All synapses at the largest in-degree must fit into memory.
        Axis(
            f"in-degree, {size // 2} neurons",
            {k: replace(base, neurons=size // 2, indegree=k) for k in degrees},
        ),
        Axis("rate in Hz" + _of(base), {r: replace(base, rate=r) for r in rates}),
        Axis(
            "longest delay in steps" + _of(base),
            {d: replace(base, shortest=1, longest=d) for d in spreads},
        ),
        Axis("threads" + _of(base), {t: replace(base, threads=t) for t in threads}),
        Axis("threads" + _of(large), {t: replace(large, threads=t) for t in threads}),
    ]
    return found if len(threads) > 1 else found[:-2]


def _of(point: Point) -> str:
    return f", {point.neurons} neurons of in-degree {point.indegree}"


def lasting(point: Point, seconds: float) -> Point:
    """Return the point with windows of about the given wall time."""
    steps = 1e3 / DT
    # Rough costs of a neuron-step and an event on typical machines.
    per_second = point.neurons * (0.5e-9 * steps + 1e-9 * point.indegree * point.rate)
    countable = MOST_EVENTS / 2 / (point.indegree * point.rate)
    length = min(max(seconds / per_second, 0.1), 60.0, countable)
    return replace(point, model_ms=100.0 * max(1, int(10 * length)))


def name_of(settings: dict[str, Any]) -> str:
    """Return the name of the file of a run, which has all of its settings: runs of other lengths are other runs."""
    return (
        "-".join(f"{v:g}" if isinstance(v, float) else str(v) for v in settings.values()) + ".json"
    )


def run_all(points: list[Point], args: argparse.Namespace) -> dict[Point, list[Record]]:
    """Run all points with all seeds, or take kept runs; a point that fails is not repeated."""
    until = monotonic() + args.budget if args.budget else float("inf")

    def once(point: Point, seed: int) -> Record:
        settings = asdict(replace(lasting(point, args.seconds), seed=seed, dtype=args.dtype))
        path = args.keep and args.keep / name_of(settings)
        record = harness.kept(path, undisturbed=args.repeat_disturbed) if path else None
        if record is None and monotonic() > until:
            return harness.kept(path) or {"missing": "not run yet"}
        if record is None:
            record = harness.call(sys.executable, WORKER, "driven.run", settings, threads=point.threads)  # fmt: skip
            if path and "wall_s" in record:
                path.write_text(json.dumps(record), encoding="utf-8")
        return record

    text = "{wall_s:.3f} s, {idle_wall_s:.3f} s without synapses"
    return harness.take_turns(points, range(args.seed, args.seed + args.runs), once, text)


def table(axis: Axis, results: dict[Point, list[Record]]) -> str:
    """Return one axis as a Markdown table."""

    def added(_: object, runs: list[Record]) -> str:
        found = split(runs)
        return "-" if found is None else f"{found:.3f}"

    columns = {
        "synapses": "synapses .3g",
        "build s": "build_s .3f",
        "ns/synapse built": "ns_per_synapse_built .1f",
        "bytes/synapse": "bytes_per_synapse .2f",
        "sim wall s (min..max)": harness.spread("wall_s"),
        "without synapses": "idle_wall_s .4g",
        "model ms": "model_ms g",
        "rate Hz": "rate_hz .3g",
        "events": "events .4g",
        "ns/event, all work": "ns_per_event_all .3f",
        "ns/event, synapses": added,
        "ns/neuron-step": "ns_per_neuron_step .3f",
        "peak RSS MB": "peak_rss_mb .0f",
    }
    spots = {Spot(f"{x:g}"): results[point] for x, point in axis.points.items()}
    return f"### {axis.name}\n\n{harness.table(spots, ('x',), columns)}"


def brief(all_axes: list[Axis], results: dict[Point, list[Record]]) -> str:
    """Return the costs of all axes as one Markdown table."""
    lines = []
    for axis in all_axes:
        for x, point in axis.points.items():
            runs = results[point]
            if "wall_s" in runs[0]:
                place = f"{x:,.0f}".replace(",", " ") if x >= 1 else f"{x:g}"
                costs = [(of(runs), form) for _, form, of in COSTS.values()]
                cells = ["-" if cost is None else format(cost, form) for cost, form in costs]
                lines.append([axis.name, place, *cells])
    return harness.markdown(("axis", "at", *COSTS), lines)


def draw(
    all_axes: list[Axis], results: dict[Point, list[Record]], plastic: dict[str, Any], path: Path
) -> None:
    """Draw one figure with a panel for each axis, and one for plastic synapses if there are any."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # only the figure needs it

    columns = (len(all_axes) + 2) // 2
    fig = Figure(figsize=(4.3 * columns, 8), layout="constrained")
    panels = fig.subplots(2, columns)
    for axis, panel in zip(all_axes, panels.flat, strict=False):
        panel.sharey(panels[0, 0])
        done = {x: results[p] for x, p in axis.points.items() if "wall_s" in results[p][0]}
        for label, (style, _, of) in COSTS.items():
            known = {x: y for x, runs in done.items() if (y := of(runs)) is not None and y > 0}
            panel.plot(list(known), list(known.values()), style, label=label, markersize=4)
        name, _, rest = axis.name.partition(", ")
        panel.set(xscale="log", yscale="log", xlabel=name, title=rest)
        panel.grid(which="major", alpha=0.3)
        if name == "threads":
            panel.set_xticks(list(axis.points), [f"{x:g}" for x in axis.points])
            panel.minorticks_off()
    last = panels[-1, -1]
    if plastic:
        bars(plastic, last)
    else:
        last.set_axis_off()
    fig.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    for row in panels:
        row[0].set_ylabel("ns or bytes")
    fig.savefig(path, dpi=120)


def bars(plastic: dict[str, list[Record]], panel: Any) -> None:
    """Draw the cost of an event for each kind of plastic synapse."""
    kinds: dict[str, dict[str, float]] = {}
    for name, runs in plastic.items():
        rule, _, delays = name.rpartition(", ")
        kinds.setdefault(rule, {})[delays] = middle(runs, "ns_per_event") or 0.0
    for shift, delays in ((-0.2, "one delay"), (0.2, "mixed delays")):
        known = {k: found[delays] for k, found in enumerate(kinds.values()) if delays in found}
        panel.barh([k + shift for k in known], list(known.values()), 0.4, label=delays)
    panel.set_yticks(range(len(kinds)), list(kinds), fontsize=7)
    panel.invert_yaxis()
    panel.set(xlabel="ns per event", title="plastic synapses of in-degree 1000")
    panel.grid(axis="x", alpha=0.3)
    panel.legend(fontsize=8)


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__, runs=3, seed=1)
    add = parser.add_argument
    add("--threads", type=int, nargs="+", default=[1, 2], help="numbers on the last axes")
    add("--dtype", choices=["float32", "float64"], default="float32")
    add("--seconds", type=float, default=0.5,
        help="approximate wall time of a window; a run has three of each network (default: 0.5)")  # fmt: skip
    add("--keep", type=Path, metavar="FOLDER", help="keep finished runs there, and reuse them")
    add("--budget", type=float, metavar="S", help="start no run after S seconds; needs --keep")
    add("--repeat-disturbed", action="store_true",
        help="repeat kept runs during which other programs were busy")  # fmt: skip
    add("--plastic", type=Path, metavar="PATH", help="draw also what plastic_paths.py --json wrote")
    add("--quick", action="store_true", help="use tiny networks and one run, as a smoke test")
    add("--out", type=Path, metavar="PATH", help="draw the figure into this file (matplotlib)")
    args: argparse.Namespace = parser.parse_args()
    if args.budget and not args.keep:
        parser.error("--budget needs --keep")
    if args.quick:
        args.runs, args.seconds = 1, 0.01
    return args


def main() -> None:
    args, origin = arguments(), harness.about()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    all_axes = axes(args.threads, quick=args.quick)
    results = run_all(list({p: None for axis in all_axes for p in axis.points.values()}), args)
    if args.out:
        plastic = json.loads(args.plastic.read_text())["paths"] if args.plastic else {}
        draw(all_axes, results, plastic, args.out)
    texts = {axis.name: table(axis, results) for axis in all_axes} | {
        "all": brief(all_axes, results)
    }
    harness.show(
        args, origin, (run for group in results.values() for run in group), texts,
        cases=[{"axis": axis.name, "x": x, "runs": results[point]}
               for axis in all_axes for x, point in axis.points.items()],
    )  # fmt: skip


if __name__ == "__main__":
    main()

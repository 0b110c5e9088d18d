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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from driven import MOST_EVENTS, Point
from models import DT

from spikelet.cli.bench_harness import (
    Record,
    about,
    busy,
    has_place,
    headline,
    kept,
    place_of,
    put,
    run,
)

WORKER = Path(__file__).with_name("driven.py")

TABLE = "scaling.py"

MEASURABLE = 0.1
"""If synapses cost less than this fraction of the neurons, their cost is lost in timing noise."""

HEADER = (
    "synapses", "build s", "ns/synapse built", "bytes/synapse", "sim wall s",
    "(min..max)", "without synapses", "model s", "rate Hz", "events/window", "ns/event, all work",
    "ns/event, synapses", "ns/neuron-step", "peak RSS MB",
)  # fmt: skip


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
        Axis(
            f"neurons, in-degree {few if quick else 100}",
            {n: Point(neurons=n, indegree=few if quick else 100, rate=10.0) for n in sizes},
        ),
        Axis(
            f"neurons, in-degree {few if quick else 100}, delays of 1 to 16 steps",
            {
                n: Point(
                    neurons=n, indegree=few if quick else 100, rate=10.0, shortest=1, longest=16
                )
                for n in sizes
            },
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
    results: dict[Point, list[Record]] = {point: [] for point in points}
    for seed in range(args.seed, args.seed + args.runs):
        for point, runs in results.items():
            if runs and "wall_s" not in runs[-1]:
                continue
            settings = asdict(replace(lasting(point, args.seconds), seed=seed, dtype=args.dtype))
            record = None
            if args.keep:
                path = args.keep / name_of(settings)
                record = kept(path, undisturbed=args.repeat_disturbed)
            if record is None and monotonic() > until:
                record = kept(path) or {"missing": "not run yet"}
            if record is None:
                command = [sys.executable, str(WORKER)]
                command += [f"--{name}={value}" for name, value in settings.items()]
                record = run(command, point.threads)
                if args.keep and "wall_s" in record:
                    path.write_text(json.dumps(record), encoding="utf-8")
            if "wall_s" in record:
                runs.append(record)
                text = f"{record['wall_s']:.3f} s, {record['idle_wall_s']:.3f} s without synapses"
            else:
                runs[:] = [record]
                text = next(f"{key}: {value}" for key, value in record.items())
            print(f"{point} seed {seed}: {text}", file=sys.stderr, flush=True)
    return results


def middle(runs: list[Record], key: str) -> float:
    """Return the median over the runs."""
    return float(median(run[key] for run in runs))


def split(runs: list[Record]) -> float | None:
    """Return the ns per event that the synapses add, or None if they are too few to measure."""
    wall, idle = middle(runs, "wall_s"), middle(runs, "idle_wall_s")
    return middle(runs, "ns_per_event") if wall - idle > MEASURABLE * idle else None


def table(axis: Axis, results: dict[Point, list[Record]]) -> str:
    """Return one axis as a Markdown table."""
    lines: list[tuple[str, ...]] = [(axis.name.split(",")[0], *HEADER)]
    lines.append(("---",) * len(lines[0]))
    for x, point in axis.points.items():
        runs = results[point]
        if "wall_s" not in runs[0]:
            why = next(f"{key}: {text}" for key, text in runs[0].items()).replace("|", "/")
            lines.append((f"{x:g}", why, *[""] * (len(HEADER) - 1)))
            continue
        synapses, added = middle(runs, "synapses"), split(runs)
        low, high = (f(run["wall_s"] for run in runs) for f in (min, max))
        lines.append(
            (
                f"{x:g}",
                f"{synapses:.3g}",
                f"{middle(runs, 'build_s'):.3f}",
                f"{middle(runs, 'build_s') * 1e9 / synapses:.1f}",
                f"{middle(runs, 'bytes_per_synapse'):.2f}",
                f"{middle(runs, 'wall_s'):.4g}",
                f"({low:.4g}..{high:.4g})",
                f"{middle(runs, 'idle_wall_s'):.4g}",
                f"{middle(runs, 'model_ms') * 1e-3:g}",
                f"{middle(runs, 'rate_hz'):.3g}",
                f"{middle(runs, 'events') / middle(runs, 'windows'):.4g}",
                f"{middle(runs, 'ns_per_event_all'):.3f}",
                "-" if added is None else f"{added:.3f}",
                f"{middle(runs, 'ns_per_neuron_step'):.3f}",
                f"{middle(runs, 'peak_rss_mb'):.0f}",
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def brief(all_axes: list[Axis], results: dict[Point, list[Record]]) -> str:
    """Return the costs of all axes as one Markdown table."""
    head = ("", "", "ns/event, synapses", "ns/event, all work", "ns/neuron-step", "bytes/synapse", "ns/synapse built")  # fmt: skip
    lines: list[tuple[str, ...]] = [head, ("---",) * len(head)]
    for axis in all_axes:
        for x, point in axis.points.items():
            runs = results[point]
            if "wall_s" not in runs[0]:
                continue
            added = split(runs)
            lines.append(
                (
                    axis.name,
                    f"{x:,.0f}".replace(",", " ") if x >= 1 else f"{x:g}",
                    "-" if added is None else f"{added:.2f}",
                    f"{middle(runs, 'ns_per_event_all'):.2f}",
                    f"{middle(runs, 'ns_per_neuron_step'):.2f}",
                    f"{middle(runs, 'bytes_per_synapse'):.1f}",
                    f"{middle(runs, 'build_s') * 1e9 / middle(runs, 'synapses'):.0f}",
                )
            )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(
    all_axes: list[Axis],
    results: dict[Point, list[Record]],
    plastic: dict[str, list[Record]],
    path: Path,
) -> None:
    """Draw one figure with a panel for each axis, and one for plastic synapses if there are any."""
    import matplotlib as mpl  # noqa: PLC0415  # only the figure needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    columns = (len(all_axes) + 2) // 2
    fig, panels = plt.subplots(2, columns, figsize=(4.3 * columns, 8), layout="constrained")
    for axis, panel in zip(all_axes, panels.flat, strict=False):
        panel.sharey(panels[0, 0])
        done = {x: results[p] for x, p in axis.points.items() if "wall_s" in results[p][0]}
        curves = {
            "ns per event, synapses alone": ("o-", {x: split(runs) for x, runs in done.items()}),
            "ns per event, all work": (
                "o--", {x: middle(runs, "ns_per_event_all") for x, runs in done.items()}
            ),
            "ns per neuron-step": (
                "s-", {x: middle(runs, "ns_per_neuron_step") for x, runs in done.items()}
            ),
            "bytes per synapse": (
                "^:", {x: middle(runs, "bytes_per_synapse") for x, runs in done.items()}
            ),
            "ns per synapse, building": (
                "v:",
                {x: m(r, "build_s") * 1e9 / m(r, "synapses") for m in [middle] for x, r in done.items()},
            ),
        }  # fmt: skip
        for label, (style, curve) in curves.items():
            known = {x: y for x, y in curve.items() if y is not None and y > 0}
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
    plt.close(fig)


def bars(plastic: dict[str, list[Record]], panel: Any) -> None:
    """Draw the cost of an event for each kind of plastic synapse."""
    kinds: dict[str, dict[str, float]] = {}
    for name, runs in plastic.items():
        rule, _, delays = name.rpartition(", ")
        kinds.setdefault(rule, {})[delays] = middle(runs, "ns_per_event")
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--runs", type=int, default=3, help="runs with different seeds (default: 3)")
    add("--seed", type=int, default=1, help="seed of the first run (default: 1)")
    add("--threads", type=int, nargs="+", default=[1, 2], help="numbers on the last axes")
    add("--dtype", choices=["float32", "float64"], default="float32")
    add("--seconds", type=float, default=0.5,
        help="approximate wall time of a window; a run has three of each network (default: 0.5)")  # fmt: skip
    add(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="keep finished runs there, and do not repeat them",
    )
    add("--budget", type=float, metavar="S", help="start no run after S seconds; needs --keep")
    add("--repeat-disturbed", action="store_true",
        help="repeat kept runs during which other programs were busy")  # fmt: skip
    add("--page", type=Path, metavar="PATH", help="put a table of all costs into this page")
    add("--plastic", type=Path, metavar="PATH", help="draw also what plastic_paths.py --json wrote")
    add("--quick", action="store_true", help="use tiny networks and one run, as a smoke test")
    add("--out", type=Path, metavar="PATH", help="draw the figure into this file (matplotlib)")
    add("--json", type=Path, metavar="PATH", help="write all runs and the machine to this file")
    args = parser.parse_args()
    if args.runs < 1 or min(args.threads) < 1 or args.seconds <= 0:
        parser.error("--runs, --threads and --seconds must be positive")
    if args.page and not has_place(args.page, TABLE):
        parser.error(f"--page {args.page}: it must have the lines {' and '.join(place_of(TABLE))}")
    if args.budget and not args.keep:
        parser.error("--budget needs --keep")
    if args.quick:
        args.runs, args.seconds = 1, 0.01
    return args


def main() -> None:
    args = arguments()
    host = about()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    all_axes = axes(args.threads, quick=args.quick)
    results = run_all(list({p: None for axis in all_axes for p in axis.points.values()}), args)
    runs = [run for group in results.values() for run in group]
    versions = next((run["versions"] for run in runs if "versions" in run), {})
    print(headline(host))
    print(", ".join(f"{k} {v}" for k, v in versions.items()) or "nothing ran")
    print(f"dt {DT} ms; {args.dtype}; seeds {args.seed} to {args.seed + args.runs - 1}; medians")
    if warning := busy(runs):
        print(warning)
    for axis in all_axes:
        print(f"\n### {axis.name}\n\n{table(axis, results)}")
    if args.out:
        plastic = json.loads(args.plastic.read_text()) if args.plastic else {}
        draw(all_axes, results, plastic, args.out)
        print(f"\nfigure: {args.out}")
    if args.page:
        put(args.page, TABLE, brief(all_axes, results))
    if args.json:
        cases = [
            {"axis": axis.name, "x": x, "runs": results[point]}
            for axis in all_axes
            for x, point in axis.points.items()
        ]
        args.json.write_text(json.dumps({**host, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()

r"""Try the converter on networks of many kinds, and print a Markdown table of what became of each.

Each network has its own process, with limits of time and memory. zoo.py lists the networks; those
whose package is not installed are left out and named. `--keep` stores each result, and takes it from
there when the table is made again.

    python bench/python/which_networks.py --models FOLDER --keep RESULTS --json bench/results/which_networks.json
    python bench/python/which_networks.py --models FOLDER --only resnet18 MTCNN
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

WORKER = Path(__file__).with_name("worker.py")
FIRST = ("network", "weights", "parameters", "beside Conv, Linear, ReLU", "spiking / graded layers")
"""The columns before those of each T."""


def header(steps: list[int]) -> list[str]:
    """Return the names of the columns."""
    each = [f"{what}, T = {t}" for what in ("agreement", "output error") for t in steps]
    return [*FIRST, *each, "spikes a neuron", "conversion, CPU s"]


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__)
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--only", nargs="+", default=[], metavar="TEXT", help="networks whose name contains this")
    add("--steps", type=int, nargs="+", default=[32, 16], metavar="T", help="default: 32 16")
    add("--limit", type=float, default=600.0, metavar="SECONDS", help="for one network")
    add("--memory", type=float, default=8.0, metavar="GB", help="for one network (default: 8)")
    add("--keep", type=Path, metavar="FOLDER", help="store each network's result, and reuse it")
    args = parser.parse_args()
    if not args.models.is_dir():
        parser.error(f"--models {args.models}: there is no such folder")
    return args


def tried(args: argparse.Namespace, name: str) -> Record:
    """Return the result of a network, from the folder of kept results if it is there."""
    path = args.keep and args.keep / f"{name.replace('/', '-')}.json"
    settings = {"name": name, "models": args.models, "steps": args.steps, "memory": args.memory}

    def good(record: Record) -> bool:
        return "refused" in record or all(str(t) in record.get("at", {}) for t in args.steps)

    def once() -> Record:
        function = "which_networks_worker.run"
        return harness.call(sys.executable, WORKER, function, settings, limit=args.limit)

    return harness.keep(path, once, good)


def row(name: str, source: str, record: Record, steps: list[int]) -> list[str]:
    """Return a line of the table."""
    if "refused" in record or "failed" in record:
        why = record.get("refused") or f"failed: {record['failed']}"
        cells = [f"**not converted**: {why}".replace("|", "/").replace("\n", " ")]
        return [name, source, *cells, *[""] * (len(header(steps)) - 3)]
    at = [record["at"][str(t)] for t in steps]
    same = ["-" if a["agreement"] is None else f"{a['agreement']:.0f} %" for a in at]
    return [
        name,
        source,
        f"{record['parameters'] / 1e6:.2f} M",
        ", ".join(record["operators"]) or "-",
        f"{record['spiking']} / {record['graded']}",
        *same,
        *(f"{100 * a['error']:.1f} %" for a in at),
        ", ".join(f"{a['spikes_a_neuron']:.1f}" for a in at) if record["spiking"] else "-",
        ", ".join(f"{a['conversion_s']:.0f}" for a in at),
    ]


def main() -> None:
    args = arguments()
    origin = harness.about()
    listed = harness.call(sys.executable, WORKER, "which_networks_worker.listed", {})
    if "names" not in listed:
        sys.exit(f"which_networks.py: error: {listed}")
    rows, missing = [], []
    records: dict[str, Record] = {}
    for name, source in listed["names"]:
        if args.only and not any(text.lower() in name.lower() for text in args.only):
            continue
        record = tried(args, name)
        if "missing" in record:
            missing.append(name)
            continue
        records[name] = record
        rows.append(row(name, source, record, args.steps))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    texts = {"networks": harness.markdown(header(args.steps), rows)}
    if missing:
        texts["missing"] = f"Not installed, or no files for them: {', '.join(missing)}"
    harness.show(args, origin, records.values(), texts, networks=records)


if __name__ == "__main__":
    main()

r"""Try the converter on networks of many kinds, and print a Markdown table of what became of each.

Each network has its own process, with a limit of time. zoo.py lists the networks; those whose
package is not installed are left out and named.

    python bench/python/which_networks.py --models FOLDER --page docs/which_networks.md
    python bench/python/which_networks.py --models FOLDER --only resnet18 MTCNN
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pages import has_place, markers, put
from processes import Record, headline, machine, run

WORKER = Path(__file__).with_name("which_networks_worker.py")
TABLE = "which_networks.py"
HEADER = (
    "network", "weights", "parameters", "spiking / graded layers", "agreement", "output error",
    "spikes a neuron", "conversion, CPU s",
)  # fmt: skip


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--only", nargs="+", default=[], metavar="TEXT", help="networks whose name contains this")
    add("--all", action="store_true", help="all of torchvision's classification zoo")
    add("--steps", type=int, default=32, metavar="T")
    add("--limit", type=float, default=900.0, metavar="SECONDS", help="for one network")
    add("--keep", type=Path, metavar="FOLDER", help="store each network's result, and reuse it")
    add("--page", type=Path, metavar="PATH", help="put the table into this page, see pages.py")
    args = parser.parse_args()
    if args.steps <= 0 or args.limit <= 0:
        parser.error("--steps and --limit must be positive")
    if not args.models.is_dir():
        parser.error(f"--models {args.models}: there is no such folder")
    if args.page and not has_place(args.page, TABLE):
        parser.error(f"--page {args.page}: it must have the lines {' and '.join(markers(TABLE))}")
    return args


def tried(args: argparse.Namespace, name: str) -> Record:
    """Return the result of a network, from the folder of kept results if it is there."""
    path = args.keep and args.keep / f"{name.replace('/', '-')}.json"
    if path and path.is_file():
        kept: Record = json.loads(path.read_text())
        return kept
    command = [
        sys.executable,
        str(WORKER),
        name,
        f"--models={args.models}",
        f"--steps={args.steps}",
    ]
    record = run(command, 1, limit=args.limit)
    if path and "missing" not in record:
        args.keep.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
    return record


def row(name: str, source: str, record: Record) -> list[str]:
    """Return a line of the table."""
    if "refused" in record or "failed" in record:
        why = record.get("refused") or f"failed: {record['failed']}"
        cells = [f"**not converted**: {why}".replace("|", "/").replace("\n", " ")]
        return [name, source, *cells, *[""] * (len(HEADER) - 3)]
    same = record["agreement"]
    return [
        name,
        source,
        f"{record['parameters'] / 1e6:.2f} M",
        f"{record['spiking']} / {record['graded']}",
        "-" if same is None else f"{same:.0f} % of {record['test']}",
        f"{100 * record['error']:.1f} %",
        f"{record['spikes_a_neuron']:.1f}",
        f"{record['conversion_s']:.0f}",
    ]


def table(rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(HEADER), ["---"] * len(HEADER), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    args = arguments()
    host = machine()
    listed = run([sys.executable, str(WORKER), "--list", *(["--all"] if args.all else [])], 1)
    if "names" not in listed:
        sys.exit(f"which_networks.py: error: {listed}")
    rows, missing = [], []
    for name, source in listed["names"]:
        if args.only and not any(text.lower() in name.lower() for text in args.only):
            continue
        record = tried(args, name)
        if "missing" in record:
            missing.append(name)
            continue
        rows.append(row(name, source, record))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    found = table(rows)
    print(f"{headline(host)}\n\n{found}")
    if missing:
        print(f"\nNot installed, or no files for them: {', '.join(missing)}")
    if args.page:
        put(args.page, TABLE, found)


if __name__ == "__main__":
    main()

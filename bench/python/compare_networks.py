r"""Convert networks that others trained with spikelet and SpikingJelly, and run them in snnTorch.

Prints accuracy and agreement with the ANN for each recipe, and samples per second. Each run has
its own process, in the interpreter that has the program; `--keep` stores each run, and takes it
from there when the comparison is started again. networks.py lists what the folder must hold.

    python bench/python/compare_networks.py --models FOLDER --keep RESULTS --images 10000 --large-images 800 \
        --peer-images 500 --peer-large-images 100 --spikingjelly-python ENV/bin/python --snntorch-python ENV/bin/python
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from compare_conversion import numbers
from conversion import RECIPES
from networks_report import accuracies, rows, speeds, verdicts, why

from spikelet.cli.bench_harness import Record, about, busy, has_place, headline, place_of, put, run

WORKER = Path(__file__).with_name("networks_worker.py")
PROGRAMS = ("spikelet", "spikingjelly", "snntorch", "torch")
NETWORKS = (
    "resnet20-akamaster", "resnet56-akamaster", "resnet20", "squeezenet", "efficientnet-lite0",
    "pitch",
)  # fmt: skip
"""As networks.py has them, which needs PyTorch; this program does not."""

LARGE = ("squeezenet", "efficientnet-lite0")
PARTS = ("accuracy", "speed")
TABLES = {part: f"compare_networks.py {part}" for part in PARTS}
"""Names of the tables in a page."""

QUICK = "percentile-channels"
"""The recipe to time: the fastest conversion; the number of operations is the same for all."""


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    add("--images", type=int, default=1000, help="test samples (default: 1000)")
    add("--large-images", type=int, default=100,
        help=f"test images of {' and '.join(LARGE)} (default: 100)")  # fmt: skip
    add("--peer-images", type=int, metavar="N",
        help="of these the first N for SpikingJelly and snnTorch, which are slow (default: all)")  # fmt: skip
    add("--peer-large-images", type=int, metavar="N", help="the same for large images")
    add("--steps", type=numbers, default=[16, 32], metavar="T,T", help="default: 16,32")
    add("--threads", type=int, default=1)
    add("--parts", nargs="+", choices=PARTS, default=PARTS)
    add("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    add("--methods", nargs="+", default=["default"], metavar="NAME",
        help="method[/neuron][:dtype] of spikelet.convert (default: default)")  # fmt: skip
    add("--recipes", nargs="+", choices=RECIPES, default=RECIPES, help="recipes of SpikingJelly")
    add("--runs", type=int, default=3, help="timed runs (default: 3)")
    add("--seconds", type=float, default=5.0, help="timed seconds of each run (default: 5)")
    add("--speed-images", type=int, default=100, help="timed samples; a tenth of large images")
    add("--keep", type=Path, metavar="FOLDER", help="store the accuracy runs, and reuse them")
    for name in PROGRAMS:
        add(f"--{name}-python", metavar="PATH",
            help=f"interpreter that can import {name}")  # fmt: skip
    add(
        "--page",
        type=Path,
        metavar="PATH",
        help="put the table into this page, between the comments that name it",
    )
    add("--json", type=Path, metavar="PATH", help="write all runs and the machine to this file")
    args = parser.parse_args()
    least = (args.images, args.large_images, args.runs, args.seconds, args.speed_images,
             args.threads, *args.steps)  # fmt: skip
    if min(least) <= 0:
        parser.error("numbers must be positive")
    if not args.models.is_dir():
        parser.error(f"--models {args.models}: there is no such folder")
    for part in args.parts if args.page else ():
        if not has_place(args.page, TABLES[part]):
            lines = " and ".join(place_of(TABLES[part]))
            parser.error(f"--page {args.page}: it must have the lines {lines}")
    args.peer_images = args.peer_images or args.images
    args.peer_large_images = args.peer_large_images or args.large_images
    if args.peer_images > args.images or args.peer_large_images > args.large_images:
        parser.error("peers cannot have more images than --images and --large-images")
    args.spikelet_python = args.spikelet_python or sys.executable
    peer = args.spikingjelly_python or args.snntorch_python or sys.executable
    for name in PROGRAMS[1:]:
        setattr(args, f"{name}_python", getattr(args, f"{name}_python") or peer)
    args.steps = sorted(set(args.steps))
    return args


def work(
    args: argparse.Namespace, program: str, what: str, network: str, method: str, **settings: Any
) -> Record:
    """Run a worker and return what it printed."""
    command = [getattr(args, f"{program}_python"), str(WORKER), program, what]
    values = {"models": args.models, "network": network, "method": method, "threads": args.threads}
    command += [f"--{name}={value}" for name, value in (values | settings).items()]
    steps = [max(args.steps)] if what == "speed" else args.steps
    return run([*command, "--steps", *map(str, steps)], args.threads)


def kept(args: argparse.Namespace, program: str, network: str, method: str) -> Record:
    """Return an accuracy run, from the folder of kept runs if it is there."""
    peer = "peer_" if program in ("spikingjelly", "snntorch") else ""
    images = getattr(args, f"{peer}{'large_' if network in LARGE else ''}images")
    path = (
        args.keep
        and args.keep
        / f"{program}.{network}.{method.replace(':', '-').replace('/', '-')}.{images}.json"
    )
    if path and path.is_file():
        stored: Record = json.loads(path.read_text())
        if all(str(t) in stored.get("plain", {}) for t in args.steps):
            return stored
    record = work(args, program, "accuracy", network, method, images=images)
    if path and "plain" in record:
        args.keep.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
    return record


def methods(args: argparse.Namespace, *, speed: bool = False) -> list[tuple[str, str]]:
    """Return the programs and methods to run."""
    found = {
        "spikelet": args.methods,
        "spikingjelly": [QUICK] if speed else args.recipes,
        "snntorch": [QUICK],
        "torch": ["ann"],
    }
    return [(p, method) for p in args.programs for method in found[p]]


def say(label: str, record: Record, text: str) -> None:
    """Report the outcome of a run on stderr."""
    failed = "missing" in record or "failed" in record
    print(f"{label}: {why(record) if failed else text}", file=sys.stderr, flush=True)


def measure_accuracy(args: argparse.Namespace) -> str:
    """Return the tables of accuracies."""
    anns, found = {}, []
    for network in args.networks:
        ann = kept(args, "torch", network, "ann")
        say(f"torch {network}", ann, "done")
        if "plain" not in ann:
            continue
        anns[network] = ann
        for program, method in methods(args):
            if program == "torch":
                continue
            record = kept(args, program, network, method)
            say(f"{program} {network} {method}", record, "done")
            if "plain" in record:
                found.append((network, program, method, record))
    table = rows(found, anns)
    return f"{accuracies(table, anns, args.steps)}\n\n{verdicts(table, args.steps)}"


def time_all(args: argparse.Namespace) -> dict[tuple[str, str, str], list[Record]]:
    """Find the best setting of each program in a run of its own, then time all in turn."""
    results: dict[tuple[str, str, str], list[Record]] = {}
    for network in args.networks:
        images = max(1, args.speed_images // 10) if network in LARGE else args.speed_images
        tried = {}
        for program, method in methods(args, speed=True):
            seconds = 0.0 if program == "spikelet" else args.seconds / 2
            record = work(args, program, "speed", network, method, images=images, seconds=seconds)
            say(f"{program} {network} {method}", record, f"best setting {record.get('setting')}")
            tried[program, method] = record
        for _ in range(args.runs):
            for (program, method), record in tried.items():
                runs = results.setdefault((network, program, method), [])
                if "setting" not in record:
                    runs[:] = [record]
                    continue
                timed = work(
                    args, program, "speed", network, method, images=images, seconds=args.seconds,
                    setting=json.dumps(record["setting"]),
                )  # fmt: skip
                say(
                    f"{program} {network}", timed, f"{timed.get('images_per_s', 0.0):.4g} samples/s"
                )
                runs.append(timed)
    return results


def main() -> None:
    args = arguments()
    host = about()
    accuracy = measure_accuracy(args) if "accuracy" in args.parts else ""
    speed = time_all(args) if "speed" in args.parts else {}
    print(headline(host))
    if warning := busy(r for runs in speed.values() for r in runs):
        print(warning)
    if accuracy:
        print(f"\n{accuracy}")
        if args.page:
            put(args.page, TABLES["accuracy"], accuracy)
    if speed:
        timed = speeds(speed, max(args.steps))
        print(f"\n{timed}")
        if args.page:
            put(args.page, TABLES["speed"], timed)
    if args.json:
        cells = [
            {"network": network, "program": program, "method": method, "runs": runs}
            for (network, program, method), runs in speed.items()
        ]
        record = {**host, "accuracy": accuracy, "speed": cells}
        args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

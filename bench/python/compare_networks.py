r"""Convert networks that others trained with spikelet and SpikingJelly, run them in snnTorch, and the ANNs in others.

Prints accuracy and agreement with the ANN for each recipe, and samples per second. Each run has
its own process, in the interpreter that has the program; `--keep` stores each run, and takes it
from there when the comparison is started again. networks.py lists what the folder must hold.

    python bench/python/compare_networks.py --models FOLDER --keep RESULTS --images 10000 --large-images 800 \
        --peer-images 500 --peer-large-images 100 --spikingjelly-python ENV/bin/python --snntorch-python ENV/bin/python
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from networks import NETWORKS
from networks_report import accuracies, rows, same_samples, speeds
from networks_worker import RECIPES

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

WORKER = Path(__file__).with_name("worker.py")
PROGRAMS = ("spikelet", "spikingjelly", "snntorch", "torch", "onnxruntime")
LARGE = ("squeezenet", "efficientnet-lite0")
PARTS = ("accuracy", "speed")

QUICK = "percentile-channels"
"""The recipe to time: the fastest conversion; the number of operations is the same for all."""


class Case(NamedTuple):
    """A network in a program."""

    network: str
    program: str
    method: str

    def __str__(self) -> str:
        return f"{self.program} {self.network} {self.method}"


def numbers(text: str) -> list[int]:
    """Return integers from ``4,8,16``, in order."""
    return sorted({int(part) for part in text.split(",")})


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    found = harness.parser(__doc__, *PROGRAMS, runs=3)
    found.set_defaults(**{f"{name}_python": None for name in PROGRAMS[1:]})
    add = found.add_argument
    add("--steps", type=numbers, default=[16, 32], metavar="T,T,...", help="default: 16,32")
    add("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    add("--recipes", nargs="+", choices=RECIPES, default=RECIPES, help="recipes of SpikingJelly")
    add("--seconds", type=float, default=5.0, help="timed seconds of each run (default: 5)")
    add("--speed-images", type=int, default=100, help="timed samples; a tenth of large images")
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    add("--images", type=int, default=1000, help="test samples (default: 1000)")
    add("--large-images", type=int, default=100,
        help=f"test images of {' and '.join(LARGE)} (default: 100)")  # fmt: skip
    add("--peer-images", type=int, metavar="N",
        help="of these the first N for SpikingJelly and snnTorch, which are slow (default: all)")  # fmt: skip
    add("--peer-large-images", type=int, metavar="N", help="the same for large images")
    add("--batch", type=int, metavar="N",
        help="timed samples a call (default: all in spikelet, the fastest number in the others)")  # fmt: skip
    add("--threads", type=int, default=1)
    add("--parts", nargs="+", choices=PARTS, default=PARTS)
    add("--methods", nargs="+", default=["default"], metavar="NAME",
        help="method[/neuron][:dtype] of spikelet.convert (default: default)")  # fmt: skip
    add("--keep", type=Path, metavar="FOLDER", help="store the accuracy runs, and reuse them")
    args: argparse.Namespace = found.parse_args()
    if not args.models.is_dir():
        found.error(f"--models {args.models}: there is no such folder")
    args.peer_images = args.peer_images or args.images
    args.peer_large_images = args.peer_large_images or args.large_images
    if args.peer_images > args.images or args.peer_large_images > args.large_images:
        found.error("peers cannot have more images than --images and --large-images")
    harness.share_interpreter(args, *PROGRAMS[1:])
    return args


def work(args: argparse.Namespace, case: Case, what: str, **settings: Any) -> Record:
    """Run a worker and return its record."""
    values = case._asdict() | {"what": what, "models": args.models, "threads": args.threads,
                               "size": args.batch, "steps": [max(args.steps)] if what == "speed" else args.steps}  # fmt: skip
    python = getattr(args, f"{case.program}_python")
    settings = values | settings
    return harness.call(python, WORKER, "networks_worker.run", settings, threads=args.threads)


def kept(args: argparse.Namespace, case: Case) -> Record:
    """Return an accuracy run, from the folder of kept runs if it is there."""
    peer = "peer_" if case.program in ("spikingjelly", "snntorch") else ""
    images = getattr(args, f"{peer}{'large_' if case.network in LARGE else ''}images")
    method = case.method.replace(":", "-").replace("/", "-")
    path = args.keep and args.keep / f"{case.program}.{case.network}.{method}.{images}.json"
    return harness.keep(
        path,
        lambda: work(args, case, "accuracy", images=images),
        lambda record: all(str(t) in record.get("plain", {}) for t in args.steps),
    )


def cases(args: argparse.Namespace, network: str, *, speed: bool = False) -> list[Case]:
    """Return the runs of a network: the ANN is first, as the others are compared with it."""
    methods = {
        "torch": ["ann"],
        "spikelet": args.methods,
        "spikingjelly": [QUICK] if speed else args.recipes,
        "snntorch": [QUICK],
        "onnxruntime": ["ann"] if speed else [],
    }
    programs = [p for p in methods if p in args.programs or (p == "torch" and not speed)]
    return [Case(network, program, method) for program in programs for method in methods[program]]


def measure_accuracy(args: argparse.Namespace) -> dict[str, str]:
    """Return the tables of accuracies."""
    anns, found = {}, []
    for network in args.networks:
        ann, *others = cases(args, network)
        for case in (ann, *others):
            if case != ann and network not in anns:
                break
            ((record,),) = harness.take_turns(
                [case], [1], lambda case, _: kept(args, case), "done", good="plain"
            ).values()
            if "plain" not in record:
                continue
            if case == ann:
                anns[network] = record
            else:
                found.append((*case, record))
    table = rows(found, anns)
    return {
        "accuracy": accuracies(table, anns, args.steps),
        "same samples": same_samples(table, args.steps),
    }


def time_all(args: argparse.Namespace) -> dict[Case, list[Record]]:
    """Find the best setting of each program in a run of its own, then time all in turn, network by network."""
    best: dict[Case, Record] = {}
    results: dict[Case, list[Record]] = {}

    def once(case: Case, run: int) -> Record:
        images = max(1, args.speed_images // 10) if case.network in LARGE else args.speed_images
        if run:
            how = {"setting": best[case]["setting"], "seconds": args.seconds}
        else:
            how = {"seconds": 0.0 if case.program == "spikelet" else args.seconds / 2}
        return work(args, case, "speed", images=images, **how)

    for network in args.networks:
        every, speed = cases(args, network, speed=True), "{images_per_s:.4g}/s"
        tuned = harness.take_turns(every, [0], once, "{setting}, " + speed, good="setting")
        found = {case: run for case, (run,) in tuned.items() if "setting" in run}
        best |= found
        runs = range(1, args.runs + 1)
        timed = harness.take_turns(found, runs, once, speed, good="images_per_s")
        results |= tuned
        for case, records in timed.items():
            results[case] = [record | {"tried": best[case]["tried"]} for record in records]
    return results


def main() -> None:
    args = arguments()
    origin = harness.about()
    tables = measure_accuracy(args) if "accuracy" in args.parts else {}
    speed = time_all(args) if "speed" in args.parts else {}
    if speed:
        tables["speed"] = speeds(speed, max(args.steps))
    harness.show(
        args, origin, [run for runs in speed.values() for run in runs], tables,
        speed=[case._asdict() | {"runs": runs} for case, runs in speed.items()],
    )  # fmt: skip


if __name__ == "__main__":
    main()

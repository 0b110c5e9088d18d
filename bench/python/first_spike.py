r"""Measure networks of others whose neurons fire once: decisions, energy beside the ANN in 8 bits, and speed beside the ANN.

Each kind of neurons is converted for each T with calibration images; test images are counted. Energy is priced in 8-bit weights
and 32-bit potentials; see `spikelet.energy`. For the speed, all programs classify the same images in turn, with the last network.

    python bench/python/first_spike.py --models FOLDER --json bench/results/first_spike.json
    python bench/python/first_spike.py --models FOLDER --kinds first_spike:64 --images 100 --batches 100 1 --threads 1 2
"""

from __future__ import annotations

import io
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import networks
import numpy as np
import torch

import spikelet as sl
from spikelet.cli import bench_harness as harness

HEADER = (
    "network", "neurons", "T", "accuracy", "of the ANN", "equal decisions", "arithmetic / int8 ANN", "the same, dense ANN",
    "with memory / int8 ANN", "with memory but potentials", "spikes per neuron", "break-even",
)  # fmt: skip
SPEED = ("network", "batch", "threads", "program", "ms an image", "CPU ms an image")


def counted(snn: Any, x: Any, labels: Any) -> list[str]:
    """Return the cells of a converted network: decisions, energy and spikes."""
    cost = sl.energy.measure(snn, x, ann=snn.ann, labels=labels, technology="45nm-int8")
    ratios, rule, found = cost.ratios, cost.break_even, cost.decisions
    return [
        *(f"{found[name]:.1%}" for name in ("snn_accuracy", "ann_accuracy", "snn_agreement")),
        *(f"{ratios[f'{name} / {of} int8']:.3g}" for name, of in (
            ("arithmetic", "ann"), ("arithmetic", "dense ann"), ("with memory", "ann"),
            ("with memory but potentials", "ann"))),
        *(f"{snn.steps * value:.3f}" for value in (rule.rate, rule.limit)),
    ]  # fmt: skip


def programs(ann: Any, snn: Any, x: Any, threads: int) -> dict[str, Any]:
    """Return functions that classify images, by the name of their program."""
    import onnxruntime  # noqa: PLC0415  # for the speed alone

    snn.threads = threads
    torch.set_num_threads(threads)
    file, options = io.BytesIO(), onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    torch.onnx.export(ann, (torch.from_numpy(x),), file, input_names=["x"], dynamo=False)
    runs = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    return {
        "spikelet": lambda: snn.run(x),
        "PyTorch float32": torch.inference_mode()(lambda: ann(torch.from_numpy(x))),
        "onnxruntime float32": lambda: runs.run(None, {"x": x}),
    }


def timed(name: str, ann: Any, snn: Any, x: Any, threads: int, rounds: int) -> list[list[str]]:
    """Return the rows of all programs: medians of rounds in turn, of which the first one warms up."""
    made = programs(ann, snn, x, threads)
    times: dict[str, list[Any]] = {program: [] for program in made}
    for _ in range(rounds + 1):
        for program, once in made.items():
            began = perf_counter(), process_time()
            for _ in range(max(1, 100 // len(x))):
                once()
            spent = perf_counter() - began[0], process_time() - began[1]
            times[program].append(spent)
    images = max(1, 100 // len(x)) * len(x) / 1e3
    return [
        [name, f"{len(x)}", f"{threads}", program, *(f"{median(each) / images:.3f}" for each in zip(*spent[1:], strict=True))]
        for program, spent in times.items()
    ]  # fmt: skip


def main() -> None:
    parser = harness.parser(__doc__)
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--networks", nargs="+", choices=networks.NETWORKS, default=["resnet20-akamaster"])
    add("--calibration", type=int, default=400, metavar="N", help="images (default: 400)")
    add("--images", type=int, default=1000, help="test images (default: 1000)")
    add("--kinds", nargs="+", metavar="KIND:T,T", default=["first_spike:128,64,32,16", "predictive:16,32"],
        help="neurons and numbers of steps (default: first_spike:128,64,32,16 predictive:16,32)")  # fmt: skip
    add("--batches", type=int, nargs="*", default=[], help="images at once, to measure the speed")
    add("--threads", type=int, nargs="+", default=[1])
    add("--rounds", type=int, default=5)
    args, origin, rows, speeds = parser.parse_args(), harness.about(), [], []
    for name in args.networks:
        network = networks.NETWORKS[name]
        ann, samples = network.build(args.models).eval(), network.samples(args.models)
        x, labels = np.array(samples.test[: args.images]), samples.labels[: args.images]
        given = np.array(samples.calibration[: args.calibration])
        for kind, _, numbers in (each.partition(":") for each in args.kinds):
            for steps in map(int, numbers.split(",")):
                snn = sl.convert(ann, given, steps=steps, neuron=kind, threads=args.threads[0])
                rows.append([name, kind, f"{steps}", *counted(snn, x, labels)])
                print("  ".join(rows[-1]), flush=True)
        for batch in args.batches:
            for threads in args.threads:
                speeds += timed(name, ann, snn, x[:batch], threads, args.rounds)
    tables = {"decisions and energy": harness.markdown(HEADER, rows)}
    if speeds:
        tables["speed"] = harness.markdown(SPEED, speeds)
    harness.show(args, origin, [], tables, rows=rows, speeds=speeds)


if __name__ == "__main__":
    main()

"""Export converted networks to C and compare all bits of their outputs with those of the engine.

    python bench/python/export_c.py --models DIR [--networks resnet20] [--images 1000] [--steps 32] [--dtypes int16 float32]

DIR holds the weights and images of networks.py. Each network is converted, exported and compiled with each compiler; the
program and the engine then run the same test images. Printed are the program's size, memory and time for an image (one
thread, this machine), beside the engine's. Converted models are kept in ``--keep`` (.spk), and used again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from networks import NETWORKS

import spikelet as sl

FLAGS = [
    "-std=c99",
    "-O3",
    "-march=native",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Werror",
    "-ffp-contract=off",
]


def converted(name: str, dtype: str, arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return a model and its test images."""
    network = NETWORKS[name]
    samples = network.samples(arguments.models)
    file = arguments.keep / f"{name}-{arguments.steps}-{dtype}.spk"
    if file.exists():
        return sl.SpikingModel.load(file), samples.test
    calibration = samples.calibration[: arguments.calibration]
    model = sl.convert(
        network.build(arguments.models), calibration, steps=arguments.steps, dtype=dtype
    )
    arguments.keep.mkdir(parents=True, exist_ok=True)
    model.save(file)
    return model, samples.test


def run_c(program: Path, x: Any) -> tuple[Any, float]:
    """Return the outputs of a program, and the seconds that it took."""
    inputs, outputs = program.with_suffix(".in"), program.with_suffix(".out")
    np.ascontiguousarray(x, np.float32).tofile(inputs)
    begin = time.perf_counter()
    subprocess.run([program, inputs, outputs], check=True)
    return np.fromfile(outputs, np.float32).reshape(len(x), -1), time.perf_counter() - begin


def main() -> int:
    """Compare all networks; return how many differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["resnet20"])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--calibration", type=int, default=800)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument(
        "--dtypes", nargs="+", choices=("int16", "float32"), default=["int16", "float32"]
    )
    parser.add_argument("--compilers", nargs="+", default=["gcc", "clang"])
    parser.add_argument("--keep", type=Path, default=Path("converted"))
    arguments = parser.parse_args()
    different = 0
    for name in arguments.networks:
        for dtype in arguments.dtypes:
            model, test = converted(name, dtype, arguments)
            x = np.array(test[: arguments.images], np.float32)
            model.threads = 1
            begin = time.perf_counter()
            wanted = model.run(x).output.reshape(len(x), -1)
            engine = time.perf_counter() - begin
            with tempfile.TemporaryDirectory() as folder:
                model.export(folder, input_shape=x.shape[1:], example=x[:20])
                page = (Path(folder) / "README.md").read_text(encoding="utf-8")
                print(
                    f"{name}, T = {arguments.steps}, {dtype}, {len(x)} images, engine {1e3 * engine / len(x):.1f} ms each"
                )
                print(
                    "\n".join(
                        line
                        for line in page.splitlines()
                        if line.startswith(("| C", "| S", "| A", "| P"))
                    )
                )
                for cc in arguments.compilers:
                    program = Path(folder) / cc
                    sources = [f"{folder}/network.c", f"{folder}/main.c"]
                    subprocess.run([cc, *FLAGS, *sources, "-o", program], check=True)
                    found, seconds = run_c(program, x)
                    same = found.tobytes() == wanted.astype(np.float32).tobytes()
                    different += not same
                    print(
                        f"  {cc}: {'the same bits' if same else 'DIFFERENT'}, {1e3 * seconds / len(x):.1f} ms an image",
                        flush=True,
                    )
    return different


if __name__ == "__main__":
    sys.exit(main())

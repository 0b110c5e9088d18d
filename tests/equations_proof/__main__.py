"""Prove random models from text: ``python -m tests.equations_proof --models 500``.

Each is compared with scipy, step by step, for each method that it allows; then its bits must be the same for any number
of threads, pieces of a run, files, parameters by neuron, resting neurons, and at each SIMD level.
"""

from __future__ import annotations

import argparse
import collections
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the core to others

from tests.equations_proof import against_scipy, same_bits
from tests.equations_proof.variants import varied
from tests.support.random_equations import random_equations

import spikelet as sl

PARTS = ("scipy", "bits", "levels")


def at_this_level(seeds: range) -> list[str]:
    """Return hashes of all models, at the SIMD level of this process."""
    return [
        f"{seed} {dtype} {same_bits.in_one_piece(seed, dtype)}"
        for seed in seeds
        for dtype in same_bits.DTYPES
    ]


def levels(seeds: range) -> list[str]:
    """Return the models whose bits differ between SIMD levels, each in a process of its own."""
    call = [sys.executable, "-m", "tests.equations_proof", "--hashes", "--first", str(seeds.start)]
    call += ["--models", str(len(seeds))]
    outputs = {
        level: subprocess.run(
            call,
            env={**os.environ, "SPIKELET_SIMD": level},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        for level in sl.available_simd_levels()
    }
    first = next(iter(outputs.values()))
    assert len(first) == 2 * len(seeds)
    return [
        f"{level}: {line.rsplit(' ', 1)[0]}"
        for level, lines in outputs.items()
        for line, expected in zip(lines, first, strict=True)
        if line != expected
    ]


def main() -> int:
    """Prove them and print what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.equations_proof", description=__doc__)
    parser.add_argument("--models", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="what to prove; default: all"
    )
    parser.add_argument("--hashes", action="store_true", help="print hashes of all and stop")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.models)
    if options.hashes:
        print("\n".join(at_this_level(seeds)))
        return 0
    began, problems = time.monotonic(), 0
    counts: collections.Counter[str] = collections.Counter()

    def report(what: str, found: list[str]) -> None:
        nonlocal problems
        problems += len(found)
        for text in found:
            print(f"{what}: {text}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            methods = against_scipy.methods_of(random_equations(seed))
            counts.update(methods)
            if "scipy" in options.parts:
                for method in methods:
                    report(f"{seed} {method}", against_scipy.judge(random_equations(seed), method))
                report(str(seed), against_scipy.judge_float32(random_equations(seed)))
                method = methods[seed % len(methods)]
                report(f"{seed} varied, {method}", against_scipy.judge(varied(seed), method))
            if "bits" in options.parts:
                report(str(seed), same_bits.differing(seed, Path(folder)))
                report(str(seed), same_bits.resting(seed, "float32"))
    if "levels" in options.parts:
        report("levels", levels(seeds))
    listed = ", ".join(f"{n} {method}" for method, n in sorted(counts.items()))
    print(f"{len(seeds)} models ({listed}): {problems} problems, {time.monotonic() - began:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

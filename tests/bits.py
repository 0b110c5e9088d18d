"""Hash spikes, states, weights and gradients of a zoo of networks, layers and kernels.

    python tests/bits.py --out before.json
    python tests/bits.py --compare before.json

print one line for each case and write the hashes. With ``--compare`` the script names each case whose bits differ from
those of another version, and fails. It uses only public names, so one script serves both versions: ``PYTHONPATH``
chooses. Every case runs with 1, 2 and 3 threads and at every SIMD level of the machine; the script also fails where
these differ. Hashes depend on the machine and its libraries, so compare only those made on the same one.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # sums of the libraries must not depend on the cores of the machine
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bits_zoo import connections, layers, models, neurons, plasticity
from bits_zoo.cases import Case

import spikelet as sl

THREADS = (1, 2, 3)


def zoo(only: str = "") -> dict[str, Case]:
    """Return all cases whose names begin with a text, by name."""
    modules = [neurons, connections, plasticity, layers, models]
    if "torch".startswith(only[:5]) and importlib.util.find_spec("torch"):
        from bits_zoo import training  # noqa: PLC0415  # PyTorch is an extra, and slow to import

        modules.append(training)
    found: dict[str, Case] = {}
    for module in modules:
        for case in module.cases():
            if case.name in found:
                raise ValueError(f"two cases are named {case.name!r}")
            found[case.name] = case
    return {name: case for name, case in found.items() if name.startswith(only)}


def digests(cases: Iterable[Case], threads: int) -> dict[str, str]:
    """Return hashes by name."""
    found = {}
    for case in cases:
        try:
            found[case.name] = case.digest(threads)
        except Exception as error:
            error.add_note(f"in case {case.name!r}, with {threads} threads")
            raise
    return found


def at_level(level: str, only: str, threads: int) -> dict[str, str]:
    """Return hashes from a process of its own, at a SIMD level."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bits.json"
        subprocess.run(
            [
                *(sys.executable, __file__, "--quick", "--only", only),
                *("--threads", str(threads), "--out", str(out)),
            ],
            env={**os.environ, "SPIKELET_SIMD": level},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        found: dict[str, str] = json.loads(out.read_text())["cases"]
    return found


def differences(expected: dict[str, str], found: dict[str, str], where: str) -> list[str]:
    """Return a line for each case that differs, is missing or is new."""
    lines = [
        f"{name}: {found[name][:12]} {where}, {expected[name][:12]} expected"
        for name in expected
        if name in found and found[name] != expected[name]
    ]
    lines += [f"{name}: missing {where}" for name in expected if name not in found]
    return lines + [f"{name}: new {where}" for name in found if name not in expected]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if bits differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path, help="write the hashes to this JSON file")
    parser.add_argument("--compare", type=Path, help="compare with the hashes of this JSON file")
    parser.add_argument("--only", default="", help="run cases whose names begin with this text")
    parser.add_argument("--quick", action="store_true", help="one number of threads, one level")
    parser.add_argument("--threads", type=int, default=1, help="of the pass that is written")
    given = parser.parse_args(arguments)

    start = time.perf_counter()
    cases = zoo(given.only)
    if not cases:
        parser.error(f"no case has a name that begins with {given.only!r}")
    found = digests(cases.values(), given.threads)
    for name, digest in found.items():
        print(f"{digest[:12]}  {name}")
    problems = []
    levels = [sl.simd_level()]
    if not given.quick:
        for threads in THREADS:
            if threads != given.threads:
                again = digests(cases.values(), threads)
                problems += differences(found, again, f"with {threads} threads")
        for level in sl.available_simd_levels():
            if level != levels[0]:
                again = at_level(level, given.only, given.threads)
                problems += differences(found, again, f"at the level {level}")
                levels.append(level)
    if given.compare:
        stored = json.loads(given.compare.read_text())["cases"]
        stored = {name: digest for name, digest in stored.items() if name.startswith(given.only)}
        problems += differences(stored, found, f"unlike {given.compare}")
    if given.out:
        about = {"version": sl.__version__, "levels": levels}
        given.out.write_text(json.dumps({**about, "cases": found}, indent=1) + "\n")
    for line in problems:
        print(line, file=sys.stderr)
    seconds = time.perf_counter() - start
    print(f"{len(found)} cases, {len(problems)} differences, {seconds:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

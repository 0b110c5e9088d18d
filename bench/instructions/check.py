"""Count the instructions of fixed problems with valgrind and compare them with the reference.

    python bench/instructions/check.py            # build, count, compare
    python bench/instructions/check.py --update   # build, count, write the reference

A count does not depend on how busy the machine is. It does depend on the compiler, so counts from
another major version of the compiler are not compared. Needs valgrind, and CMake unless --program
is given.

Exit code: 0 if nothing changed, or nothing can be compared; 1 if a count or the work changed; 2 if
something failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REFERENCE = HERE / "reference.json"
LEVELS = ("baseline", "v3")  # valgrind does not support AVX-512
TOLERANCE = 0.05
REPEATABLE = 0.001
"""Allowed difference between two counts of one program; other alignments can change a few."""


class Failed(Exception):
    """The check could not be carried out."""


@dataclass(frozen=True)
class Count:
    """The counts of one problem."""

    instructions: int
    work: int
    unit: str


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("problems", nargs="*", metavar="PROBLEM", help="problems to count (default: all)")
    add("--update", action="store_true", help="write the reference instead of comparing")
    add("--program", type=Path, metavar="PATH",
        help="path of spikelet_instructions (default: build it with preset guard)")  # fmt: skip
    add("--reference", type=Path, metavar="FILE", default=REFERENCE,
        help="reference file (default: reference.json next to this script)")  # fmt: skip
    add("--tolerance", type=float, default=TOLERANCE, metavar="X",
        help="allowed deviation of a ratio from 1 (default: %(default)s)")  # fmt: skip
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="problems to run at a time, without effect on counts (default: one per core)")  # fmt: skip
    add("--twice", action="store_true",
        help="count everything twice and fail if the counts differ")  # fmt: skip
    args = parser.parse_args()
    if not 0 < args.tolerance < 1 or args.jobs < 1:
        parser.error("--tolerance must lie between 0 and 1, and --jobs must be positive")
    if args.update and args.problems:
        parser.error("--update writes all problems, so do not name any")
    return args


def output(command: list[str | Path], **environment: str) -> tuple[str, str]:
    """Run a command; return its standard output and error."""
    # Settings of the C library and of OpenMP would change counts.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GLIBC_", "MALLOC_", "OMP_"))}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Failed(f"cannot run {command[0]}: {error}") from None
    if done.returncode != 0:
        text = (done.stderr + done.stdout).strip() or "(it printed nothing)"
        raise Failed(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{text}")
    return done.stdout, done.stderr


def build() -> Path:
    """Build the program of the preset and return its path."""
    output(["cmake", "--preset", "guard"])
    output(["cmake", "--build", "--preset", "guard"])
    return ROOT / "build" / "guard" / "spikelet_instructions"


def count(program: Path, problem: str, level: str) -> Count:
    """Count one problem at one SIMD level."""
    command: list[str | Path] = ["valgrind", "--tool=callgrind", "--toggle-collect=measured"]
    command += ["--callgrind-out-file=/dev/null", program, problem]
    out, err = output(command, SPIKELET_SIMD=level)
    found = re.search(r"Collected : (\d+)", err)
    if found is None or int(found[1]) == 0:
        raise Failed(f"{problem} at {level}: valgrind counted nothing:\n{err}")
    result = json.loads(out)
    return Count(int(found[1]), result["work"], result["unit"])


def count_all(
    program: Path, problems: list[str], levels: list[str], jobs: int
) -> dict[str, dict[str, Count]]:
    """Count all problems; the result is by level, then by problem."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {
            level: {name: pool.submit(count, program, name, level) for name in problems}
            for level in levels
        }
        try:
            return {
                level: {name: job.result() for name, job in row.items()}
                for level, row in waiting.items()
            }
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def made_with(about: dict[str, Any]) -> dict[str, str]:
    """Return the properties on which counts depend."""
    return {
        "machine": platform.machine(),
        "compiler": about["compiler"],
        "compiler_version": about["compiler_version"],
        "libc": " ".join(platform.libc_ver()),
        "valgrind": output(["valgrind", "--version"])[0].strip(),
    }


def incomparable(now: dict[str, str], then: dict[str, str]) -> str | None:
    """Return the reason why counts cannot be compared, if there is one."""
    if now["machine"] != then["machine"]:
        return f"the reference was made on {then['machine']}, this is {now['machine']}"

    def major(what: dict[str, str]) -> str:
        return f"{what['compiler']} {what['compiler_version'].split('.')[0]}"

    if major(now) != major(then):
        return f"the reference was made with {major(then)}, this program with {major(now)}"
    return None


def repeat(first: dict[str, dict[str, Count]], second: dict[str, dict[str, Count]]) -> list[str]:
    """Return the counts that differ between the two runs."""
    return [
        f"{name} at {level}: {a.instructions} instructions, then {b.instructions}"
        for level, row in first.items()
        for name, a in row.items()
        for b in [second[level][name]]
        if abs(b.instructions / a.instructions - 1) > REPEATABLE or a.work != b.work
    ]


def compare(
    counts: dict[str, dict[str, Count]], reference: dict[str, Any], tolerance: float
) -> list[str]:
    """Print the table; return a list of what is wrong."""
    wrong = []
    head = (
        f"{'problem':<16}{'level':<10}{'count':>13}{'reference':>13}{'ratio':>8}  instructions per"
    )
    print(head)
    for level, row in counts.items():
        for name, now in row.items():
            then = reference.get("counts", {}).get(level, {}).get(name)
            each = f"{now.instructions / max(now.work, 1):9.2f} {now.unit}"
            line = f"{name:<16}{level:<10}{now.instructions:>13,}"
            if then is None:
                print(f"{line}{'none':>13}{'':>8}  {each}")
                wrong.append(f"{name} at {level} has no reference")
                continue
            ratio = now.instructions / then["instructions"]
            verdict = ""
            if abs(now.work / then["work"] - 1) > 0.01:
                verdict = f"does different work: {now.work} instead of {then['work']} {now.unit}s"
            elif ratio > 1 + tolerance:
                verdict = f"takes {ratio - 1:.1%} more instructions"
            elif ratio < 1 - tolerance:
                verdict = f"takes {1 - ratio:.1%} fewer instructions"
            print(f"{line}{then['instructions']:>13,}{ratio:>8.3f}  {each}"
                  f"{'   <-- ' + verdict if verdict else ''}")  # fmt: skip
            if verdict:
                wrong.append(f"{name} at {level} {verdict}")
        gone = set(reference.get("counts", {}).get(level, {})) - set(row)
        wrong += [f"{name} at {level} is in the reference but was not counted" for name in gone]
    return wrong


ADVICE = """\
If you did not intend this, find the cause:
    SPIKELET_SIMD=LEVEL valgrind --tool=callgrind --toggle-collect=measured \\
        build/guard/spikelet_instructions PROBLEM && callgrind_annotate callgrind.out.*
If you did (fewer instructions, or more that save time), update the reference, commit it, and give
the reason in the commit message:
    python bench/instructions/check.py --update"""


def run(args: argparse.Namespace) -> int:
    """Count, then compare or write; return the exit code."""
    if shutil.which("valgrind") is None:
        raise Failed("valgrind not found (Debian: apt-get install valgrind)")
    if not args.update and not args.reference.is_file():
        raise Failed(f"{args.reference} does not exist: create it with --update")
    program = args.program.resolve() if args.program else build()
    about = json.loads(output([program, "--about"])[0])
    if not about["optimised"]:
        raise Failed(f"{program} is not optimised: build it with CMAKE_BUILD_TYPE=Release")
    unknown = [name for name in args.problems if name not in about["problems"]]
    if unknown:
        raise Failed(
            f"unknown problem {', '.join(unknown)}; available: {', '.join(about['problems'])}"
        )

    now = made_with(about)
    print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in now.items()))
    reference = {} if args.update else json.loads(args.reference.read_text())
    if not args.update:
        then = reference["made_with"]
        if reason := incomparable(now, then):
            print(f"SKIPPED: instructions are not compared: {reason}.")
            return 0
        for key in now:
            if now[key] != then[key]:
                print(f"note: the reference was made with {key.replace('_', ' ')} {then[key]}")
    levels = [level for level in LEVELS if level in about["levels"]]
    for level in LEVELS:
        if level not in levels:
            print(f"note: skipping {level}, which this processor does not support")
    if args.update and len(levels) < len(LEVELS):
        raise Failed(f"write the reference on a machine that supports {' and '.join(LEVELS)}")

    problems = args.problems or about["problems"]
    if args.problems:
        for row in reference["counts"].values():
            for name in set(row) - set(problems):
                del row[name]
    counts = count_all(program, problems, levels, args.jobs)
    if args.twice or args.update:
        if unsteady := repeat(counts, count_all(program, problems, levels, args.jobs)):
            raise Failed("counts do not repeat:\n  " + "\n  ".join(unsteady))
        print(f"counted twice: equal to within {REPEATABLE:.1%}")
    if args.update:
        written = {level: {k: asdict(c) for k, c in row.items()} for level, row in counts.items()}
        record = {"made_with": now, "counts": written}
        args.reference.write_text(json.dumps(record, indent=1) + "\n")
        compare(counts, record, args.tolerance)
        print(f"wrote {args.reference}")
        return 0
    wrong = compare(counts, reference, args.tolerance)
    if not wrong:
        print(f"all counts within {args.tolerance:.0%} of the reference")
        return 0
    print("\nCHANGED:\n  " + "\n  ".join(wrong) + "\n" + ADVICE)
    return 1


def main() -> None:
    try:
        code = run(arguments())
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()

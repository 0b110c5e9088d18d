"""Read mutants of all file formats for as long as one likes: `python -m tests.mutation --minutes 60`."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation.child import EACH
from tests.mutation.format import formats
from tests.mutation.running import Bounds, Tally, replay, run


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it runs")
    parser.add_argument("--formats", nargs="+", choices=formats(), help="default: all that can run")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the time")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seconds", type=float, default=Bounds.seconds, help="a hang is longer")
    parser.add_argument("--megabytes", type=float, default=Bounds.megabytes, help="0: no bound")
    parser.add_argument("--keep", type=Path, default=Path("mutation-findings"), help="folder")
    parser.add_argument("--replay", type=Path, metavar="FOLDER", help="read one finding again")
    return parser.parse_args()


def report(tallies: dict[str, Tally], seed: int, minutes: float) -> str:
    """Return the counts by format and outcome."""
    kinds = sorted({kind for tally in tallies.values() for kind in tally.counts})
    rows = [["format", "mutants", *kinds]]
    for name, tally in tallies.items():
        counts = [tally.counts[kind] for kind in kinds]
        rows.append([name, *(str(n) for n in (sum(counts), *counts))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(x.rjust(w) for x, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([*lines, f"seed {seed}, {minutes:.1f} minutes"])


def main() -> int:
    """Return how many mutants were findings, at most 1."""
    given = arguments()
    bounds = Bounds(given.seconds, given.megabytes)
    if given.replay:
        found = replay(given.replay, bounds)
        print(found)
        return found not in ("refused", "equal", "used")
    chosen = given.formats or [name for name, form in formats().items() if not form.missing]
    tallies = {name: Tally() for name in chosen}
    begin = time.monotonic()

    def turn(name: str, k: int) -> None:
        numbers = range(k * EACH, (k + 1) * EACH)
        tally = run(name, given.seed, numbers, bounds, given.keep)
        tallies[name].counts += tally.counts
        tallies[name].findings += tally.findings
        for finding in tally.findings:
            print(finding, flush=True)

    k = 0
    with ThreadPoolExecutor(given.jobs) as pool:
        while time.monotonic() - begin < 60 * given.minutes:
            list(pool.map(turn, chosen, [k] * len(chosen)))
            k += 1
            if k % 10 == 0:
                print(report(tallies, given.seed, (time.monotonic() - begin) / 60), flush=True)
    print(report(tallies, given.seed, (time.monotonic() - begin) / 60))
    return any(tally.findings for tally in tallies.values())


if __name__ == "__main__":
    sys.exit(main())

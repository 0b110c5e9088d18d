"""Commands that compare random cases with a reference for as long as one likes."""

from __future__ import annotations

import argparse
import collections
import itertools
import time
from collections.abc import Callable, Iterable

Verdict = tuple[
    str, str | None
]  # what was compared; what differs, or None if the case shows little


def compare_for(module: str, about: str | None, check: Callable[[int], Iterable[Verdict]]) -> int:
    """Check case by case until the time that the command line gives is over, and print what differs."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    options = parser.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    began = time.monotonic()
    for case in itertools.count(options.first):
        for what, wrong in check(case):
            counts["quiet" if wrong is None else "findings" if wrong else "equal"] += 1
            if wrong:
                print(f"\n--- case {case}, {what}\n{wrong}", flush=True)
        if time.monotonic() - began > 60 * options.minutes:
            break
    print(f"\ncases {options.first} to {case}: {dict(counts)}")
    return 1 if counts["findings"] else 0

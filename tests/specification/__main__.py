"""Run the state machine for as long as you like: ``python -m tests.specification --minutes 60``."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the core to others

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test
from tests.specification import machine


def main() -> int:
    """Run batches of examples, each from its own seed, and print what they find."""
    parser = argparse.ArgumentParser(prog="python -m tests.specification", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the first batch; each batch takes the next"
    )
    parser.add_argument("--examples", type=int, default=25, help="examples of a batch")
    parser.add_argument("--steps", type=int, default=30, help="most rules of an example")
    parser.add_argument(
        "--exclude", nargs="*", default=[], help="findings to keep away from, by name"
    )
    parser.add_argument("--all", action="store_true", help="exclude no known finding")
    parser.add_argument("--findings", type=int, default=10**9, help="stop after so many")
    parser.add_argument("--no-shrink", action="store_true")
    options = parser.parse_args()
    if options.all:
        machine.EXCLUDED.clear()
    machine.EXCLUDED |= set(options.exclude)
    phases = [Phase.generate] if options.no_shrink else [Phase.generate, Phase.shrink]
    profile = settings(
        max_examples=options.examples, stateful_step_count=options.steps, deadline=None, database=None, phases=phases,
        suppress_health_check=list(HealthCheck), print_blob=False, report_multiple_bugs=False,
    )  # fmt: skip
    began, batch, findings = time.monotonic(), options.seed, 0
    shown = began
    while time.monotonic() - began < 60 * options.minutes and findings < options.findings:
        machine_of_batch = seeded(batch)(type(f"Machine{batch}", (machine.Machine,), {}))
        try:
            run_state_machine_as_test(machine_of_batch, settings=profile)
        except Exception:  # noqa: BLE001  # whatever it is, it is a finding
            findings += 1
            print(
                f"\n--- finding {findings}, --seed {batch}, after {time.monotonic() - began:.0f} s"
            )
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
        batch += 1
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            report(shown - began, findings, batch)
    report(time.monotonic() - began, findings, batch)
    return 1 if findings else 0


def report(seconds: float, findings: int, batch: int) -> None:
    """Print counts."""
    print(f"\n{seconds / 60:.1f} min, next --seed {batch}: {findings} findings")
    for name, count in sorted(machine.COUNTS.items()):
        print(f"{count:10} {name}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""The output of ``spikelet bench``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from spikelet._util.tables import table
from spikelet.cli.bench_networks import NETWORKS
from spikelet.cli.bench_rows import Cases, Record, Row

__all__ = ["announce", "describe_reference", "introduce", "print_table", "threads_text"]

_COLUMNS = (
    "network", "threads", "build s", "wall s", "real-time factor", "ns/event", "reference", "ratio",
)  # fmt: skip


def threads_text(n: int) -> str:
    """Return the number of threads with its noun."""
    return f"{n} thread{'' if n == 1 else 's'}"


def announce(text: str) -> None:
    """Show the current activity on a terminal; each text replaces the previous one."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _bandwidths(record: Record) -> str:
    def both(values: dict[str, float]) -> str:
        return ", ".join(f"{gb:.1f} GB/s with {threads_text(int(n))}" for n, gb in values.items())

    memory, cache = both(record["copy_gb_per_s"]), both(record["cache_copy_gb_per_s"])
    return f"Copies  memory {memory}; cache {cache}"


def _machine_line(machine: Record) -> str:
    cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
    return f"{machine['cpu']}, {cores}, {machine['system']}, SIMD {machine['simd']}"


def introduce(record: Record) -> None:
    """Print versions, the machine and its memory bandwidth."""
    print(
        f"spikelet {record['spikelet']}, numpy {record['numpy']}, Python {record['python']}\n"
        f"Machine {_machine_line(record['machine'])}\n{_bandwidths(record)}",
        flush=True,
    )
    if record["load"] > 0.3:
        print(
            f"The system load is {record['load']:.1f}: other processes are running, so times are too long."
        )


def describe_reference(reference: Record) -> None:
    """Print the origin of the reference, and the meaning of the columns."""
    print(
        f"Reference: spikelet {reference['spikelet']}, {reference['date']}, on {_machine_line(reference['machine'])}\n"
        f"{_bandwidths(reference)}\n"
        "Wall time: fastest run. Real-time factor: wall time / simulated time. Event: a spike at a synapse.\n"
        "Reference: its ns/event with as many threads (one or all). Ratio: ns/event / reference."
    )


def _lines(rows: Sequence[Row], reference: Cases, wrong: dict[str, str]) -> list[list[str]]:
    titles = {network.name: network.title for network in NETWORKS}
    lines = []
    for row in rows:
        line = [titles[row.network], str(row.threads)]
        if row.network in wrong:  # no speed if it is not the same network
            lines.append([*line, "differ", *[""] * (len(_COLUMNS) - 3)])
            continue
        line += [f"{row.build_s:.2f}", f"{row.wall_s:.3f}", f"{row.real_time_factor:.3f}"]
        line += [f"{row.ns_per_event:.2f}"]
        then = reference.get((row.network, row.role))
        if then is None:
            line += ["none", ""]
        else:
            other = "" if then["threads"] == row.threads else f" ({threads_text(then['threads'])})"
            line += [
                f"{then['ns_per_event']:.2f}{other}",
                f"{row.ns_per_event / then['ns_per_event']:.2f}",
            ]
        lines.append(line)
    return lines


def print_table(rows: Sequence[Row], reference: Cases, wrong: dict[str, str]) -> None:
    """Print a line for each row; a network in `wrong` gets no speed."""
    print(f"\n{table(_COLUMNS, _lines(rows, reference, wrong))}\n")

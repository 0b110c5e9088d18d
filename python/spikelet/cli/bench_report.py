"""What ``spikelet bench`` prints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from spikelet.cli.bench_networks import NETWORKS

if TYPE_CHECKING:
    from spikelet.cli.bench import Cases, Record, Row

__all__ = ["describe_reference", "introduce", "print_table", "tell", "threads_text"]

_COLUMNS = (
    "network", "threads", "build s", "wall s", "real-time factor", "ns/event", "reference", "ratio",
)  # fmt: skip


def threads_text(n: int) -> str:
    """Return the number with its noun."""
    return f"{n} thread{'' if n == 1 else 's'}"


def tell(text: str) -> None:
    """Show what is going on, where somebody looks; each text replaces the one before."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _bandwidths(record: Record) -> str:
    def both(values: dict[str, float]) -> str:
        return ", ".join(f"{gb:.1f} GB/s with {threads_text(int(n))}" for n, gb in values.items())

    memory, cache = both(record["copy_gb_per_s"]), both(record["cache_copy_gb_per_s"])
    return f"Copies  memory {memory}; cache {cache}"


def _machine_line(of: Record) -> str:
    cores = "1 core" if of["cores"] == 1 else f"{of['cores']} cores"
    return f"{of['cpu']}, {cores}, {of['system']}, SIMD {of['simd']}"


def introduce(record: Record) -> None:
    """Print versions, the machine and its limits."""
    print(
        f"spikelet {record['spikelet']}, numpy {record['numpy']}, Python {record['python']}\n"
        f"Machine {_machine_line(record['machine'])}\n{_bandwidths(record)}",
        flush=True,
    )
    if record["load"] > 0.3:
        print(
            f"The load is {record['load']:.1f}: something else is running, and times are too long."
        )


def describe_reference(reference: Record) -> None:
    """Print where the reference comes from, and what the columns mean."""
    print(
        f"Reference: spikelet {reference['spikelet']}, {reference['date']}, on {_machine_line(reference['machine'])}\n"
        f"{_bandwidths(reference)}\n"
        "Wall time is the shortest run's; real-time factor: wall time by simulated time; an event is a spike at a "
        "synapse;\nreference: its ns/event with as many threads, one or all; ratio: ns/event by that."
    )


def _lines(rows: Sequence[Row], reference: Cases, wrong: dict[str, str]) -> list[list[str]]:
    titles = {network.name: network.title for network in NETWORKS}
    lines = []
    for row in rows:
        line = [titles[row.network], str(row.threads)]
        if row.network in wrong:  # no speed of what is not the same network
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
    """Print a line for each row; no speed of a network that is in `wrong`. With rich, if it is installed."""
    lines = _lines(rows, reference, wrong)
    draw: Callable[[list[list[str]]], None] = _plain
    try:
        import rich.table  # noqa: F401, PLC0415  # an extra

        draw = _rich
    except ImportError:
        pass
    draw(lines)


def _rich(lines: list[list[str]]) -> None:
    from rich import box  # noqa: PLC0415  # an extra
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else 100)
    table = Table(box=box.SIMPLE_HEAD, padding=0)  # 80 columns
    for k, name in enumerate(_COLUMNS):
        table.add_column(name, justify="left" if k == 0 else "right", no_wrap=k == 0)
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _plain(lines: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *lines, strict=True)]
    for line in (list(_COLUMNS), *lines):
        cells = [text.rjust(width) for text, width in zip(line, widths, strict=True)]
        print("  ".join([line[0].ljust(widths[0]), *cells[1:]]).rstrip())

"""``spikelet bench``: the speed of known networks on this machine, compared with a stored reference."""

from __future__ import annotations

import gc
import json
import os
import sys
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import perf_counter
from typing import Any

import numpy as np

from spikelet._util import files
from spikelet._util.checks import choice, fail, integer
from spikelet._util.tables import table
from spikelet._util.threads import default_threads
from spikelet.cli.bench_harness import Record, about, machine_line
from spikelet.cli.bench_networks import NETWORKS, BenchNetwork, Built

Cases = dict[tuple[str, str], Record]
"""Records by network and role: "one" thread, or "all"."""

REFERENCE = Path(__file__).with_name("bench_reference.json")
QUICK = 0.1
"""Factor of the durations in a quick run."""
RATE_TOLERANCE = {"full": 0.05, "quick": 0.2}
"""Relative tolerance of mean rates. Another math library may move the first spike by a step, after which only averages
agree: to 2 % (full) and 9 % (quick) if potentials change by 0.0001 mV."""
SYNAPSE_TOLERANCE = 0.001
LEAST_RUNS, MOST_RUNS, ENOUGH = 3, 10, 1.0  # [1, 1, s]


def run(
    *,
    quick: bool = False,
    threads: int | None = None,
    networks: Sequence[str] | None = None,
    json_file: str | os.PathLike[str] | None = None,
    update_reference: bool = False,
) -> tuple[bool, Record]:
    """Measure, print a table, and return whether the results were correct, and the results.

    Parameters
    ----------
    quick : bool
        Run each network once, for a tenth of the duration; times are only rough.
    threads : int, optional
        Number of threads of multi-threaded runs; by default all cores that this process may use.
    networks : sequence of str, optional
        Run only these of cuba, coba, brunel, plastic_brunel, microcircuit.
    json_file : path, optional
        File to write all results to.
    update_reference : bool
        For maintainers, in a checkout: measure all networks, full and quick, and replace the stored reference by the
        results. Nothing is compared.

    Returns
    -------
    right : bool
        Whether each network gave the same spikes in all runs and, except with `update_reference`, the rate of the
        reference.
    record : dict
        All results, as in the file.

    Raises
    ------
    ValueError
        If `threads` is below 1, a network is unknown, or `update_reference` is combined with `quick` or `networks`.
    OSError
        If a file cannot be written; raised before the measurement if possible.
    """
    where = "bench"
    if threads is not None:
        integer(where, "threads", threads, 1)
    known = [network.name for network in NETWORKS]
    for name in networks or ():
        choice(where, "networks", name, *known)
    if update_reference and (quick or networks):
        fail(where, "update_reference", True, "cannot be combined with quick or networks")
    target = None if json_file is None else Path(json_file)
    if target is not None and target.is_dir():
        raise IsADirectoryError(f"{target} must be a file for the results, not a folder")
    if target is not None and not target.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"the folder {target.absolute().parent} for the results does not exist"
        )

    many = default_threads() if threads is None else threads
    chosen = [network for network in NETWORKS if networks is None or network.name in networks]
    start = _about(many)
    _introduce(start)
    modes = ("full", "quick") if update_reference else ("quick" if quick else "full",)
    measured = {mode: _measure_all(chosen, many, mode) for mode in modes}
    record = start | measured
    rows = measured[modes[0]]
    if update_reference:
        wrong = {k: v for rows in measured.values() for k, v in _differences(rows, {}, "").items()}
        reference: Record = {}
    else:
        reference = json.loads(REFERENCE.read_text())
        wrong = _differences(rows, _by_case(reference[modes[0]]), modes[0])
    _print_table(rows, _by_case(reference.get(modes[0], [])), wrong)
    if reference:
        _describe_reference(reference)
    for name, why in wrong.items():
        print(f"Results of {name} differ: {why}")
    if target is not None:
        files.write(target, json.dumps(record | {"differ": wrong}, indent=1) + "\n")
    if update_reference and not wrong:
        files.write(REFERENCE, json.dumps(record, indent=1) + "\n")
        print(f"Wrote {REFERENCE}")
    return not wrong, record | {"differ": wrong}


# Measuring ------------------------------------------------------------------------------------------------------------


def copy_bandwidth(threads: int = 1, size: int = 1 << 26, seconds: float = 0.1) -> float:
    """Return the bandwidth of copying memory [GB/s], counting bytes read and written.

    Parameters
    ----------
    threads : int
        Number of threads, each of which copies its own block.
    size : int
        Bytes of a block: the default is far larger than a cache, 2^17 fits into one.
    seconds : float
        Approximate duration of the measurement.

    Returns
    -------
    float
        The best of three.
    """
    blocks = [(np.ones(size, np.uint8), np.zeros(size, np.uint8)) for _ in range(threads)]
    for source, target in blocks:
        np.copyto(target, source)  # so that the pages are mapped
    began = perf_counter()
    np.copyto(*blocks[0][::-1])
    one = perf_counter() - began
    times = max(1, int(seconds / 3 / one))
    barrier = Barrier(threads)

    def copy(pair: tuple[Any, Any]) -> tuple[float, float]:
        barrier.wait()
        start = perf_counter()
        for _ in range(times):
            np.copyto(pair[1], pair[0])  # releases the interpreter lock
        return start, perf_counter()

    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            spans = list(pool.map(copy, blocks))
            wall = max(end for _, end in spans) - min(start for start, _ in spans)
            best = max(best, 2e-9 * size * times * threads / wall)
    return best


def _about(threads: int) -> Record:
    counts = sorted({1, threads})
    return about() | {
        "copy_gb_per_s": {str(n): copy_bandwidth(n, min(1 << 26, (1 << 28) // n)) for n in counts},
        "cache_copy_gb_per_s": {str(n): copy_bandwidth(n, 1 << 17) for n in counts},
    }


def _measure_all(networks: Sequence[BenchNetwork], threads: int, mode: str) -> list[Record]:
    rows = []
    for network in networks:
        for role, n in (("one", 1), ("all", threads))[: 1 if threads == 1 else 2]:
            _announce(f"{network.title}, {_threads_text(n)} ...")
            rows.append(_measure(network, n, role, mode))
    _announce("")
    return rows


def _measure(network: BenchNetwork, threads: int, role: str, mode: str) -> Record:
    """Return the fastest of several runs from the same state; spikes_crc is -1 if their spikes differ."""
    duration = round(network.duration * (QUICK if mode == "quick" else 1.0), 1)
    gc.collect()  # free the previous network
    start = perf_counter()
    built = network.build(threads)
    built.network.prepare()
    build = perf_counter() - start

    walls: list[float] = []
    seen = set()
    spikes = 0
    least, most = (1, 1) if mode == "quick" else (LEAST_RUNS, MOST_RUNS)
    while len(walls) < least or (len(walls) < most and sum(walls) < ENOUGH):
        if walls:
            built.network.reset()
        start = perf_counter()
        built.network.run(duration)
        walls.append(perf_counter() - start)
        spikes, checksum = _read(built)
        seen.add(checksum)
    wall = min(walls)
    events = spikes * built.synapses / built.neurons
    return {
        "network": network.name,
        "threads": threads,
        "role": role,
        "build_s": build,
        "wall_s": wall,
        "model_s": duration * 1e-3,
        "runs": len(walls),
        "real_time_factor": wall / (duration * 1e-3),
        "ns_per_event": wall * 1e9 / max(events, 1.0),
        "neurons": built.neurons,
        "synapses": built.synapses,
        "spikes": spikes,
        "rate_hz": spikes / built.neurons / (duration * 1e-3),
        "spikes_crc": seen.pop() if len(seen) == 1 else -1,
    }


def _read(built: Built) -> tuple[int, int]:
    """Return the number of spikes and their checksum."""
    spikes, checksum = 0, 0
    for recorder in built.recorders:
        times = recorder.times
        spikes += len(times)
        for array in (times, recorder.ids):
            checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    return spikes, checksum


# Comparing ------------------------------------------------------------------------------------------------------------


def _by_case(rows: list[Record]) -> Cases:
    return {(row["network"], row["role"]): row for row in rows}


def _differences(rows: Sequence[Record], reference: Cases, mode: str) -> dict[str, str]:
    """Return the networks whose results are wrong, and why.

    Runs and numbers of threads must agree in every spike; machines must agree in the rates.
    """
    wrong: dict[str, str] = {}
    first: dict[str, Record] = {}
    for row in rows:
        name, threads = row["network"], _threads_text(row["threads"])
        one = first.setdefault(name, row)
        if row["spikes_crc"] < 0:
            wrong[name] = f"{row['runs']} runs from the same state with {threads} differ"
        elif row["spikes_crc"] != one["spikes_crc"]:
            wrong[name] = (
                f"{one['spikes']} spikes with {_threads_text(one['threads'])}, "
                f"{row['spikes']} different ones with {threads}"
            )
        # The one-thread row always exists, even if the reference machine has one core.
        then = reference.get((name, "one"))
        if then is None or name in wrong:
            continue
        if abs(row["synapses"] / then["synapses"] - 1) > SYNAPSE_TOLERANCE:
            wrong[name] = f"{row['synapses']} synapses instead of {then['synapses']}"
        elif abs(row["rate_hz"] / then["rate_hz"] - 1) > RATE_TOLERANCE[mode]:
            wrong[name] = f"{row['rate_hz']:.2f} Hz instead of {then['rate_hz']:.2f} Hz"
    return wrong


# Printing -------------------------------------------------------------------------------------------------------------


_COLUMNS = (
    "network", "threads", "build s", "wall s", "real-time factor", "ns/event", "reference", "ratio",
)  # fmt: skip


def _threads_text(n: int) -> str:
    """Return the number of threads with its noun."""
    return f"{n} thread{'' if n == 1 else 's'}"


def _announce(text: str) -> None:
    """Show the current activity on a terminal; each text replaces the previous one."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _bandwidths(record: Record) -> str:
    def both(values: dict[str, float]) -> str:
        return ", ".join(f"{gb:.1f} GB/s with {_threads_text(int(n))}" for n, gb in values.items())

    memory, cache = both(record["copy_gb_per_s"]), both(record["cache_copy_gb_per_s"])
    return f"Copies  memory {memory}; cache {cache}"


def _introduce(record: Record) -> None:
    """Print versions, the machine and its memory bandwidth."""
    print(
        f"spikelet {record['spikelet']}, numpy {record['numpy']}, Python {record['python']}\n"
        f"Machine {machine_line(record['machine'])}\n{_bandwidths(record)}",
        flush=True,
    )
    if record["load"] > 0.3:
        print(
            f"The system load is {record['load']:.1f}: other processes are running, so times are too long."
        )


def _describe_reference(reference: Record) -> None:
    """Print the origin of the reference, and the meaning of the columns."""
    print(
        f"Reference: spikelet {reference['spikelet']}, {reference['date']}, on {machine_line(reference['machine'])}\n"
        f"{_bandwidths(reference)}\n"
        "Wall time: fastest run. Real-time factor: wall time / simulated time. Event: a spike at a synapse.\n"
        "Reference: its ns/event with as many threads (one or all). Ratio: ns/event / reference."
    )


def _print_table(rows: Sequence[Record], reference: Cases, wrong: dict[str, str]) -> None:
    """Print a line for each row; a network in `wrong` gets no speed."""
    titles = {network.name: network.title for network in NETWORKS}
    lines = []
    for row in rows:
        line = [titles[row["network"]], str(row["threads"])]
        if row["network"] in wrong:  # no speed if it is not the same network
            lines.append([*line, "differ", *[""] * (len(_COLUMNS) - 3)])
            continue
        line += [f"{row['build_s']:.2f}", f"{row['wall_s']:.3f}", f"{row['real_time_factor']:.3f}"]
        line += [f"{row['ns_per_event']:.2f}"]
        then = reference.get((row["network"], row["role"]))
        if then is None:
            line += ["none", ""]
        else:
            other = (
                "" if then["threads"] == row["threads"] else f" ({_threads_text(then['threads'])})"
            )
            line += [
                f"{then['ns_per_event']:.2f}{other}",
                f"{row['ns_per_event'] / then['ns_per_event']:.2f}",
            ]
        lines.append(line)
    print(f"\n{table(_COLUMNS, lines)}\n")

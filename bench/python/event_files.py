"""Read generated event files here and with tonic, expelliarmus and aedat: equal events first, then the times.

Run with a Python that has tonic, expelliarmus, aedat, lz4 and zstandard besides what spikelet needs:

    python bench/python/event_files.py --events 20_000_000

A read follows another of the same file, so the file is in the page cache, and what is timed is decoding. `plain` is the time
in which numpy reads the bytes.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet import datasets
from spikelet.cli import bench_harness as harness

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support import event_files as writers

Read = Callable[[Path], NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    format: str
    reader: str


def tonic(name: str) -> Read:
    """Return a reader of tonic.io."""
    from tonic import io  # noqa: PLC0415

    if name == "nmnist":
        return lambda path: io.read_mnist_file(str(path), io.events_struct)
    if name == "aedat4":
        return lambda path: io.read_aedat4(str(path))
    return lambda path: io.read_dvs_ibm(path)[1]


def expelliarmus(name: str) -> Read:
    """Return a reader of expelliarmus."""
    from expelliarmus import Wizard  # noqa: PLC0415

    return Wizard(encoding=name).read


def aedat3(path: Path) -> NDArray[Any]:
    """Read AEDAT 3.1 as tonic.io would, whose function no longer unpacks its own header."""
    from tonic import io  # noqa: PLC0415

    version, start, _ = io.read_aedat_header_from_file(str(path))
    events = io.get_aer_events_from_file(str(path), version, start)
    address = events["address"]
    columns = (
        (address >> 17) & 0x1FFF,
        (address >> 2) & 0x1FFF,
        events["timeStamp"],
        (address >> 1) & 1,
    )
    return io.make_structured_array(*columns)


def main() -> None:
    """Write a file of each format, and read it with each reader in turn."""
    parser = harness.parser(__doc__, runs=5)
    parser.add_argument("--events", type=int, default=2_000_000)
    args, origin = parser.parse_args(), harness.about()
    results: dict[Case, list[harness.Record]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, write, size, peers) in formats().items():
            path = Path(folder) / f"events{suffix}"
            write(path, writers.random_events(args.events, size, 10 * args.events))
            ours: Read = functools.partial(datasets.read_events, format=name)
            readers = {"plain": lambda path: np.fromfile(path, np.uint8), "spikelet": ours, **peers}
            compared = {who: equal(read(path), ours(path)) for who, read in peers.items()}

            def once(
                case: Case,
                _: int,
                path: Path = path,
                readers: Any = readers,
                compared: Any = compared,
            ) -> harness.Record:
                begin = time.perf_counter()
                readers[case.reader](path)
                return {
                    "wall_s": time.perf_counter() - begin, "mb": path.stat().st_size / 1e6,
                    "equal": compared.get(case.reader, "-"),
                }  # fmt: skip

            cases = [Case(name, who) for who in readers]
            results |= harness.take_turns(cases, range(args.runs), once, "{wall_s:.3f} s")
            path.unlink()
    columns: dict[str, harness.Column] = {
        "MB": "mb .0f", "s": harness.spread("wall_s"), "events": lambda _, runs: runs[0]["equal"],
    }  # fmt: skip
    harness.show(args, origin, results, [harness.table(results, ["format", "reader"], columns)])


def formats() -> dict[str, Any]:
    """Return the extension, writer, sensor and other readers of each format."""
    import lz4.frame  # noqa: PLC0415

    packed = {"packet": 4096, "table": False, "other": False}
    return {
        "nmnist": (".bin", writers.nmnist, (34, 34), {"tonic": tonic("nmnist")}),
        "aedat3": (".aedat", lambda p, e: writers.aedat3(p, e, 4096, noise=False), (128, 128), {"tonic": aedat3}),
        "aedat4": (".aedat4", lambda p, e: writers.aedat4(p, e, 1, lz4.frame.compress, **packed), (346, 260), {"tonic (aedat)": tonic("aedat4")}),
        "dat": (".dat", writers.dat, (304, 240), {"expelliarmus": expelliarmus("dat")}),
        "evt2": (".raw", lambda p, e: writers.evt2(p, e, early=False), (640, 480), {"expelliarmus": expelliarmus("evt2")}),
        "evt3": (".raw", lambda p, e: writers.evt3(p, e, early=False), (640, 480), {"expelliarmus": expelliarmus("evt3")}),
    }  # fmt: skip


def equal(theirs: NDArray[Any], ours: NDArray[Any]) -> str:
    """Return in which fields the events of a reader differ from ours."""
    if len(theirs) != len(ours):
        return f"{len(theirs)} instead of {len(ours)}"
    names = [k if k in (theirs.dtype.names or ()) else "on" for k in "txyp"]
    differ = [k for k, other in zip("txyp", names, strict=True) if (ours[k] != theirs[other]).any()]
    return f"DIFFERENT {differ}" if differ else "equal"


if __name__ == "__main__":
    main()

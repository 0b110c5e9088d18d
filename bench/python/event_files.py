"""Read generated event files here and with tonic, expelliarmus and aedat: equal events first, then the times.

Run with a Python that has tonic, expelliarmus, aedat, lz4 and zstandard besides what spikelet needs:

    python bench/python/event_files.py --events 20_000_000

A read follows another of the same file, so the file is in the page cache, and what is timed is decoding. `plain` is the time
in which numpy reads the bytes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet import datasets

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support import event_files as writers

Read = Callable[[Path], NDArray[Any]]


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
    """Print a line for each format and reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, write, size, peers) in cases().items():
            path = Path(folder) / f"events{suffix}"
            write(path, writers.random_events(arguments.events, size, 10 * arguments.events))
            compare(name, path, peers, arguments.repeats)
            path.unlink()


def cases() -> dict[str, Any]:
    """Return the extension, writer, sensor and other readers of each format."""
    import lz4.frame  # noqa: PLC0415

    return {
        "nmnist": (".bin", writers.nmnist, (34, 34), {"tonic": tonic("nmnist")}),
        "aedat3": (
            ".aedat",
            lambda p, e: writers.aedat3(p, e, 4096, noise=False),
            (128, 128),
            {"tonic": aedat3},
        ),
        "aedat4": (
            ".aedat4",
            lambda p, e: writers.aedat4(
                p, e, 1, lz4.frame.compress, packet=4096, table=False, other=False
            ),
            (346, 260),
            {"tonic (aedat)": tonic("aedat4")},
        ),
        "dat": (".dat", writers.dat, (304, 240), {"expelliarmus": expelliarmus("dat")}),
        "evt2": (
            ".raw",
            lambda p, e: writers.evt2(p, e, early=False),
            (640, 480),
            {"expelliarmus": expelliarmus("evt2")},
        ),
        "evt3": (
            ".raw",
            lambda p, e: writers.evt3(p, e, early=False),
            (640, 480),
            {"expelliarmus": expelliarmus("evt3")},
        ),
    }


def compare(name: str, path: Path, peers: dict[str, Read], repeats: int) -> None:
    """Check that all readers agree, and print their times."""
    ours: Read = lambda path: datasets.read_events(path, name)
    events = ours(path)
    size = path.stat().st_size / 1e6
    plain = timed(lambda p: np.fromfile(p, np.uint8), path, repeats)
    seconds = timed(ours, path, repeats)
    print(
        f"{name}: {size:.0f} MB, {len(events):,} events; plain {plain:.3f} s, here {seconds:.3f} s, {size / seconds:.0f} MB/s"
    )
    for who, read in peers.items():
        theirs = read(path)
        names = [k if k in (theirs.dtype.names or ()) else "on" for k in "txyp"]
        differ = [
            k
            for k, other in zip("txyp", names, strict=True)
            if len(theirs) != len(events) or (events[k] != theirs[other]).any()
        ]
        took = timed(read, path, max(1, repeats // 2))
        print(
            f"  {who}: {took:.3f} s, {took / seconds:.1f} times ours; {'equal' if not differ else f'DIFFERENT {differ}'}"
        )


def timed(read: Any, path: Path, repeats: int) -> float:
    """Return the median time of a call."""
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        read(path)
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


if __name__ == "__main__":
    main()

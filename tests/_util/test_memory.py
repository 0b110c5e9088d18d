"""Results larger than the machine's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

import spikelet as sl
from spikelet import _core
from spikelet._util.memory import require_memory


def test_what_does_not_fit_is_refused_before_it_is_made() -> None:
    with pytest.raises(
        ValueError, match=r"here: the result, 1e\+09 x 1e\+09 of 8 bytes.*; give less"
    ):
        require_memory("here", (1e9, 1e9), 8, "give less")
    require_memory("here", (10, 10), 8, "give less")


_MEMINFO = "MemTotal: 9000 kB\nMemFree: 1 kB\nMemAvailable: 4000 kB\nSwapFree: 1000 kB\n"
_V2, _V1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"


@pytest.mark.parametrize(
    ("group", "files", "left"),
    [
        ("", {}, 5000 * 1024),
        ("0::/a/b\n", {f"{_V2}/a/b/memory.max": "max\n", f"{_V2}/a/b/memory.current": "7\n"}, 5000 * 1024),
        ("0::/a/b\n", {f"{_V2}/a/b/memory.max": "9000\n", f"{_V2}/a/b/memory.current": "7000\n"}, 2000),
        ("0::/\n", {f"{_V2}/memory.max": "9000\n", f"{_V2}/memory.current": "7000\n"}, 2000),  # of a container
        (
            "0::/a/b\n",  # the group around it, with a cache of files
            {f"{_V2}/a/memory.max": "9000", f"{_V2}/a/memory.current": "7000", f"{_V2}/a/memory.stat": "anon 1\ninactive_file 500\n"},
            2500,
        ),
        ("3:cpu:/x\n0::/\n2:memory:/a\n", {f"{_V1}/a/memory.limit_in_bytes": "9000", f"{_V1}/a/memory.usage_in_bytes": "1000"}, 8000),
        ("2:memory:/a\n", {f"{_V1}/memory.limit_in_bytes": "9", f"{_V1}/memory.usage_in_bytes": "10"}, 0),
        ("no group", {}, 5000 * 1024),
    ],
)  # fmt: skip
def test_the_memory_that_is_left(
    tmp_path: Path, group: str, files: dict[str, str], left: float
) -> None:
    """What is free, and no more than control groups of version 1 or 2 allow."""
    for name, text in {"proc/meminfo": _MEMINFO, "proc/self/cgroup": group, **files}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert _core.available_memory(str(tmp_path)) == left


def test_where_nothing_is_known_it_is_the_address_space(tmp_path: Path) -> None:
    assert _core.available_memory(str(tmp_path)) == 2.0**47
    assert 0 < _core.available_memory() <= 2.0**47


def test_bins_that_would_not_fit() -> None:
    spikes = sl.Spikes([500.0], [0], 20, stop=500.0)
    for call in (spikes.bin, spikes.raster):
        with pytest.raises(ValueError, match="more than the memory of this machine"):
            call(1e-9)

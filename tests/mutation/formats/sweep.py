"""Stores of sweeps: description, plan and journals, by `load_sweep`. A journal that was cut off may have lost runs."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_array, change_json, pick

import spikelet as sl
from spikelet.experiments import sealed_json
from spikelet.experiments.journal import END, entries, pack


def trial(x: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    if x == 3:
        raise RuntimeError("no")
    return {
        "number": rng.normal(), "text": f"é {x}", "none": None, "big": 10**30, "noise": rng.normal(size=(3, 2)),
        "fields": np.array([(1, 2.0)], [("a", "<i4"), ("b", "<f8")]), "count": np.arange(5),
    }  # fmt: skip


class SweepStore(Format):
    def write(self, folder: Path, seed: int) -> None:
        rng = np.random.default_rng(seed)
        grid = {"x": [1, 2.5, "three", 3, (1, 2)][: int(rng.integers(1, 6))]}
        seeds = pick(rng, (1, 2, [5, 2**63]))
        sl.sweep(trial, grid, seeds=seeds, seed=seed % 1000, executor="serial", store=folder / "s")

    def targets(self, folder: Path) -> list[Path]:
        # What is cut off within a journal is not damage: see `read`.
        return [folder / "s" / name for name in ("sweep.json", "plan.json")] + list(
            (folder / "s" / "runs").glob("*.runs")
        )

    def read(self, folder: Path) -> Any:
        """Runs of journals that lost bytes or their end may be missing, as those of a worker that died."""
        found = sl.load_sweep(folder / "s")
        before = folder.parent / "valid" / "s"
        valid = {run.run.key: run for run in sl.load_sweep(before)}
        cut = any(
            len(data := path.read_bytes()) < (before / "runs" / path.name).stat().st_size
            or not data.endswith(END)
            for path in (folder / "s" / "runs").glob("*.runs")
        )
        result = []
        for run in found:
            if run.status == "missing" and cut:
                run = valid.get(run.run.key, run)  # noqa: PLW2901
            record = run.record
            stored = [record.status, record.scalars, record.arrays, record.error, record.host]
            result.append([vars(run.run), *stored, record.seconds, record.version, record.simd])
        return found.fixed, result

    def craft(self, folder: Path, rng: Random) -> str:
        store = folder / "s"
        if rng.random() < 0.4:
            path = store / pick(rng, ("sweep.json", "plan.json"))
            tree = sealed_json.content(path.read_bytes())
            what = change_json(tree, rng)
            text = sealed_json.text_of(tree)
            old = rng.random() < 0.5  # of an earlier version, without a checksum
            path.write_bytes(b"{" + text if old else sealed_json.seal(text) + text)
            return f"{path.name}: {what}"
        path = pick(rng, sorted((store / "runs").glob("*.runs")))
        found = entries(path)[0]
        chosen, pieces, what = int(rng.integers(len(found))), [], ""
        for k, entry in enumerate(found):
            record = entry.read()
            packed = pack(_Plain(entry.run), record)
            if k == chosen and rng.random() < 0.4 and record.arrays:
                name = pick(rng, sorted(record.arrays))
                record.arrays[name], what = change_array(record.arrays[name], rng)
                packed = pack(_Plain(entry.run), record)
            elif k == chosen:
                tree = json.loads(b"{" + packed[1])
                what = change_json(tree, rng)
                text = sealed_json.text_of(tree)
                packed = [sealed_json.seal(text), text, *packed[2:]]
            pieces += packed
        if (
            rng.random() < 0.2 and found[0].arrays and chosen
        ):  # a header of an array, with a right CRC-32
            data, what = self._craft_header(b"".join(pieces), rng)
            pieces = [data]
        path.write_bytes(b"".join(pieces) + pick(rng, (END, b"")))
        return f"{path.name}: {what}"

    @staticmethod
    def _craft_header(data: bytes, rng: Random) -> tuple[bytes, str]:
        begin = data.index(b"\n") + 1
        text = json.loads(b"{" + data[: begin - 1][len(sealed_json.seal(b"")) :])
        name, place = next(iter(dict(text.get("arrays") or {}).items()), ("", None))
        if not isinstance(place, list) or len(place) != 2 or not isinstance(place[0], int):
            return data, "nothing"
        length = place[0]
        array = bytearray(data[begin : begin + length])
        at = int(rng.integers(min(128, length)))
        array[at] = pick(rng, b"0123456789-()[]{}',Ofui<|\0\xff")
        text["arrays"][name] = [length, zlib.crc32(array)]
        line = sealed_json.text_of(text)
        changed = sealed_json.seal(line) + line + b"\n" + array + data[begin + length :]
        return changed, f"byte {at} of array {name}"

    def use(self, folder: Path) -> None:
        found = sl.load_sweep(folder / "s")
        repr(found)
        for run in found:
            repr(run.record)
        if all(run.status != "missing" for run in found):
            found.save(folder.parent / "results.h5")


class _Plain:
    """A run of which only the description is known."""

    def __init__(self, description: Any) -> None:
        self._description = description

    def to_json(self) -> Any:
        return self._description


FORMAT = SweepStore()

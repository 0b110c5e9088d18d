"""Read mutants in a process of its own, with bounds on memory: `python -m tests.mutation.child FORMAT SEED FIRST LAST`.

It writes a line before and after each mutant, so that whoever reads them knows which one crashed it or hangs.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import shutil
import sys
import traceback
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.digest import digest
from tests.mutation.format import Format, formats
from tests.mutation.mutate import mutant

EACH = 50  # mutants of one valid file
CRAFTED = 0.5  # their share, where the format has them


def mutate(form: Format, valid: Path, case: Path, seed: int, number: int) -> tuple[bool, str]:
    """Make a mutant of valid files; return whether its checksums are right or missing, and what was changed."""
    rng = np.random.default_rng([zlib.crc32(form.name.encode()), seed, number])
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(valid, case)
    if rng.random() < CRAFTED and (what := form.craft(case, rng)) is not None:
        return True, f"crafted: {what}"
    files = form.targets(case)
    file = files[int(rng.integers(len(files)))]
    damaged, what = mutant(file.read_bytes(), rng)
    file.write_bytes(damaged)
    return not form.summed, f"{file.relative_to(case)}: {what}"


def outcome(form: Format, case: Path, crafted: bool, expected: str, megabytes: float) -> Any:
    """Read a mutant; return "refused", "equal" or "used", or a finding as a pair of its kind and text."""
    before = contents(case)
    try:
        with resident(megabytes) as grown:
            try:
                if crafted:
                    form.use(case)
                    found = "used"
                else:
                    found = "equal" if digest(form.read(case)) == expected else "different"
            except form.errors as error:
                if _lacks_memory(error):
                    raise
                found = "refused"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is a finding
        kind = "memory" if _lacks_memory(error) else "error"
        return kind, "".join(traceback.format_exception(error))
    if found == "different":
        return "different", "read without an error, but with another result"
    if grown():
        return "memory", f"took {grown():.0f} MB"
    if contents(case) != before:
        return "changed", "the files that were read are not the same any more"
    return found


def _lacks_memory(error: BaseException | None) -> bool:
    """Return whether memory ran out somewhere, although somebody translated the error."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _status(field: str) -> float:
    """Return a size of this process [MB], 0 where the system does not tell."""
    with contextlib.suppress(OSError), Path("/proc/self/status").open(encoding="ascii") as file:
        for line in file:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    return 0.0


@contextlib.contextmanager
def resident(megabytes: float) -> Iterator[Any]:
    """Measure whether the memory in use grew by more than a bound: yield a function that returns by how much, or 0."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    before = _status("VmRSS")

    def grown() -> float:
        more = _status("VmHWM") - before
        return more if megabytes and more > megabytes else 0.0

    yield grown


def bound_memory(megabytes: float) -> None:
    """Let allocations fail that need far more than the bound."""
    if megabytes and sys.platform == "linux":
        import resource  # noqa: PLC0415 - not on Windows

        limit = int((_status("VmSize") + 4 * megabytes) * 2**20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def main(name: str, seed: int, first: int, last: int, work: Path, megabytes: float) -> None:
    """Read the mutants from a first to a last number."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    form = formats()[name]
    valid, case = work / "valid", work / "case"
    base = None
    for number in range(first, last):
        if base != number // EACH:
            base = number // EACH
            shutil.rmtree(valid, ignore_errors=True)
            valid.mkdir()
            form.write(valid, seed * 1_000_003 + base)
            expected = digest(form.read(valid))
            if digest(form.read(valid)) != expected:
                raise AssertionError(f"{name}: reading twice gives different results")
            form.use(valid)  # imports what is imported late
            if number == first:
                bound_memory(megabytes)
        crafted, what = mutate(form, valid, case, seed, number)
        say(begin=number, what=what)
        found = outcome(form, case, crafted, expected, megabytes)
        if isinstance(found, str):
            say(end=number, outcome=found)
            continue
        kept = work / f"found{number}"  # while the parent stores it, the next one is made
        for part in (valid, case):
            shutil.copytree(part, kept / part.name)
        say(end=number, finding=found[0], text=found[1])


def replay(name: str, folder: Path, megabytes: float) -> None:
    """Read one finding again: valid files in `valid`, the mutant in `case`."""
    faulthandler.enable()
    form = formats()[name]
    crafted = json.loads((folder / "finding.json").read_text(encoding="utf-8"))["crafted"]
    expected = digest(form.read(folder / "valid"))
    form.use(folder / "valid")
    bound_memory(megabytes)
    say(begin=0, what="")
    found = outcome(form, folder / "case", crafted, expected, megabytes)
    if isinstance(found, str):
        say(end=0, outcome=found)
    else:
        say(end=0, finding=found[0], text=found[1])


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if sys.argv[1] == "--replay":
        replay(sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
    else:
        main(
            sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]),
            float(sys.argv[6]),
        )  # fmt: skip

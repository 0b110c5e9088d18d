"""Send ranges of mutants to child processes, start new ones after a crash or a hang, and keep what was found."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What reading a mutant may take."""

    seconds: float = 60.0  # by the clock, on a busy machine
    megabytes: float = 256.0  # of memory in use; 0: not bounded (sanitizers reserve terabytes)


@dataclasses.dataclass(frozen=True)
class Finding:
    """A mutant that was not refused, nor equal, nor usable."""

    format: str
    seed: int
    number: int
    what: str
    kind: str  # crash, hang, error, different, memory or changed
    text: str

    def __str__(self) -> str:
        return (
            f"{self.format}, seed {self.seed}, mutant {self.number} ({self.what}): {self.kind}\n"
            f"{self.text}"
        )


@dataclasses.dataclass
class Tally:
    """The outcomes of a format."""

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    findings: list[Finding] = dataclasses.field(default_factory=list)


class _Child:
    """A process that reads mutants, and the lines that it writes."""

    def __init__(self, arguments: list[str], errors: Path) -> None:
        self._errors = errors.open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutation.child", *arguments],
            cwd=ROOT,
            env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": _path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def lines(self, seconds: float) -> Iterator[Any]:
        """Yield what it says; TimeoutError if it is silent for too long."""
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                raise TimeoutError from None
            if line is None:
                return
            yield json.loads(line)

    def close(self) -> tuple[int, str]:
        """End it; return its exit code and what it wrote to stderr."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        code = self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace")
        self._errors.close()
        return code, text

    def interrupt(self) -> None:
        """Make it write where it is (`faulthandler`) and die."""
        self.process.send_signal(signal.SIGABRT)


def _path() -> str:
    """Return where the modules of this process are found: the same package for the child."""
    return os.pathsep.join(path or str(Path.cwd()) for path in sys.path)


def _died(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def run(
    name: str,
    seed: int,
    numbers: range,
    bounds: Bounds = Bounds(),
    keep: Path | None = None,
) -> Tally:
    """Read the mutants of a format with these numbers.

    Parameters
    ----------
    name : str
        The format.
    seed : int
        With the number of a mutant and the name, it decides all that is random.
    numbers : range
        The mutants.
    bounds : Bounds
        What reading one may take.
    keep : Path, optional
        Folder that gets the files of each finding.

    Raises
    ------
    RuntimeError
        If valid files cannot be written or read.
    """
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as temporary:
        work = Path(temporary)
        first = numbers.start
        while first < numbers.stop:
            arguments = [
                name, str(seed), str(first), str(numbers.stop), str(work), str(bounds.megabytes),
            ]  # fmt: skip
            first = _follow(name, seed, arguments, bounds, tally, work, keep)
    return tally


def _follow(
    name: str,
    seed: int,
    arguments: list[str],
    bounds: Bounds,
    tally: Tally,
    work: Path,
    keep: Path | None,
) -> int:
    """Count what a child says until it ends; return the number of the mutant to go on with."""
    child = _Child(arguments, work / "errors")
    number, what, begun, hangs = int(arguments[2]), "", False, False

    def found(kind: str, text: str) -> None:
        finding = Finding(name, seed, number, what, kind, text)
        tally.counts[kind] += 1
        tally.findings.append(finding)
        if keep is not None:
            kept = work / f"found{number}"
            store(finding, kept if kept.exists() else work, keep)

    try:
        for line in child.lines(bounds.seconds):
            if "begin" in line:
                number, what, begun = line["begin"], line["what"], True
            elif "finding" in line:
                begun = False
                found(line["finding"], line["text"])
            else:
                begun = False
                tally.counts[line["outcome"]] += 1
    except TimeoutError:
        child.interrupt()
        hangs = True
    code, text = child.close()
    if begun:  # it ended in the midst of a mutant
        found(*(("hang", text) if hangs else ("crash", f"{_died(code)}\n{text}")))
        return number + 1
    if code or hangs:
        raise RuntimeError(f"{name}: valid files fail ({_died(code)})\n{text}")
    return int(arguments[3])


def store(finding: Finding, work: Path, keep: Path) -> Path:
    """Keep the files of a finding; `python -m tests.mutation --replay FOLDER` reads them again."""
    folder = keep / f"{finding.format}-{finding.seed}-{finding.number}-{finding.kind}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part in ("valid", "case"):
        shutil.copytree(work / part, folder / part)
    about = dataclasses.asdict(finding) | {"crafted": finding.what.startswith("crafted: ")}
    (folder / "finding.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return folder


def replay(folder: Path, bounds: Bounds = Bounds()) -> str:
    """Read the files of a finding again; return the outcome, with the error if it is still a finding."""
    name = json.loads((folder / "finding.json").read_text(encoding="utf-8"))["format"]
    with tempfile.TemporaryDirectory(prefix="mutation-") as temporary:
        child = _Child(
            ["--replay", name, str(folder.resolve()), str(bounds.megabytes)],
            Path(temporary) / "errors",
        )
        said: list[Any] = []
        try:
            said.extend(child.lines(bounds.seconds))
        except TimeoutError:
            child.interrupt()
        code, text = child.close()
    if said and "outcome" in said[-1]:
        return str(said[-1]["outcome"])
    if said and "finding" in said[-1]:
        return f"{said[-1]['finding']}: {said[-1]['text']}"
    return f"{_died(code)}\n{text}"

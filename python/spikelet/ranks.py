"""The processes that share one network: who they are, and what Python gathers from all of them.

The core exchanges spikes by itself; see `Network` and "One network over many processes" in the documentation.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Exchanges", "Ranks", "alone", "ranks_of"]

T = TypeVar("T")

PATIENCE = 30.0  # s after which a rank says what it waits for

# Set by the launchers of Open MPI, MPICH and Intel MPI, MVAPICH; Slurm's own starts with PMIx.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")

_alone = contextvars.ContextVar("spikelet_alone", default=False)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let networks made here belong to this process alone, also where mpiexec started many.

    For code in which each process does something else: the runs of a sweep.
    """
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


class Ranks:
    """The processes that share a network, and which of them this one is.

    Attributes
    ----------
    rank, size : int
        The number of this process, and how many there are.
    comm : mpi4py.MPI.Comm or None
        For the exchange of spikes.
    """

    def __init__(self, comm: Any = None) -> None:
        self.rank: int = 0 if comm is None else comm.rank
        self.size: int = 1 if comm is None else comm.size
        # Apart, so that a rank that reads while others run waits, and nothing is mixed up.
        self.comm = None if comm is None else comm.Dup()
        self._reads = None if comm is None else comm.Dup()

    @property
    def minimum(self) -> Any:
        """MPI's operation, or None."""
        if self.comm is None:
            return None
        from mpi4py import MPI  # noqa: PLC0415  # an extra

        return MPI.MIN

    def gather(self, what: str, value: T) -> list[T]:
        """Return the values of all ranks; each of them must call this.

        Parameters
        ----------
        what : str
            What is read, for the message of a rank that waits for others.
        value : object
            Of this rank; picklable.
        """
        if self._reads is None:
            return [value]
        self._meet(what)
        parts = list(self._reads.allgather((what, value)))
        if any(other != what for other, _ in parts):
            asked = "; ".join(f"rank {rank}: {other}" for rank, (other, _) in enumerate(parts))
            msg = f"ranks read different things at once, but have to read the same: {asked}"
            raise RuntimeError(msg)
        return [part for _, part in parts]

    @contextlib.contextmanager
    def all_or_none(self, what: str) -> Iterator[None]:
        """Raise on all ranks if what is done within raises on one of them; all must come here.

        Parameters
        ----------
        what : str
            For the message of the others, a RuntimeError.
        """
        error: BaseException | None = None
        try:
            yield
        except Exception as caught:  # noqa: BLE001  # raised below
            error = caught
        failed = self.gather(what, error is not None)
        if error is not None:
            raise error
        if any(failed):
            msg = f"{what}: rank {failed.index(True)} has failed"
            raise RuntimeError(msg)

    def concatenate(self, what: str, begin: int, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the parts of all ranks as one array, in order of where they begin.

        Parameters
        ----------
        what : str
            As in `gather`.
        begin : int
            Place of this rank's part.
        values : array
            This rank's part.
        """
        if self.size == 1:
            return values
        parts = sorted(self.gather(what, (begin, values)), key=lambda part: part[0])
        return np.concatenate([part for _, part in parts])

    def _meet(self, what: str) -> None:
        assert self._reads is not None
        request, start, told = self._reads.Ibarrier(), time.monotonic(), False
        wait = 0.0
        while not request.Test():
            time.sleep(wait)
            wait = min(wait + 1e-5, 1e-3)
            if not told and time.monotonic() - start > PATIENCE:
                told = True
                warnings.warn(
                    f"rank {self.rank} waits for the others to read {what}: all ranks have to do it",
                    RuntimeWarning,
                    stacklevel=4,
                )

    def cores(self, own: set[int]) -> int:
        """Return how many cores each rank of this machine may use, of those that they all may use."""
        if self._reads is None:
            return len(own)
        from mpi4py import MPI  # noqa: PLC0415  # an extra

        here = self._reads.Split_type(MPI.COMM_TYPE_SHARED)
        cores = set().union(*here.allgather(own))
        count = max(1, len(cores) // int(here.size))
        here.Free()
        return count


@dataclass(frozen=True)
class Exchanges:
    """What a rank exchanged with the others: the spikes of all, at the end of each slice of time.

    Attributes
    ----------
    number : int
        Exchanges: one for each shortest delay of the network (at most 32 steps).
    collectives : int
        Collective calls that they took: one each, and a second one where there were more spikes than expected.
    spikes : int
        Of all ranks.
    bytes_sent, bytes_received : int
        By this rank.
    seconds : float
        In exchanges, waiting for slower ranks included.
    """

    number: int
    collectives: int
    spikes: int
    bytes_sent: int
    bytes_received: int
    seconds: float

    def __str__(self) -> str:
        n = max(self.number, 1)
        return (
            f"{self.number} exchanges of {self.bytes_sent / n:,.0f} bytes sent and {self.bytes_received / n:,.0f} "
            f"received, {1e6 * self.seconds / n:,.1f} us each; {self.collectives} collective calls"
        )


_ALONE = Ranks()
_key = (
    None  # under which a communicator keeps its `Ranks`: MPI has a limited number of communicators
)


def ranks_of(comm: Any) -> Ranks:
    """Return the processes that a network is shared by.

    Parameters
    ----------
    comm : mpi4py communicator, Ranks, None or "world"
        "world": all processes that mpiexec started, unless this is called within `alone`; None: this process.

    Raises
    ------
    TypeError
        For anything else.
    ImportError
        If there are several processes, and no mpi4py.
    """
    if isinstance(comm, Ranks):
        return comm
    if isinstance(comm, str) and comm == "world":
        comm = None if _alone.get() else _world()
    elif comm is not None and not hasattr(comm, "Allgatherv"):
        msg = f'Network: comm must be a communicator of mpi4py, "world" or None, got {comm!r}'
        raise TypeError(msg)
    if comm is None or comm.size == 1:
        return _ALONE
    global _key  # noqa: PLW0603
    if _key is None:
        from mpi4py import MPI  # noqa: PLC0415  # an extra

        _key = MPI.Comm.Create_keyval()
        _abort_on_errors(MPI.COMM_WORLD)
    ranks = comm.Get_attr(_key)
    if ranks is None:
        ranks = Ranks(comm)
        comm.Set_attr(_key, ranks)
    return ranks  # type: ignore[no-any-return]


def _world() -> Any:
    """Return mpi4py's COMM_WORLD if this is one of several processes, or None."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None:
        return mpi.COMM_WORLD if mpi.Is_initialized() and not mpi.Is_finalized() else None
    sizes = [os.environ.get(name, "") for name in _SIZES]
    if "PMIX_RANK" in os.environ:
        sizes.append(os.environ.get("SLURM_STEP_NUM_TASKS", ""))
    if not any(size.isdecimal() and int(size) > 1 for size in sizes):
        return None
    try:
        from mpi4py import MPI  # noqa: PLC0415  # an extra
    except ImportError:
        msg = (
            "mpiexec started several processes: to share networks they need mpi4py, "
            "pip install 'spikelet[mpi]'; Network(comm=None) makes one in each"
        )
        raise ImportError(msg) from None
    return MPI.COMM_WORLD


def _abort_on_errors(comm: Any) -> None:
    """Let an error that nobody catches end all ranks, instead of leaving the others to wait for ever."""
    report = sys.excepthook

    def hook(kind: Any, value: Any, traceback: Any) -> None:
        try:
            report(kind, value, traceback)
            sys.stderr.flush()
            sys.stdout.flush()
        finally:
            comm.Abort(1)

    sys.excepthook = hook

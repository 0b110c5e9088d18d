"""MPI ranks: the processes that share one network, and what Python gathers from all of them.

The core exchanges spikes without Python; see `Network` and "One network over many processes" in the documentation.
"""

from __future__ import annotations

import contextlib
import contextvars
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.advice import warn_caller
from spikelet._util.extras import needs
from spikelet._util.sealed import Sealed

__all__ = ["Ranks"]

T = TypeVar("T")

PATIENCE = 30.0  # s after which a waiting rank warns
_LAST_WORDS = 0.5  # s for a launcher to read what a failing rank has printed

# The number of processes as the launchers of Open MPI, MPICH and Intel MPI, and MVAPICH set it; then that of Slurm's srun,
# which is recognised by PMIx.
_VARIABLES = (
    "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "PMIX_RANK",
    "SLURM_STEP_NUM_TASKS",
)
_UNSET = [None] * len(_VARIABLES)

_alone = contextvars.ContextVar("spikelet_alone", default=False)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Make networks created in this context belong to this process alone, even under mpiexec.

    Use it for code in which each process does something different, such as the runs of a sweep.
    """
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


class Ranks(Sealed):
    """The processes that share a network.

    Attributes
    ----------
    rank, size : int
        Rank of this process, and number of processes.
    comm : mpi4py.MPI.Comm or None
        Communicator for the exchange of spikes.
    """

    rank: int
    size: int
    comm: Any

    _instead: ClassVar = {
        "": "it follows from the communicator; build a new network, with Network(comm=...)"
    }

    def __init__(self, comm: Any = None) -> None:
        self.rank = 0 if comm is None else comm.rank
        self.size = 1 if comm is None else comm.size
        # Separate communicators: a rank that reads while others run must wait, not receive their spikes.
        self.comm = None if comm is None else comm.Dup()
        self._reads = None if comm is None else comm.Dup()

    @property
    def minimum(self) -> Any:
        """MPI's MIN operation, or None without MPI."""
        if self.comm is None:
            return None
        from mpi4py import MPI  # noqa: PLC0415  # an extra

        return MPI.MIN

    def gather(self, what: str, value: T) -> list[T]:
        """Return the values of all ranks. Collective: every rank must call this.

        Parameters
        ----------
        what : str
            Name of the value, for messages; it must be the same on all ranks.
        value : object
            Value of this rank, which must be picklable.
        """
        if self._reads is None:
            return [value]
        self._meet(what)
        parts = list(self._reads.allgather((what, value)))
        if any(other != what for other, _ in parts):
            asked = "; ".join(f"rank {rank}: {other}" for rank, (other, _) in enumerate(parts))
            msg = f"all ranks must read the same at the same time: {asked}"
            raise RuntimeError(msg)
        return [part for _, part in parts]

    @contextlib.contextmanager
    def all_or_none(self, what: str) -> Iterator[None]:
        """Raise an error on all ranks if the body raises on any of them. Collective.

        Parameters
        ----------
        what : str
            Name of the operation, for the RuntimeError that the other ranks raise.
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
        """Return the parts of all ranks as one array. Collective.

        Parameters
        ----------
        what : str
            Name of the values, as in `gather`.
        begin : int
            Index at which this rank's part begins.
        values : array
            Part of this rank.
        """
        if self.size == 1:
            return values
        parts = sorted(self.gather(what, (begin, values)), key=lambda part: part[0])
        return np.concatenate([part for _, part in parts])

    def _meet(self, what: str) -> None:
        assert self._reads is not None
        request, start, warned = self._reads.Ibarrier(), time.monotonic(), False
        wait = 0.0
        while not request.Test():
            time.sleep(wait)
            wait = min(wait + 1e-5, 1e-3)
            if not warned and time.monotonic() - start > PATIENCE:
                warned = True
                warn_caller(
                    f"rank {self.rank} waits for the others to read {what}: all ranks must do so",
                    RuntimeWarning,
                )

    def cores(self, own: set[int]) -> int:
        """Return each rank's share of the cores that the ranks on this machine may use. Collective."""
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
    """Statistics of a rank's exchanges with the others: all spikes, at the end of each interval.

    Attributes
    ----------
    number : int
        Number of exchanges: one per shortest delay of the network (at most 32 steps).
    collectives : int
        Number of collective calls: one per exchange, and a second one if there were more spikes than expected.
    spikes : int
        Number of spikes of all ranks.
    bytes_sent, bytes_received : int
        Bytes that this rank sent and received.
    seconds : float
        Time in exchanges, including the wait for slower ranks.
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
# The key under which a communicator keeps its `Ranks`, because MPI limits the number of communicators.
_key = None


def ranks_of(comm: Any) -> Ranks:
    """Return the processes that share a network.

    Parameters
    ----------
    comm : mpi4py communicator, Ranks, None or "world"
        "world" means all processes that mpiexec started, or this one within `alone`. None means this process.

    Raises
    ------
    TypeError
        If `comm` is anything else.
    ImportError
        If there are several processes but mpi4py is not installed.
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
    return ranks  # type: ignore[no-any-return]  # kept on the communicator


def _world() -> Any:
    """Return mpi4py's COMM_WORLD if mpiexec started several processes, or None."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None:
        return mpi.COMM_WORLD if mpi.Is_initialized() and not mpi.Is_finalized() else None
    found = _core.environment(_VARIABLES)
    if found == _UNSET:
        return None
    *sizes, pmix, tasks = found
    if pmix is not None:
        sizes.append(tasks)
    if not any(size and size.isdecimal() and int(size) > 1 for size in sizes):
        return None
    otherwise = "Network(comm=None) makes one network in each process"
    with needs("a network shared by the processes of mpiexec", "mpi", otherwise):
        from mpi4py import MPI  # noqa: PLC0415  # an extra
    return MPI.COMM_WORLD


def _abort_on_errors(comm: Any) -> None:
    """Make an uncaught error end all ranks; otherwise the others would wait forever.

    MPI cannot tell that a process has failed before it exits, and it does not exit while MPI waits for the others, so
    only Python's last word on an error is left: `sys.excepthook`. The hook serves the whole process and stays. It
    calls the one before it first, so an error is reported as the user has arranged. A hook that is set later replaces
    it, and must call it to keep the abort.
    """
    report = sys.excepthook

    def hook(kind: Any, value: Any, traceback: Any) -> None:
        try:
            report(kind, value, traceback)
            sys.stderr.flush()
            sys.stdout.flush()
            time.sleep(_LAST_WORDS)  # a launcher may drop what it has not read when the ranks end
        finally:
            comm.Abort(1)

    sys.excepthook = hook

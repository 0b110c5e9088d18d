"""NEST's kernel, for networks that are built there first."""

from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl


def fresh_kernel(dt: float = 0.1) -> None:
    """Empty NEST's kernel."""
    import nest  # noqa: PLC0415 - not everywhere

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = dt


def assert_same_spikes(net: sl.Network, device: Any, first: int, recorder: Any = None) -> None:
    """Compare a recorder with a spike recorder of NEST's, whose senders begin with `first`."""
    recorder = net.recorders[0] if recorder is None else recorder
    times, senders = (np.asarray(device.events[k]) for k in ("times", "senders"))
    ids = senders.astype(np.int64) - first
    order = np.lexsort((ids, np.rint(times / net.dt)))
    assert len(times) > 50
    np.testing.assert_array_equal(recorder.ids, ids[order])
    np.testing.assert_allclose(recorder.times, times[order], rtol=0, atol=1e-9)

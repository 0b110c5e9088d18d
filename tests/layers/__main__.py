"""Compare random layered models with PyTorch in float64 for as long as you like: ``python -m tests.layers --minutes 60``.

All that can be recorded must be equal: spikes and their sizes, potentials, values and means of each layer. A finding
names its case, which ``--first CASE --minutes 0`` repeats.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.layers.test_spiking_model import test_random_graphs_are_equal_spike_for_spike as compare
from tests.support.hours import Verdict, compare_for


def check(case: int) -> Iterator[Verdict]:
    """Compare the model of one seed."""
    try:
        compare(case)
    except Exception as error:  # noqa: BLE001  # a refusal would be a finding, too
        yield "layered model", f"{type(error).__name__}: {error}"
    else:
        yield "layered model", ""


if __name__ == "__main__":
    sys.exit(compare_for("tests.layers", __doc__, check))

"""Delays in steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet.network.delays import delay_steps

DT = 0.1


@pytest.mark.parametrize(
    "delay",
    [
        DT * (1 - 2e-6), DT * (1 - 1e-7), DT, 0.1499999, 0.15, 0.1500001, 1.5, 6553.4, 6553.5, 6553.5 * (1 + 1e-15),
        6553.54, 6553.549999, 6553.56, 0.0, -1.0,
    ],
)  # fmt: skip
def test_one_delay_is_rounded_and_checked_as_many_are(delay: float) -> None:
    def outcome(delays: list[float]) -> Any:
        try:
            return delay_steps("connect", np.array(delays), DT).tolist()
        except ValueError as error:
            return str(error)

    one, two = outcome([delay]), outcome([delay, delay])
    assert one == (two if isinstance(two, str) else two[:1])

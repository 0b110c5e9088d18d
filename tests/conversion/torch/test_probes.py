"""Where functions of one value are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from tests.support.torch_modules import Lambda

from spikelet.conversion.torch.probes import Formula, grid
from spikelet.conversion.torch.tracing import Recorder

BOUNDS = torch.tensor([0.1, 0.7, 0.1]).reshape(3, 1, 1)


def formula(function: Callable[[Any], Any]) -> Formula:
    recorder = Recorder(Lambda(lambda _, x: function(x)).double(), ())
    with torch.no_grad():
        recorder.run([torch.ones(2, 3, 4, 5, dtype=torch.float64)])
    (source,) = recorder.steps[0].operands
    return Formula(source, recorder.steps)


def test_constants_are_as_small_as_they_can_be() -> None:
    one = formula(lambda x: torch.where(x > 0.5, x, torch.zeros(3, 4, 5)))
    assert one.shape == (1, 1, 1, 1)
    each = formula(lambda x: torch.where(x > BOUNDS.expand(3, 4, 5), x, 0.0))
    assert each.shape == (1, 3, 1, 1)
    y = each.of(np.full((1, 1, 1, 1, 1), 0.4))
    np.testing.assert_array_equal(y.ravel(), [0.4, 0.0, 0.4])


def test_both_sides_of_each_jump_are_found() -> None:
    x = np.linspace(-1.0, 1.0, 7).reshape(-1, 1, 1, 1, 1)
    found = formula(lambda x: torch.where(2 * x >= 0.25, x, x.sign())).jumps(x)
    for at in (0.0, 0.125):
        near = found[np.abs(found - at) < 1e-9]
        assert (near >= at).any()
        assert (near < at).any()
    each = formula(lambda x: torch.where(x > BOUNDS, x, 0.0)).jumps(x)
    np.testing.assert_allclose(each.reshape(2, 3), [[0.1, 0.7, 0.1]] * 2, rtol=1e-6)


def test_the_grid_ascends_and_holds_what_numbers_suggest() -> None:
    x = grid([3.0, 0.2])
    assert (np.diff(x) > 0).all()
    assert np.isin([0.0, 3.0, -0.2, 0.6, -2.8], np.round(x, 15)).all()

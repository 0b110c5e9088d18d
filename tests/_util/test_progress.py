"""Progress bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, spawn

import spikelet as sl
from spikelet._util.progress import wanted


def test_the_bar_writes_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    net = make()
    net.population(10, sl.LIF())
    net.run(50.0, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "50 / 50 ms" in err
    assert net.t == 50.0


def test_the_bar_names_its_extra() -> None:
    code = (
        "import sys; sys.modules['rich'] = sys.modules['rich.console'] = None\n"
        "import spikelet as sl\n"
        "net = sl.Network()\n"
        "try:\n    net.run(1.0, progress=True)\n"
        "except ImportError as error:\n    print(error, net.t)"
    )
    assert "spikelet[progress]' 0.0" in spawn(code)


LAYERS = [sl.layers.Linear(np.eye(3)), sl.layers.ReLU()]
X = np.eye(4, 3)
CALLS: dict[str, Callable[[Any], Any]] = {
    "convert": lambda how: sl.convert(LAYERS, X, progress=how),
    "SpikingModel.run": lambda how: sl.SpikingModel(LAYERS).run(X, 1, progress=how),
    "run": lambda how: make().run(1.0, progress=how),
    "DiehlCook.fit": lambda how: sl.models.DiehlCook(n_inputs=3).fit(X, progress=how),
    "DiehlCook.respond": lambda how: sl.models.DiehlCook(n_inputs=3).respond(X, progress=how),
    "sweep": lambda how: sl.sweep(abs, {"x": [1]}, progress=how),
}


@pytest.mark.parametrize("where", CALLS)
@pytest.mark.parametrize("how", ["yes", 1, None])
def test_only_a_bool_or_a_function_asks_for_progress(where: str, how: object) -> None:
    with pytest.raises(
        TypeError, match=rf"^{where}: progress must be True, False or a function, got {how!r}$"
    ):
        CALLS[where](how)


def test_bools_of_numpy_count_as_such() -> None:
    assert [wanted("run", how) for how in (np.True_, np.False_, print)] == [True, False, print]

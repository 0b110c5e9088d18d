"""Progress bars."""

from __future__ import annotations

import pytest
from tests.conftest import make, spawn

import spikelet as sl


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

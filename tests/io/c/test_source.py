"""The functions of a program: whole runs, single steps, and errors."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.c_networks import STEPS, chain, neuron, w
from tests.support.c_programs import FLAGS, compiler

from spikelet import layers as L

MODEL = chain(L.Linear(w(6, 4)), neuron(), L.Linear(w(3, 6)))
X = np.random.default_rng(0).random((STEPS, 4)).astype(np.float32)
OK, NO_ARRAY, NOT_FINITE, BAD_SPIKE, ORDER = range(5)


def library(folder: Path, **arguments: Any) -> Any:
    """Return an exported network as a shared library."""
    MODEL.export(folder, name="net", **arguments)
    command = [compiler(), *FLAGS, "-O1", "-shared", "-fPIC", "net.c", "-o", "net.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "net.so"))


def pointer(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)


def test_steps_give_the_means_so_far(tmp_path: Path) -> None:
    net = library(tmp_path, steps=STEPS)
    x, out = X[0].copy(), np.zeros(3, np.float32)
    assert net.net_step() == ORDER  # before init
    assert net.net_output(pointer(out)) == ORDER
    for _ in range(2):  # twice: init starts anew
        assert net.net_init(pointer(x)) == OK
        for t in range(STEPS):
            assert net.net_step() == OK
            assert net.net_output(pointer(out)) == OK
            assert out.tobytes() == MODEL.run(x[None], t + 1).output[0].tobytes()
        assert net.net_step() == ORDER
    assert net.net_run(pointer(x), None) == NO_ARRAY
    assert net.net_init(None) == NO_ARRAY
    x[2] = np.nan
    assert net.net_run(pointer(x), pointer(out)) == NOT_FINITE


@pytest.mark.parametrize("form", ["sequence", "spikes"])
def test_a_sequence_step_by_step(form: str, tmp_path: Path) -> None:
    net = library(tmp_path, form=form)
    x = X if form == "sequence" else (X > 0.5).astype(np.int8)
    out, again = np.zeros((2, 3), np.float32)
    assert net.net_init() == OK
    for row in x:
        assert net.net_step(pointer(row)) == OK
    assert net.net_output(pointer(out)) == OK
    assert out.tobytes() == MODEL.run(x[:, None]).output[0].tobytes()
    assert net.net_run(STEPS, pointer(x), pointer(again)) == OK
    assert again.tobytes() == out.tobytes()
    assert net.net_run(0, pointer(x), pointer(again)) == ORDER
    bad = np.full(4, np.inf, np.float32) if form == "sequence" else np.full(4, -1, np.int8)
    assert net.net_step(pointer(bad)) == (NOT_FINITE if form == "sequence" else BAD_SPIKE)


def test_the_header_is_one_of_c_plus_plus_too(tmp_path: Path) -> None:
    MODEL.export(tmp_path, steps=STEPS)
    (tmp_path / "use.cpp").write_text(
        '#include "network.h"\nint main() { return network_run(nullptr, nullptr); }\n'
    )
    command = [compiler("g++"), "-Wall", "-Wextra", "-Werror", "-c", "use.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True)

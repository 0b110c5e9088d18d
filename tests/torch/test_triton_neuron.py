"""Neurons in Triton kernels: interpreted on the CPU, they give the spikes and gradients of the core."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import spikelet.torch as st

FOLDER = Path(__file__).parents[2]

pytest.importorskip("triton")


def test_spikes_and_gradients_of_the_core() -> None:
    """Those tests need an environment of their own, see there."""
    source = Path(st.__file__).parents[2]
    path = os.pathsep.join([str(FOLDER), str(source), os.environ.get("PYTHONPATH", "")])
    cases = Path(__file__).with_name("test_triton_neuron_interpreted.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(cases)],
        cwd=FOLDER, env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": path},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_cpu_is_refused() -> None:
    """Nothing switches by itself to another backend."""
    message = r'LIF: x with backend="triton" must be on a GPU, got .* on cpu; choose backend="core"'
    with pytest.raises(TypeError, match=message):
        st.LIF(backend="triton")(torch.rand(5, 2, 4))


def test_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "spikelet.torch.triton_kernels", raising=False)
    monkeypatch.setitem(sys.modules, "triton", None)
    message = r"backend=\"triton\" needs triton: pip install 'spikelet\[triton\]'"
    with pytest.raises(ImportError, match=message):
        st.LIF(backend="triton")(torch.rand(5, 2, 4))

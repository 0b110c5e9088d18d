"""Neurons as scans: all kinds and conventions, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import spikelet.torch as st

reference = pytest.importorskip("onnx.reference")

KINDS: dict[str, Any] = {
    "lif": lambda: st.LIF(tau_m=5.0),
    "zero": lambda: st.LIF(tau_m=5.0, reset="value", v_reset=-0.25),
    "none": lambda: st.LIF(tau_m=5.0, reset="none"),
    "if": st.IF,
    "gain": lambda: st.LIF(tau_m=5.0, gain="normalised", v_threshold=0.25),
    "current": lambda: st.CubaLIF(tau_m=5.0),
    "adaptive": lambda: st.ALIF(tau_m=5.0, boost=0.5),
    "learned": lambda: st.LIF(learn_tau=True, learn_threshold=True, shape=(8,)),
    "each its own": lambda: st.LIF(tau_m=torch.linspace(2, 9, 8), v_threshold=torch.linspace(0.5, 1.5, 8)),
    "snntorch": lambda: st.LIF(convention="snntorch", beta=0.9),
    "snntorch, at once": lambda: st.LIF(convention="snntorch", beta=0.9, reset_delay=False),
    "snntorch, to zero": lambda: st.LIF(convention="snntorch", beta=0.9, reset="zero"),
    "spikingjelly": lambda: st.LIF(convention="spikingjelly", v_reset=0.125),
    "spikingjelly, soft": lambda: st.LIF(convention="spikingjelly", v_reset=None, decay_input=False),
    "norse": lambda: st.LIF(convention="norse", v_leak=0.25, v_threshold=0.5),
    "recurrent": lambda: st.RecurrentLIF(8, tau_m=5.0),
    "recurrent, current": lambda: st.RecurrentCubaLIF(8),
    "recurrent, adaptive": lambda: st.RecurrentALIF(8),
    "potential": lambda: st.LI(tau_m=5.0),
    "recorded": lambda: st.LIF(backend="torch"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_neurons(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    neuron = KINDS[kind]()
    if hasattr(neuron, "recurrent"):  # sums of spikes that are exact in any order
        neuron.recurrent.data = (neuron.recurrent.data * 8).round() / 8
    x = 3 * torch.rand(25, 3, 8) - 0.5
    st.to_onnx(nn.Sequential(neuron), tmp_path / "n.onnx", x)
    for given in (x, torch.rand(40, 2, 8)):
        with torch.no_grad():
            expected = neuron(given).numpy()
        found = reference.ReferenceEvaluator(str(tmp_path / "n.onnx")).run(
            None, {"x": given.numpy()}
        )[0]
        if kind == "potential":
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(found, expected)
            assert found.any()


def test_a_neuron_with_its_own_forward_is_refused(tmp_path: Path) -> None:
    class Own(st.LIF):
        def forward(self, x: torch.Tensor, v: Any = None) -> Any:
            return 2 * super().forward(x, v)

    with pytest.raises(ValueError, match=r"module '0' \(Own\): has its own forward"):
        st.to_onnx(nn.Sequential(Own()), tmp_path / "n.onnx", torch.rand(5, 2, 3))

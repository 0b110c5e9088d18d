"""Neurons of other libraries, by their parameters."""

from __future__ import annotations

import math

import pytest
import torch
from tests.support.torch_reference import lif as reference_lif

import spikelet.torch as st
from spikelet.torch.conventions import setting


@pytest.mark.parametrize(
    "parameters",
    [
        *({"convention": "snntorch", "beta": 0.8, "reset": r, "reset_delay": d} for r in ("subtract", "zero", "none")
          for d in (True, False)),
        *({"convention": "spikingjelly", "tau": t, "v_reset": v, "detach_reset": d, "decay_input": i}
          for t in (None, 2.0, 3.3) for v in (None, 0.0, -0.3) for d in (True, False) for i in (True, False)),
        {"convention": "norse", "tau_mem_inv": 200.0, "tau_syn_inv": 300.0},
        {"convention": "norse", "v_leak": 0.2, "v_reset": -0.1},
    ],
)  # fmt: skip
def test_conventions(parameters):
    """The reference is compared with the libraries themselves by bench/python/compare_training.py."""
    torch.manual_seed(3)
    x = (torch.rand(20, 3, 7, dtype=torch.float64) * 2.5).requires_grad_()
    found, v = st.lif(x, return_v=True, alpha=3.0, v_threshold=0.7, **parameters)
    expected, v_expected = reference_lif(x, return_v=True, alpha=3.0, v_threshold=0.7, **parameters)
    assert torch.equal(found, expected)
    assert 0.05 < float(found.detach().mean()) < 0.99
    torch.testing.assert_close(v, v_expected, rtol=0, atol=1e-12)
    weights = torch.randn_like(x)
    ours, theirs = (
        torch.autograd.grad((s * weights).sum() + last.sum(), x)[0]
        for s, last in ((found, v), (expected, v_expected))
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("convention", ["spikelet", "snntorch", "spikingjelly"])
def test_decay_and_gain(convention):
    parameters = {
        "spikelet": {"tau_m": 4.0},
        "snntorch": {"beta": 0.8},
        "spikingjelly": {"tau": 5.0},
    }[convention]
    decay = {"spikelet": math.exp(-1 / 4), "snntorch": 0.8, "spikingjelly": 1 - 1 / 5}[convention]
    gain = {"spikelet": 1.0, "snntorch": 1.0, "spikingjelly": 1 / 5}[convention]
    for learned in (False, True):
        module = st.LIF(convention=convention, learn_tau=learned, **parameters)
        assert float(module.decay) == pytest.approx(decay, rel=1e-6)
        assert float(module.gain) == pytest.approx(gain, rel=1e-6)
    assert module.reset == ("zero" if convention == "spikingjelly" else "subtract")


def test_a_setting_of_numbers_is_made_once() -> None:
    def made(**given):
        return setting("lif", "spikelet", 1.0, "atan", None, given)

    assert made(decay=0.9) is made(decay=0.9)
    assert made(decay=0.9).cell != made(decay=0.8).cell
    assert made(decay=1) == made(decay=1.0)
    for _ in range(
        2
    ):  # equal numbers of other types are checked by themselves, and an error is raised again
        with pytest.raises(ValueError, match="decay must lie"):
            made(decay=1.5)
        made(reset="none", v_reset=0)
        with pytest.raises(TypeError, match="v_reset must be a number"):
            made(v_reset=None)
    learned = torch.tensor(0.9, requires_grad=True)
    assert made(decay=learned).tensors["leak"] is learned
    assert not made(decay=0.9).tensors

"""ANNs trained with QCFS activations, and what conversion makes of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from tests.support.ann_zoo import trained
from tests.support.conversions import V, convert, error, outputs
from torch import nn

from spikelet.conversion import QCFS, Neurons


def quantized(levels: int, *widths: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for a, b in itertools.pairwise(widths[:-1]):
        modules += [nn.Linear(a, b), QCFS(levels, 1.0)]
    module = trained(nn.Sequential(*modules, nn.Linear(*widths[-2:])))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for m in module:
            if hasattr(m, "threshold"):
                m.threshold.uniform_(0.5, 1.5, generator=generator)
    return module


def test_a_quantized_ann_is_matched_exactly_in_as_many_steps() -> None:
    """With even input: one layer of neurons, that sees the picture itself."""
    module = quantized(8, 3, 30, 4)
    wanted = outputs(module, V)
    model = convert(module, V, method="qcfs", steps=8, neuron=Neurons(delay=0))
    (name,) = model.neurons
    layer = model.graph[name].layer
    upper = module[1].threshold.item()
    assert layer.threshold == pytest.approx(upper)
    assert layer.v_init == pytest.approx(upper / 2)
    np.testing.assert_allclose(model.ann.run(V, 1).output, wanted, rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.run(V).output, wanted, rtol=0, atol=1e-5)


def test_a_deep_quantized_ann_is_matched_in_the_long_run() -> None:
    module = quantized(16, 3, 30, 20, 4)
    wanted = outputs(module, V)
    wrong = [
        error(convert(module, V, method="qcfs", steps=steps, neuron=Neurons(delay=0)), V, wanted)
        for steps in (4, 16)
    ]
    assert wrong[1] < 0.2
    assert wrong[1] < wrong[0]


def test_qcfs_is_refused_where_the_ann_has_relu() -> None:
    with pytest.raises(ValueError, match=r"activation of '2' must be QCFS .* got 'ReLU'"):
        convert(method="qcfs")


def test_a_limit_that_training_has_made_negative_is_named() -> None:
    module = quantized(8, 3, 5, 4)
    with torch.no_grad():
        module[1].threshold.fill_(-0.5)
    with pytest.raises(ValueError, match=r"layer '1' .*upper must be finite and > 0 .*got -0\.5"):
        convert(module, V, method="qcfs")

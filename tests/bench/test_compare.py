"""The networks that compare.py times are the same with kernels and with neurons from text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("resource")  # the peak memory of a process, not on Windows


def simulate(scripts: Any, simulator: str, model: str, dtype: str) -> Any:
    scaled = scripts("models").MODELS[model].scaled(0.1)
    how = {
        "duration": 150.0,
        "seed": 1,
        "threads": 1,
        "dtype": dtype,
        "text": simulator == "equations",
    }
    return scripts("on_spikelet").simulate(scaled, **how)


@pytest.mark.parametrize("model", ["cuba", "coba", "brunel"])
def test_text_and_kernel_give_the_same_spikes(scripts: Any, model: str) -> None:
    ours, text = (simulate(scripts, name, model, "float64") for name in ("spikelet", "equations"))
    assert len(ours.times) > 300
    for kernel, copy in ((ours.times, text.times), (ours.ids, text.ids)):
        np.testing.assert_array_equal(copy, kernel)
    assert text.compile_s > 0


def test_hodgkin_huxley_is_text_in_both(scripts: Any) -> None:
    ours, text = (
        simulate(scripts, name, "cobahh", "float32") for name in ("spikelet", "equations")
    )
    np.testing.assert_array_equal(ours.times, text.times)
    rate = scripts("measure").summary(text, 400, 150.0)["rate_hz"]
    assert 5 < rate < 100
    assert text.synapses > 10_000

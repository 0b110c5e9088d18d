"""Phases of a program: analog neurons that wait for the mean of all steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.c_networks import SHAPE, STEPS, inputs, waiting
from tests.support.c_programs import same_bits


@pytest.mark.parametrize("form", ["constant", "sequence", "spikes"])
def test_an_analog_neuron_between_others(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    x = {
        "constant": inputs,
        "sequence": lambda: rng.random((STEPS, 3, *SHAPE)),
        "spikes": lambda: rng.integers(0, 2, (STEPS, 3, *SHAPE)),
    }[form]()
    same_bits(tmp_path, waiting(), x, STEPS if form == "constant" else None, form=form)
    text = (tmp_path / "network.h").read_text(encoding="utf-8")
    assert "network_run" in text
    assert "network_step" not in text  # it could not give outputs step by step

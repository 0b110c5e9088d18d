"""The facts of each reader, and the options that they leave."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.io.nir.writing_readers import READERS, Request


def request(convention="nir", dt=None, mode=None, dtype=None, input_shape=None):
    return Request(convention, dt, mode, dtype, input_shape)


def test_each_reader_has_a_step_and_a_mode():
    steps = {
        name: (request(name).step(2e-3), request(name).steps(synapses=False)) for name in READERS
    }
    assert steps == {
        "nir": (2e-3, "exact"),  # that of the model
        "snntorch": (1e-4, "euler"),
        "spikingjelly": (1e-4, "euler"),
        "norse": (1e-3, "euler"),
        "sinabs": (1.0, "exact"),
    }
    assert request().step(None) == 1e-4
    assert request(dt=0.5).step(2e-3) == 0.5
    assert request().steps(synapses=True) == "euler"
    assert request(mode="exact").steps(synapses=True) == "exact"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"convention": "brian"}, 'convention must be "nir"'),
        ({"dt": 0}, "dt must be finite and > 0"),
        ({"dt": 1e-300}, "dt must lie between 1e-100 and 1e"),
        ({"dt": np.nan}, "dt must not contain NaN"),
        ({"mode": "midpoint"}, 'mode must be "exact"'),
        ({"dtype": "float16"}, 'dtype must be "float32"'),
        ({"convention": "snntorch", "dt": 1e-3}, "dt must be 0.0001, the only step that snnTorch reads"),
        ({"convention": "sinabs", "dt": 1e-3}, "dt must be 1, the only step that sinabs reads"),
        ({"convention": "norse", "mode": "exact"}, 'mode must be "euler", the steps that Norse makes'),
    ],
)  # fmt: skip
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        request(**options)


def test_types_follow_the_model_and_comparisons_the_reader():
    assert request().real("float64") is np.float64
    assert request(dtype="float32").real("float64") is np.float32
    assert request().compared("float64") is np.float64
    assert request("snntorch").compared("float64") is np.float32


def test_options_that_were_given_are_named():
    assert request().given() == []
    assert request("norse", dt=1e-3, input_shape=(2,)).given() == [
        "dt",
        "input_shape",
        "convention",
    ]

"""Arguments of an export: what is left out comes from the model."""

from __future__ import annotations

import numpy as np
from tests.support.c_networks import STEPS, chain, several, w

import spikelet as sl
from spikelet import layers as L
from spikelet.io.c.arguments import delay_of, form_of, interface_of


def test_what_is_left_out_comes_from_the_model() -> None:
    x = np.random.default_rng(3).random((20, 6))
    model = sl.convert([L.Linear(w(9, 6)), L.ReLU(), L.Linear(w(4, 9))], x, steps=8, threads=1)
    model.delay = 3
    assert form_of("f", model, None, None) == ("constant", 8)
    assert form_of("f", model, "sequence", None)[0] == "sequence"
    assert (delay_of(model, 8), delay_of(model, 4), delay_of(model, None)) == (3, 1, 3)
    plain = chain(L.ReLU())
    assert form_of("f", plain, None, None) == ("sequence", None)
    assert form_of("f", plain, None, 5) == ("constant", 5)
    fixed = chain(L.Linear(w(4, 6)), L.PredictiveIF(pace=np.ones(4), limit=np.ones(4)))
    assert form_of("f", fixed, None, None) == ("sequence", 4)


def test_arrays_are_named_as_inputs_and_outputs_are() -> None:
    model = several()
    shapes = {"image": (3, 8, 8), "extra": (7,)}
    about = interface_of("net", "int16", model.graph, shapes, "constant", STEPS, 0)
    assert about.inputs == (("input_image", 192, "3 x 8 x 8"), ("input_extra", 7, "7"))
    assert [name for name, _, _ in about.outputs] == ["output_scores", "output_n1", "output_boxes"]

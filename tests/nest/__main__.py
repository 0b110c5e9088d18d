"""Compare random networks with NEST for as long as you like: ``python -m tests.nest --minutes 60``.

Their spikes must be identical, and the weights of plastic synapses equal to 1e-9 of the largest one. A finding names
its case, which ``--first CASE --minutes 0`` repeats, and how many steps and synapses are enough for a difference.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tests.nest.networks import draw
from tests.nest.reference import Description, assert_same_spikes, run_nest, run_spikelet
from tests.nest.test_stdp import MODELS, WHERE, compare
from tests.support.hours import Verdict, compare_for

KINDS = [(model, plastic) for plastic in ("", *WHERE) for model in MODELS]
QUIET = ("the case would show little", "the weights hardly moved")  # as assertions of tests say
PARTS = 8  # that synapses are divided into, to find those that matter


def difference(d: Description) -> str:
    """Return the first spike that differs, or nothing."""
    expected = run_nest(d)
    try:
        assert_same_spikes(run_spikelet(d), expected, d.dt)
    except pytest.fail.Exception as error:
        return str(error)
    return "" if len(expected.spikes) else QUIET[0]


def smaller(d: Description) -> Iterator[Description]:
    """Yield networks that run for a shorter time, or lack some synapses."""
    for steps in (d.steps // 2, d.steps * 7 // 8):
        early = d.source_steps <= steps
        yield replace(
            d, steps=steps, source_steps=d.source_steps[early], source_ids=d.source_ids[early]
        )
    for k, s in enumerate(d.synapses):
        for part in np.array_split(np.arange(len(s.pre)), PARTS) if len(s.pre) > PARTS else ():
            values = {
                name: np.delete(getattr(s, name), part)
                for name in ("pre", "post", "weight", "delay")
            }
            yield replace(d, synapses=[*d.synapses[:k], replace(s, **values), *d.synapses[k + 1 :]])


def least(d: Description) -> Description:
    """Return a network that differs, of which none of the smaller ones does."""
    while True:
        found = next((less for less in smaller(d) if difference(less) not in ("", QUIET[0])), None)
        if found is None:
            return d
        d = found


def check(case: int) -> Iterator[Verdict]:
    """Compare the networks of one case: of each neuron model, with STDP in all places or nowhere."""
    for model, plastic in KINDS:
        d = draw(model, case, plastic)
        wrong = difference(d)
        if wrong and wrong not in QUIET:
            d = least(d)
            sizes = [len(s.pre) for s in d.synapses]
            wrong += f"\nin {d.steps} steps with {sizes} synapses: {difference(d)}"
        elif plastic and not wrong:
            try:
                compare(d, complete=True)
            except AssertionError as error:
                wrong = str(error)
        yield f"{model}, plastic: {plastic or 'none'}", None if wrong in QUIET else wrong


if __name__ == "__main__":
    sys.exit(compare_for("tests.nest", __doc__, check))

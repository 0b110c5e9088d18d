"""Synapses and plastic state from a file: nothing that the core indexes by, or loops over, is taken on trust."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make
from tests.network.test_stored_populations import put
from tests.support.checkpoint_files import change_array, refused, rewrite
from tests.support.plasticity_zoo import rules

import spikelet as sl


def stored(path: Path, rule: Any = None, delay: Any = 1.5) -> sl.Network:
    net = make(seed=2)
    pre = net.population(12, sl.PoissonSource(300.0))
    post = net.population(6, sl.LIF(I_e=500.0))
    net.connect(pre, post, sl.FixedProbability(0.5), weight=20.0, delay=delay, plasticity=rule)
    net.run(150.0)
    net.save(path)
    return net


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "onto a source": (lambda h: h["projections"][0].update(post=0), "must be neurons"),
    "from nobody": (lambda h: h["projections"][0].update(pre=-1), "population"),
    "not born": (lambda h: h["projections"][0].update(born=1501), "born"),
    "never born": (lambda h: h["projections"][0].update(born=-(2**40)), "born"),
    "receptor": (lambda h: h["projections"][0].update(receptor="both"), "receptor"),
    "regulated": (
        lambda h: h["regulations"].append(
            {
                "projection": 0,
                "how": {"type": "WeightNormalization", "fields": {"total": 1.0, "every": 1.0}},
            }
        ),
        "must have plasticity",
    ),
    "regulates nobody": (lambda h: h["regulations"].append({"projection": 7}), "regulated"),
}


@pytest.mark.parametrize("change", HEADERS)
def test_descriptions_that_cannot_be_are_refused(change: str, tmp_path: Path) -> None:
    stored(tmp_path / "c")
    refused(tmp_path / "c", *HEADERS[change])


SYNAPSES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "delay 0": ("delay", lambda x: x * 0),
    "negative delay": ("delay", lambda x: -x.astype(np.int16)),
    "target": ("post", put(0, 6)),
    "weight": ("weight", put(0, np.inf)),
    "weights": ("weight", lambda x: x.repeat(2)),
    "row": ("row", put(3, 2**63)),
    "row order": ("row", lambda x: x[::-1].copy()),
    "row size": ("row", lambda x: x[:-1]),
}


@pytest.mark.parametrize("change", SYNAPSES)
def test_synapses_that_cannot_be_are_refused(change: str, tmp_path: Path) -> None:
    stored(tmp_path / "c")
    name, how = SYNAPSES[change]
    change_array(tmp_path / "c", f"projection0.{name}", how)
    with pytest.raises(ValueError, match=rf"Network\.load: .*{name}"):
        sl.Network.load(tmp_path / "c")


CLOSED = sl.STDP(A_plus=0.5, A_minus=0.5, w_max=40.0, tau_plus=2.0, tau_minus=2.0)
SHORT_TERM = sl.TsodyksMarkram()
PLASTIC: dict[str, tuple[Any, str, Callable[[Any], Any]]] = {
    # As found with files whose checksums were right: crashes and hangs.
    "epoch": (CLOSED, "row_step.0", put(0, -(2**40))),
    "epoch to come": (CLOSED, "row_step.0", put(0, 2**40)),
    "epoch before": (CLOSED, "row_step.0", lambda x: x - 9),
    "clock": (CLOSED, "clock", lambda x: x * 0 - 1),
    "clock to come": (CLOSED, "clock", lambda x: x + 16),
    "flags": (CLOSED, "post_value.0", lambda x: x * 0 + 2),
    "flag": (CLOSED, "post_value.1", lambda x: x * 0 + 2),
    "channel": (SHORT_TERM, "sent_channel", put(0, 32768)),
    "channel of others": (SHORT_TERM, "sent_channel", put(0, 2)),
    "target": (SHORT_TERM, "sent_post", put(0, 6)),
    "arrival": (SHORT_TERM, "sent_step", put(0, 2**40)),
    "arrived": (SHORT_TERM, "sent_step", put(0, 0)),
    "spike to come": (SHORT_TERM, "row_step.0", put(0, 1501)),
    "use": (SHORT_TERM, "row_double.0", put(0, np.nan)),
    "source": (SHORT_TERM, "row_source", put(-1, 12)),
    "rows": (SHORT_TERM, "row_source", lambda x: x[::-1].copy()),
    "bounds": (CLOSED, "synapse.0", put(0, 41.0)),
    "nan": (CLOSED, "synapse.0", put(0, np.nan)),
    "trace": (CLOSED, "target.0", put(0, np.inf)),
    "size": (CLOSED, "target.0", lambda x: x[:-1]),
    "type": (CLOSED, "row_step.0", lambda x: x.astype(np.float64)),
    "shape": (CLOSED, "counts", lambda x: x[:, None]),
    "initial": (CLOSED, "initial", put(0, -1.0)),
}


@pytest.mark.parametrize("change", PLASTIC)
def test_plastic_state_that_cannot_be_is_refused(change: str, tmp_path: Path) -> None:
    rule, name, how = PLASTIC[change]
    net = stored(tmp_path / "c", rule)
    assert ("closed" in repr(net.projections[0])) == (rule is CLOSED)
    change_array(tmp_path / "c", f"projection0.plastic.{name}", how)
    with pytest.raises(ValueError, match=r"Network\.load: .*plastic"):
        sl.Network.load(tmp_path / "c")


@pytest.mark.parametrize("rule", rules(), ids=repr)
@pytest.mark.parametrize("delay", [1.5, sl.Uniform(0.5, 4.0)], ids=["one delay", "delays"])
def test_the_state_of_every_rule_comes_back(rule: Any, delay: Any, tmp_path: Path) -> None:
    net = stored(tmp_path / "c", rule, delay)
    found = sl.Network.load(tmp_path / "c")
    for _ in range(2):
        np.testing.assert_array_equal(found.projections[0].weights, net.projections[0].weights)
        net.run(40.0)
        found.run(40.0)


def test_a_projection_that_has_not_run_need_not_make_up_for_the_time_before(tmp_path: Path) -> None:
    """Its store begins now, not at step 0: 10^13 steps would take hours."""
    net = make(dt=1.0)
    post = net.population(3, sl.LIF())
    net.connect(
        net.population(3, sl.PoissonSource(1.0)),
        post,
        sl.AllToAll(),
        weight=20.0,
        plasticity=CLOSED,
    )
    net.save(tmp_path / "c")

    def later(header: dict[str, Any]) -> None:
        header["now"] = 10**13

    rewrite(tmp_path / "c", later)
    found = sl.Network.load(tmp_path / "c")
    found.run(5.0)
    assert found.t == 10**13 + 5

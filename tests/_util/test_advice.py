"""Warnings show the line of the user."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl

MISTAKES: list[tuple[Any, str]] = [
    (lambda: sl.LIF(C_m=200e-12), "LIF: C_m = 2e-10 pF .*SI.* 200 pF"),
    (lambda: sl.LIF(E_L=-0.07, V_reset=-0.07, V_th=-0.055), "LIF: V_th = -0.055 mV .* -55 mV"),
    (lambda: sl.LIF(E_L=-0.07), "LIF: E_L = -0.07 mV .* -70 mV"),
    (lambda: sl.LIFDelta(I_e=[0.0, 5e-10]), "LIFDelta: I_e = 5e-10 pA .* 500 pA"),
    (lambda: sl.LIF(t_ref=0.002), "LIF: t_ref = 0.002 ms .*SI.* 2 ms"),
    (lambda: sl.LIFAlpha(tau_syn_ex=[0.005, 0.003]), "LIFAlpha: tau_syn_ex = 0.005 ms .*SI.* 5 ms"),
    (lambda: sl.LIF(C_m=0.25), "LIF: C_m = 0.25 pF .*nF.* 250 pF"),
    (lambda: sl.LIFCond(g_L=1e-8), "LIFCond: g_L = 1e-08 nS .* 10 nS"),
    (lambda: sl.PoissonSource(0.015), r"PoissonSource: rate = 0.015 Hz is one event in 66.7 s: .*15 Hz"),
    (lambda: sl.PoissonInput([0.0, 0.008], 1.0), "PoissonInput: rate = 0.008 Hz .*8 Hz"),
    (lambda: sl.Network(dt=1e-4), "Network: dt = 0.0001 ms .*seconds.* 0.1 ms"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_a_probable_mistake_is_named(make: Any, message: str) -> None:
    with pytest.warns(UserWarning, match=message) as caught:
        make()
    assert [w.filename for w in caught] == [__file__]


def test_legitimate_values_pass() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sl.LIF(V_th=1.0, C_m=1.0, E_L=0.0, V_reset=0.0, tau_m=5.0, I_e=0.001)  # without units
        sl.LIF(V_th=0.02, E_L=0.0, V_reset=0.0)
        sl.LIF(V_th=0.0, E_L=-15.0, V_reset=-15.0)  # relative to the threshold
        sl.LIFDelta(V_th=1.0, E_L=-0.1, V_reset=-0.1, C_m=1e-3)
        sl.LIF(V_th=[], E_L=[], V_reset=[])
        sl.LIFCond()
        sl.LIF(tau_syn_ex=1e-4, tau_syn_in=1e-3, t_ref=0.0)  # synapses that act at once
        sl.LIF(t_ref=0.02)
        sl.LIF(C_m=1.0)
        sl.PoissonSource([0.0, 0.05, 30.0])
        sl.PoissonSource(0.0)
        sl.PoissonSource(0.2)
        sl.Network(dt=0.001)


def test_setting_a_parameter_warns_and_sets() -> None:
    cells = sl.Network().population(2, sl.LIF())
    with pytest.warns(UserWarning, match="C_m = 1e-10 pF") as caught:
        cells.C_m = 1e-10
    assert caught[0].filename == __file__
    assert cells.C_m == 1e-10


def test_what_was_given_before_is_not_warned_about_again(tmp_path: Path) -> None:
    net = sl.Network()
    with pytest.warns(UserWarning, match="PoissonSource"):
        source = net.population(4, sl.PoissonSource(0.05))
    with pytest.warns(UserWarning, match="LIF"):
        cells = net.population(3, sl.LIF(E_L=-0.07, V_reset=-0.07, V_th=-0.055))
    with pytest.warns(UserWarning, match="PoissonInput"):
        drive = net.inject(cells, sl.PoissonInput(0.05, 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells.I_e = 5.0
        cells[:2].C_m = 200.0
        drive.weight = 2.0
        net.save(tmp_path / "net.npz")
        again = sl.Network.load(tmp_path / "net.npz")
        again.inputs[0].weight = 3.0
        again.populations[1].I_e = 6.0
    with pytest.warns(UserWarning, match="PoissonSource: rate = 0.02 Hz"):
        source.rate = 0.02
    with pytest.warns(UserWarning, match="PoissonInput: rate = 0.02 Hz") as caught:
        drive.rate = 0.02
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.parametrize("by_lists", [False, True])
@pytest.mark.parametrize(
    ("weight", "receptor", "effect"),
    [
        (500.0, "inhibitory", "depolarises"),
        ([500.0] * 9, "in", "depolarises"),
        (None, "in", "depolarises"),
        (sl.Normal(500.0, 1.0), "in", "depolarises"),
        (-3.0, "excitatory", "hyperpolarises"),
        (-3.0, "inhibitory", None),
        (3.0, "excitatory", None),
        (3.0, None, None),
        ([1.0, -1.0] + [0.0] * 7, "in", None),  # on purpose, it seems
    ],
)
def test_a_current_of_the_other_sign_is_named(
    weight: Any, receptor: Any, effect: str | None, by_lists: bool
) -> None:
    net = sl.Network()
    cells = net.population(3, sl.LIF(), name="E")
    rule: Any = tuple(np.indices((3, 3)).reshape(2, -1)) if by_lists else sl.AllToAll()

    def connect() -> None:
        net.connect(cells, cells, rule, weight=weight, receptor=receptor)

    if effect is None:
        connect()
    else:
        with pytest.warns(UserWarning, match=f"connect E -> E: weight = .* pA .*{effect}") as found:
            connect()
        assert found[0].filename == __file__
        with warnings.catch_warnings():  # as an error, it changes nothing
            warnings.simplefilter("error")
            with pytest.raises(UserWarning):
                connect()
    assert len(net.projections) == 1
    cond = net.population(3, sl.LIFCond())
    net.connect(cells, cond, sl.AllToAll(), weight=3.0, receptor="in")  # a magnitude

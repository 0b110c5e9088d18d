"""What NEST was run on: one neuron, a current that steps, a few events of both signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CURRENT_ON, CURRENT_OFF, DURATION = 20.0, 150.0, 200.0  # ms
LEAST_ERROR = {
    "gsl_error_tol": 1e-12
}  # where NEST lets one choose the tolerance of its adaptive steps


@dataclass(frozen=True)
class Event:
    """An event reaches the neuron at `time` [ms] (the generator fires one step before)."""

    time: float
    weight: float
    receptor: int = 0  # 0: the weight's sign chooses; else NEST's number of the receptor


@dataclass(frozen=True)
class Protocol:
    """A neuron of NEST with a current from `CURRENT_ON` to `CURRENT_OFF` and events."""

    model: str
    current: float  # pA
    events: tuple[Event, ...]
    record: tuple[str, ...]
    parameters: dict[str, Any]
    solver: dict[str, float]
    dt: float = 0.1
    sample: float = 1.0  # ms between samples


def both_signs(excitation: float, inhibition: float) -> tuple[Event, ...]:
    """Before, during and after the current; two at once; magnitudes of both."""
    plus = (5.0, 12.0, 31.5, 70.0, 160.0, 175.0, 176.3)
    minus = (8.0, 40.0, 70.0, 100.2, 168.0)
    events = [Event(t, excitation) for t in plus] + [Event(t, -inhibition) for t in minus]
    return tuple(sorted(events, key=lambda event: event.time))


CURRENTS = ("I_syn_ex", "I_syn_in")
CONDUCTANCES = ("g_ex", "g_in")
GATES = ("Act_m", "Inact_h", "Act_n")
SHARP = {
    "Delta_V": 1e-4,
    "lambda_0": 1000.0,
}  # the hazard jumps from 0 to certainty at the threshold
KERNELS = {
    "tau_stc": [12.0, 90.0],
    "q_stc": [30.0, 6.0],
    "tau_sfa": [15.0, 120.0],
    "q_sfa": [6.0, 1.5],
}


def _adex(
    synapses: str, events: tuple[Event, ...], record: tuple[str, ...], **more: Any
) -> Protocol:
    parameters = {"t_ref": 2.0, **more}
    states = ("V_m", "w", *record)
    return Protocol(f"aeif_{synapses}", 800.0, events, states, parameters, LEAST_ERROR, dt=0.01)


def _gif(synapses: str, dt: float, record: tuple[str, ...]) -> Protocol:
    cond = synapses == "cond_exp"
    return Protocol(
        f"gif_{synapses}",
        260.0,
        both_signs(4.0, 3.0) if cond else both_signs(200.0, 150.0),
        ("V_m", *record),
        {**SHARP, **KERNELS},
        LEAST_ERROR if cond else {},
        dt,
    )


PROTOCOLS: dict[str, Protocol] = {
    "aeif_cond_exp": _adex("cond_exp", both_signs(60.0, 12.0), CONDUCTANCES),
    "aeif_cond_exp_no_refractory": _adex(
        "cond_exp", both_signs(60.0, 12.0), CONDUCTANCES, t_ref=0.0
    ),
    "aeif_cond_alpha": _adex("cond_alpha", both_signs(30.0, 8.0), CONDUCTANCES),
    "aeif_psc_exp": _adex("psc_exp", both_signs(1500.0, 300.0), CURRENTS),
    "aeif_psc_alpha": _adex("psc_alpha", both_signs(900.0, 200.0), CURRENTS),
    "aeif_psc_delta": _adex("psc_delta", both_signs(5.0, 4.0), ()),
    "iaf_cond_alpha": Protocol(
        "iaf_cond_alpha", 400.0, both_signs(15.0, 4.0), ("V_m", *CONDUCTANCES), {}, {}
    ),
    "hh_psc_alpha": Protocol(
        "hh_psc_alpha", 650.0, both_signs(900.0, 300.0), ("V_m", *GATES, *CURRENTS), {}, {}, dt=0.01
    ),
    "hh_cond_exp_traub": Protocol(
        "hh_cond_exp_traub",
        250.0,
        both_signs(3.0, 5.0),
        ("V_m", *GATES, *CONDUCTANCES),
        {},
        {},
        dt=0.01,
    ),
    "gif_psc_exp": _gif("psc_exp", 0.1, CURRENTS),
    "gif_psc_exp_fine": _gif("psc_exp", 0.01, CURRENTS),
    "gif_cond_exp": _gif("cond_exp", 0.1, CONDUCTANCES),
    "gif_cond_exp_fine": _gif("cond_exp", 0.01, CONDUCTANCES),
    "izhikevich": Protocol("izhikevich", 10.0, both_signs(4.0, 3.0), ("V_m", "U_m"), {}, {}),
    "izhikevich_fine": Protocol(
        "izhikevich", 10.0, both_signs(4.0, 3.0), ("V_m", "U_m"), {}, {}, dt=0.001
    ),
    "iaf_psc_exp_multisynapse": Protocol(
        "iaf_psc_exp_multisynapse",
        400.0,
        tuple(
            Event(event.time, event.weight, 1 + k % 4)
            for k, event in enumerate(both_signs(300.0, 200.0))
        ),
        ("V_m", "I_syn_1", "I_syn_2", "I_syn_3", "I_syn_4"),
        {"tau_syn": [0.5, 2.0, 9.0, 40.0]},
        {},
    ),
    "iaf_cond_exp_sfa_rr": Protocol(
        "iaf_cond_exp_sfa_rr",
        1200.0,
        both_signs(20.0, 5.0),
        ("V_m", *CONDUCTANCES, "g_sfa", "g_rr"),
        {},
        {},
    ),
}

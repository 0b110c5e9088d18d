"""How `Network.inject` adds an input."""

from __future__ import annotations

from typing import Any

from spikelet.network.contents import NetworkContents
from spikelet.network.drive import Drive
from spikelet.network.input_kinds import Key, described, send
from spikelet.network.population import Population, check_own
from spikelet.sources.window import require_ahead

__all__ = ["inject", "inject_from"]

_NEW = Key()


def inject(net: NetworkContents, target: Population, what: Any) -> Drive:
    """Check an input and add it from now on; see `Network.inject`."""
    check_own(net, "inject", target, "target")
    require_ahead(f"inject {target.name}", what, net)
    return inject_from(net, target, what, net.engine.step, _NEW)


def inject_from(net: NetworkContents, target: Population, what: Any, start: int, key: Key) -> Drive:
    """Add an input whose time counts from a given step."""
    where = f"inject {target.name}"
    what = described(where, target, what)
    number = send(where, net, target, what, start, key)
    drive = net.engine.inputs[number] = Drive(net, target, number, what, start)
    return drive

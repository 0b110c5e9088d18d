"""How `Network.inject` adds an input."""

from __future__ import annotations

from typing import Any

from spikelet.network.contents import NetworkContents
from spikelet.network.drive import Drive
from spikelet.network.input_kinds import Key, described, kind_of, send, split_input
from spikelet.network.population import Population, check_own
from spikelet.sources.window import require_ahead

_NEW = Key()


def inject(net: NetworkContents, target: Population, what: Any) -> Drive:
    """Check an input and add it from now on; see `Network.inject`."""
    check_own(net, "inject", target, "target")
    where, start = f"inject {target.name}", net.engine.step
    kind_of(where, what)
    require_ahead(where, what, net)
    split = zip(target.parts, split_input(where, target, what), strict=True)
    checked = [(part, described(f"inject {part.name}", part, mine)) for part, mine in split]
    drives = [inject_from(net, part, mine, start, _NEW) for part, mine in checked]
    return drives[0] if len(drives) == 1 else Drive(net, target, -1, None, start, drives)


def inject_from(net: NetworkContents, target: Population, what: Any, start: int, key: Key) -> Drive:
    """Add an input, as `described` returns it, whose time counts from a given step."""
    number = send(f"inject {target.name}", net, target, what, start, key)
    drive = net.engine.inputs[number] = Drive(net, target, number, what, start)
    return drive

"""Spikes of one or several populations, as the plots of spikes take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from spikelet._util.checks import fail, number, require
from spikelet.recording.reading import RecordedSpikes
from spikelet.spikes.binning import number_of_bins
from spikelet.spikes.spikes import Spikes, as_spikes

Recorded: TypeAlias = RecordedSpikes | Spikes
SpikesOf: TypeAlias = Recorded | Sequence[Recorded] | Mapping[str, Recorded]


class Named(NamedTuple):
    """Spikes, and the name of the population that sent them."""

    name: str
    spikes: Spikes


def named_spikes(where: str, argument: str, value: Any) -> list[Named]:
    """Return the spikes of each population.

    Parameters
    ----------
    where, argument : str
        Names for error messages.
    value : recorder, Spikes, or a sequence or mapping of them
        Names come from the mapping, or else from the spikes.

    Raises
    ------
    TypeError
        If it is something else, or empty.
    """
    found = as_spikes(value)
    if found is not None:
        return [Named(found.name, found)]
    if isinstance(value, Mapping) and value:
        return [Named(str(name), _spikes(where, f"{argument}[{name!r}]", one)) for name, one in value.items()]  # fmt: skip
    if not isinstance(value, list | tuple) or not value:
        rule = "must be a recorder of spikes, Spikes, or a list or dict of them"
        fail(where, argument, value, rule, error=TypeError)
    each = [_spikes(where, f"{argument}[{k}]", one) for k, one in enumerate(value)]
    return [Named(spikes.name, spikes) for spikes in each]


def interval(
    where: str, found: Sequence[Named], start: float | None, stop: float | None
) -> tuple[float, float]:
    """Return the interval to draw [ms]; by default from the first start to the last stop, or else the last spike."""
    starts = [spikes.start for _, spikes in found]
    stops = [_end(spikes) for _, spikes in found]
    require_observed(where, found)
    begin = min(starts) if start is None else float(number(where, "start", start, "ms"))
    end = max(stops) if stop is None else float(number(where, "stop", stop, "ms"))
    if not end > begin:
        fail(where, "stop", end, f"must be after start = {begin:g} ms")
    return begin, end


def require_observed(where: str, found: Sequence[Named]) -> None:
    """Raise ValueError if nothing was observed for any time, as before the first run."""
    begin, end = (
        min(spikes.start for _, spikes in found),
        max(_end(spikes) for _, spikes in found),
    )
    if all(spikes.stop is not None for _, spikes in found) and not end > begin:
        rule = "must have been observed for some time: run the network after net.record()"
        fail(where, "spikes", f"{begin:g} ms to {end:g} ms", rule, got="those of")


def overlap(spikes: Spikes, start: float, stop: float) -> tuple[float, float]:
    """Return when observation starts and stops within an interval [ms]: not after it starts, if it is all outside."""
    first = max(start, spikes.start)
    return first, stop if spikes.stop is None else min(stop, spikes.stop)


def bin_width(where: str, bin_size: Any, length: float, *, default: float) -> float:
    """Return the width of a bin [ms], after a check that an interval of a length [ms] has one; None: `default`, or all of it."""
    if bin_size is None:
        return min(default, length)
    width = number(where, "bin_size", bin_size, "ms")
    require(where, "bin_size", width, "> 0")
    if number_of_bins(length, float(width), whole=True) < 1:
        fail(where, "bin_size", float(width), f"must be at most the interval, {length:g} ms")
    return float(width)


def _spikes(where: str, argument: str, value: Any) -> Spikes:
    found = as_spikes(value)
    if found is None:
        rule = "must be a SpikeRecorder, a recording or Spikes"
        fail(where, argument, value, rule, error=TypeError)
    return found


def _end(spikes: Spikes) -> float:
    if spikes.stop is not None:
        return spikes.stop
    return float(spikes.times[-1]) if len(spikes) else spikes.start

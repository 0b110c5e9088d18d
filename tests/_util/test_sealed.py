"""Attributes that can be set, and what the others answer."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any, ClassVar

import pytest

from spikelet._util.sealed import Sealed, Setting


def _even(where: str, name: str, value: Any) -> int:
    if value % 2:
        msg = f"{where}: {name} must be even"
        raise ValueError(msg)
    return int(value)


class Box(Sealed):
    """What a class of the package looks like."""

    width: int
    items: list[int]
    step = Setting(_even)

    _instead: ClassVar = {"width": "make a Box({name}=...)"}

    def __init__(self, width: int) -> None:
        self.width = width
        self.items = [1]
        self._level = 0
        self.step = 4

    @property
    def level(self) -> int:
        return self._level

    @level.setter
    def level(self, value: int) -> None:
        self._level = value

    @property
    def area(self) -> int:
        return self.width**2


Box.__module__ = "spikelet.box"


class Crate(Box):
    """A subclass of a user."""

    def __init__(self) -> None:
        super().__init__(3)
        self.color = "red"
        self.color = "blue"


def test_what_takes_effect_can_be_set() -> None:
    box = Box(5)
    box.level = 7
    box.step = 8
    assert (box.level, box.step, box.width, box.area) == (7, 8, 5, 25)
    with pytest.raises(ValueError, match="Box: step must be even"):
        box.step = 3
    assert box.step == 8
    assert isinstance(Box.step, Setting)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("width", r"Box: width cannot be set: make a Box\(width=\.\.\.\)"),
        ("items", "Box: items cannot be set: make a new Box"),
        ("area", "Box: area cannot be set: make a new Box"),
        ("wdth", r"Box has no 'wdth'; did you mean 'width'\? \(what can be set: level, step\)"),
        ("zzz", r"Box has no 'zzz' \(what can be set: level, step\)"),
    ],
)
@pytest.mark.parametrize("change", [lambda box, name: setattr(box, name, 1), delattr])
def test_all_else_is_refused(name: str, message: str, change: Any) -> None:
    box = Box(5)
    with pytest.raises(AttributeError, match=message):
        change(box, name)
    assert (box.width, box.items) == (5, [1])


def test_a_users_subclass_has_attributes_of_its_own() -> None:
    crate = Crate()
    crate.lid = True
    crate.level = 2
    del crate.lid
    assert (crate.color, crate.level) == ("blue", 2)
    with pytest.raises(AttributeError, match="Crate: width cannot be set"):
        crate.width = 4


def test_no_class_is_kept() -> None:
    kind = type("Own", (Crate,), {})
    assert kind().width == 3
    gone = weakref.ref(kind)
    del kind
    gc.collect()
    assert gone() is None


def test_copies_are_alike() -> None:
    box = Crate()
    for twin in (copy.copy(box), copy.deepcopy(box), pickle.loads(pickle.dumps(box))):
        assert vars(twin) == vars(box)
        with pytest.raises(AttributeError):
            twin.width = 4

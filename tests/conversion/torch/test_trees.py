"""Nested arguments, and the names of operators."""

from __future__ import annotations

from collections import namedtuple

import torch
import torch.nn.functional as F

from spikelet.conversion.torch.trees import is_in_place, kind_of, leaves, mapped, name_of

Pair = namedtuple("Pair", "a b")  # as torch's own return types


def test_names_of_operators() -> None:
    assert [kind_of(f) for f in (torch.relu, F.relu_, torch.Tensor.relu_)] == ["relu"] * 3
    assert name_of(torch.ops.aten.relu_.default) == "relu_"
    assert kind_of(torch.Tensor.T.__get__) == "T"  # an attribute


def test_operators_that_change_their_first_argument() -> None:
    for function in (torch.Tensor.relu_, torch.Tensor.__setitem__, torch.ops.aten.add_.Tensor):
        assert is_in_place(function)
    for function in (torch.relu, torch.Tensor.__getitem__, torch.Tensor.T.__get__):
        assert not is_in_place(function)


def test_nested_arguments() -> None:
    tree = ([1, (2, Pair(3, 4))], {"k": slice(5, None)}, torch.Size([7]))
    assert mapped(lambda a: a, tree) == tree
    assert [a for a in leaves(tree) if a is not None] == [1, 2, 3, 4, 5]
    doubled = mapped(lambda a: a and 2 * a, tree)
    assert doubled[1]["k"] == slice(10, None)

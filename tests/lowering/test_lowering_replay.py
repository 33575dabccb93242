"""A call that was copied from an earlier one adds what it would have added by itself."""

from __future__ import annotations

from typing import Any

import pytest

from blockdsl.lowering import Program, lower
from blockdsl.lowering.applier import Applier
from blockdsl.lowering.choices import ChoicePoint, Chooser, Options
from blockdsl.passes.freeze import freeze
from blockdsl.resources import find_source, names
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file


class _Unfolding(Applier):
    """Lowers every call by itself."""

    def __init__(self, choose: Chooser) -> None:
        super().__init__(choose)
        self.recordings.find = lambda key: None  # type: ignore[method-assign]


class _Counting(Applier):
    """Counts the calls that were copied."""

    copies = 0

    def __init__(self, choose: Chooser) -> None:
        super().__init__(choose)
        self._replay = self.recordings.replay
        self.recordings.replay = self._counted  # type: ignore[method-assign]

    def _counted(self, *call: Any) -> Any:
        self.copies += 1
        return self._replay(*call)


def _second(point: ChoicePoint) -> int | float:
    return len(point.domain.texts) - 1 if isinstance(point.domain, Options) else point.domain.high


def _both(source: Source) -> tuple[Program, Program, int]:
    file, counting, unfolding = parse(source), _Counting(_second), _Unfolding(_second)
    both = lower(file, applier=counting), lower(file, applier=unfolding)
    assert counting.budget.steps == unfolding.budget.steps
    return *both, counting.copies


def _same(copied: Program, unfolded: Program) -> None:
    assert list(copied.graph.layers()) == list(unfolded.graph.layers())
    assert list(copied.graph.blocks.items()) == list(unfolded.graph.blocks.items())
    assert list(copied.graph.points.items()) == list(unfolded.graph.points.items())
    assert copied.graph.shared == unfolded.graph.shared
    assert copied.graph.auxiliaries == unfolded.graph.auxiliaries
    assert copied.graph.outputs == unfolded.graph.outputs
    assert copied.decisions == unfolded.decisions


@pytest.mark.parametrize("name", names("zoo"))
def test_the_zoo_is_the_same_with_and_without_copies(name: str) -> None:
    copied, unfolded, _ = _both(find_source(name))
    _same(copied, unfolded)


@pytest.mark.parametrize("name", names("search"))
def test_spaces_are_the_same_with_and_without_copies(name: str) -> None:
    copied, unfolded, _ = _both(find_source(name))
    _same(copied, unfolded)


def _text(text: str) -> tuple[Program, Program, int]:
    copied, unfolded, copies = _both(Source("<text>", text))
    _same(copied, unfolded)
    return copied, unfolded, copies


def test_each_kind_of_unit_is_unfolded_once() -> None:
    *_, copies = _text(
        "input 8x9x9\nblock conv(c) = CONV(c,3,p1)-RELU\nblock unit(c) = (ID + a:conv(c)-conv(c))-b:RELU\n"
        "net unit(8)*5-POOL(2)-unit(8)*3"
    )
    assert copies == (1 + 4) + (1 + 2)  # the second conv of a first unit, and the further units


COPIES = {
    "a choice in the block": ("block u() = {RELU, TANH}\nnet RELU-u-u-u", 0),
    "a choice of a name": ("let act = {RELU, TANH}\nblock u() = CONV(8,1)-act\nnet RELU-u-u-u", 0),
    "a choice in a default": ("block u(c={4, 8}) = CONV(c,1)\nnet RELU-u-u-u", 0),
    "a network as argument": ("block u(act) = CONV(8,1)-act\nnet RELU-u(RELU)-u(TANH)-u(RELU)", 0),
    "a tensor as argument": (
        "block u(a) = ID + a\nnet let a = in-CONV(8,1)\nlet b = a-u(a)\nb-u(a)-u(b)", 0
    ),
    "the input, which has a name": ("block u() = RELU\nnet u-u-u", 2),
    "numbers": ("block u(n) = CONV(8,n,pad=same)\nnet RELU-u(1)-u(3)-u(1)-u(n=1)-u(3)", 3),
    "shapes": ("block u() = CONV(in.c,in.h)-CONV(2,1)\nnet RELU-u-UP(9)-u-UP(9)-u", 1),
    "heads": ("block u() = GAP-FC(3)\nnet RELU-AUX(one,u)-RELU-AUX(two,u)-RELU-u", 1),
    "bundles": ("block u() = SPLIT(2)\nblock v() = SUM-CONV(8,1)\nnet RELU-u-v-u-v", 2),
    "a shared network of the file": ("shared s = CONV(8,1)\nblock u() = RELU-s\nnet u-u-s-u", 2),
    "a shared network in the block": ("block u() =\n shared s = CONV(8,1)-RELU\n s-s\nnet u-u", 1),
    "a block in a shared network": (
        "block v() =\n shared t = CONV(8,1)\n t-t\nblock u() = v-v\nshared s = u-TANH\nnet s-u-s", 3
    ),
    "nothing added": ("block u() = ID\nnet RELU-u-RELU-u-u", 2),
}  # fmt: skip
"""What is repeated, and how many of its calls can be copies."""


@pytest.mark.parametrize(("text", "expected"), COPIES.values(), ids=COPIES)
def test_what_is_copied(text: str, expected: int) -> None:
    *_, copies = _text(f"input 8x9x9\n{text}")
    assert copies == expected


@pytest.mark.parametrize("name", names("search"))
def test_a_winner_is_written_the_same(name: str) -> None:
    copied, unfolded, _ = _both(find_source(name))
    assert format_file(freeze(copied)) == format_file(freeze(unfolded))

"""The choices of a space as a tree of paths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from blockdsl.lowering import ChoicePoint
from blockdsl.space.choosing import described

_NUMBERED = re.compile(r"(.*)\[(\d+)\]")


@dataclass
class Branch:
    """A step of paths: what is chosen there, and the steps below."""

    choice: str = ""
    below: dict[str, Branch] = field(default_factory=dict)


def choice_tree(points: Mapping[str, ChoicePoint], sometimes: frozenset[str] = frozenset()) -> Branch:
    """The choices by path; those reached `sometimes` only are marked with `, if reached`."""
    root = Branch()
    for path, point in points.items():
        branch = root
        for step in path.split("."):
            branch = branch.below.setdefault(step, Branch())
        branch.choice = described(point.domain) + (", if reached" if path in sometimes else "")
    return root


def tree_lines(root: Branch) -> list[tuple[str, str]]:
    """Each step as indented words and its choice; instances that are alike share a line: `unit[1…4]`."""
    return list(_lines(root, 0))


def _lines(branch: Branch, depth: int) -> Iterator[tuple[str, str]]:
    alike = groupby(branch.below.items(), key=lambda item: (_stem(item[0]), item[1].choice, _shape(item[1])))
    for _, group in alike:
        steps = list(group)
        name, first = _joined([step for step, _ in steps]), steps[0][1]
        while len(first.below) == 1 and not first.choice:
            step, first = next(iter(first.below.items()))
            name += f".{step}"
        yield "  " * depth + name, first.choice
        yield from _lines(first, depth + 1)


def _stem(step: str) -> str:
    match = _NUMBERED.fullmatch(step)
    return match[1] if match else step


def _shape(branch: Branch) -> tuple[object, ...]:
    return tuple((step, below.choice, _shape(below)) for step, below in branch.below.items())


def _joined(steps: list[str]) -> str:
    """`unit[1…4]` for `unit[1]` to `unit[4]`."""
    if len(steps) == 1:
        return steps[0]
    numbers = [match[2] for step in steps if (match := _NUMBERED.fullmatch(step))]
    ends = f"{numbers[0]}…{numbers[-1]}" if len(numbers) == len(steps) else "…"
    return f"{_stem(steps[0])}[{ends}]"

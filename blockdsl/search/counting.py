"""How many assignments a space has, without going through them all."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import networkx as nx

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint, FloatRange
from blockdsl.search.domains import Domain, EndlessError, Value, draw, first_value, values

if TYPE_CHECKING:
    from blockdsl.search.space import Space

Key = tuple[str, Domain]
"""A choice by its path and what is open there: under another choice the same path may hold another."""

Changes = list[tuple[Value, frozenset[Key], int]]

MAX_VALUES_TRIED = 16
"""A range with more values is looked at in its ends and middle to see what else depends on it."""

MAX_LOOKS = 10_000
"""Networks unfolded while counting."""

PROBES = 200

ENUMERATED = 2_000
"""A space about so large is gone through where its choices do not come apart."""


@dataclass(frozen=True)
class Count:
    """How many assignments there are: None for no end of them. `exact` is False for an estimate."""

    number: int | None
    exact: bool = True

    def __str__(self) -> str:
        if self.number is None:
            return "no end of assignments, since a real number is open"
        return f"{self.number:,} assignments" if self.exact else f"about {self.number:.2g} assignments"


Values = Callable[[Domain], list[Value]]
"""The values of a domain that are counted."""


def pinned(domain: Domain) -> list[Value]:
    """The values of a domain; one for a range of real numbers without a step."""
    endless = isinstance(domain, FloatRange) and domain.step is None
    return [first_value(domain)] if endless else values(domain)


def in_words(space: Space) -> str:
    """How many assignments a space has; where real numbers are open, also how many they leave."""
    number = count(space)
    if number.number is not None or not (real := _real_numbers(space)):
        return str(number)
    names = " and ".join(real) if len(real) < 3 else f"the {len(real)} real numbers"
    return f"{number}: {count(space, options=pinned)} for each value of {names}"


def _real_numbers(space: Space) -> list[str]:
    """The paths of the ranges without an end that draws meet."""
    generator = random.Random(0)
    keys = {key for _ in range(PROBES // 4) for key in _drawn(space, generator)}
    return sorted(path for path, domain in keys if isinstance(domain, FloatRange) and domain.step is None)


def count(space: Space, *, probes: int = PROBES, options: Values = values) -> Count:
    """How many assignments a space has; with `options=pinned` how many there are beside real numbers.

    Conditional choices count only under the options that reach them; what does not depend on each
    other multiplies. Choices that only two others together reach are not seen in that way: draws look
    for such ones, and where there are some a small space is gone through, and the number for a large
    one estimated from the draws
    (Knuth, "Estimating the efficiency of backtrack programs", 1975: the mean of the product of the
    numbers of options met on the way).
    """
    counter = _Counter(space, options)
    number: int | None
    try:
        number = counter.count({}, frozenset())
    except EndlessError:
        return Count(None)
    except _TooManyError:
        number = None
    generator = random.Random(0)
    drawn = [_drawn(space, generator) for _ in range(min(probes, 2 * (number or probes)))]
    if number is not None and counter.is_sure and all(key in counter.seen for keys in drawn for key in keys):
        return Count(number)
    if number is not None and number <= ENUMERATED:
        return Count(sum(1 for _ in space.enumerate(options)))
    return Count(
        round(sum(prod(len(options(domain)) for _, domain in keys) for keys in drawn) / len(drawn)), False
    )


def _drawn(space: Space, generator: random.Random) -> set[Key]:
    """The choices that a draw reaches, up to where it breaks down."""
    return _reached(space, lambda point: draw(point.domain, generator))


def _reached(space: Space, decide: Callable[[ChoicePoint], Value]) -> set[Key]:
    found: set[Key] = set()

    def choose(point: ChoicePoint) -> Value:
        found.add((point.path, point.domain))
        return decide(point)

    try:
        space.reach(choose)
    except ArchError:
        if not found:
            raise
    return found


class _Counter:
    """Counts by taking choices apart into components that do not depend on each other."""

    def __init__(self, space: Space, options: Values) -> None:
        self.space = space
        self.options = options
        self.seen: set[Key] = set()
        self.is_sure = True
        self._known: dict[frozenset[tuple[str, Value]], frozenset[Key]] = {}

    def count(self, fixed: dict[str, Value], known: frozenset[Key]) -> int:
        """The assignments of what is open beside the `known` choices, some of which are `fixed`."""
        base = self.reached(fixed)
        points = sorted(base - known, key=lambda key: key[0])
        changes = {key: self.changes(key, fixed, base) for key in points}
        total = 1
        for component in self._components(points, changes, fixed, base):
            key, others = self._root(component, changes), (base - frozenset(component)) | known
            own = 0
            for value, reached, times in changes[key]:
                inner = reached - others - {key}
                own += times * (self.count({**fixed, key[0]: value}, others | {key}) if inner else 1)
            total *= own
        return total

    def _root(self, component: list[Key], changes: dict[Key, Changes]) -> Key:
        """A choice of a component that none of its others makes go away: the values of one that goes away
        stand for nothing there.
        """
        always = frozenset.intersection(*(r for key in component for _, r, _ in changes[key]))
        root = next((key for key in component if key in always), None)
        self.is_sure &= root is not None
        return root or component[0]

    def _components(
        self, points: list[Key], changes: dict[Key, Changes], fixed: dict[str, Value], base: frozenset[Key]
    ) -> list[list[Key]]:
        """Choices that depend on each other: one makes another come or go, or changes what it reaches."""
        graph: nx.Graph[Key] = nx.Graph()
        graph.add_nodes_from(points)
        for key in points:
            for value, reached, _ in changes[key]:
                graph.add_edges_from((key, lost) for lost in base - reached if lost in changes)
                if reached != base:
                    with_value = {**fixed, key[0]: value}
                    graph.add_edges_from(
                        (key, other)
                        for other in points
                        if other != key
                        and other in reached
                        and self._entangled(other, changes, with_value, base)
                    )
        return [sorted(c, key=points.index) for c in nx.connected_components(graph)]

    def _entangled(
        self, key: Key, changes: dict[Key, Changes], fixed: dict[str, Value], base: frozenset[Key]
    ) -> bool:
        """Whether a choice makes another difference to what is reached here than it makes at the base."""
        here = self.reached(fixed)
        return any(
            self.reached({**fixed, key[0]: value}) != (here - (base - reached)) | (reached - base)
            for value, reached, _ in changes[key]
        )

    def changes(self, key: Key, fixed: dict[str, Value], base: frozenset[Key]) -> Changes:
        """For each value of a choice, what is then reached, and how many values it stands for."""
        path, domain = key
        options = self.options(domain)
        if len(options) > MAX_VALUES_TRIED:
            ends = [options[0], options[len(options) // 2], options[-1]]
            if all(self.reached({**fixed, path: v}) == base for v in ends):
                return [(options[0], base, len(options))]
        return [(v, self.reached({**fixed, path: v}), 1) for v in options]

    def reached(self, fixed: dict[str, Value]) -> frozenset[Key]:
        """The choices that an assignment reaches, first options elsewhere; up to where it breaks down."""
        given = frozenset(fixed.items())
        if given not in self._known:
            if len(self._known) == MAX_LOOKS:
                raise _TooManyError
            self._known[given] = frozenset(
                _reached(
                    self.space,
                    lambda point: fixed[point.path] if point.path in fixed else self.options(point.domain)[0],
                )
            )
            self.seen |= self._known[given]
        return self._known[given]


class _TooManyError(Exception):
    """The choices hang together too much to be taken apart."""

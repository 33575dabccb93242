"""How many assignments a space has, without going through them all."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from math import prod
from pathlib import Path

import networkx as nx

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint, FloatRange, Options
from blockdsl.space.domains import Domain, EndlessError, Value, first_value, size, value_at
from blockdsl.space.space import Space
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.traversal import walk

Key = tuple[str, Domain]
"""A choice by its path and what is open there: under another choice the same path may hold another."""

Changes = list[tuple[Value, frozenset[Key], int]]

MAX_VALUES_TRIED = 16
"""Of a range with more values only the ends, the middle, and numbers that the file mentions are tried."""

MAX_LOOKS = 10_000
"""Networks unfolded while counting."""

MAX_LAYERS = 50_000
"""Layers of the networks that draws unfold to test a count; ten times as many while counting."""

MANY = 64
"""Of more open choices than this, those that are alike are tried together."""

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
        if self.exact and self.number < 10**21:
            return f"{self.number:,} assignments"
        return f"about {Decimal(self.number):.2g} assignments"


Size = Callable[[Domain], int]
"""How many values of a domain are counted, from its first on."""


def pinned(domain: Domain) -> int:
    """The size of a domain; 1 for a range of real numbers without a step."""
    endless = isinstance(domain, FloatRange) and domain.step is None
    return 1 if endless else size(domain)


def in_words(space: Space, *, layers: int = MAX_LAYERS) -> str:
    """How many assignments a space has; where real numbers are open, also how many they leave."""
    number = count(space, layers=layers)
    if number.number is not None or not (real := _real_numbers(space)):
        return str(number)
    names = " and ".join(real) if len(real) < 3 else f"the {len(real)} real numbers"
    return f"{number}: {count(space, sizes=pinned, layers=layers)} for each value of {names}"


def _real_numbers(space: Space) -> list[str]:
    """The paths of the ranges without an end that draws meet."""
    generator = random.Random(0)
    keys = {key for drawn in _draws(space, generator, PROBES // 4, pinned, MAX_LAYERS) for key in drawn}
    return sorted(path for path, domain in keys if isinstance(domain, FloatRange) and domain.step is None)


def count(
    space: Space | str | Path, *, probes: int = PROBES, sizes: Size = size, layers: int = MAX_LAYERS
) -> Count:
    """How many assignments a space has; with `sizes=pinned` how many there are beside real numbers.

    No more than so many `layers` are unfolded by draws, and ten times as many while counting.

    >>> str(count(Space.parse("input 1x8x8 net CONV({4, 8},3)-{RELU, TANH}")))
    '4 assignments'

    Conditional choices count only under the options that reach them; what does not depend on each
    other multiplies. That is found by changing one choice at a time, so what several choices bring
    about only together can be overlooked. Draws test it: what each of them reaches must be what the
    count expects. Otherwise a small space is gone through, and the number for a large one is estimated
    from the draws
    (Knuth, "Estimating the efficiency of backtrack programs", 1975: the mean of the product of the
    numbers of options met on the way).
    """
    space = Space.of(space)
    counter = _Counter(space, sizes, 10 * layers)
    number: int | None
    try:
        number = counter.count({}, frozenset())
    except EndlessError:
        return Count(None)
    except _TooManyError:
        number = None
    generator = random.Random(0)
    drawn = _draws(space, generator, min(probes, 4 * (number or probes)), sizes, layers)
    if number is not None and counter.is_sure and all(map(counter.expects, drawn)):
        return Count(number)
    if number is not None and number <= ENUMERATED:
        listed = islice(space.enumerate(sizes), MAX_LOOKS)
        if (gone_through := sum(1 for _ in listed)) < MAX_LOOKS:
            return Count(gone_through)
    return Count(sum(prod(sizes(domain) for _, domain in keys) for keys in drawn) // len(drawn), False)


Drawn = dict[Key, Value]
"""The choices that a draw reaches, with the values drawn."""


def _draws(space: Space, generator: random.Random, number: int, sizes: Size, most: int) -> list[Drawn]:
    """Draws of what is counted, up to where they break down; fewer of networks with very many layers."""
    drawn: list[Drawn] = []
    layers = 0
    while len(drawn) < number and layers < most:
        found, size = _reached(space, lambda p: value_at(p.domain, generator.randrange(sizes(p.domain))))
        drawn.append(found)
        layers += size
    return drawn


def _reached(space: Space, decide: Callable[[ChoicePoint], Value]) -> tuple[Drawn, int]:
    """The choices that a chooser reaches, and how many layers the network has."""
    found: Drawn = {}

    def choose(point: ChoicePoint) -> Value:
        value = decide(point)
        found[point.path, point.domain] = value
        return value

    try:
        return found, len(space.reach(choose).program.graph)
    except ArchError:
        if not found:
            raise
        return found, MAX_LAYERS // PROBES


@dataclass(frozen=True)
class _Part:
    """A component of the open choices: its root, what each value of that reaches, and what is outside."""

    root: Key
    changes: Changes
    outside: frozenset[Key]


class _Counter:
    """Counts by taking choices apart into components that do not depend on each other."""

    def __init__(self, space: Space, sizes: Size, most: int) -> None:
        self.space = space
        self.sizes = sizes
        self.is_sure = True
        self.layers, self.most = 0, most
        written = {n.value for n in walk(space.file) if isinstance(n, nodes.Number)}
        self.landmarks = sorted({n + d for n in written for d in (-1, 0, 1)})
        """The numbers of the file and their neighbours: what conditions compare with."""
        self._parts: dict[tuple[frozenset[tuple[str, Value]], frozenset[Key]], list[_Part]] = {}
        self._known: dict[frozenset[tuple[str, Value]], frozenset[Key]] = {}

    def count(self, fixed: dict[str, Value], known: frozenset[Key]) -> int:
        """The assignments of what is open beside the `known` choices, some of which are `fixed`."""
        total = 1
        for part in self.parts(fixed, known):
            below = part.outside | {part.root}
            own = 0
            for value, reached, times in part.changes:
                more = reached - below
                own += times * (self.count({**fixed, part.root[0]: value}, below) if more else 1)
            total *= own
        return total

    def expects(self, drawn: Drawn) -> bool:
        """Whether a draw reaches the choices that the count multiplied for its values."""
        return self._expected({}, frozenset(), drawn) == set(drawn)

    def _expected(self, fixed: dict[str, Value], known: frozenset[Key], drawn: Drawn) -> set[Key]:
        found: set[Key] = set()
        for part in self.parts(fixed, known):
            found.add(part.root)
            if part.root not in drawn:
                continue
            below, value = part.outside | {part.root}, drawn[part.root]
            # A range whose values all do the same is counted by one of them.
            reached = next((r for v, r, times in part.changes if v == value or times > 1), None)
            stands_for = next((v for v, _, times in part.changes if times > 1), value)
            if reached is not None and reached - below:
                found |= self._expected({**fixed, part.root[0]: stands_for}, below, drawn)
        return found

    def parts(self, fixed: dict[str, Value], known: frozenset[Key]) -> list[_Part]:
        """What is open beside the `known` choices, in components that do not depend on each other."""
        key = frozenset(fixed.items()), known
        if key not in self._parts:
            base = self.reached(fixed)
            points = sorted(base - known, key=lambda key: key[0])
            changes = self._idle(points, fixed, base) if len(points) > MANY else {}
            changes |= {key: self.changes(key, fixed, base) for key in points if key not in changes}
            self._parts[key] = [
                _Part(
                    root := self._root(component, changes),
                    changes[root],
                    (base - frozenset(component)) | known,
                )
                for component in self._components(points, changes, fixed, base)
            ]
        return self._parts[key]

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

    def _idle(self, points: list[Key], fixed: dict[str, Value], base: frozenset[Key]) -> dict[Key, Changes]:
        """The choices that make no difference to what is reached.

        Choices whose paths differ in numbers alone are tried together: if all of them at once make no
        difference, one of them by itself makes none. Where that is wrong, the draws show it.
        """
        alike: dict[tuple[str, Domain], list[Key]] = {}
        for path, domain in points:
            alike.setdefault((re.sub(r"\[\d+\]", "", path), domain), []).append((path, domain))
        found: dict[Key, Changes] = {}
        for (_, domain), keys in alike.items():
            if len(keys) == 1 or self.sizes(domain) > MAX_VALUES_TRIED:
                continue
            options = [value_at(domain, index) for index in range(self.sizes(domain))]
            if all(self.reached({**fixed, **{path: v for path, _ in keys}}) == base for v in options[1:]):
                found |= {key: [(v, base, 1) for v in options] for key in keys}
        return found

    def changes(self, key: Key, fixed: dict[str, Value], base: frozenset[Key]) -> Changes:
        """For each value of a choice, what is then reached, and how many values it stands for."""
        path, domain = key
        number = self.sizes(domain)
        if number > MAX_VALUES_TRIED:
            tried = [value_at(domain, index) for index in (0, number // 2, number - 1)]
            tried += [n for n in self.landmarks if not isinstance(domain, Options) and domain.allows(n)]
            if all(self.reached({**fixed, path: v}) == base for v in tried):
                return [(tried[0], base, number)]
        if number > MAX_LOOKS:
            raise _TooManyError
        others = (value_at(domain, index) for index in range(1, number))
        return [(first_value(domain), base, 1), *((v, self.reached({**fixed, path: v}), 1) for v in others)]

    def reached(self, fixed: dict[str, Value]) -> frozenset[Key]:
        """The choices that an assignment reaches, first options elsewhere; up to where it breaks down."""
        given = frozenset(fixed.items())
        if given not in self._known:
            if len(self._known) == MAX_LOOKS or self.layers > self.most:
                raise _TooManyError
            found, layers = _reached(
                self.space,
                lambda point: fixed[point.path] if point.path in fixed else first_value(point.domain),
            )
            self._known[given] = frozenset(found)
            self.layers += layers
        return self._known[given]


class _TooManyError(Exception):
    """The choices hang together too much to be taken apart."""

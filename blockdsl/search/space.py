"""A file with choices as a set of networks: reach one, draw one, count them, go through them all."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from blockdsl import nodes
from blockdsl.analysis import Summary, summarise
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.analysis.checks import figures
from blockdsl.diagnostics import ArchError, did_you_mean, error
from blockdsl.lowering import ChoicePoint, FloatRange, IntRange, Options, Program, lower
from blockdsl.ops import Shape
from blockdsl.parser import parse
from blockdsl.source import Source

Value = int | float
Assignment = dict[str, Value]
Domain = Options | IntRange | FloatRange
Key = tuple[str, Domain]
"""A choice by its path and what is open there: under another choice the same path may hold another."""

MAX_VALUES_TRIED = 16
"""A range with more values is looked at in its ends and middle to see what else depends on it."""


@dataclass(frozen=True)
class Candidate:
    """One network of a space, with the choices that lead to it."""

    program: Program

    @property
    def assignment(self) -> Assignment:
        """The value of every choice that was reached, by its path, in the order reached."""
        return {path: value for path, (_, value) in self.program.decisions.items()}

    @property
    def points(self) -> dict[str, ChoicePoint]:
        """The choices that were reached, by path."""
        return {path: point for path, (point, _) in self.program.decisions.items()}

    @cached_property
    def summary(self) -> Summary:
        """Shapes and costs."""
        return summarise(self.program.graph, self.program.meta.title)

    @cached_property
    def figures(self) -> Mapping[str, Any]:
        """The static figures that `require` and objectives may name."""
        return figures(self.program, self.summary)

    @cached_property
    def identity(self) -> str:
        """Equal for candidates that are the same network trained the same way."""
        return f"{canonical_hash(self.program.graph)}:{self.program.recipe}"


class Space:
    """The networks of a file.

    Args:
        source: the file's text.
        input, settings: as for `blockdsl.load`.

    Raises:
        ArchError: the file is wrong whatever is chosen.
    """

    def __init__(
        self, source: Source, *, input: Shape | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.source = source
        self.file = parse(source)
        self.input = input
        self.settings = dict(settings or {})
        sections = [s for s in self.file.statements if isinstance(s, nodes.Search)]
        items = [item for section in sections for item in section.items]
        self.objectives = tuple(i for i in items if isinstance(i, nodes.Objective))
        self.requires = tuple(i for i in items if isinstance(i, nodes.Require))

    def reach(self, choose: Callable[[ChoicePoint], Value]) -> Candidate:
        """The network that a chooser leads to.

        Raises:
            ArchError: these choices do not go together; the message has the option's place.
        """
        return Candidate(lower(self.file, input=self.input, settings=self.settings, choose=choose))

    def bind(self, assignment: Mapping[str, Value]) -> Candidate:
        """The network of an assignment. Every choice that is reached must be in it, and all must be reached.

        Raises:
            ArchError: a choice is open, unknown, not reached, or has no such value.
        """

        def choose(point: ChoicePoint) -> Value:
            if point.path not in assignment:
                raise error("open", f"the choice {point.path} is not bound", point.span)
            return assignment[point.path]

        candidate = self.reach(choose)
        for path in assignment:
            if path not in candidate.points:
                known = list(candidate.points)
                raise error(
                    "choice", f"no choice {path} is reached", help=did_you_mean(path, known, _listed(known))
                )
        return candidate

    def sample(self, rng: random.Random) -> Candidate:
        """A network with every choice drawn by itself, uniformly (log ranges in the logarithm).

        Raises:
            ArchError: what was drawn does not go together.
        """
        return self.reach(lambda point: draw(point.domain, rng))

    def first(self) -> Candidate:
        """The network of first options and lower ends."""
        return self.reach(lambda point: 0 if isinstance(point.domain, Options) else point.domain.low)

    def enumerate(self) -> Iterator[Candidate | ArchError]:
        """Every assignment once, in order; what does not go together comes as its error.

        Raises:
            ArchError: a real number is open, so that there is no end to it.
        """
        prefix: list[Value] = []
        while True:
            seen: list[ChoicePoint] = []
            taken: list[Value] = []

            def choose(
                point: ChoicePoint,
                seen: list[ChoicePoint] = seen,
                taken: list[Value] = taken,
                prefix: list[Value] = prefix,
            ) -> Value:
                value = prefix[len(seen)] if len(seen) < len(prefix) else values(point.domain)[0]
                seen.append(point)
                taken.append(value)
                return value

            try:
                yield self.reach(choose)
            except ArchError as failed:
                if not seen:
                    raise
                yield failed
            while seen and taken[-1] == values(seen[-1].domain)[-1]:
                seen.pop()
                taken.pop()
            if not seen:
                return
            options = values(seen[-1].domain)
            prefix = [*taken[:-1], options[options.index(taken[-1]) + 1]]

    def count(self) -> int | None:
        """How many assignments there are; None where a real number is open.

        Conditional choices count only under the options that reach them. A choice depends on those
        whose change makes it come or go; what does not depend on each other multiplies.
        """
        try:
            return self._count({}, frozenset())
        except EndlessError:
            return None

    def _count(self, fixed: Assignment, known: frozenset[Key]) -> int:
        base = self._reached(fixed)
        points = [key for key in base if key not in known]
        changes = {key: self._changes(key, fixed, base) for key in points}
        lost = {
            key: {q for _, reached, _ in flips for q in points if q not in reached and q != key}
            for key, flips in changes.items()
        }
        dependent = set().union(*lost.values())
        total = 1
        for key in points:
            if key in dependent:
                continue
            own = 0
            for value, reached, times in changes[key]:
                others = (base - lost[key]) | known | {key}
                inner = reached - others
                own += times * (self._count({**fixed, key[0]: value}, others) if inner else 1)
            total *= own
        return total

    def _changes(
        self, key: Key, fixed: Assignment, base: frozenset[Key]
    ) -> list[tuple[Value, frozenset[Key], int]]:
        """For each value of a choice, what is then reached, and how many values it stands for."""
        path, domain = key
        options = values(domain)
        if len(options) > MAX_VALUES_TRIED:
            ends = [options[0], options[len(options) // 2], options[-1]]
            if all(self._reached({**fixed, path: v}) == base for v in ends):
                return [(options[0], base, len(options))]
        return [(v, self._reached({**fixed, path: v}), 1) for v in options]

    def _reached(self, fixed: Assignment) -> frozenset[Key]:
        """The choices that an assignment reaches, first options elsewhere; up to where it breaks down."""
        found: list[Key] = []

        def choose(point: ChoicePoint) -> Value:
            found.append((point.path, point.domain))
            return fixed[point.path] if point.path in fixed else values(point.domain)[0]

        try:
            self.reach(choose)
        except ArchError:
            if not found:
                raise
        return frozenset(found)

    def broken(self, candidate: Candidate) -> list[nodes.Require]:
        """The `require` lines on static figures that a network does not meet."""
        return [r for r in self.requires if is_static(r.condition) and not self.meets(candidate, r, {})]

    def meets(self, candidate: Candidate, require: nodes.Require, measured: Mapping[str, Any]) -> bool:
        """Whether a `require` line holds, given what was measured beside the static figures.

        Raises:
            ArchError: the condition names something that is not known, or is no condition.
        """
        holds = candidate.program.evaluate(require.condition, {**candidate.figures, **measured})
        if not isinstance(holds, bool):
            raise error("value", "a limit is a comparison: params <= 500k", require.condition.span)
        return holds


class EndlessError(Exception):
    """A real number is open."""


MEASURED = {"accuracy", "loss", "latency", "score", "seconds"}
"""What is known after measuring only."""


def is_static(condition: nodes.Expr) -> bool:
    """Whether a condition can be decided on the graph alone."""
    from blockdsl.passes.freeze import walk

    names = {node.name for node in walk(condition) if isinstance(node, nodes.Call)}
    names |= {node.steps[0].name for node in walk(condition) if isinstance(node, nodes.Path)}
    return not names & MEASURED


def values(domain: Domain) -> list[Value]:
    """All values of a domain, in order.

    Raises:
        EndlessError: a range of real numbers without a step has no end of them.
    """
    if isinstance(domain, Options):
        return list(range(len(domain.texts)))
    if isinstance(domain, IntRange):
        return list(range(domain.low, domain.high + 1, domain.step))
    if domain.step is None:
        raise EndlessError
    steps = int((domain.high - domain.low) / domain.step + 1e-9)
    return [domain.low + i * domain.step for i in range(steps + 1)]


def draw(domain: Domain, rng: random.Random) -> Value:
    """A value drawn uniformly, in the logarithm where the range says so."""
    if isinstance(domain, FloatRange) and domain.step is None:
        if domain.log:
            return math.exp(rng.uniform(math.log(domain.low), math.log(domain.high)))
        return rng.uniform(domain.low, domain.high)
    if isinstance(domain, IntRange) and domain.log:
        low, high = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
        return min(domain.high, max(domain.low, round(math.exp(rng.uniform(low, high)))))
    options = values(domain)
    return options[rng.randrange(len(options))]


def _listed(known: list[str]) -> str:
    return "it has " + ", ".join(known[:8]) + (", …" if len(known) > 8 else "") if known else "it has none"

"""Where candidates come from: a space of networks, or plain parameters without a network behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Protocol

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint, FloatRange
from blockdsl.nas.samplers.archive import Entry
from blockdsl.source import Source, Span
from blockdsl.space import Space
from blockdsl.space.counting import count
from blockdsl.space.domains import Domain, Value, size, values

Choose = Callable[[ChoicePoint], Value]


class CandidateSource(Protocol):
    """What a proposer asks of a space."""

    def entry(self, choose: Choose) -> Entry:
        """The candidate that a chooser leads to (raises `ArchError` if the choices do not go together)."""

    def count(self) -> int | None:
        """How many assignments there are; None without end."""

    def everything(self) -> Iterator[Entry]:
        """All candidates, where their number is finite."""


class Networks:
    """The networks of a space."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def entry(self, choose: Choose) -> Entry:
        """As `CandidateSource`."""
        candidate = self.space.reach(choose)
        return Entry.of(candidate, not self.space.broken(candidate))

    def count(self) -> int | None:
        """As `CandidateSource`."""
        return count(self.space, probes=0).number

    def everything(self) -> Iterator[Entry]:
        """As `CandidateSource`."""
        for candidate in self.space.enumerate():
            if not isinstance(candidate, ArchError):
                yield Entry.of(candidate, not self.space.broken(candidate))


class Parameters:
    """Parameters by name, each with its domain; no features, and every combination is feasible."""

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self.domains = dict(domains)

    def entry(self, choose: Choose) -> Entry:
        """As `CandidateSource`."""
        nowhere = Span(Source("", ""), 0, 0)
        assignment = {
            path: choose(ChoicePoint(path, domain, nowhere)) for path, domain in self.domains.items()
        }
        return Entry(assignment, self.domains, {}, {}, repr(sorted(assignment.items())), True)

    def count(self) -> int | None:
        """As `CandidateSource`."""
        if any(isinstance(d, FloatRange) and d.step is None for d in self.domains.values()):
            return None
        return prod(size(d) for d in self.domains.values())

    def everything(self) -> Iterator[Entry]:
        """As `CandidateSource`."""
        from itertools import product

        for chosen in product(*(values(d) for d in self.domains.values())):
            decided = dict(zip(self.domains, chosen, strict=True))
            yield self.entry(lambda point, decided=decided: decided[point.path])  # type: ignore[misc]

"""Domains of choices as Optuna's distributions, and back. Options go by their text, which a reader knows."""

from __future__ import annotations

from typing import Any

from optuna import Trial
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from blockdsl.lowering import ChoicePoint, FloatRange, IntRange, Options
from blockdsl.space import Candidate, Space
from blockdsl.space.domains import Domain, Value


def distribution(domain: Domain) -> BaseDistribution:
    """The distribution of a domain."""
    if isinstance(domain, Options):
        return CategoricalDistribution(labels(domain))
    if isinstance(domain, IntRange):
        return IntDistribution(domain.low, domain.high, step=domain.step, log=domain.log)
    return FloatDistribution(domain.low, domain.high, step=domain.step, log=domain.log)


def labels(domain: Options) -> tuple[str, ...]:
    """The options' texts; one that stands twice is told by its place."""
    texts = domain.texts
    return tuple(t if texts.index(t) == i else f"{t} #{i + 1}" for i, t in enumerate(texts))


def external(domain: Domain, value: Value) -> Any:
    """A decision as Optuna has it: an option's text, or the number."""
    return labels(domain)[int(value)] if isinstance(domain, Options) else value


def internal(domain: Domain, value: Any) -> Value:
    """What Optuna has as a decision.

    Raises:
        ValueError: the domain has no such value.
    """
    if isinstance(domain, Options):
        return labels(domain).index(value)
    if not domain.allows(value):
        raise ValueError(f"{value} is not in the range")
    return value  # type: ignore[no-any-return]


def suggest(space: Space, trial: Trial) -> Candidate:
    """The network that a trial of Optuna decides on, choice by choice.

    Raises:
        ArchError: what was suggested does not go together.
    """
    return space.reach(lambda point: suggested_value(trial, point))


def suggested_value(trial: Trial, point: ChoicePoint) -> Value:
    """The decision that a trial suggests for a choice."""
    domain = point.domain
    if isinstance(domain, Options):
        return labels(domain).index(trial.suggest_categorical(point.path, labels(domain)))
    if isinstance(domain, IntRange):
        return trial.suggest_int(point.path, domain.low, domain.high, step=domain.step, log=domain.log)
    return trial.suggest_float(point.path, domain.low, domain.high, step=domain.step, log=domain.log)


def domain_of(given: BaseDistribution) -> Domain:
    """The domain of a distribution that came from elsewhere; categories go by their text."""
    if isinstance(given, CategoricalDistribution):
        return Options(tuple(map(repr, given.choices)))
    if isinstance(given, IntDistribution):
        return IntRange(given.low, given.high, given.step, given.log)
    assert isinstance(given, FloatDistribution)
    return FloatRange(given.low, given.high, given.step, given.log)

"""The values that a choice can take, counted and addressed without being listed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from fractions import Fraction

from blockdsl.lowering import FloatRange, IntRange, Options

Value = int | float
Domain = Options | IntRange | FloatRange


class EndlessError(Exception):
    """A real number is open."""


def size(domain: Domain) -> int:
    """How many values a domain has.

    Raises:
        EndlessError: a range of real numbers without a step has no end of them.
    """
    if isinstance(domain, Options):
        return len(domain.texts)
    if isinstance(domain, IntRange):
        return (domain.high - domain.low) // domain.step + 1
    if domain.step is None:
        raise EndlessError
    steps = (Fraction(domain.high) - Fraction(domain.low)) / Fraction(domain.step)
    return int(steps + Fraction(1, 10**9)) + 1  # 0.1 is a little more than a tenth


def value_at(domain: Domain, index: int) -> Value:
    """The value at an index from 0 to `size(domain) - 1`; the first option or the lower end is at 0."""
    if isinstance(domain, Options):
        return index
    if isinstance(domain, IntRange):
        return domain.low + index * domain.step
    return domain.low if domain.step is None else domain.at(index)


def values(domain: Domain) -> Iterator[Value]:
    """The values of a domain one by one, in order (raises `EndlessError` as `size`)."""
    return (value_at(domain, index) for index in range(size(domain)))


def draw(domain: Domain, rng: random.Random) -> Value:
    """A value drawn uniformly, in the logarithm where the range says so."""
    if isinstance(domain, FloatRange) and domain.step is None:
        if domain.log:
            return math.exp(rng.uniform(math.log(domain.low), math.log(domain.high)))
        return rng.uniform(domain.low, domain.high)
    if isinstance(domain, IntRange) and domain.log:
        low, high = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
        return min(domain.high, max(domain.low, round(math.exp(rng.uniform(low, high)))))
    return value_at(domain, rng.randrange(size(domain)))


def first_value(domain: Domain) -> Value:
    """The first option, or the lower end."""
    return value_at(domain, 0)

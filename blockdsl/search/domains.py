"""The values that a choice can take."""

from __future__ import annotations

import math
import random

from blockdsl.lowering import FloatRange, IntRange, Options

Value = int | float
Domain = Options | IntRange | FloatRange


class EndlessError(Exception):
    """A real number is open."""


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


def first_value(domain: Domain) -> Value:
    """The first option, or the lower end."""
    return 0 if isinstance(domain, Options) else domain.low

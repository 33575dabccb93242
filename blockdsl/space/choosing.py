"""Choices as a person writes them: `stage[2].kind=ID`, `width=32`, `kind=2`."""

from __future__ import annotations

from collections.abc import Mapping

from blockdsl.diagnostics import error
from blockdsl.formatting import exact
from blockdsl.lowering import ChoicePoint, FloatRange, Options
from blockdsl.space.domains import Domain, Value


def decided(point: ChoicePoint, text: str) -> Value:
    """The value that a text stands for: an option's text, else its place counted from 1, else a number.

    Raises:
        ArchError: the choice has no such value.
    """
    domain = point.domain
    if isinstance(domain, Options):
        plain = ["".join(option.split()) for option in domain.texts]
        if (wanted := "".join(text.split())) in plain:
            return plain.index(wanted)
        if text.strip().isdecimal() and 1 <= int(text) <= len(plain):
            return int(text) - 1
    else:
        number = _number(text)
        if isinstance(domain, FloatRange) and number is not None:
            number = float(number)
        if number is not None and domain.allows(number):
            return number
    raise error(
        "choice", f"{point.path} has no value {text}", point.span, help=f"it is one of {described(domain)}"
    )


def written(domain: Domain, value: Value) -> str:
    """A decision as a person reads it: the option's text, or the number."""
    if isinstance(domain, Options):
        return domain.texts[int(value)]
    return str(value)


def readable(points: Mapping[str, ChoicePoint], assignment: Mapping[str, Value]) -> dict[str, str]:
    """An assignment with its values as a person reads them."""
    return {path: written(points[path].domain, value) for path, value in assignment.items()}


def described(domain: Domain) -> str:
    """A domain as the language writes it: `{a, b}`, `{2..6}`, `{1e-4..1e-1 log}`."""
    if isinstance(domain, Options):
        return "{" + ", ".join(domain.texts) + "}"
    step = f" step {exact(domain.step)}" if domain.step and domain.step != 1 else ""
    return "{" + f"{exact(domain.low)}..{exact(domain.high)}{step}{' log' if domain.log else ''}" + "}"


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None

"""`tie=embedding`: a layer that uses the weight of another one in place of one of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

from blockdsl.ops.core import Drawn, Operation
from blockdsl.ops.layouts import Sizes

_Operation = TypeVar("_Operation", bound=Operation)


@dataclass(frozen=True)
class TiedTo:
    """The layer whose weight is used: its name as it is written.

    Lowering finds the layer, and says whether its weight is used `transposed`. Which layer it is stands in
    `ir.Graph.ties`; the module of an operation with a tie takes the module of that layer after its inputs.
    """

    name: str
    transposed: bool = False

    def __str__(self) -> str:
        return self.name


def tied_to(value: Any) -> TiedTo:
    """The name of a layer."""
    if isinstance(value, TiedTo):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("takes the name of a layer")
    return TiedTo(value)


Tie = Annotated[TiedTo, tied_to]
"""The annotation of an argument `tie`."""


def tie_of(operation: Operation) -> TiedTo | None:
    """What an operation is tied to, if it is."""
    return getattr(operation, "tie", None)


def drawn_or_tied(drawn: tuple[Drawn, ...], tie: TiedTo | None) -> tuple[Drawn, ...]:
    """What `init` draws of a layer: of a tied one the bias alone."""
    return tuple([one._replace(weight="") for one in drawn if one.bias]) if tie else drawn


def tied(operation: _Operation, tie: TiedTo | None) -> _Operation:
    """An operation with another tie, or with a weight of its own."""
    return replace(operation, tie=tie)  # type: ignore[type-var]


def fit(own: Sizes, other: Sizes) -> bool | None:
    """Whether a weight of one shape is used transposed where another shape is needed; None if it cannot be.

    The first two axes are exchanged where all others have the size 1. A square weight is used as it is.

    >>> fit((64, 32), (64, 32)), fit((64, 32), (32, 64)), fit((64, 32), (32, 32))
    (False, True, None)
    """
    if own == other:
        return False
    exchanged = len(other) > 1 and own == (other[1], other[0], *other[2:])
    return True if exchanged and set(own[2:]) <= {1} else None

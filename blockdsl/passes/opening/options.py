"""What shall be opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from blockdsl.diagnostics import error
from blockdsl.lowering.values import Place
from blockdsl.passes.opening.ranges import Number, Values, counts, kernels, multipliers
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import is_choice
from blockdsl.syntax.traversal import walk


@dataclass(frozen=True)
class Refused:
    """What cannot be decided otherwise at a place, and why; `numbers` of those asked for, or all of them."""

    span: Span
    reason: str
    numbers: Set[Number | str] | None = None


@dataclass(frozen=True)
class Opening:
    """What shall be opened, and to which values."""

    width: Values | None = None
    depth: Values | None = None
    kernel: Values | None = None
    shortcut: bool = False
    each: bool = False
    """Each width has a factor of its own; equal numbers share one."""
    multiple: int = 1
    """Scaled widths are multiples of this."""
    only_multiples: bool = False
    """Only those are rounded to multiples that are multiples in the file."""
    closed: Mapping[Place, Refused] = field(default_factory=dict)
    """What does not go together with the rest of the network, by place."""


def opening_of(
    *,
    width: str | Sequence[float] | None = None,
    depth: str | Sequence[int] | None = None,
    kernel: str | Sequence[int] | None = None,
    shortcut: bool = False,
    each: bool = False,
) -> Opening:
    """What shall be opened, as `blockdsl open` takes it: a text such as `0.5..2`, or a list of numbers.

    Raises:
        ArchError: nothing is opened, or a text is no range of such numbers.
    """
    if not (width or depth or kernel or shortcut):
        raise error("open", "nothing is opened", help="say what: width, depth, kernel or shortcut")
    return Opening(
        multipliers(_text(width)) if width else None,
        counts("--depth", _text(depth)) if depth else None,
        kernels(_text(kernel)) if kernel else None,
        shortcut,
        each,
    )


def _text(values: str | Sequence[float]) -> str:
    return values if isinstance(values, str) else ",".join(map(str, values))


def refuse_space(file: nodes.File) -> None:
    """Refuse a file that is a space already.

    Raises:
        ArchError: it has choices or a `search` section.
    """
    open_already = [n for n in walk(file) if is_choice(n) or isinstance(n, nodes.Search)]
    if open_already:
        first = min(open_already, key=lambda node: node.span.end)
        raise error(
            "open", f"{file.span.source.name} is a space already", first.span,
            help="open a network, or write more choices by hand",
        )  # fmt: skip

"""What shall be opened."""

from __future__ import annotations

from dataclasses import dataclass

from blockdsl.diagnostics import error
from blockdsl.passes.opening.ranges import Values
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import is_choice
from blockdsl.syntax.traversal import walk


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

"""Widths times factors that are open: one factor for all, or one for each width that is written."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import chain
from math import gcd

from blockdsl.passes.opening.edits import Edits, free, start_of
from blockdsl.passes.opening.ranges import Values
from blockdsl.source import Span


@dataclass(frozen=True)
class Rounding:
    """How scaled widths become whole numbers.

    Attributes:
        multiple: of which they are.
        only_multiples: only of those that are multiples in the file; 11 is scaled to any whole number.
        bound: the names that the file binds, which stand for no functions of the language.
    """

    multiple: int = 1
    only_multiples: bool = False
    bound: Set[str] = frozenset()

    def written(self, scaled: str, width: str) -> str:
        """A scaled width, rounded; `width` is what the file has."""
        if self.multiple == 1:
            return self._to("1", scaled)
        if not self.only_multiples:
            return self._to(str(self.multiple), scaled)
        if width.isdigit():
            return self._to(str(gcd(int(width), self.multiple)), scaled)
        return self._to(f"(if {width} % {self.multiple} == 0 then {self.multiple} else 1)", scaled)

    def _to(self, multiple: str, scaled: str) -> str:
        if multiple == "1" and not {"max", "round"} & self.bound:
            return f"max(1, round({scaled}))"
        if "divisible" not in self.bound:
            return f"divisible({scaled}, {multiple.strip('()')})"
        return f"0 - (0 - {scaled})//{multiple}*{multiple}"  # the next multiple above


class Widths:
    """Scales what is written, and yields the lines that it needs for that.

    Args:
        values: of the factors.
        words: all words of the file and of what it uses, which name nothing new.
        rounding: of the scaled widths.
        each: each width has a factor of its own, and equal ones share it.
    """

    def __init__(self, values: Values, words: set[str], rounding: Rounding, each: bool) -> None:
        self.values, self.words, self.rounding, self.each = values, words, rounding, each
        self.width = free(("width", "multiplier", "width_2"), words)
        self.wide = free(("wide", "scaled", "wide_2"), words)
        self.names: dict[str, str] = {}
        self.spans: dict[str, list[Span]] = {}

    @property
    def is_late(self) -> bool:
        """Whether the lines use names that the file binds, and stand behind those."""
        return self.each and not all(text.isdigit() for text in self.names)

    def scale(self, span: Span, edits: Edits) -> None:
        """Write the scaled width in place of a width."""
        text = " ".join(span.text.split())
        self.spans.setdefault(text, []).append(span)
        if not self.each:
            self.names[text] = self.width
            edits.add(span, lambda e: f"{self.wide}({e.text(span)})")
            return
        number = text if text.isdigit() else f"n{len(self.names) + 1}"
        name = self.names.setdefault(text, f"{self.width}_{number}")
        edits.add(span, lambda _: name)

    def lines(self, edits: Edits) -> Iterator[str]:
        """The lines that bind the factors, and the function or names that use them."""
        if not self.names:
            return
        spans = list(self.spans.values()) if self.each else [list(chain(*self.spans.values()))]
        edits.starts += [start_of(self.values, 1, *opened, scales=True) for opened in spans]
        if not self.each:
            yield f"let {self.width} = {self.values.written()}    # all widths times this"
            yield f"let {self.wide}(c) = {self.rounding.written(f'{self.width}*c', 'c')}\n"
            return
        for text, name in self.names.items():
            factor = text if text.isalnum() else f"({text})"
            scaled = f"{self.values.written()}*{factor}"
            yield f"let {name} = {self.rounding.written(scaled, factor)}"
        yield ""

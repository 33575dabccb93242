"""Widths times factors that are open: one factor for all, or one for each width that is written."""

from __future__ import annotations

from collections.abc import Iterator

from blockdsl.passes.opening.edits import Edits, free
from blockdsl.passes.opening.ranges import Values
from blockdsl.source import Span


class Widths:
    """Scales what is written, and yields the lines that it needs for that.

    Args:
        values: of the factors.
        words: all words of the file and of what it uses, which name nothing new.
        each: each width has a factor of its own, and equal ones share it.
        multiple: of which scaled widths are.
    """

    def __init__(self, values: Values, words: set[str], each: bool, multiple: int) -> None:
        self.values, self.words, self.each, self.multiple = values, words, each, multiple
        self.width = free(("width", "multiplier", "width_2"), words)
        self.wide = free(("wide", "scaled", "wide_2"), words)
        self.names: dict[str, str] = {}

    @property
    def is_late(self) -> bool:
        """Whether the lines use names that the file binds, and stand behind those."""
        return self.each and not all(text.isdigit() for text in self.names)

    def scale(self, span: Span, edits: Edits) -> None:
        """Write the scaled width in place of a width."""
        text = " ".join(span.text.split())
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
        edits.starts += [self.values.decision(1)] * (len(self.names) if self.each else 1)
        if not self.each:
            yield f"let {self.width} = {self.values.written()}    # all widths times this"
            yield f"let {self.wide}(c) = {self._rounded(f'{self.width}*c')}\n"
            return
        for text, name in self.names.items():
            factor = text if text.isalnum() else f"({text})"
            yield f"let {name} = {self._rounded(f'{self.values.written()}*{factor}')}"
        yield ""

    def _rounded(self, text: str) -> str:
        return f"divisible({text}, {self.multiple})" if self.multiple > 1 else f"max(1, round({text}))"

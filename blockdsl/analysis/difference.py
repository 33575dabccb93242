"""The difference of two networks, as a person reads it and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from blockdsl.analysis.changes import IN_A_ROW, MOST, Change, gathered, summed_up
from blockdsl.analysis.summary import Summary
from blockdsl.formatting import rounded_text

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "fed": ">", "rewired": "@", "shared": "="}


@dataclass(frozen=True)
class Difference:
    """What leads from one network to another; its text is what `blockdsl diff` prints.

    Attributes:
        names: what the two are called.
        first, second: their summaries.
        every: the changes one by one, in the order of the second network.
    """

    names: tuple[str, str]
    first: Summary
    second: Summary
    every: Sequence[Change]

    def __bool__(self) -> bool:
        """Whether the networks differ."""
        return bool(self.every)

    @cached_property
    def changes(self) -> list[Change]:
        """The changes, neighbours that changed alike as one."""
        return gathered(self.every)

    def to_dict(self) -> dict[str, Any]:
        """As `blockdsl diff --json` prints it."""
        return {"same": not self, "changes": [change.to_dict() for change in self.changes]}

    def __str__(self) -> str:
        text = "\n".join(line for line, _ in self.lines())
        return f"{text}\n\ntold in short; `every` has {len(self.every)} changes" if self.is_long else text

    __repr__ = __str__

    def lines(self, *, every: bool = False) -> Iterator[tuple[str, str]]:
        """The lines of the text, each with the indent of its continuation where it has to wrap.

        What differs much is told in short, by block, unless `every` change is wanted.
        """
        yield f"{self.names[0]} -> {self.names[1]}", ""
        if not self:
            yield "the same network", ""
            return
        for line in [*self._totals(), ""]:
            yield line, " " * 12
        for change in self.changes if every else self._short[:MOST]:
            for line in _lines(change):
                yield line, " " * 6
        if not every and len(self._short) > MOST:
            yield f"… and {len(self._short) - MOST} more", ""

    @property
    def is_long(self) -> bool:
        """Whether the text tells less than each change."""
        return len(self._short[:MOST]) < len(self.changes)

    @cached_property
    def _short(self) -> list[Change]:
        return summed_up(self.every)

    def _totals(self) -> list[str]:
        one, two = self.first, self.second
        figures = [
            ("parameters", one.params, two.params, ""),
            ("MACs", one.macs, two.macs, ""),
            ("activations", one.memory.activations, two.memory.activations, " bytes"),
            ("depth", one.depth, two.depth, ""),
        ]
        return [
            f"{name:<12}{a:,}" + (f" -> {b:,}{unit} ({b - a:+,})" if a != b else f"{unit} in both")
            for name, a, b, unit in figures
        ]


def _lines(change: Change) -> list[str]:
    word = "layers" if change.kind in IN_A_ROW else "times"
    times = f" ({change.times} {word})" if change.times > 1 else ""
    before, after = rounded_text(change.before), rounded_text(change.after)
    if before == after:  # the difference may be in a digit that rounding drops
        before, after = change.before, change.after
    text = before or after
    if before and after and before != after:
        text = f"{before} -> {after}"
    text += f", {change.parts} changes" if change.parts > 1 else ""
    delta = change.delta
    costs = [f"{delta.params:+,} parameters"] if delta.params else []
    costs += [f"{delta.macs:+,} MACs"] if delta.macs else []
    lines = [f"{_SIGNS[change.kind]} {change.path}{times}: {text}"]
    return lines + ([f"      {', '.join(costs)}"] if costs else [])

"""Replacing stretches of texts, so that the comments and the layout around them stay."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from blockdsl.lowering.values import Place, place
from blockdsl.passes.opening.ranges import Number, Values
from blockdsl.passes.opening.statement_spans import with_comment
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

Make = Callable[["Edits"], str]


@dataclass(frozen=True)
class Start:
    """How to decide a choice for what the file had.

    Attributes:
        decision: what to decide.
        others: what may be decided otherwise, by what it means: a number, or "without".
        at: the places that the choice opens.
        scales: whether it multiplies widths.
    """

    decision: Number
    others: Mapping[Number | str, Number]
    at: tuple[Span, ...]
    scales: bool = False


def start_of(values: Values, start: Number, *at: Span, scales: bool = False) -> Start:
    """How to decide a choice of some values for one of them."""
    others: dict[Number | str, Number] = {
        number: values.decision(number) for number in values.numbers if number != start
    }
    return Start(values.decision(start), others, at, scales)


def choice_of(values: Values, start: Number, span: Span) -> Make:
    """Writes a choice of some values for a span; `start` is what stands there."""

    def make(edits: Edits) -> str:
        edits.starts.append(start_of(values, start, span))
        return values.written()

    return make


@dataclass
class Edits:
    """Edits of several sources. `starts` gets, choice by choice as they are written, what the file had.

    `words` are those of all sources; `given` are the names that were bound beside a `let`.
    """

    words: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    made: dict[Place, tuple[Span, Make]] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    lets: dict[Place, list[tuple[str, Make]]] = field(default_factory=dict)

    def add(self, span: Span, make: Make) -> None:
        """Write what `make` returns in place of a span; an empty span inserts."""
        self.made[place(span)] = (span, make)

    def choice(self, span: Span, values: Values, start: Number) -> None:
        """Write a choice of some values in place of a span; `start` is what stands there."""
        self.add(span, choice_of(values, start, span))

    def let(self, home: nodes.Body | nodes.Let, names: tuple[str, ...], make: Make) -> str:
        """Bind what `make` writes before the result of a body, or before a `let`.

        Returns the name it gets, one that is free.
        """
        before = home.result.span if isinstance(home, nodes.Body) else with_comment(home.span)
        at = Span(before.source, before.start, before.start)
        known = self.lets.setdefault(place(at), [])
        if isinstance(home, nodes.Let):  # which others follow in the same body, or all bodies see
            around = self.words
            given = {name for lets in self.lets.values() for name, _ in lets}
        else:
            around = _words_around(home)
            given = self.given | {name for name, _ in known}
        base = free(names, around)
        name = free((base, *(f"{base}_{i}" for i in range(2, 999))), around | given)
        known.append((name, make))
        if isinstance(home, nodes.Let):
            self.given.add(name)
        first, indent = "" if isinstance(home, nodes.Let) or home.lets else "\n    ", "    "
        if isinstance(home, nodes.Let):
            indent = " " * (before.start - before.source.text.rfind("\n", 0, before.start) - 1)
        self.add(at, lambda e: first + "".join(f"let {n} = {m(e)}\n{indent}" for n, m in known))
        return name

    def touches(self, span: Span) -> bool:
        """Whether anything is edited in a span."""
        return any(inside(other, span) for other, _ in self.made.values())

    def inner(self, span: Span) -> str:
        """The text of a part that is edited around: as `text`, an edit of the part itself made too."""
        whole = self.made.get(place(span))
        return whole[1](self) if whole else self.text(span, inserted=False)

    def text(self, span: Span, *, inserted: bool = True) -> str:
        """The text of a span with the edits inside it made, from left to right; `inserted` texts as well."""
        whole = span.source.text
        within = [
            (s, m)
            for s, m in self.made.values()
            if inside(s, span)
            and place(s) != place(span)
            and (inserted or s.start < s.end)
            and s.start < span.end  # what is inserted at the end belongs to what follows
        ]
        within.sort(key=lambda edit: (edit[0].start, -edit[0].end if edit[0].start != edit[0].end else -1e9))
        parts, at = [], span.start
        for edit, make in within:
            if edit.start < at:
                continue  # inside one that was made, which writes it itself
            parts += [whole[at : edit.start], make(self)]
            at = edit.end
        return "".join([*parts, whole[at : span.end]])


def free(names: Iterable[str], words: set[str]) -> str:
    """The first of some names that is none of the words."""
    return next(name for name in names if name not in words)


def words_in(text: str) -> set[str]:
    """The words of a text, names among them."""
    return set(re.findall(r"\w+", text))


def _words_around(home: nodes.Body) -> set[str]:
    """The words of the definition that a body belongs to, and before it to the last one."""
    text = home.span.source.text
    start = max(text.rfind("\nblock ", 0, home.span.start), text.rfind("\nnet ", 0, home.span.start)) + 1
    return words_in(text[start : home.span.end])


def inside(span: Span, outer: Span) -> bool:
    """Whether a span lies in another one."""
    same = place(span)[0] == place(outer)[0]
    return same and outer.start <= span.start and span.end <= outer.end

"""What an expression can be while a file is lowered, the names it sees, and what was decided around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from blockdsl.formatting import exact, rounded
from blockdsl.ir import Path, Value
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

Data = int | float | bool | str | tuple[Any, ...]
"""Numbers, truth, words, and lists of them."""


class Kind(Enum):
    """What an expression will be, known before it is evaluated."""

    DATA = auto()
    TENSOR = auto()
    NET = auto()


@dataclass(frozen=True, slots=True)
class Tensors:
    """Tensors that exist: one, or a bundle of several.

    Attributes:
        values: the tensors.
        sides: the places where those of a bundle were written.
        labels: the label or the `let` that each stands for, empty where it has none; or no labels at all.
    """

    values: tuple[Value, ...]
    sides: tuple[Span, ...] = field(default=(), compare=False)
    labels: tuple[str, ...] = field(default=(), compare=False)

    def part(self, index: int | slice) -> Tensors:
        """One of the tensors, or some of them."""
        at = index if isinstance(index, slice) else slice(index, index + 1)
        return Tensors(self.values[at], self.sides[at], self.labels[at])

    def labelled(self, label: str) -> Tensors:
        """A single tensor with a label, where it has none yet; a bundle as it is."""
        if len(self.values) != 1 or self.labels not in ((), ("",)):
            return self
        return Tensors(self.values, self.sides, (label,))


@dataclass(eq=False, slots=True)
class LazyTensors:
    """Tensors that a name is bound to, built when they are first needed.

    Attributes:
        make: builds them; None where they are built, or where the network is complete without them.
        first: tensors that they are made of.
    """

    make: Callable[[], Evaluated | None] | None
    first: tuple[LazyTensors, ...] = ()
    _value: Evaluated | None = None

    def value(self) -> Evaluated | None:
        """The tensors; None where the network is complete and nothing in it needed them.

        Those that they are made of are built before them, so that a long chain of names is no deep recursion.
        """
        waiting = [self]
        while waiting:
            make = waiting[-1].make
            if make and (first := [one for one in waiting[-1].first if one.make]):
                waiting += first
                continue
            one = waiting.pop()
            if make:
                one.make = None
                one._value = make()
        return self._value


@dataclass(frozen=True, slots=True)
class Closure:
    """A network with the names it sees. Its choices are made once, under `path`, however often it is used.

    `repeated` says that it was made in a round of a loop, so that a label in it may come again.
    """

    expr: nodes.Expr
    scope: Scope
    path: Path
    trace: Trace
    repeated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SharedNetwork:
    """`shared head = …`: a network that has its weights once, however often it is applied.

    Attributes:
        name: the name it was bound to.
        network: what is applied.
        path: the path of its module.
        span: where it was bound.
        uses: the applications so far.
    """

    name: str
    network: Closure
    path: Path
    span: Span
    uses: list[Application] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Application:
    """One application of a shared network: its path, where it was written, what flowed in, its layers."""

    path: Path
    span: Span
    stream: Tensors
    layers: tuple[int, ...]


class Networks(tuple["Evaluated", ...]):
    """A list with networks in it: its items can be taken one by one, and in a chain it is a bundle."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Function:
    """`let width(i) = …`: a function of numbers."""

    let: nodes.Let
    scope: Scope


@dataclass(frozen=True, slots=True)
class BlockValue:
    """A block with the names of the file that defines it."""

    block: nodes.Block
    scope: Scope


@dataclass(frozen=True, slots=True)
class Broken:
    """The value of what was refused: a name that is bound to it is known, and what uses it is not judged."""


BROKEN = Broken()
UNKNOWN_TENSOR = Tensors((Value(-1),))
"""What flows out of a network that was refused: nothing is known of its shape, nor how many tensors it is."""


def is_known(tensors: Tensors) -> bool:
    """Whether all tensors exist."""
    return UNKNOWN_TENSOR.values[0] not in tensors.values


Evaluated = Data | Tensors | LazyTensors | Closure | SharedNetwork | Networks | Function | BlockValue | Broken
NoData = Tensors | LazyTensors | Closure | SharedNetwork | Networks | Function | BlockValue


@dataclass(eq=False)
class Scope:
    """Names and their values; what is not here is looked up in `outer`.

    `coming` are names that a later line of the file will bind.
    """

    names: dict[str, Evaluated] = field(default_factory=dict)
    outer: Scope | None = None
    coming: Set[str] = frozenset()

    def find(self, name: str) -> Evaluated | None:
        """The value of a name, or None (which is no value)."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def is_coming(self, name: str) -> bool:
        """Whether a later line will bind a name."""
        return name in self.coming or (self.outer is not None and self.outer.is_coming(name))

    def known(self) -> list[str]:
        """All names in sight."""
        return [*self.names, *(self.outer.known() if self.outer else ())]


Place = tuple[str, int, int]
"""A stretch of a source by its name and ends: what one syntax node of a frame is told by."""


def place(span: Span) -> Place:
    """The place of a span."""
    source = span.source
    return f"{source.folder}/{source.name}", span.start, span.end


@dataclass(eq=False)
class Trace:
    """What was decided in one frame: a block's body, one round of a repetition, or the file itself.

    `scope` holds the names it sees, `block` is the one whose body it is, `choices` the values decided,
    `branches` which way an `if` went, `calls` the frames of the blocks and functions called, `rounds` those
    of repetitions and loops with the loop's value, and of the items of a list that is applied, `labels` what
    the labels of this frame became, `defaults` the parameters that the call left out.

    A network that a name is bound to may be applied several times in one frame, to different tensors. Its
    choices are made once. In a block that it calls an `if` may go both ways, and a label may become several
    names: `branches` and `labels` have None for these.
    """

    scope: Scope = field(default_factory=Scope)
    block: nodes.Block | None = None

    choices: dict[Place, int | float] = field(default_factory=dict)
    branches: dict[Place, bool | None] = field(default_factory=dict)
    calls: dict[Place, Trace] = field(default_factory=dict)
    rounds: dict[Place, list[tuple[Trace, Evaluated]]] = field(default_factory=dict)
    labels: dict[Place, Path | None] = field(default_factory=dict)
    defaults: set[str] = field(default_factory=set)

    def add_branch(self, at: Place, chosen: bool | None) -> None:
        """Note which way an `if` went."""
        self.branches[at] = chosen if self.branches.get(at, chosen) == chosen else None

    def add_label(self, at: Place, path: Path | None) -> None:
        """Note what a label became."""
        self.labels[at] = path if self.labels.get(at, path) == path else None

    def add_call(self, at: Place, frame: Trace) -> None:
        """Note the frame of a call; with what an earlier call at the same place decided."""
        before = self.calls.get(at)
        self.calls[at] = frame if before is None or before is frame else before._joined(frame)

    def begin_rounds(self, at: Place, scopes: Iterable[Scope], values: Sequence[Evaluated]) -> list[Trace]:
        """The frames of a repetition's rounds; those of an earlier one at the same place, if it was alike."""
        if at not in self.rounds or [value for _, value in self.rounds[at]] != list(values):
            self.rounds[at] = [(Trace(scope), value) for scope, value in zip(scopes, values, strict=True)]
        return [frame for frame, _ in self.rounds[at]]

    def _joined(self, later: Trace) -> Trace:
        """A frame with what two of the same place decided."""
        made = Trace(later.scope, later.block, {**self.choices, **later.choices}, dict(self.branches))
        made.calls, made.rounds = dict(self.calls), dict(self.rounds)
        made.labels, made.defaults = dict(self.labels), self.defaults | later.defaults
        for at, path in later.labels.items():
            made.add_label(at, path)
        for at, chosen in later.branches.items():
            made.add_branch(at, chosen)
        for at, frame in later.calls.items():
            made.add_call(at, frame)
        for at, rounds in later.rounds.items():
            before = made.rounds.get(at, [])
            if [value for _, value in before] == [value for _, value in rounds]:
                pairs = zip(before, rounds, strict=True)
                rounds = [(old._joined(new), value) for (old, _), (new, value) in pairs]
            made.rounds[at] = rounds
        return made


_KINDS = {
    **dict.fromkeys((Tensors, LazyTensors), Kind.TENSOR),
    **dict.fromkeys((Closure, SharedNetwork, Networks, BlockValue), Kind.NET),
}


def kind_of_value(value: Evaluated) -> Kind:
    """The kind of something evaluated."""
    return _KINDS.get(type(value), Kind.DATA)


def count_of(value: tuple[Evaluated, ...] | Tensors) -> int:
    """How many items a list has, or tensors a bundle."""
    return len(value.values) if isinstance(value, Tensors) else len(value)


def items_of(value: tuple[Evaluated, ...] | Tensors) -> tuple[Evaluated, ...]:
    """The items of a list, or the tensors of a bundle, one by one."""
    return tuple(map(value.part, range(len(value.values)))) if isinstance(value, Tensors) else value


def extent(value: Evaluated, most: int) -> tuple[int, int]:
    """How many values a list holds, lists inside it included, and how deep they are nested.

    Counting ends where there are more than `most`.
    """
    if not isinstance(value, tuple):
        return 1, 0
    count, depth = 0, 0
    for item in value:
        inner, levels = extent(item, most)
        count, depth = count + max(inner, 1), max(depth, levels)
        if count > most:
            break
    return count, depth + 1


_SHOWN_ITEMS = 12
_SHOWN_CHARACTERS = 60


def shown(value: Evaluated) -> str:
    """A value as a message shows it: `64`, `[1, 2]`, `yes`, `CONV(3,3)-BN`; what is long is cut."""
    return cut(_shown(value, rounded))


def argument_text(value: Evaluated) -> str:
    """The value of a block's argument: as `shown`, with every digit of a number."""
    return cut(_shown(value, exact))


def cut(text: str) -> str:
    """A text no longer than a message can take."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def fed(text: str, network: nodes.Expr | None) -> str:
    """How a network is written where it takes what flows in: `in-CONV(8,1)`, `in-(A + B)`."""
    is_join = isinstance(network, nodes.Sum | nodes.Concat | nodes.Product | nodes.If)
    return cut(f"in-({text})" if is_join else f"in-{text}")


def _shown(value: Evaluated, number: Callable[[float], str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        items = [cut(_shown(item, number)) for item in value[:_SHOWN_ITEMS]]
        return "[" + ", ".join(items + ["…"] * (len(value) > _SHOWN_ITEMS)) + "]"
    if isinstance(value, Closure):
        return " ".join(value.expr.span.text[: 2 * _SHOWN_CHARACTERS].split())
    if isinstance(value, Function):
        return f"{value.let.name}(…)"
    if isinstance(value, BlockValue):
        return value.block.name
    if isinstance(value, SharedNetwork):
        return value.name
    if isinstance(value, LazyTensors):
        return "a tensor"
    if isinstance(value, Tensors):
        return "a tensor" if len(value.values) == 1 else f"a bundle of {len(value.values)} tensors"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Broken):
        return "…"
    return number(value) if isinstance(value, float) else str(value)

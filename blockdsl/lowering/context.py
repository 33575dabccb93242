"""Where an expression is evaluated: the names it sees, the names it gives, the calls that led there."""

from __future__ import annotations

from dataclasses import dataclass, field

from blockdsl.diagnostics import ArchError, Errors, Mark, error
from blockdsl.ir import BlockCall, Segment
from blockdsl.lowering.values import Closure, Evaluated, Scope, Trace
from blockdsl.source import Span
from blockdsl.speedups import copied
from blockdsl.syntax import tree as nodes


@dataclass(eq=False)
class Naming:
    """Gives out names under a path: `conv[1]`, `conv[2]`, labels as they are; never one twice."""

    path: tuple[Segment, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    values: dict[str, int] = field(default_factory=dict)
    labelled: set[str] = field(default_factory=set)

    def next(self, name: str) -> tuple[Segment, ...]:
        """The path of the next instance of something, counted from 1."""
        index = self.counts.get(name, 0) + 1
        while f"{name}{index}" in self.taken:
            index += 1
        self.counts[name] = index
        self.taken.add(f"{name}{index}")
        return (*self.path, Segment(name, index))

    def claim(self, name: str) -> tuple[Segment, ...] | None:
        """The path of something that has a name of its own; None if the name is taken."""
        if name in self.taken:
            return None
        self.taken.add(name)
        return (*self.path, Segment(name))

    def first_or_next(self, name: str) -> tuple[Segment, ...]:
        """The path of a value that was bound to a name: bare the first time, `name[2]` the second."""
        if name not in self.values and (path := self.claim(name)):
            self.values[name] = 1
            return path
        index = self.values.get(name, 1) + 1
        while f"{name}{index}" in self.taken:
            index += 1
        self.values[name] = index
        self.taken.add(f"{name}{index}")
        return (*self.path, Segment(name, index))

    def claim_value(self, name: str, path: tuple[Segment, ...]) -> bool:
        """Whether a label may have the name of the value at `path`, which it stands before; once only."""
        if path != (*self.path, Segment(name)) or name not in self.values or name in self.labelled:
            return False
        self.labelled.add(name)
        return True


@dataclass(frozen=True)
class Context:
    """What surrounds an expression.

    `naming` names modules, `choosing` names choices: the same object but inside what a `let` bound
    or an option of a choice. `repeated` says that a label here may come again. `training_only` is set
    inside auxiliary heads, `linked` behind the first link of a chain, where a tensor would lose what flows.
    A choice without a name of its own is called `hint`; one that a name was bound to is found `at` that
    name's path. `errors` gathers what is wrong, `within` is the innermost chain or join that is applied.
    """

    scope: Scope
    naming: Naming
    choosing: Naming
    trace: Trace
    errors: Errors
    call: BlockCall | None = None
    depth: int = 0
    repeated: bool = False
    training_only: bool = False
    linked: bool = False
    hint: str = ""
    at: tuple[Segment, ...] | None = None
    within: Span | None = None

    but = copied

    def with_names(self, /, **names: Evaluated) -> Context:
        """This context with more names in sight."""
        return self.but(scope=Scope(dict(names), self.scope))

    def hinted(self, hint: str) -> Context:
        """This context, where a choice without a name of its own is called `hint`."""
        return self.but(hint=hint) if hint != self.hint else self

    def error(self, kind: str, message: str, *marks: Mark | Span | None, help: str = "") -> ArchError:
        """An error with the chain of block calls that led here."""
        return error(kind, message, *marks, calls=self.call.chain() if self.call else (), help=help)


def label_path(label: nodes.Label, body: nodes.Expr, context: Context) -> tuple[Segment, ...]:
    """The path of what a label names: numbered in a repetition, else the label as it is."""
    naming = context.naming
    if context.repeated:
        return naming.next(label.name)
    if path := naming.claim(label.name):
        return path
    if isinstance(body, nodes.Path):
        value = context.scope.find(body.steps[0].name)
        if isinstance(value, Closure) and naming.claim_value(label.name, value.path):
            return value.path
    raise context.error(
        "name", f"the name {label.name} is taken here",
        Span(label.span.source, label.span.start, label.span.start + len(label.name)),
        help="give it another one; layers without a label have numbers: conv1, conv2, …",
    )  # fmt: skip

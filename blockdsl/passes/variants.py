"""Blocks and functions that were decided differently in different calls become several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from blockdsl.lowering import Program
from blockdsl.lowering.values import BlockValue, Function, Place, Trace, place
from blockdsl.passes.arguments import arguments
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, has_choice, is_choice, name_of
from blockdsl.syntax.names import Names
from blockdsl.syntax.printer import format_expr
from blockdsl.syntax.traversal import walk

Definition = nodes.Block | nodes.Let


class Variants:
    """Tells what is open, and collects the definitions that calls led to.

    A definition is open if a choice is written in it or in what it calls; a call also if it was given
    an open block by name and applied it.
    """

    def __init__(
        self, program: Program, names: Names, freeze: Callable[[Definition, Trace], Definition]
    ) -> None:
        self.program, self.names = program, names
        self.freeze = freeze
        self.variants: dict[Place, dict[str, Definition]] = {}
        self.open_definitions: dict[Place, bool] = {}
        self.open_frames: dict[Trace, bool] = {}
        self.local_functions = {
            id(let)
            for file in (program.file, *(used.file for used in names.used()))
            for statement in file.statements
            if isinstance(statement, nodes.Block)
            for let in statement.body.lets
        }
        self.taken = {*names.defined}
        for node in walk(program.file):
            self.taken.update(node.names if isinstance(node, nodes.Let) else [getattr(node, "name", "")])

    # --- what names stand for

    def _callee(self, use: nodes.Node, trace: Trace) -> Definition | None:
        """The block or function that a name, or an item of it, stands for in a frame."""
        if isinstance(use, nodes.Path) and len(use.steps) == 1 and use.steps[0].indices:
            frame = trace.calls.get(place(use.span))
            return frame.block if frame else None
        definition = self.names.definition(use)
        if definition is None or definition.is_stream or not name_of(use):
            return None
        if callee := _as_callee(definition.node):
            return callee
        match trace.scope.find(name_of(use)):  # a parameter or a `let`: what it was bound to
            case BlockValue(block=block):
                return block
            case Function(let=let):
                return let
        return None

    def _named(self, use: nodes.Node) -> Definition | None:
        """The block or function that a name leads to in every frame, also through other names of the file."""
        definition = self.names.definition(use)
        if definition is None or definition.is_stream or not name_of(use):
            return None
        if callee := _as_callee(definition.node):
            return callee
        match definition.node:
            case nodes.Let(value=value):
                alias = bare(value)
            case nodes.Param(name=name, default=default) if definition.of_file:
                if isinstance(given := self.program.params.get(name), BlockValue):
                    return given.block
                alias = bare(default)
            case _:
                return None
        return self._named(alias) if isinstance(alias, nodes.Path) else None

    # --- what is open

    def is_open(self, expr: nodes.Node, trace: Trace) -> bool:
        """Whether a choice is made in an expression, or in what it calls in this frame."""
        for node in walk(expr):
            at = place(node.span)
            if is_choice(node):
                return True
            if isinstance(node, nodes.For | nodes.Product) and at in trace.rounds:
                parts = (node.body,) if isinstance(node, nodes.For) else node.parts
                if any(self.is_open(part, frame) for frame, _ in trace.rounds[at] for part in parts):
                    return True
            if isinstance(node, nodes.Path) and any(
                self._item_open(node, f) for f, _ in trace.rounds.get(at, ())
            ):
                return True
            if callee := self._callee(node, trace):
                if self._definition_open(callee):
                    return True
                if at in trace.calls and self._frame_open(callee, trace.calls[at]):
                    return True
        return False

    def _item_open(self, use: nodes.Path, frame: Trace) -> bool:
        """Whether an open block is an item of the list that a name is bound to."""
        called = frame.calls.get(place(use.span))
        return called is not None and called.block is not None and self._frame_open(called.block, called)

    def item(self, use: nodes.Path, frame: Trace) -> str:
        """The name of the block that an item of a list is, as it was decided; nothing for other items."""
        called = frame.calls.get(place(use.span))
        if called is None or called.block is None or not self._frame_open(called.block, called):
            return ""
        return self._variant(called.block, called, set())

    def names_open(self, expr: nodes.Expr, trace: Trace) -> bool:
        """Whether an expression is nothing but the name of an open block."""
        word = bare(expr)
        callee = self._callee(word, trace) if isinstance(word, nodes.Path) else None
        return isinstance(callee, nodes.Block) and self._definition_open(callee)

    def _definition_open(self, definition: Definition) -> bool:
        key = place(definition.span)
        if key not in self.open_definitions:
            self.open_definitions[key] = False  # one that calls itself
            self.open_definitions[key] = has_choice(definition) or any(
                self._definition_open(other) for node in walk(definition) if (other := self._named(node))
            )
        return self.open_definitions[key]

    def _frame_open(self, callee: Definition, frame: Trace) -> bool:
        if frame not in self.open_frames:
            inner = callee.body if isinstance(callee, nodes.Block) else callee.value
            self.open_frames[frame] = self._definition_open(callee) or self.is_open(inner, frame)
        return self.open_frames[frame]

    # --- what calls become

    def called(self, call: nodes.Call | nodes.Path, trace: Trace) -> tuple[str, tuple[nodes.Arg, ...]] | None:
        """The name and arguments of a call as it was decided; None where it stays as it is.

        An open block that was given by name is no argument any more: its calls are bound.
        """
        callee = self._callee(call, trace)
        frame = trace.calls.get(place(call.span))
        if callee is None or frame is None or not self._frame_open(callee, frame):
            return None
        given = self._given(call, callee) if isinstance(call, nodes.Call) else {}
        dropped = {name for name, arg in given.items() if self.names_open(arg.value, trace)}
        args = call.args if isinstance(call, nodes.Call) else ()
        kept = tuple(arg for arg in args if not any(given[name] is arg for name in dropped))
        return self._variant(callee, frame, dropped), kept

    def local(self, call: nodes.Call | nodes.Path, trace: Trace) -> tuple[nodes.Let, Trace] | None:
        """The open function of a block that is called, and the frame of the call.

        Its calls are decided differently in each instance of the block, so it is written out.
        """
        callee = self._callee(call, trace)
        frame = trace.calls.get(place(call.span))
        if not isinstance(callee, nodes.Let) or id(callee) not in self.local_functions or frame is None:
            return None
        return (callee, frame) if self._frame_open(callee, frame) else None

    def _given(self, call: nodes.Call, callee: Definition) -> dict[str, nodes.Arg]:
        return arguments(call, [p.name for p in callee.params or ()], self.names)

    def arguments(self, call: nodes.Call, function: nodes.Let) -> dict[str, nodes.Expr]:
        """The written arguments of a call of a function, by parameter."""
        return {name: arg.value for name, arg in self._given(call, function).items()}

    def is_open_function(self, let: nodes.Let) -> bool:
        """Whether a `let` of a body is a function that makes choices."""
        return let.params is not None and self._definition_open(let)

    def never_called(self, call: nodes.Call | nodes.Path, trace: Trace) -> bool:
        """Whether an open definition is named where nothing came of it: what stands there is not used."""
        if place(call.span) in trace.calls:
            return False
        callee = self._callee(call, trace)
        return callee is not None and self._definition_open(callee)

    def _variant(self, definition: Definition, frame: Trace, dropped: set[str]) -> str:
        """The name of the definition as it was decided in one call; those decided alike are one."""
        frozen = self.freeze(definition, frame)
        frozen = replace(frozen, params=tuple(p for p in frozen.params or () if p.name not in dropped))
        known = self.variants.setdefault(place(definition.span), {})
        text = _text(frozen)
        if text not in known:
            replaces = not known and self._definition_open(definition) and self._is_own(definition)
            name = definition.name if replaces else self.new_name(definition.name)
            known[text] = _renamed(frozen, name)
        return known[text].name

    def _is_own(self, definition: Definition) -> bool:
        return definition.span.source is self.program.file.span.source

    def new_name(self, name: str) -> str:
        """A name like `name` that the file does not use."""
        found = next(n for i in range(2, 10**6) if (n := f"{name}_{i}") not in self.taken)
        self.taken.add(found)
        return found

    def woven_into(self, statements: list[nodes.Statement]) -> tuple[nodes.Statement, ...]:
        """The statements of a file with its definitions: each at its place, of used files at the net."""
        groups = {key: list(group.values()) for key, group in self.variants.items()}
        stay = self._still_used(statements, groups)
        result: list[nodes.Statement] = []
        for statement in self.program.file.statements:
            if isinstance(statement, nodes.Block) or (
                isinstance(statement, nodes.Let) and statement.params is not None
            ):
                group = groups.pop(place(statement.span), [])
                if id(statement) in stay:
                    result.append(statement)
                result += group
            else:
                result += [s for s in statements if s.span == statement.span and type(s) is type(statement)]
        net = next(i for i, s in enumerate(result) if isinstance(s, nodes.Net))
        result[net:net] = [d for group in groups.values() for d in group]
        return tuple(result)

    def _still_used(
        self, statements: list[nodes.Statement], groups: dict[Place, list[Definition]]
    ) -> set[int]:
        """The file's definitions, by identity, that stay as they are beside what became of them."""
        waiting: list[nodes.Node] = [*statements, *(d for group in groups.values() for d in group)]
        left: dict[int, Definition] = {}
        stay: set[int] = set()
        for statement in self.program.file.statements:
            definition = _as_callee(statement)
            if definition is None or self._definition_open(definition):
                continue
            if place(definition.span) in groups:
                left[id(definition)] = definition
            else:
                stay.add(id(definition))
                waiting.append(definition)
        while waiting:
            named = {name_of(node) for node in walk(waiting.pop())}
            for key in [key for key, definition in left.items() if definition.name in named]:
                stay.add(key)
                waiting.append(left.pop(key))
        return stay


def _as_callee(node: nodes.Node) -> Definition | None:
    """The node, if it defines a block or a function."""
    is_value = isinstance(node, nodes.Let) and node.params is None
    return node if isinstance(node, nodes.Block | nodes.Let) and not is_value else None


def _renamed(definition: Definition, name: str) -> Definition:
    if isinstance(definition, nodes.Block):
        return replace(definition, name=name)
    return replace(definition, names=(name,))


def _text(definition: Definition) -> str:
    """A definition without its name as one line, to tell two apart."""
    params = ",".join(
        f"{p.name}={format_expr(p.default) if p.default else ''}" for p in definition.params or ()
    )
    if isinstance(definition, nodes.Let):
        return f"{params}:{format_expr(definition.value)}"
    lets = ";".join(f"{', '.join(let.names)}={format_expr(let.value)}" for let in definition.body.lets)
    return f"{params}:{lets};{format_expr(definition.body.result)}"

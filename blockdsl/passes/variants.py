"""Blocks and functions that were decided differently in different calls become several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from blockdsl.lowering import Program
from blockdsl.lowering.binding import assign
from blockdsl.lowering.values import BlockValue, Function, Place, Trace, place
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, has_choice, name_of
from blockdsl.syntax.printer import format_expr
from blockdsl.syntax.traversal import walk

Definition = nodes.Block | nodes.Let


class Variants:
    """Tells what is open, and collects the definitions that calls led to.

    A definition is open if a choice is written in it or in what it calls; a call also if it was given
    an open block by name and applied it.
    """

    def __init__(self, program: Program, freeze: Callable[[Definition, Trace], Definition]) -> None:
        self.program = program
        self.freeze = freeze
        self.variants: dict[Place, dict[str, Definition]] = {}
        self.open_definitions: dict[Place, bool] = {}
        self.open_frames: dict[Trace, bool] = {}
        self.taken = set(program.context.scope.known()) | {
            node.name for node in walk(program.file) if hasattr(node, "name")
        }

    # --- what is open

    def is_open(self, expr: nodes.Node, trace: Trace) -> bool:
        """Whether a choice is made in an expression, or in what it calls in this frame."""
        for node in walk(expr):
            at = place(node.span)
            if isinstance(node, nodes.Choice | nodes.RangeChoice | nodes.Optional):
                return True
            if isinstance(node, nodes.For | nodes.Product) and at in trace.rounds:
                parts = (node.body,) if isinstance(node, nodes.For) else node.parts
                if any(self.is_open(part, frame) for frame, _ in trace.rounds[at] for part in parts):
                    return True
            value = trace.scope.find(name_of(node)) if name_of(node) else None
            if isinstance(value, BlockValue | Function):
                if self._definition_open(value):
                    return True
                if at in trace.calls and self._frame_open(value, trace.calls[at]):
                    return True
        return False

    def names_open(self, expr: nodes.Expr, trace: Trace) -> bool:
        """Whether an expression is nothing but the name of an open block."""
        value = trace.scope.find(name_of(bare(expr))) if isinstance(bare(expr), nodes.Path) else None
        return isinstance(value, BlockValue) and self._definition_open(value)

    def _definition_open(self, value: BlockValue | Function) -> bool:
        definition = _definition(value)
        key = place(definition.span)
        if key not in self.open_definitions:
            self.open_definitions[key] = False  # one that calls itself
            self.open_definitions[key] = has_choice(definition) or any(
                isinstance(other := value.scope.find(name_of(node)), BlockValue | Function)
                and self._definition_open(other)
                for node in walk(definition)
                if name_of(node)
            )
        return self.open_definitions[key]

    def _frame_open(self, value: BlockValue | Function, frame: Trace) -> bool:
        if frame not in self.open_frames:
            definition = _definition(value)
            inner = definition.body if isinstance(definition, nodes.Block) else definition.value
            self.open_frames[frame] = self._definition_open(value) or self.is_open(inner, frame)
        return self.open_frames[frame]

    # --- what calls become

    def called(self, call: nodes.Call | nodes.Path, trace: Trace) -> tuple[str, tuple[nodes.Arg, ...]] | None:
        """The name and arguments of a call as it was decided; None where it stays as it is.

        An open block that was given by name is no argument any more: its calls are bound.
        """
        value = trace.scope.find(name_of(call)) if name_of(call) else None
        frame = trace.calls.get(place(call.span))
        if (
            not isinstance(value, BlockValue | Function)
            or frame is None
            or not self._frame_open(value, frame)
        ):
            return None
        args = call.args if isinstance(call, nodes.Call) else ()
        names = [p.name for p in _definition(value).params or ()]
        given = {}
        if isinstance(call, nodes.Call):
            given = assign(call, names, self.program.context.but(scope=trace.scope))
        dropped = {name for name, arg in given.items() if self.names_open(arg.value, trace)}
        kept = tuple(arg for arg in args if not any(given[name] is arg for name in dropped))
        return self._variant(value, frame, dropped), kept

    def local(self, call: nodes.Call | nodes.Path, trace: Trace) -> tuple[Function, Trace] | None:
        """The open function of a block that is called, and the frame of the call.

        Its calls are decided differently in each instance of the block, so it is written out.
        """
        value = trace.scope.find(name_of(call)) if name_of(call) else None
        frame = trace.calls.get(place(call.span))
        if not isinstance(value, Function) or value.scope.outer is None or frame is None:
            return None
        return (value, frame) if self._frame_open(value, frame) else None

    def arguments(self, call: nodes.Call, function: Function, trace: Trace) -> dict[str, nodes.Expr]:
        """The written arguments of a call of a function, by parameter."""
        names = [p.name for p in function.let.params or ()]
        given = assign(call, names, self.program.context.but(scope=trace.scope))
        return {name: arg.value for name, arg in given.items()}

    def is_open_function(self, let: nodes.Let, trace: Trace) -> bool:
        """Whether a `let` of a body is a function that makes choices."""
        value = trace.scope.find(let.name)
        return isinstance(value, Function) and value.let is let and self._definition_open(value)

    def never_called(self, call: nodes.Call | nodes.Path, trace: Trace) -> bool:
        """Whether an open definition is named where nothing came of it: what stands there is not used."""
        value = trace.scope.find(name_of(call)) if name_of(call) else None
        return (
            isinstance(value, BlockValue | Function)
            and place(call.span) not in trace.calls
            and self._definition_open(value)
        )

    def _variant(self, value: BlockValue | Function, frame: Trace, dropped: set[str]) -> str:
        """The name of the definition as it was decided in one call; those decided alike are one."""
        definition = _definition(value)
        frozen = self.freeze(definition, frame)
        frozen = replace(frozen, params=tuple(p for p in frozen.params or () if p.name not in dropped))
        known = self.variants.setdefault(place(definition.span), {})
        text = _text(frozen)
        if text not in known:
            replaces = not known and self._definition_open(value) and self._is_own(definition)
            name = definition.name if replaces else self._new_name(definition.name)
            known[text] = replace(frozen, name=name)
        return known[text].name

    def _is_own(self, definition: Definition) -> bool:
        return definition.span.source is self.program.file.span.source

    def _new_name(self, name: str) -> str:
        found = next(n for i in range(2, 10**6) if (n := f"{name}_{i}") not in self.taken)
        self.taken.add(found)
        return found

    def woven_into(self, statements: list[nodes.Statement]) -> tuple[nodes.Statement, ...]:
        """The statements of a file with its definitions: each at its place, of used files at the net."""
        groups = {key: list(group.values()) for key, group in self.variants.items()}
        waiting = [*statements, *(d for group in groups.values() for d in group)]
        named = {name_of(node) for statement in waiting for node in walk(statement)}
        result: list[nodes.Statement] = []
        for statement in self.program.file.statements:
            if isinstance(statement, nodes.Block) or (
                isinstance(statement, nodes.Let) and statement.params is not None
            ):
                group = groups.pop(place(statement.span), [])
                if not self._is_open_statement(statement) and (not group or statement.name in named):
                    result.append(statement)
                result += group
            else:
                result += [s for s in statements if s.span == statement.span and type(s) is type(statement)]
        net = next(i for i, s in enumerate(result) if isinstance(s, nodes.Net))
        result[net:net] = [d for group in groups.values() for d in group]
        return tuple(result)

    def _is_open_statement(self, statement: Definition) -> bool:
        value = self.program.context.scope.find(statement.name)
        assert isinstance(value, BlockValue | Function)
        return self._definition_open(value)


def _definition(value: BlockValue | Function) -> Definition:
    return value.block if isinstance(value, BlockValue) else value.let


def _text(definition: Definition) -> str:
    """A definition without its name as one line, to tell two apart."""
    params = ",".join(
        f"{p.name}={format_expr(p.default) if p.default else ''}" for p in definition.params or ()
    )
    if isinstance(definition, nodes.Let):
        return f"{params}:{format_expr(definition.value)}"
    lets = ";".join(f"{let.name}={format_expr(let.value)}" for let in definition.body.lets)
    return f"{params}:{lets};{format_expr(definition.body.result)}"

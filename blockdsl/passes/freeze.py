"""A file with choices and the decisions that were made -> a file without choices.

The result is what a person would have written: blocks stay blocks, parameters stay parameters,
repetitions whose rounds came out alike stay repetitions. Only where two instances of a block were
decided differently does the block become two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from blockdsl.lowering import Program
from blockdsl.lowering.values import Function, Kind, Trace, place
from blockdsl.ops import Shape
from blockdsl.passes.trees import (
    bare,
    chain,
    grouped,
    inline,
    is_choice,
    is_identity,
    literal,
    path,
    substitute,
)
from blockdsl.passes.variants import Definition, Variants
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.printer import format_expr


def freeze(
    program: Program,
    checks: Mapping[str, int] | None = None,
    *,
    input: Shape | None = None,
    settings: Mapping[str, nodes.Expr] | None = None,
) -> nodes.File:
    """The file of a lowered program with its choices bound to what was decided.

    The result lowers to the same network. Its comments are left out, since they spoke of the open
    file, and so is its `search` section.

    Args:
        program: with its decisions.
        checks: become `check name == value` lines in place of the file's own.
        input: the shape that was given in place of the file's `input`.
        settings: what was given for the file's `param`s.

    Raises:
        ArchError: what was decided cannot be written without a choice.
    """
    file = _Freezer(program).file(settings or {})
    return _with_checks(_with_input(file, input), checks or {})


def _with_input(file: nodes.File, shape: Shape | None) -> nodes.File:
    if shape is None:
        return file
    number = nodes.Number(file.span, shape[0])
    line = nodes.Input(file.span, number if len(shape) == 1 else nodes.Dims(file.span, shape))
    statements: list[nodes.Statement] = [s for s in file.statements if not isinstance(s, nodes.Input)]
    is_head = [isinstance(s, nodes.Meta | nodes.Use) for s in statements]
    statements.insert(is_head.index(False), line)
    return replace(file, statements=tuple(statements))


def _with_checks(file: nodes.File, checks: Mapping[str, int]) -> nodes.File:
    lines = [
        nodes.Check(file.span, nodes.Binary(file.span, "==", path(file.span, name), _grouped_digits(n)))
        for name, n in checks.items()
    ]
    statements = [s for s in file.statements if not isinstance(s, nodes.Check)]
    after = next(i for i, s in enumerate(statements) if isinstance(s, nodes.Net)) + 1
    return replace(file, statements=(*statements[:after], *lines, *statements[after:]))


def _grouped_digits(number: int) -> nodes.Number:
    """A count that is written `1_478_954`."""
    text = f"{number:_}"
    return nodes.Number(Span(Source("", text), 0, len(text)), number)


class _Freezer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.variants = Variants(program, self.definition)
        self.single: set[Trace] = set()
        """Rounds that are written out one by one, where labels need names of their own."""

    def file(self, settings: Mapping[str, nodes.Expr]) -> nodes.File:
        trace = self.program.context.trace
        kept: list[nodes.Statement] = []
        for statement in self.program.file.statements:
            match statement:
                case nodes.Search() | nodes.Block():
                    continue
                case nodes.Let(params=params) if params is not None:
                    continue
                case nodes.Param(name=name) if name in settings:
                    statement = replace(statement, default=bare(self.expr(settings[name], trace)))
                case nodes.Net(body=body):
                    statement = replace(statement, body=self.body(body, trace), keyword=True)
                case nodes.Train(settings=lines):
                    frozen = tuple(replace(s, value=self._terms(s.value, trace)) for s in lines)
                    statement = replace(statement, settings=frozen)
                case nodes.Let(value=value) if self.variants.names_open(value, trace):
                    continue
                case _:
                    statement = self.rebuild(statement, trace)
            kept.append(statement)
        return replace(self.program.file, statements=self.variants.woven_into(kept), comments=())

    def body(self, body: nodes.Body, trace: Trace) -> nodes.Body:
        """A body with its choices bound."""
        lets = tuple(
            replace(let, value=bare(self.expr(let.value, trace)))
            for let in body.lets
            if not self.variants.names_open(let.value, trace)
            and not self.variants.is_open_function(let, trace)
        )
        return replace(body, lets=lets, result=bare(self.expr(body.result, trace)))

    def definition(self, definition: Definition, trace: Trace) -> Definition:
        """A block or a function with its choices bound as one call decided them."""
        params = tuple(self._default(p, trace) for p in definition.params or ())
        if isinstance(definition, nodes.Block):
            return replace(definition, params=params, body=self.body(definition.body, trace))
        return replace(definition, params=params, value=bare(self.expr(definition.value, trace)))

    def _default(self, param: nodes.Param, trace: Trace) -> nodes.Param:
        """A parameter without its default, where the call gave a value in place of what is open."""
        if param.default is None or not self.variants.is_open(param.default, trace):
            return param
        left_out = param.name in trace.defaults
        return replace(param, default=bare(self.expr(param.default, trace)) if left_out else None)

    def _terms(self, value: nodes.Expr, trace: Trace) -> Any:
        """A setting's value; terms that were not chosen are left out of a sum."""
        chosen = _flat_terms(self.expr(value, trace))
        if not chosen:
            return nodes.Bool(value.span, False)
        return chosen[0] if len(chosen) == 1 else nodes.Sum(value.span, tuple(chosen))

    # --- expressions

    def rebuild(self, node: Any, trace: Trace) -> Any:
        """The node with its parts frozen."""
        if isinstance(node, tuple):
            return tuple(self.rebuild(item, trace) for item in node)
        if isinstance(node, nodes.Expr):
            return self.expr(node, trace)
        if not is_dataclass(node) or isinstance(node, Span | Source):
            return node
        changes = {
            f.name: bare(self.rebuild(getattr(node, f.name), trace)) for f in fields(node) if f.name != "span"
        }
        return replace(node, **changes)  # type: ignore[type-var]

    def expr(self, expr: Any, trace: Trace) -> Any:
        """An expression with its choices bound as the frame decided them."""
        if not self.variants.is_open(expr, trace):
            return expr
        at = place(expr.span)
        match expr:
            case nodes.Choice(options=options):
                return grouped(self.expr(options[int(trace.choices.get(at, 0))], trace))
            case nodes.Optional(body=body):
                chosen = trace.choices.get(at, 1) == 0
                return grouped(self.expr(body, trace)) if chosen else path(expr.span, "ID")
            case nodes.RangeChoice(first=first):
                return literal(expr.span, trace.choices[at]) if at in trace.choices else first
            case nodes.If(condition=condition, then=then, otherwise=otherwise) if at in trace.branches:
                taken, other = (then, otherwise) if trace.branches[at] else (otherwise, then)
                if is_choice(bare(condition)) or self.variants.is_open(other, trace):
                    return grouped(self.expr(taken, trace))
            case nodes.Product() | nodes.For() if at in trace.rounds:
                return chain(expr.span, self._rounds(expr, trace))
            case nodes.ListOf(items=items):
                return replace(expr, items=tuple(i for item in items for i in self._item(item, trace)))
            case nodes.Chain(parts=parts) if self._kind(expr, trace) is not Kind.DATA:
                return chain(expr.span, [self.expr(part, trace) for part in parts])
            case nodes.Label(name=name) if trace in self.single:
                return replace(self._parts(expr, trace), name=trace.labels.get(at, name))
            case nodes.Call() if local := self.variants.local(expr, trace):
                return self._written_out(expr, *local, trace)
            case nodes.Call() | nodes.Path() if called := self.variants.called(expr, trace):
                name, arguments = called
                if isinstance(expr, nodes.Path):
                    return path(expr.span, name)
                return replace(expr, name=name, args=self.rebuild(arguments, trace))
            case nodes.Call() | nodes.Path() if self.variants.never_called(expr, trace):
                return path(expr.span, "ID")
        return self._parts(expr, trace)

    def _written_out(self, call: nodes.Call, function: Function, frame: Trace, trace: Trace) -> nodes.Expr:
        """What a function inside a block yielded, in place of its call."""
        given = self.variants.arguments(call, function, trace)
        values: dict[str, Any] = {}
        for param in function.let.params or ():
            if param.name in given:
                values[param.name] = bare(self.expr(given[param.name], trace))
            else:
                values[param.name] = inline(bare(self.expr(param.default, frame)), values)
        written: nodes.Expr = grouped(inline(bare(self.expr(function.let.value, frame)), values))
        return written

    def _kind(self, expr: nodes.Expr, trace: Trace) -> Kind:
        return self.program.lowering.kind(expr, self.program.context.but(scope=trace.scope))

    def _parts(self, expr: Any, trace: Trace) -> Any:
        """The same kind of expression with its parts frozen."""
        changes = {
            f.name: self.rebuild(getattr(expr, f.name), trace) for f in fields(expr) if f.name != "span"
        }
        if isinstance(expr, nodes.Group):
            changes = {name: bare(value) for name, value in changes.items()}
        return replace(expr, **changes)

    def _item(self, item: Any, trace: Trace) -> list[Any]:
        """An item of a list or bundle; a comprehension may become several."""
        if (
            isinstance(item, nodes.For)
            and place(item.span) in trace.rounds
            and self.variants.is_open(item, trace)
        ):
            return [bare(part) for part in self._rounds(item, trace, joined=False)]
        return [bare(self.expr(item, trace))]

    # --- repetitions

    def _rounds(self, expr: nodes.Product | nodes.For, trace: Trace, joined: bool = True) -> list[Any]:
        """A repetition: kept where its rounds are alike, written out where they are not.

        Neighbours that are alike are `joined` as `A*2`.
        """
        rounds = trace.rounds[place(expr.span)]
        body = expr.body if isinstance(expr, nodes.For) else _repeated(expr)
        texts = [format_expr(self.expr(body, frame)) for frame, _ in rounds]
        if not texts:
            return []
        if len(set(texts)) == 1 and (len(texts) > 1 or isinstance(expr, nodes.For)):
            return [self._kept(expr, body, trace, rounds[0][0])]
        written = []
        for start, end in _runs(texts) if joined and isinstance(expr, nodes.Product) else _each(texts):
            frame, value = rounds[start]
            if end - start == 1:
                self.single.add(frame)
            part = self.expr(body, frame)
            if isinstance(expr, nodes.For):
                part = substitute(part, expr.variable, value)
            times = literal(expr.span, end - start)
            part = grouped(part)
            written.append(part if end - start == 1 else nodes.Product(expr.span, (part, times)))
        return written

    def _kept(self, expr: nodes.Product | nodes.For, body: Any, trace: Trace, frame: Trace) -> Any:
        frozen = self.expr(body, frame)
        if isinstance(expr, nodes.Product):
            times = bare(self.expr(expr.parts[-1], trace))
            return replace(expr, parts=(grouped(frozen), grouped(times)))
        first, last = self.expr(expr.first, trace), expr.last and self.expr(expr.last, trace)
        return replace(expr, body=bare(frozen), first=first, last=last)


def _flat_terms(value: Any) -> list[Any]:
    """The terms of a sum, also of sums in it, without those that were not chosen."""
    value = bare(value)
    if isinstance(value, nodes.Sum):
        return [term for part in value.parts for term in _flat_terms(part)]
    return [] if is_identity(value) else [value]


def _repeated(expr: nodes.Product) -> Any:
    """What a repetition repeats."""
    *before, _ = expr.parts
    return before[0] if len(before) == 1 else replace(expr, parts=tuple(before))


def _runs(texts: list[str]) -> list[tuple[int, int]]:
    """Stretches `[start, end)` of equal texts."""
    starts = [i for i in range(len(texts)) if i == 0 or texts[i] != texts[i - 1]]
    return list(zip(starts, [*starts[1:], len(texts)], strict=True))


def _each(texts: list[str]) -> list[tuple[int, int]]:
    return [(i, i + 1) for i in range(len(texts))]

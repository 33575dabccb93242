"""A file with choices and the decisions that were made -> a file without choices.

The result is what a person would have written: blocks stay blocks, parameters stay parameters,
repetitions whose rounds came out alike stay repetitions. Only where two instances of a block were
decided differently does the block become two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from blockdsl import nodes
from blockdsl.lowering import Program
from blockdsl.lowering.context import Trace, place
from blockdsl.lowering.values import BlockValue, Evaluated, Function
from blockdsl.printer import format_expr
from blockdsl.source import Source, Span

_COMPOSITE = (
    nodes.Chain, nodes.Sum, nodes.Concat, nodes.Product, nodes.Binary, nodes.Unary, nodes.If, nodes.Label,
)  # fmt: skip


def freeze(program: Program, checks: dict[str, int] | None = None) -> nodes.File:
    """The file of a lowered program with its choices bound to what was decided.

    `checks` become `check name == value` lines in place of the file's own, which spoke of the open
    file; its `search` section is left out. The result lowers to the same network.
    """
    return _Freezer(program).file(checks or {})


def walk(node: Any) -> Iterator[nodes.Node]:
    """A syntax node and all nodes below it."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            waiting += item
        elif isinstance(item, nodes.Node):
            yield item
            waiting += [getattr(item, f.name) for f in fields(item) if f.name != "span"]


class _Freezer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.scope = program.context.scope
        self.variants: dict[str, dict[str, nodes.Block | nodes.Let]] = {}
        self.open_names = self._open_names()

    def _definition(self, name: str) -> nodes.Block | nodes.Let | None:
        value = self.scope.find(name)
        if isinstance(value, BlockValue):
            return value.block
        return value.let if isinstance(value, Function) else None

    def _open_names(self) -> frozenset[str]:
        """The blocks and functions with a choice in them, or in what they call."""
        scope_names = [n for n in self.scope.known() if self._definition(n)]
        uses = {n: {_name(i) for i in walk(self._definition(n))} & set(scope_names) for n in scope_names}
        found = {n for n in scope_names if has_choice(self._definition(n))}
        while more := {n for n in scope_names if uses[n] & found} - found:
            found |= more
        return frozenset(found)

    # --- the file

    def file(self, checks: dict[str, int]) -> nodes.File:
        trace = self.program.context.trace
        kept: list[nodes.Statement] = []
        for statement in self.program.file.statements:
            match statement:
                case nodes.Search() | nodes.Check():
                    continue
                case nodes.Block(name=name) | nodes.Let(name=name) if name in self.open_names:
                    continue
                case nodes.Net(body=body):
                    statement = replace(statement, body=self.body(body, trace), keyword=True)
                case nodes.Train(settings=settings):
                    frozen = tuple(replace(s, value=self._terms(s.value, trace)) for s in settings)
                    statement = replace(statement, settings=frozen)
                case _:
                    statement = self.rebuild(statement, trace)
            kept.append(statement)
        variants = [v for group in self.variants.values() for v in group.values()]
        net = next(i for i, s in enumerate(kept) if isinstance(s, nodes.Net))
        kept[net:net] = _in_order(variants)
        span = self.program.file.span
        for name, value in checks.items():
            condition = nodes.Binary(span, "==", _path(span, name), nodes.Number(span, value))
            kept.insert(_after_net(kept), nodes.Check(span, condition))
        return replace(self.program.file, statements=tuple(kept), comments=())

    def body(self, body: nodes.Body, trace: Trace) -> nodes.Body:
        lets = tuple(replace(let, value=_bare(self.expr(let.value, trace))) for let in body.lets)
        return replace(body, lets=lets, result=_bare(self.expr(body.result, trace)))

    def _terms(self, value: nodes.Expr, trace: Trace) -> Any:
        """A setting's value; terms that were not chosen are left out of a sum."""
        frozen = _bare(self.expr(value, trace))
        parts = frozen.parts if isinstance(frozen, nodes.Sum) else (frozen,)
        chosen = tuple(_bare(part) for part in parts if not _is_identity(_bare(part)))
        if not chosen:
            return nodes.Bool(value.span, False)
        return chosen[0] if len(chosen) == 1 else nodes.Sum(value.span, chosen)

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
            f.name: _bare(self.rebuild(getattr(node, f.name), trace))
            for f in fields(node)
            if f.name != "span"
        }
        return replace(node, **changes)  # type: ignore[type-var]

    def expr(self, expr: Any, trace: Trace) -> Any:
        """An expression with its choices bound as the frame decided them."""
        if not self._is_open(expr):
            return expr
        at = place(expr.span)
        match expr:
            case nodes.Choice(options=options):
                index = int(trace.choices.get(at, 0))
                return _grouped(self.expr(options[index], trace))
            case nodes.Optional(body=body):
                chosen = trace.choices.get(at, 1) == 0
                return _grouped(self.expr(body, trace)) if chosen else _path(expr.span, "ID")
            case nodes.RangeChoice(first=first):
                return nodes.Number(expr.span, trace.choices[at]) if at in trace.choices else first
            case nodes.If(then=then, otherwise=otherwise) if at in trace.branches:
                taken, other = (then, otherwise) if trace.branches[at] else (otherwise, then)
                if self._is_open(other):
                    return _grouped(self.expr(taken, trace))
            case nodes.Product(parts=(_, _)) | nodes.For() if at in trace.rounds:
                return self._rounds(expr, trace)
            case nodes.Call(name=name) if name in self.open_names and at in trace.calls:
                called = self._variant(name, trace.calls[at])
                return replace(self.rebuild_parts(expr, trace), name=called)
            case nodes.Path(steps=(step,)) if step.name in self.open_names and at in trace.calls:
                called = self._variant(step.name, trace.calls[at])
                return replace(expr, steps=(replace(step, name=called),))
            case nodes.Chain(parts=parts):
                return _chain(expr, [self.expr(part, trace) for part in parts])
        return self.rebuild_parts(expr, trace)

    def rebuild_parts(self, expr: Any, trace: Trace) -> Any:
        """The same kind of expression with its parts frozen."""
        changes = {
            f.name: self.rebuild(getattr(expr, f.name), trace) for f in fields(expr) if f.name != "span"
        }
        if isinstance(expr, nodes.Group):
            changes = {name: _bare(value) for name, value in changes.items()}
        return replace(expr, **changes)

    def _is_open(self, expr: Any) -> bool:
        return any(_is_choice(node) or _name(node) in self.open_names for node in walk(expr))

    def _rounds(self, expr: nodes.Product | nodes.For, trace: Trace) -> Any:
        """A repetition: kept where its rounds are alike, written out where they are not."""
        rounds = trace.rounds[place(expr.span)]
        body = expr.parts[0] if isinstance(expr, nodes.Product) else expr.body
        bodies = [self.expr(body, frame) for frame, _ in rounds]
        texts = [format_expr(b) for b in bodies]
        if not rounds:
            return _path(expr.span, "ID")
        if len(set(texts)) == 1 and isinstance(expr, nodes.Product):
            times = _bare(self.expr(expr.parts[1], trace))
            return replace(expr, parts=(_grouped(bodies[0]), _grouped(times)))
        if len(set(texts)) == 1 and isinstance(expr, nodes.For):
            first, last = self.expr(expr.first, trace), expr.last and self.expr(expr.last, trace)
            return replace(expr, body=_bare(bodies[0]), first=first, last=last)
        if isinstance(expr, nodes.For):
            bodies = [_substitute(b, expr.variable, v) for b, (_, v) in zip(bodies, rounds, strict=True)]
            texts = [format_expr(b) for b in bodies]
        parts: list[Any] = []
        start = 0
        for index in range(1, len(texts) + 1):
            if index == len(texts) or texts[index] != texts[start]:
                times, one = index - start, _grouped(bodies[start])
                count = nodes.Number(expr.span, times)
                parts.append(one if times == 1 else nodes.Product(expr.span, (one, count)))
                start = index
        return _chain(nodes.Chain(expr.span, ()), parts)

    # --- blocks

    def _variant(self, name: str, trace: Trace) -> str:
        """The name of the block as it was decided in one call; blocks decided alike are one."""
        definition = self._definition(name)
        assert definition is not None
        params = tuple(self._default(p, trace) for p in definition.params or ())
        frozen: nodes.Block | nodes.Let
        if isinstance(definition, nodes.Block):
            frozen = replace(definition, params=params, body=self.body(definition.body, trace))
        else:
            frozen = replace(definition, params=params, value=_bare(self.expr(definition.value, trace)))
        text = _text(frozen)
        known = self.variants.setdefault(name, {})
        if text not in known:
            known[text] = replace(frozen, name=self._new_name(definition, len(known) + 1))
        return known[text].name

    def _new_name(self, definition: nodes.Block | nodes.Let, count: int) -> str:
        """The block's own name for its first variant, unless a used file keeps that name."""
        own = definition.span.source is self.program.file.span.source
        if own and count == 1:
            return definition.name
        taken = self.scope.known()
        return next(n for i in range(count, 10**6) if (n := f"{definition.name}_{i}") not in taken)

    def _default(self, param: nodes.Param, trace: Trace) -> nodes.Param:
        if param.default is None or not self._is_open(param.default):
            return param
        decided = any(place(n.span) in trace.choices for n in walk(param.default))
        return replace(param, default=_bare(self.expr(param.default, trace)) if decided else None)


def _is_choice(node: object) -> bool:
    return isinstance(node, nodes.Choice | nodes.RangeChoice | nodes.Optional)


def has_choice(node: Any) -> bool:
    """Whether a choice is written anywhere in a syntax node."""
    return any(_is_choice(n) for n in walk(node))


def _name(node: object) -> str:
    if isinstance(node, nodes.Call):
        return node.name
    if isinstance(node, nodes.Path) and len(node.steps) == 1 and node.steps[0].index is None:
        return node.steps[0].name
    return ""


def _text(definition: nodes.Block | nodes.Let) -> str:
    """A definition as one line, to tell two apart."""
    params = ",".join(
        f"{p.name}={format_expr(p.default) if p.default else ''}" for p in definition.params or ()
    )
    if isinstance(definition, nodes.Let):
        return f"{params}:{format_expr(definition.value)}"
    lets = ";".join(f"{let.name}={format_expr(let.value)}" for let in definition.body.lets)
    return f"{params}:{lets};{format_expr(definition.body.result)}"


def _path(span: Span, name: str) -> nodes.Path:
    return nodes.Path(span, (nodes.Step(span, name),))


def _is_identity(expr: object) -> bool:
    return _name(expr) == "ID" and isinstance(expr, nodes.Path)


def _grouped(expr: Any) -> Any:
    return nodes.Group(expr.span, expr) if isinstance(expr, _COMPOSITE) else expr


def _bare(value: Any) -> Any:
    """Without the bracket that nothing needs."""
    while isinstance(value, nodes.Group):
        value = value.body
    return value


def _chain(chain: nodes.Chain, parts: list[Any]) -> Any:
    """A chain without identities; chains inside it are part of it."""
    flat: list[Any] = []
    for part in parts:
        inner = _bare(part)
        if isinstance(inner, nodes.Chain):
            flat += inner.parts
        elif not _is_identity(inner):
            flat.append(part)
    if not flat:
        return _path(chain.span, "ID")
    return flat[0] if len(flat) == 1 else replace(chain, parts=tuple(flat))


def _substitute(node: Any, name: str, value: Evaluated) -> Any:
    """The node with a loop's variable replaced by its value."""
    if isinstance(node, tuple):
        return tuple(_substitute(item, name, value) for item in node)
    if isinstance(node, nodes.Path) and _name(node) == name and isinstance(value, int | float):
        return nodes.Number(node.span, value)
    if not isinstance(node, nodes.Node):
        return node
    changes = {
        f.name: _substitute(getattr(node, f.name), name, value) for f in fields(node) if f.name != "span"
    }
    return replace(node, **changes)


def _in_order(definitions: list[Any]) -> list[Any]:
    return sorted(definitions, key=lambda d: (d.span.source.name, d.span.start))


def _after_net(statements: list[Any]) -> int:
    last = max(i for i, s in enumerate(statements) if isinstance(s, nodes.Net | nodes.Check))
    return last + 1

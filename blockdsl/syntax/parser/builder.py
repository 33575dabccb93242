"""From grammar rules to syntax nodes: one method a rule of `grammars/arch.lark`.

Each method gets the span of its rule and the children that mean something: nodes, and the tokens
whose text matters.
"""
# ruff: noqa: D102 - a method is named after its rule; the rule stands in the grammar.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from lark import Token, Tree

from blockdsl.diagnostics import error
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.numbers import MAX_DIGITS, number_value
from blockdsl.syntax.parser.errors import MAX_NESTING, too_deep
from blockdsl.visible import visible

_KEPT = {
    "NAME", "CALLED", "INDEXED", "INDEXED_IN", "LONE_NAME", "NUMBER", "LONE_NUMBER", "STRING", "DIMS", "YES",
    "TRUE", "NO", "FALSE", "IN", "LOG", "TITLE", "AUTHORS", "PAPER", "DATASET", "NOTE", "YEAR", "ERROR",
    "LAYOUT", "MAXIMIZE", "MINIMIZE", "COMPARISON", "DIVISION", "POWER", "AND", "OR",
}  # fmt: skip
RESERVED = frozenset(
    {"in", "if", "then", "else", "not", "and", "or", "for", "yes", "no", "true", "false", "shared"}
)
"""Words that no block, parameter, label or `let` can be called."""


class Builder:
    """Builds the nodes of one source."""

    def __init__(self, source: Source, comments: tuple[Span, ...]) -> None:
        self.source = source
        self.comments = comments

    def build(self, tree: Tree[Token], depth: int = 0) -> Any:
        """The node of a parse tree.

        Raises:
            ArchError: expressions stand inside expressions more than `MAX_NESTING` deep.
        """
        if depth > MAX_NESTING:
            raise too_deep(self._of(_first_token(tree)))
        children: list[Any] = []
        for child in tree.children:
            children.append(self.build(child, depth + 1) if isinstance(child, Tree) else child)
        kept = [c for c in children if not isinstance(c, Token) or c.type in _KEPT]
        return getattr(self, tree.data)(self.span(children), *kept)

    def span(self, children: list[Any]) -> Span:
        """The span from the first to the last of some tokens and nodes."""
        if not children:
            return Span(self.source, 0, 0)
        first, last = children[0], children[-1]
        start = first.start_pos if isinstance(first, Token) else first.span.start
        end = last.end_pos if isinstance(last, Token) else last.span.end
        return Span(self.source, start, end)  # type: ignore[arg-type]

    def _of(self, child: Any) -> Span:
        if isinstance(child, Token):
            assert child.start_pos is not None
            assert child.end_pos is not None
            return Span(self.source, child.start_pos, child.end_pos)
        return child.span  # type: ignore[no-any-return]

    def _bound(self, name: Token) -> str:
        """A name that the file defines."""
        if str(name) in RESERVED:
            meaning = "is what flows into a block" if name == "in" else "is a word of the language"
            raise error(
                "name",
                f"{name} cannot be a name of the file's own: it {meaning}",
                self._of(name),
                help=f"give it another name, such as {name}_",
            )
        return str(name)

    # --- the file and its statements

    def start(self, span: Span, *items: Any) -> nodes.File:
        whole = Span(self.source, 0, len(self.source.text))
        return nodes.File(whole, tuple(map(_as_statement, items)), self.comments)

    def meta(self, span: Span, key: Token, *values: Any) -> nodes.Meta:
        return nodes.Meta(span, str(key), values)

    def use(self, span: Span, path: nodes.String) -> nodes.Use:
        return nodes.Use(span, path)

    def input(self, span: Span, *parts: Any) -> nodes.Input:
        *before, shape = parts
        name = next((self._bound(part) for part in before if isinstance(part, Token)), None)
        layout = next((part.name for part in before if isinstance(part, _Layout)), "")
        return nodes.Input(span, shape, name, layout)

    def layout(self, span: Span, name: Token) -> _Layout:
        return _Layout(span, str(name))

    def param(self, span: Span, param: nodes.Param) -> nodes.Param:
        return nodes.Param(span, param.name, param.default)

    def let(self, span: Span, *parts: Any) -> nodes.Let:
        *names, value = parts
        return nodes.Let(span, tuple(map(self._bound, names)), None, value)

    def shared(self, span: Span, name: Token, value: nodes.Expr) -> nodes.Let:
        return nodes.Let(span, (self._bound(name),), None, value, shared=True)

    def function(self, span: Span, name: Token, params: _Params, value: nodes.Expr) -> nodes.Let:
        return nodes.Let(span, (self._bound(name),), params.items, value)

    def block(self, span: Span, name: Token, *rest: Any) -> nodes.Block:
        params = rest[0].items if len(rest) == 2 else ()
        return nodes.Block(span, self._bound(name), params, rest[-1])

    def net(self, span: Span, body: nodes.Body) -> nodes.Net:
        return nodes.Net(span, body)

    def check(self, span: Span, condition: nodes.Expr) -> nodes.Check:
        return nodes.Check(span, condition)

    def train(self, span: Span, *settings: nodes.Setting) -> nodes.Train:
        return nodes.Train(span, settings)

    def setting(self, span: Span, *parts: Any) -> nodes.Setting:
        *names, value = parts
        return nodes.Setting(span, ".".join(names), value)

    def search(self, span: Span, *items: Any) -> nodes.Search:
        return nodes.Search(span, items)

    def objective(self, span: Span, direction: Token, metric: nodes.Expr) -> nodes.Objective:
        return nodes.Objective(span, str(direction), metric)

    def require(self, span: Span, condition: nodes.Expr) -> nodes.Require:
        return nodes.Require(span, condition)

    def body(self, span: Span, *parts: Any) -> nodes.Body:
        return nodes.Body(span, parts[:-1], parts[-1])

    def parameters(self, span: Span, *params: nodes.Param) -> _Params:
        return _Params(span, params)

    def parameter(self, span: Span, name: Token, default: nodes.Expr | None = None) -> nodes.Param:
        return nodes.Param(span, self._bound(name), default)

    # --- operators

    def chain(self, span: Span, *parts: nodes.Expr) -> nodes.Chain:
        return nodes.Chain(span, parts)

    def sum(self, span: Span, *parts: nodes.Expr) -> nodes.Sum:
        return nodes.Sum(span, parts)

    def concat(self, span: Span, *parts: nodes.Expr) -> nodes.Concat:
        return nodes.Concat(span, parts)

    def times(self, span: Span, *parts: nodes.Expr) -> nodes.Product:
        return nodes.Product(span, parts)

    def binary(self, span: Span, left: nodes.Expr, op: Token, right: nodes.Expr) -> nodes.Binary:
        return nodes.Binary(span, str(op), left, right)

    quotient = binary

    def negative(self, span: Span, value: nodes.Expr) -> nodes.Expr:
        if isinstance(value, nodes.Number) and value.value >= 0:
            return nodes.Number(span, -value.value)
        return nodes.Unary(span, "-", value)

    def negation(self, span: Span, value: nodes.Expr) -> nodes.Unary:
        return nodes.Unary(span, "not", value)

    def conditional(self, span: Span, *parts: nodes.Expr) -> nodes.If:
        return nodes.If(span, *parts)

    def label(self, span: Span, name: Token, body: nodes.Expr) -> nodes.Label:
        return nodes.Label(span, self._bound(name), body)

    def optional(self, span: Span, body: nodes.Expr) -> nodes.Optional:
        return nodes.Optional(span, body)

    # --- what stands alone

    def number(self, span: Span, token: Token) -> nodes.Number:
        return nodes.Number(span, self._number(token))

    def word(self, span: Span, name: Token) -> nodes.Path:
        return nodes.Path(span, (nodes.Step(span, str(name)),))

    def string(self, span: Span, token: Token) -> nodes.String:
        return nodes.String(span, visible(token[1:-1]))

    def dims(self, span: Span, token: Token) -> nodes.Dims:
        values = token.split("x")
        if max(map(len, values)) > MAX_DIGITS:
            self._too_large(token)
        return nodes.Dims(span, tuple(map(int, values)))

    def typed(self, span: Span, layout: Token, sizes: nodes.Dims | nodes.Number) -> nodes.Dims:
        values = sizes.values if isinstance(sizes, nodes.Dims) else (sizes.value,)
        return nodes.Dims(span, values, str(layout))  # type: ignore[arg-type]

    def truth(self, span: Span, token: Token) -> nodes.Bool:
        return nodes.Bool(span, token.type in ("YES", "TRUE"))

    def call(self, span: Span, name: Token, *args: nodes.Arg) -> nodes.Call:
        return nodes.Call(span, str(name), args)

    def arg(self, span: Span, value: nodes.Expr) -> nodes.Arg:
        return nodes.Arg(span, None, value)

    def named(self, span: Span, name: Token, value: nodes.Expr) -> nodes.Arg:
        return nodes.Arg(span, str(name), value)

    def path(self, span: Span, *steps: nodes.Step) -> nodes.Path:
        return nodes.Path(span, steps)

    def step(self, span: Span, name: Token, *indices: nodes.Expr | nodes.Slice) -> nodes.Step:
        return nodes.Step(span, str(name), indices)

    def slice(self, span: Span, first: nodes.Expr, last: nodes.Expr | None = None) -> nodes.Slice:
        return nodes.Slice(span, first, last)

    def group(self, span: Span, body: nodes.Expr) -> nodes.Group:
        return nodes.Group(span, body)

    def tuple(self, span: Span, *items: nodes.Expr) -> nodes.TupleOf:
        return nodes.TupleOf(span, items)

    def loop(self, span: Span, body: nodes.Expr, names: _Variables, _in: Token, *rest: Any) -> nodes.For:
        last = rest[1] if len(rest) == 2 else None
        return nodes.For(span, body, names.names, rest[0], last)

    def variables(self, span: Span, *names: Token) -> _Variables:
        return _Variables(span, tuple(map(self._bound, names)))

    def list(self, span: Span, *items: nodes.Expr) -> nodes.ListOf:
        return nodes.ListOf(span, items)

    def choice(self, span: Span, *options: nodes.Expr) -> nodes.Choice:
        return nodes.Choice(span, options)

    def range_choice(self, span: Span, *parts: Any) -> nodes.RangeChoice:
        log = isinstance(parts[-1], Token)
        values = parts[:-1] if log else parts
        step = values[2] if len(values) == 3 else None
        return nodes.RangeChoice(span, values[0], values[1], step, log)

    # --- tokens

    def _number(self, token: Token) -> int | float:
        value = number_value(token)
        if value is None:
            self._too_large(token)
        return value

    def _too_large(self, token: Token) -> NoReturn:
        raise error("number", "the number is too large", self._of(token))


def _first_token(tree: Tree[Token]) -> Token:
    first: Tree[Token] | Token = tree
    while isinstance(first, Tree):
        first = first.children[0]
    return first


@dataclass(frozen=True, slots=True)
class _Params(nodes.Node):
    """A parameter list on its way to its block."""

    items: tuple[nodes.Param, ...]


@dataclass(frozen=True, slots=True)
class _Layout(nodes.Node):
    """The word for a layout on its way to its input."""

    name: str


@dataclass(frozen=True, slots=True)
class _Variables(nodes.Node):
    """The variables of a loop on their way to it."""

    names: tuple[str, ...]


def _as_statement(item: Any) -> Any:
    """A bare expression at the top of a file is its net."""
    if isinstance(item, nodes.Expr):
        return nodes.Net(item.span, nodes.Body(item.span, (), item), keyword=False)
    return item

"""A file with choices and the decisions that were made -> a file without choices.

The result is what a person would have written: blocks stay blocks, parameters stay parameters,
repetitions whose rounds came out alike stay repetitions. Only where two instances of a block were
decided differently does the block become two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from blockdsl.diagnostics import error
from blockdsl.ir import Graph, module_name
from blockdsl.lowering import Program
from blockdsl.lowering.budget import Budget
from blockdsl.lowering.expression_kinds import kind_of
from blockdsl.lowering.values import Kind, Place, Trace, place
from blockdsl.ops import InputSizes
from blockdsl.passes.rounds import Bind, variables
from blockdsl.passes.trees import chain, grouped, indexed, inline, literal, path, substitute
from blockdsl.passes.variants import Definition, Variants
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, is_choice, is_identity
from blockdsl.syntax.names import Names
from blockdsl.syntax.printer import format_expr
from blockdsl.syntax.traversal import Rewriter, map_children, walk

_N = TypeVar("_N", bound=nodes.Node)


def freeze(
    program: Program,
    checks: Mapping[str, int] | None = None,
    *,
    input: InputSizes | None = None,
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
    return _with_checks(_with_input(file, program.graph) if input else file, checks or {})


def _with_input(file: nodes.File, graph: Graph) -> nodes.File:
    """The file with `input` lines for the inputs of a graph."""
    named = [s for s in file.statements if isinstance(s, nodes.Input) and s.name is not None]
    is_named = bool(named) or [port.name for port in graph.inputs] != ["x"]
    lines: list[nodes.Statement] = []
    for name, shape in graph.shapes_of(graph.inputs).items():
        sizes = tuple(shape)
        value = nodes.Number(file.span, sizes[0]) if len(sizes) == 1 else nodes.Dims(file.span, sizes)
        lines.append(nodes.Input(file.span, value, name if is_named else None, shape.word))
    statements: list[nodes.Statement] = [s for s in file.statements if not isinstance(s, nodes.Input)]
    is_head = [isinstance(s, nodes.Meta | nodes.Use) for s in statements]
    at = is_head.index(False)
    return replace(file, statements=(*statements[:at], *lines, *statements[at:]))


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
        self.names = Names(program.file)
        self.variants = Variants(program, self.names, self.definition)
        self.single: set[Trace] = set()
        """Rounds that are written out one by one, where labels need names of their own."""
        self.bound: dict[str, nodes.Expr] = {}
        """What a loop that is written out runs over, by the name that it gets in the open body or file."""
        self.bound_names: dict[tuple[Place, str], str] = {}

    def file(self, settings: Mapping[str, nodes.Expr]) -> nodes.File:
        trace = self.program.trace
        for value in settings.values():
            self.names.include(value)
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
                    body = self.body(body, self.program.net_trace)
                    statement = replace(statement, body=body, keyword=True)
                case nodes.Train(settings=lines):
                    frozen = tuple(replace(s, value=self._terms(s.value, trace)) for s in lines)
                    statement = replace(statement, settings=frozen)
                case nodes.Let() if not self._stays(statement, trace):
                    continue
                case _:
                    statement = _FrameRewriter(self, trace).rewrite(statement)
            kept += [replace(let, span=statement.span) for let in self._newly_bound(statement.span)]
            kept.append(statement)
        return replace(self.program.file, statements=self.variants.woven_into(kept), comments=())

    def body(self, body: nodes.Body, trace: Trace) -> nodes.Body:
        """A body with its choices bound."""
        outer, self.bound = self.bound, {}
        lets: list[nodes.Let] = []
        for let in body.lets:
            if self._stays(let, trace):
                frozen = replace(let, value=bare(self.expr(let.value, trace)))
                lets += [*self._newly_bound(let.span), frozen]
        result = bare(self.expr(body.result, trace))
        lets += self._newly_bound(result.span)
        self.bound = outer
        return replace(body, lets=tuple(lets), result=result)

    def _stays(self, let: nodes.Let, trace: Trace) -> bool:
        """Whether a `let` stays: what it names is no open block and no open function."""
        names_open = not let.shared and self.variants.names_open(let.value, trace)
        return not names_open and not self.variants.is_open_function(let)

    def bind(self, expr: nodes.Expr, name: str) -> nodes.Path:
        """Bind an expression to a name in the open body or file, one like `name`."""
        key = place(expr.span), format_expr(expr)
        if key not in self.bound_names:
            self.bound_names[key] = self.variants.new_name(name)
        self.bound[self.bound_names[key]] = expr
        return path(expr.span, self.bound_names[key])

    def _newly_bound(self, span: Span) -> list[nodes.Let]:
        """The `let`s that the expression at a place needs above it."""
        made = [nodes.Let(span, (name,), None, expr) for name, expr in self.bound.items()]
        self.bound = {}
        return made

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

    def expr(self, expr: Any, trace: Trace) -> Any:
        """An expression with its choices bound as a frame decided them."""
        return _FrameRewriter(self, trace).rewrite(expr)


class _FrameRewriter(Rewriter):
    """Binds the choices of expressions as one frame decided them."""

    def __init__(self, freezer: _Freezer, trace: Trace) -> None:
        self.freezer, self.trace = freezer, trace
        self.variants = freezer.variants

    def rewrite(self, node: nodes.Node) -> Any:
        """The node with its choices bound; an expression without any stays the same object."""
        if isinstance(node, nodes.Expr) and not (
            self.variants.is_open(node, self.trace) or self._renames(node)
        ):
            return node
        return super().rewrite(node)

    def _renames(self, node: nodes.Expr) -> bool:
        """Whether labels in an expression get names of their own."""
        if self.trace not in self.freezer.single:
            return False
        return any(isinstance(n, nodes.Label) and self.trace.labels.get(place(n.span)) for n in walk(node))

    def rewrite_children(self, node: _N) -> _N:
        """The node with its children rewritten, each without brackets where it stands alone."""
        if isinstance(node, nodes.Expr) and not isinstance(node, nodes.Group):
            return map_children(node, self.rewrite)
        return map_children(node, lambda child: bare(self.rewrite(child)))

    # --- choices

    def rewrite_choice(self, expr: nodes.Choice) -> Any:
        """The option that was taken."""
        return self._grouped(expr.options[int(self.trace.choices.get(place(expr.span), 0))])

    def rewrite_optional(self, expr: nodes.Optional) -> nodes.Expr:
        """What is optional, or the identity."""
        chosen = self.trace.choices.get(place(expr.span), 1) == 0
        return self._grouped(expr.body) if chosen else path(expr.span, "ID")

    def rewrite_range_choice(self, expr: nodes.RangeChoice) -> Any:
        """The number that was taken."""
        at = place(expr.span)
        return literal(expr.span, self.trace.choices[at]) if at in self.trace.choices else expr.first

    def rewrite_if(self, expr: nodes.If) -> Any:
        """The branch that was taken, where the condition or the other branch is open."""
        if (taken := self.trace.branches.get(place(expr.span))) is not None:
            branch, other = (expr.then, expr.otherwise) if taken else (expr.otherwise, expr.then)
            if is_choice(bare(expr.condition)) or self.variants.is_open(other, self.trace):
                return self._grouped(branch)
        return self.rewrite_children(expr)

    def _grouped(self, expr: nodes.Expr) -> Any:
        return grouped(self.rewrite(expr))

    # --- calls

    def rewrite_call(self, call: nodes.Call) -> Any:
        """The call of the block or function that came of what was decided in it."""
        if local := self.variants.local(call, self.trace):
            return self._written_out(call, *local)
        if called := self.variants.called(call, self.trace):
            name, arguments = called
            return self.rewrite_children(replace(call, name=name, args=arguments))
        if self.variants.never_called(call, self.trace):
            return path(call.span, "ID")
        return self.rewrite_children(call)

    def rewrite_path(self, expr: nodes.Path) -> nodes.Path | nodes.ListOf:
        """As `rewrite_call`, for a name without arguments; a list of networks may be written out."""
        frames = [frame for frame, _ in self.trace.rounds.get(place(expr.span), ())]
        if blocks := [self.variants.item(expr, frame) for frame in frames]:
            if not any(blocks):
                return self.rewrite_children(expr)
            items = [
                path(expr.span, name) if name else indexed(expr, at) for at, name in enumerate(blocks, 1)
            ]
            return nodes.ListOf(expr.span, tuple(items))
        if called := self.variants.called(expr, self.trace):
            return path(expr.span, called[0])
        if self.variants.never_called(expr, self.trace):
            return path(expr.span, "ID")
        return self.rewrite_children(expr)

    def _written_out(self, call: nodes.Call, function: nodes.Let, frame: Trace) -> nodes.Expr:
        """What a function inside a block yielded, in place of its call."""
        given = self.variants.arguments(call, function)
        inside = _FrameRewriter(self.freezer, frame)
        values: dict[str, Any] = {}
        for param in function.params or ():
            if param.name in given:
                values[param.name] = bare(self.rewrite(given[param.name]))
            else:
                assert param.default is not None, "the file was lowered"
                values[param.name] = inline(bare(inside.rewrite(param.default)), values)
        written: nodes.Expr = grouped(inline(bare(inside.rewrite(function.value)), values))
        return written

    def rewrite_label(self, expr: nodes.Label) -> nodes.Label:
        """A label, which has the name of its instance in a round that is written out."""
        made = self.rewrite_children(expr)
        if self.trace not in self.freezer.single:
            return made
        path = self.trace.labels.get(place(expr.span))
        return replace(made, name=module_name(path[-1:]) if path else expr.name)

    # --- chains, lists and repetitions

    def rewrite_chain(self, expr: nodes.Chain) -> Any:
        """Networks one after the other, or a difference of numbers."""
        if kind_of(expr, self.trace.scope, Budget()) is Kind.DATA:
            return self.rewrite_children(expr)
        return chain(expr.span, [self.rewrite(part) for part in expr.parts])

    def rewrite_list_of(self, expr: nodes.ListOf) -> nodes.ListOf:
        """A list or a bundle; a comprehension in it may become several items."""
        return map_children(expr, self._item)

    def _item(self, item: nodes.Node) -> Any:
        went_round = place(item.span) in self.trace.rounds
        if isinstance(item, nodes.For) and went_round and self.variants.is_open(item, self.trace):
            return tuple(map(bare, self._rounds(item, joined=False)))
        return bare(self.rewrite(item))

    def rewrite_product(self, expr: nodes.Product) -> Any:
        """A repetition, or a product of numbers or tensors."""
        return self._repetition(expr)

    def rewrite_for(self, expr: nodes.For) -> Any:
        """A loop."""
        return self._repetition(expr)

    def _repetition(self, expr: nodes.Product | nodes.For) -> Any:
        if place(expr.span) not in self.trace.rounds:
            return self.rewrite_children(expr)
        return chain(expr.span, self._rounds(expr))

    def _rounds(self, expr: nodes.Product | nodes.For, joined: bool = True) -> list[Any]:
        """A repetition: kept where its rounds are alike, written out where they are not.

        Neighbours that are alike are `joined` as `A*2`.
        """
        rounds = self.trace.rounds[place(expr.span)]
        body = expr.body if isinstance(expr, nodes.For) else _repeated(expr)
        texts = [format_expr(self.freezer.expr(body, frame)) for frame, _ in rounds]
        if not texts:
            return []
        if len(set(texts)) == 1 and (len(texts) > 1 or isinstance(expr, nodes.For)):
            return [self._kept(expr, body, rounds[0][0])]
        written = []
        for start, end in _runs(texts) if joined and isinstance(expr, nodes.Product) else _each(texts):
            frame, value = rounds[start]
            if end - start == 1:
                self.freezer.single.add(frame)
            part = self.freezer.expr(body, frame)
            if isinstance(expr, nodes.For):
                over = bare(self.rewrite(expr.first))
                part = substitute(part, variables(expr, over, start, value, frame.scope, self._bind(expr)))
            times = literal(expr.span, end - start)
            part = grouped(part)
            written.append(part if end - start == 1 else nodes.Product(expr.span, (part, times)))
        return written

    def _bind(self, loop: nodes.For) -> Bind:
        def bind(over: nodes.Expr) -> nodes.Path:
            for node in walk(loop.first):
                definition = self.freezer.names.definition(node)
                if definition and definition.is_variable and definition.node not in walk(loop.first):
                    raise error(
                        "freeze", "cannot write out the rounds of this loop: what it runs over differs with "
                        f"{definition.name}", loop.span, help="make the inner loop a block",
                    )  # fmt: skip
            return self.freezer.bind(over, loop.variables[0])

        return bind

    def _kept(self, expr: nodes.Product | nodes.For, body: nodes.Expr, frame: Trace) -> nodes.Expr:
        frozen = self.freezer.expr(body, frame)
        if isinstance(expr, nodes.Product):
            times = bare(self.rewrite(expr.parts[-1]))
            return replace(expr, parts=(grouped(frozen), grouped(times)))
        first, last = self.rewrite(expr.first), expr.last and self.rewrite(expr.last)
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

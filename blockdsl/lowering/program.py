"""A whole file: what it uses, its parameters, its network, its training settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from blockdsl.diagnostics import ArchError, Errors, error
from blockdsl.ir import Graph, Port, Value
from blockdsl.lowering.applier import Applier
from blockdsl.lowering.budget import Budget
from blockdsl.lowering.builder import GraphBuilder
from blockdsl.lowering.choices import ChoicePoint, Chooser, refuse
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.decisions import Decisions
from blockdsl.lowering.definitions import define
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.liveness import settle
from blockdsl.lowering.numbering import number_applications
from blockdsl.lowering.ports import NetInput, input_lines, net_inputs, output_ports
from blockdsl.lowering.training import recipe_of
from blockdsl.lowering.unresolved import tell_unresolved
from blockdsl.lowering.values import UNKNOWN_TENSOR, Broken, Data, NoData, Scope, Tensors, Trace, shown
from blockdsl.ops.layouts import InputSizes
from blockdsl.ops.shape import Input as InputOp
from blockdsl.recipe import Recipe
from blockdsl.source import Span
from blockdsl.speedups import collecting_later
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.traversal import walk
from blockdsl.verifier import verify


@dataclass(frozen=True)
class Meta:
    """What a file says of its network. `errors` are published ones, each with what was measured."""

    title: str = ""
    year: int | None = None
    authors: str = ""
    paper: str = ""
    dataset: str = ""
    notes: tuple[str, ...] = ()
    errors: tuple[tuple[float, str], ...] = ()


@dataclass
class Program:
    """A lowered file.

    Attributes:
        file: its syntax tree.
        graph: the network.
        meta: what the file says of it.
        params: the values of the file's parameters.
        recipe: how it is trained.
        checks: the file's `check` lines.
        search: the file's `search` section.
        decisions: the choices that were reached, by path, with their values.
        trace: how each expression of the file was decided; its scope has the file's names.
        net_trace: the same for those of its net, whose scope has the inputs too.
    """

    file: nodes.File
    graph: Graph
    meta: Meta
    params: dict[str, Any]
    recipe: Recipe
    checks: tuple[nodes.Check, ...]
    search: nodes.Search | None
    decisions: dict[str, tuple[ChoicePoint, int | float]]
    trace: Trace = field(repr=False)
    net_trace: Trace = field(repr=False)

    def evaluate(self, expr: nodes.Expr, names: Mapping[str, Any]) -> Data:
        """The value of a condition, or of a side of one, in which more names are known.

        A name's value is data, or a function from the expression of its one argument to data.

        Raises:
            ArchError: the expression is wrong, or is no data.
        """
        value = _evaluator(self.graph).data(expr, self._context().with_names(**names))
        if callable(value):
            name = expr.span.text
            raise error("value", f"{name} is a function", expr.span, help=f"call it: {name}(conv[1])")
        if isinstance(value, NoData | Broken):
            raise error(
                "value", f"a condition compares numbers, words and shapes, not {shown(value)}", expr.span,
                help=f"the sizes of a tensor are {expr.span.text}.c, .h and .w; of a layer: shape(conv[1])"
                if isinstance(value, Tensors) else "",
            )  # fmt: skip
        return value

    def point(self, expr: nodes.Expr) -> Value:
        """The tensor that a path such as `stage[2]`, `conv1` or `stage[1].unit[2]` names.

        Raises:
            ArchError: there is no such point.
        """
        name = expr.span.text
        if isinstance(expr, nodes.Path):
            name = ".".join(self._step(step) for step in expr.steps)
        return self.graph.point(name, expr.span)

    def _step(self, step: nodes.Step) -> str:
        evaluator, context = _evaluator(self.graph), self._context()
        indices = [step.name]
        for index in step.indices:
            if isinstance(index, nodes.Slice):
                raise error("value", "a point has one index", index.span, help="conv[2] is one of them")
            indices.append(f"[{evaluator.whole(index, context, 'an index')}]")
        return "".join(indices)

    def _context(self) -> Context:
        """That of the net. What is evaluated ends with the first error."""
        naming = Naming()
        return Context(self.net_trace.scope, naming, naming, Trace(), Errors(first_only=True))


def _evaluator(graph: Graph) -> ExpressionEvaluator:
    """One for conditions, which neither add to a network nor make choices."""
    decisions = Decisions(lambda point: _refuse_choice(point.span))
    return ExpressionEvaluator(graph, decisions, Budget(), _refuse_network)


def _refuse_network(expr: nodes.Expr, *_: object) -> NoReturn:
    raise error("value", "a condition is about numbers, words and shapes; here is a tensor", expr.span)


@collecting_later()
def lower(
    file: nodes.File,
    *,
    input: InputSizes | None = None,
    settings: Mapping[str, Any] | None = None,
    choose: Chooser = refuse,
    applier: Applier | None = None,
    errors: Errors | None = None,
    names: bool = True,
) -> Program:
    """Lower a syntax tree to a verified graph.

    Args:
        file: the syntax tree.
        input: shape of the input without the batch axis, in place of the file's; of several by their names.
        settings: values for the file's `param`s; a `str` is read as an expression of the language.
        choose: decides the choices; by default a file with open choices is refused.
        applier: a fresh one that goes another way about it than the usual one, with a chooser of its own.
        errors: where the file's errors are gathered.
        names: whether to look names up also in what is not evaluated. A `Space` has done it before, by
            `refuse_unresolved`.

    Raises:
        ArchError: anything is wrong with the file, the input or the settings.
    """
    applier = applier or Applier(choose)
    errors = errors or Errors()
    naming, scope = Naming(), Scope()
    context = Context(scope, naming, naming, Trace(scope), errors)
    try:
        with _room_to_recurse(file):
            made = _program(applier, file, context, input, dict(settings or {}))
    except ArchError as last:
        if not errors.found:
            raise
        errors.add(last)
    if names:
        tell_unresolved(file, errors, input)
    errors.raise_found()
    verify(made.graph)
    return made


def _program(
    applier: Applier, file: nodes.File, context: Context, input: InputSizes | None, settings: dict[str, Any]
) -> Program:
    """The program, each part by itself: what is wrong with one does not hide what is with another."""
    gathering, graph, evaluator = context.errors.gathering, applier.builder.graph, applier.evaluator
    net: nodes.Net | None = None
    search: nodes.Search | None = None
    params: dict[str, Any] = {}
    inputs: list[NetInput] = []
    net_trace = Trace()
    meta, recipe = Meta(), Recipe()
    with gathering():
        net = _the_net(file)
    with gathering():
        params = define(applier.lets, file, context, settings)
    with gathering():
        inputs = net_inputs(evaluator, input_lines(file), context, input, _first(file))
    with gathering():
        if net:
            net_trace = _network(applier, net, inputs, file, context)
    with gathering():
        meta = _meta(file)
    with gathering():
        recipe = recipe_of(evaluator, file, context)
    with gathering():
        search = _only(file, nodes.Search, "search", "put all objectives and limits under one `search`")
    checks = tuple(s for s in file.statements if isinstance(s, nodes.Check))
    limits = [i for i in search.items if isinstance(i, nodes.Require)] if search else []
    for condition in [*(c.condition for c in checks), *(limit.condition for limit in limits)]:
        with gathering():
            _refuse_choices(condition)
    decisions = applier.decisions.made
    return Program(file, graph, meta, params, recipe, checks, search, decisions, context.trace, net_trace)


def _the_net(file: nodes.File) -> nodes.Net:
    net: nodes.Net | None = _only(
        file, nodes.Net, "net", "the network is one `net` line; name its parts as blocks"
    )
    if net is None:
        raise error(
            "file", f"{file.span.source.name} has no network", _first(file),
            help='add a `net` line, or bring its blocks into another file with `use "…"`',
        )  # fmt: skip
    return net


def _network(
    applier: Applier, net: nodes.Net, inputs: list[NetInput], file: nodes.File, context: Context
) -> Trace:
    """Apply the network to its inputs; how it was decided. Of inputs without shapes nothing is known."""
    names = context.scope.names
    streams = [_input(applier.builder, one, file, context) for one in inputs] or [UNKNOWN_TENSOR]
    stated = [s.name for s in file.statements if isinstance(s, nodes.Input) and s.name is not None]
    scope = Scope(dict.fromkeys(stated, UNKNOWN_TENSOR), context.scope)
    for one, stream in zip(inputs, streams, strict=False):
        if one.name in names:
            raise error("name", f"{one.name} is an input, and bound to something else", one.span)
        if one.name is not None:
            scope.names[one.name] = stream.labelled(one.name)
    stream = Tensors(tuple(value for stream in streams for value in stream.values))
    scope.names["in"] = stream
    trace = Trace(scope)
    result = applier.body(net.body, stream, context.but(scope=scope, trace=trace))
    graph = applier.builder.graph
    graph.outputs = output_ports(result, graph.auxiliaries, net.body.result.span)
    if not context.errors.found:
        number_applications(graph, settle(graph, applier.lazy, trace, applier.builder.numbers))
    return trace


def _input(builder: GraphBuilder, one: NetInput, file: nodes.File, context: Context) -> Tensors:
    """Add an input to the graph."""
    path = context.naming.claim(one.name or "input")
    if path is None:
        raise error("name", f"the name {one.name} is taken", one.span)
    stream = builder.layer(InputOp.of(one.shape), (), one.span or _first(file), context, path=path)
    builder.graph.inputs = (*builder.graph.inputs, Port(one.name or "x", stream.values[0]))
    return stream


def _refuse_choices(condition: nodes.Expr) -> None:
    for node in walk(condition):
        if isinstance(node, nodes.Choice | nodes.RangeChoice):
            _refuse_choice(node.span)


def _refuse_choice(place: Span) -> NoReturn:
    raise error(
        "value", "a condition leaves nothing open", place,
        help="write one value, or bind the choice to a name before: let width = {8, 16}",
    )  # fmt: skip


def _only(file: nodes.File, kind: type[Any], word: str, help: str) -> Any:
    found = [s for s in file.statements if isinstance(s, kind)]
    if len(found) > 1:
        raise error("file", f"a second {word}", found[1].span, found[0].span, help=help)
    return found[0] if found else None


def _first(file: nodes.File) -> Span:
    return file.statements[0].span


def _meta(file: nodes.File) -> Meta:
    lines: dict[str, nodes.Meta] = {}
    values: dict[str, Any] = {}
    errors, notes = [], []
    for line in file.statements:
        if not isinstance(line, nodes.Meta):
            continue
        data = [v.value for v in line.values if isinstance(v, nodes.Number | nodes.String)]
        if line.key == "error":
            errors.append((float(data[0]), str(data[1])))
        elif line.key == "note":
            notes.append(str(data[0]))
        elif line.key in lines:
            raise error("file", f"a second {line.key}", line.span, lines[line.key].span)
        elif line.key == "year" and not isinstance(data[0], int):
            raise error("file", "a year is a whole number", line.values[0].span)
        else:
            lines[line.key], values[line.key] = line, data[0]
    return Meta(**values, notes=tuple(notes), errors=tuple(errors))


@contextmanager
def _room_to_recurse(file: nodes.File) -> Iterator[None]:
    """Blocks inside blocks are Python calls inside calls; their depth is bounded by the lowering itself."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 20_000))
    try:
        yield
    except RecursionError:
        raise error(
            "size", "blocks and brackets inside each other are too many", _first(file),
            help="does a block that calls itself stop in time?",
        ) from None  # fmt: skip
    finally:
        sys.setrecursionlimit(before)

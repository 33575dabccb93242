"""What a file defines before its network: blocks, functions, parameters, names, and what it uses."""

from __future__ import annotations

from typing import Any

from blockdsl import nodes
from blockdsl.diagnostics import did_you_mean, error
from blockdsl.lowering.context import Context, Naming, Scope, Trace
from blockdsl.lowering.network import Lowering
from blockdsl.lowering.values import BlockValue, Function, Kind
from blockdsl.ops import find
from blockdsl.parser import parse
from blockdsl.resources import find_used, read_source
from blockdsl.source import Source, Span

MAX_USES = 50
"""Files inside files."""


def define(
    lowering: Lowering,
    file: nodes.File,
    context: Context,
    settings: dict[str, Any],
    within: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Bind everything that a file defines in the context's scope; the values of its parameters.

    Raises:
        ArchError: something is defined twice, a used file is not found, a setting has no parameter.
    """
    places: dict[str, Span] = {}
    for use in file.statements:
        if isinstance(use, nodes.Use):
            _use(lowering, use, context, places, within)
    for item in file.statements:
        if isinstance(item, nodes.Block):
            _new(item, places)
            context.scope.names[item.name] = BlockValue(item, context.scope)
        elif isinstance(item, nodes.Let) and item.params is not None:
            _new(item, places)
            context.scope.names[item.name] = Function(item, context.scope)
    params: dict[str, Any] = {}
    for item in file.statements:
        if isinstance(item, nodes.Param):
            _new(item, places)
            params[item.name] = _parameter(lowering, item, context, settings)
            context.scope.names[item.name] = params[item.name]
        elif isinstance(item, nodes.Let) and item.params is None:
            _new(item, places)
            lowering.bind(item, context)
    for name in settings:
        known = did_you_mean(name, params, "it has " + ", ".join(params) if params else "it has none")
        raise error("argument", f"{file.span.source.name} has no param {name}", help=known)
    return params


def _new(item: nodes.Block | nodes.Let | nodes.Param, places: dict[str, Span]) -> None:
    word = type(item).__name__.lower()
    head = Span(item.span.source, item.span.start, item.span.start + len(word))
    if find(item.name):
        raise error(
            "name", f"{item.name} is an operation", item.span,
            help="operations are UPPERCASE; give it a name in lower case",
        )  # fmt: skip
    if item.name in places:
        raise error("name", f"{item.name} is defined twice", item.span, places[item.name])
    places[item.name] = item.span if item.span.line == head.line else head


def _parameter(lowering: Lowering, item: nodes.Param, context: Context, settings: dict[str, Any]) -> Any:
    if item.name in settings:
        return given_value(lowering, item.name, settings.pop(item.name))
    if item.default is None:
        raise error(
            "argument", f"the param {item.name} has no value", item.span,
            help=f"give it one: --set {item.name}=…",
        )  # fmt: skip
    return lowering.evaluate(item.default, context.hinted(item.name))


def given_value(lowering: Lowering, name: str, value: Any) -> Any:
    """A setting from outside: Python data as it is, a text as an expression of the language."""
    if isinstance(value, list | tuple):
        return tuple(given_value(lowering, name, v) for v in value)
    if not isinstance(value, str):
        return value
    net = parse(Source(f"--set {name}", f"({value})")).statements[0]
    naming = Naming()
    context = Context(Scope(), naming, naming, Trace())
    if not isinstance(net, nodes.Net) or lowering.kind(net.body.result, context) is not Kind.DATA:
        raise error("argument", f"{name}={value} is no number, word or list")
    return lowering.evaluate(net.body.result, context)


def _use(
    lowering: Lowering,
    use: nodes.Use,
    context: Context,
    places: dict[str, Span],
    within: tuple[str, ...],
) -> None:
    name = use.path.value
    found = find_used(name, use.span.source.folder)
    if found is None:
        raise error(
            "file", f"{name} is not found", use.path.span,
            help="a used file lies beside the file that uses it, or in the zoo",
        )  # fmt: skip
    key = str(found.resolve())
    if key in within or len(within) >= MAX_USES:
        raise error("file", f"{name} uses itself", use.path.span)
    used = parse(read_source(found, found.name))
    naming = Naming()
    inner = Context(Scope(), naming, naming, Trace())
    define(lowering, used, inner, {}, (*within, key))
    for other, value in inner.scope.names.items():
        if other in context.scope.names and context.scope.names[other] is not value:
            raise error("name", f"{name} defines {other} a second time", use.path.span, places.get(other))
        if isinstance(value, BlockValue | Function):
            context.scope.names[other] = value
            places[other] = use.path.span

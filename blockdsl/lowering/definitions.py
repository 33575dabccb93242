"""What a file defines before its network: blocks, functions, parameters, names, and what it uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blockdsl.diagnostics import ArchError, did_you_mean, error
from blockdsl.lowering.arithmetic import LIMIT
from blockdsl.lowering.calls import free_name
from blockdsl.lowering.context import Context
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.lets import LetBinder
from blockdsl.lowering.values import BROKEN, BlockValue, Broken, Function, Scope, SharedNetwork, Trace
from blockdsl.resources import find_used
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.uses import parsed

MAX_USES = 50
"""Files inside files."""


def define(
    lets: LetBinder,
    file: nodes.File,
    context: Context,
    settings: dict[str, Any],
    within: tuple[str, ...] = (),
    read: dict[str, Scope] | None = None,
) -> dict[str, Any]:
    """Bind everything that a file defines in the context's scope; the values of its parameters.

    Args:
        lets: binds `let`s; its evaluator evaluates parameters.
        file: the file.
        context: of the file's top.
        settings: values for parameters.
        within: the files that use this one, by their full paths.
        read: the names of used files, each read once, by their full paths.

    Raises:
        ArchError: something is defined twice, a used file is not found, a setting has no parameter.
    """
    read = {} if read is None else read
    places: dict[str, Span] = {}
    errors, names = context.errors, context.scope.names
    for use in file.statements:
        if isinstance(use, nodes.Use):
            try:
                _use(lets, use, context, places, within, read)
            except ArchError as wrong:
                errors.tell(wrong)
                errors.names_missing = True
    for item in file.statements:
        if isinstance(item, nodes.Block) or (isinstance(item, nodes.Let) and item.params is not None):
            value: BlockValue | Function | Broken = BROKEN
            with errors.gathering():
                _new(item, context, places)
                if isinstance(item, nodes.Block):
                    value = BlockValue(item, context.scope)
                else:
                    value = Function(item, context.scope)
            names[item.name] = value
    params: dict[str, Any] = {}
    scope = context.scope
    bound = [s for s in file.statements if isinstance(s, nodes.Param | nodes.Let)]
    scope.coming = {name for s in bound for name in (s.names if isinstance(s, nodes.Let) else [s.name])}
    for item in file.statements:
        if isinstance(item, nodes.Param):
            params[item.name] = BROKEN
            with errors.gathering():
                _new(item, context, places)
                params[item.name] = _parameter(lets.evaluator, item, context, settings, within)
            names[item.name] = params[item.name]
            scope.coming -= {item.name}
        elif isinstance(item, nodes.Let) and item.params is None:
            try:
                _new(item, context, places)
            except ArchError as wrong:
                errors.tell(wrong)
                names.update(dict.fromkeys(item.names, BROKEN))
            else:
                lets.bind(item, context)
            scope.coming -= {*item.names}
    for name in settings:
        known = did_you_mean(name, params, "it has " + ", ".join(params) if params else "it has none")
        errors.tell(error("argument", f"{file.span.source.name} has no param {name}", help=known))
    return params


def _new(item: nodes.Block | nodes.Let | nodes.Param, context: Context, places: dict[str, Span]) -> None:
    """Refuse a name that is an operation's or taken, also among an item's own parameters."""
    word = item.span.text.split(None, 1)[0]
    head = Span(item.span.source, item.span.start, item.span.start + len(word))
    for name in item.names if isinstance(item, nodes.Let) else (item.name,):
        free_name(name, item.span, context)
        if name in places:
            raise error("name", f"{name} is defined twice", item.span, places[name])
        places[name] = item.span if item.span.line == head.line else head
    own: dict[str, Span] = {}
    for param in (not isinstance(item, nodes.Param) and item.params) or ():
        free_name(param.name, param.span, context)
        if param.name in own:
            message = f"{item.name} has two parameters named {param.name}"
            raise error("name", message, param.span, own[param.name])
        own[param.name] = param.span


def _parameter(
    evaluator: ExpressionEvaluator,
    item: nodes.Param,
    context: Context,
    settings: dict[str, Any],
    within: tuple[str, ...],
) -> Any:
    if item.name in settings:
        return given_value(evaluator, item.name, settings.pop(item.name), context)
    if item.default is None:
        fix = f"a used file's parameters have defaults: param {item.name} = …"
        raise error(
            "argument", f"the param {item.name} has no value", item.span,
            help=fix
            if within
            else f"give it one: --set {item.name}=…, in Python settings={{'{item.name}': …}}",
        )  # fmt: skip
    return evaluator.evaluate(item.default, context.hinted(item.name))


def given_value(evaluator: ExpressionEvaluator, name: str, value: Any, context: Context) -> Any:
    """A setting from outside: Python data as it is, a text as an expression of the language.

    A lone word that is no name is that word: `--set norm=batch`.
    """
    if isinstance(value, list | tuple):
        return tuple(given_value(evaluator, name, v, context) for v in value)
    if isinstance(value, str):
        statements = parse(Source(f"--set {name}", f"({value})")).statements
        net = statements[0]
        if (
            len(statements) > 1
            or not isinstance(net, nodes.Net)
            or not isinstance(net.body.result, nodes.Group)
        ):
            raise error("argument", f"{name}={value} is not one expression")
        return evaluator.argument(net.body.result.body, context.hinted(name))
    if not isinstance(value, int | float) or abs(value) > LIMIT or value != value:
        raise error("argument", f"{name} is a number, a text or a list of these, not {value!r}")
    return value


def _use(
    lets: LetBinder,
    use: nodes.Use,
    context: Context,
    places: dict[str, Span],
    within: tuple[str, ...],
    read: dict[str, Scope],
) -> None:
    name = use.path.value
    if not name.endswith(".arch"):
        raise error(
            "file", f"{name} is no .arch file", use.path.span, help="use takes files that end in .arch"
        )
    try:
        found = find_used(name, use.span.source.folder)
    except OSError:  # no name that a file could have
        found = None
    if found is None:
        what = "is a folder" if _is_folder(name, use.span.source.folder) else "is not found"
        raise error(
            "file", f"{name} {what}", use.path.span,
            help="a used file lies beside the file that uses it, or in the zoo",
        )  # fmt: skip
    key = str(found.resolve())
    if key in within:
        raise error("file", f"{name} uses itself", use.path.span)
    if len(within) >= MAX_USES:
        raise error("file", f"files use each other more than {MAX_USES} deep", use.path.span)
    if key not in read:
        scope = Scope()
        inner = context.but(scope=scope, trace=Trace(scope))
        define(lets, parsed(found), inner, {}, (*within, key), read)
        read[key] = inner.scope
    for other, value in read[key].names.items():
        if other in context.scope.names and context.scope.names[other] is not value:
            raise error("name", f"{name} defines {other} a second time", use.path.span, places.get(other))
        if isinstance(value, BlockValue | Function | SharedNetwork):
            context.scope.names[other] = value
            places[other] = use.path.span


def _is_folder(name: str, folder: str | None) -> bool:
    try:
        return folder is not None and (Path(folder) / name).is_dir()
    except OSError:  # no name that a folder could have
        return False

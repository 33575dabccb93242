"""What calls share: arguments, defaults, names, how deep they are nested, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from blockdsl import ops
from blockdsl.diagnostics import ArchError, already_told
from blockdsl.lowering.binding import assign, missing, tag_of
from blockdsl.lowering.context import Context
from blockdsl.lowering.expression_kinds import AUX
from blockdsl.lowering.unknown_names import refuse_unknown_word
from blockdsl.lowering.values import BROKEN, Evaluated, shown
from blockdsl.ops import Argument
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

MAX_DEPTH = 200
"""Calls inside calls."""

Evaluate = Callable[[nodes.Expr, Context], Evaluated]


def given_arguments(
    params: tuple[nodes.Param, ...], call: nodes.Call, context: Context
) -> Mapping[str, nodes.Arg]:
    """The written arguments by parameter; what is wrong with them is told of."""
    names = [p.name for p in params]
    given: Mapping[str, nodes.Arg] = {}
    try:
        given = assign(call, names, context)
        missing(call, (p.name for p in params if p.default is None), given, names, context)
    except ArchError as wrong:
        context.errors.tell(wrong)
    return given


def parameter_values(
    params: tuple[nodes.Param, ...],
    given: Mapping[str, nodes.Arg],
    inside: Context,
    outside: Context,
    evaluate: Evaluate,
) -> None:
    """Bind parameters in the scope of `inside`, in their order.

    Args:
        params: the parameters.
        given: the written arguments.
        inside: where defaults are evaluated: they see the definition's names and the parameters before them.
        outside: where written arguments are evaluated.
        evaluate: yields the value of an expression.
    """
    names = inside.scope.names
    for param in params:
        arg = given.get(param.name)
        value: Evaluated = BROKEN
        try:
            if arg is None:
                if param.default is None:
                    raise already_told()
                inside.trace.defaults.add(param.name)
                value = evaluate(param.default, inside.but(hint=param.name))
            elif (tag := tag_of(arg)) and is_tag(arg, outside):
                value = tag[1]
            else:
                refuse_unknown_word(arg.value, outside)
                value = evaluate(arg.value, outside.hinted(param.name))
        except ArchError as wrong:
            outside.errors.tell(wrong)
        names[param.name] = value


def is_tag(arg: nodes.Arg, context: Context) -> bool:
    """Whether an argument such as `s2` is a tag, and no name that is bound."""
    return tag_of(arg) is not None and context.scope.find(arg.span.text) is None


def free_name(name: str, span: Span, context: Context) -> None:
    """Refuse to give something the name of an operation."""
    if name == AUX or ops.find(name):
        raise context.error(
            "name", f"{name} is an operation", span,
            help="operations are UPPERCASE; give it a name in lower case",
        )  # fmt: skip


def deeper(call: nodes.Call, context: Context) -> None:
    """Refuse a call where too many are nested."""
    if context.depth >= MAX_DEPTH:
        raise context.error(
            "size", f"calls are nested more than {MAX_DEPTH} deep", call.span,
            help=f"does {call.name} ever stop calling itself?",
        )  # fmt: skip


def without_arguments(call: nodes.Call, what: str, context: Context) -> None:
    """Refuse arguments of what takes none."""
    if call.args:
        raise context.error(
            "argument", f"{call.name} is {what}, and takes no arguments", call.args[0].span,
            help=f"a network that takes arguments is a block: `block {call.name}(…) = …`",
        )  # fmt: skip


def no_branch(call: nodes.Call, arg: nodes.Arg, value: Evaluated, context: Context) -> ArchError:
    """The error for `MEAN(0.1)`: what stands in a join's brackets without a name is a network."""
    operation = ops.find(call.name)
    arguments = operation.arguments.values() if operation else ()
    name = next((argument.name for argument in arguments if takes(argument, value)), "")
    return context.error(
        "argument", f"{call.name} joins networks, not {shown(value)}", arg.span,
        help=f"what else it takes stands by its name: {name}={arg.span.text}" if name else "",
    )  # fmt: skip


def takes(argument: Argument, value: Evaluated) -> bool:
    """Whether an argument may have a value."""
    try:
        argument.convert(value)
    except ValueError:
        return False
    return True

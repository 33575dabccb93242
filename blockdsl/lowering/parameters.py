"""Values for the parameters of blocks and functions: what a call gives, and defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from blockdsl import ops
from blockdsl.diagnostics import ArchError, already_told
from blockdsl.lowering.binding import assign, missing, tag_of
from blockdsl.lowering.context import Context
from blockdsl.lowering.kinds import AUX
from blockdsl.lowering.lookup import refuse_unknown_word
from blockdsl.lowering.values import BROKEN, Evaluated
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

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

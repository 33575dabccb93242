"""From written arguments to the arguments that an operation, a block or a setting declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from blockdsl.diagnostics import ArchError, already_told, did_you_mean
from blockdsl.lowering.context import Context
from blockdsl.lowering.values import BlockValue, Closure, Evaluated, Tensors, cut, shown
from blockdsl.ops import TAGS, Argument, Operation, OpError, foreign
from blockdsl.ops.infer import check_arguments
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

TAG = re.compile(r"([a-z])([0-9]{1,18}(?:x[0-9]{1,18}){0,2})")


class _Checked(Protocol):
    def check(self) -> None: ...


_Made = TypeVar("_Made", bound=_Checked)


def tag_of(arg: nodes.Arg) -> tuple[str, int | tuple[int, ...], Span] | None:
    """`s2` as an argument: the letter, the number, and where it stands."""
    value = arg.value
    if arg.name is not None or not isinstance(value, nodes.Path) or len(value.steps) != 1:
        return None
    step = value.steps[0]
    if step.indices or not step.name[-1].isdigit():
        return None
    match = TAG.fullmatch(step.name)
    if match is None:
        return None
    sizes = tuple(map(int, match[2].split("x")))
    return match[1], sizes if len(sizes) > 1 else sizes[0], value.span


def assign(
    call: nodes.Call, names: list[str], context: Context, *, tags: bool = True
) -> dict[str, nodes.Arg]:
    """Which written argument stands for which declared name, tags as they are read by `call.name`.

    Without `tags` a word such as `p3` is a word.

    Raises:
        ArchError: too many arguments, an unknown name, one given twice, an unknown or ambiguous tag.
    """
    given: dict[str, nodes.Arg] = {}
    position = 0
    named = failed = False
    for arg in call.args:
        if tags and (tag := tag_of(arg)) and (name := _tagged(call, tag[0], names, context, arg)):
            named = True
        elif arg.name is not None:
            name, named = arg.name, True
            if name not in names:
                wrong = context.error(
                    "argument",
                    f"{call.name} has no argument {name}",
                    arg.span,
                    help=foreign.argument(name, names) or did_you_mean(name, names, _takes(call.name, names)),
                )
                context.errors.tell(wrong)
                failed = True
                continue
        else:
            if position >= len(names):
                more = f"{_count(len(names))}, here is one more" if names else "no arguments"
                signature = _takes(call.name, names) if names else ""
                raise context.error("argument", f"{call.name} takes {more}", arg.span, help=signature)
            if named:
                raise context.error(
                    "argument", "an argument by position comes after one by name", arg.span,
                    help=f"name this one too: {names[position]}={arg.span.text}",
                )  # fmt: skip
            name = names[position]
            position += 1
        if name in given:
            raise context.error(
                "argument", f"{call.name} gets {name} twice", arg.span, given[name].span
            )  # fmt: skip
        given[name] = arg
    if failed:
        raise already_told()
    return given


def _tagged(
    call: nodes.Call, letter: str, names: Iterable[str], context: Context, arg: nodes.Arg
) -> str | None:
    """The declared name that a tag means; None if the word is an ordinary value after all."""
    written = arg.span.text
    bound = context.scope.find(written) is not None
    name = letter if letter in names else TAGS.get(letter, "")
    if name not in names:
        if bound:
            return None
        word = "" if call.name.isupper() else f'; a word stands in quotes: "{written}"'
        help = _takes(call.name, names) + word
        raise context.error("argument", f"{call.name} has no tag {letter}", arg.span, help=help)
    if bound and call.name.isupper():
        raise context.error(
            "argument",
            f"{written} is both a name and the tag {name}={written[1:]}",
            arg.span,
            help=f"write {name}={written} for the name, {name}={written[1:]} for the tag",
        )
    return None if bound else name


def _count(number: int) -> str:
    return "one argument" if number == 1 else f"{number} arguments"


def _takes(name: str, names: Iterable[str]) -> str:
    names = list(names)
    return f"{name}({', '.join(names)})" if names else f"{name} takes no arguments"


def signature(operation: type[Operation]) -> str:
    """`CONV(channels, kernel, …)`: an operation with the names of its arguments."""
    return _takes(operation.name, operation.arguments) if operation.arguments else operation.name


def size_in_brackets(word: str, context: Context) -> str:
    """The help for `kx1`, which is a name and no size: how a size with names in it is written."""
    parts = word.split("x")
    if len(parts) < 2 or not all(p.isdigit() or context.scope.find(p) is not None for p in parts):
        return ""
    return f"a size with names in it is written ({','.join(parts)})"


def missing(
    call: nodes.Call, required: Iterable[str], given: Mapping[str, Any], names: list[str], context: Context
) -> None:
    """Refuse a call that leaves out what has no default."""
    lacking = [name for name in required if name not in given]
    if lacking:
        raise context.error(
            "argument",
            f"{call.name} needs {' and '.join(lacking)}",
            call.span,
            help=_takes(call.name, names),
        )


def _no_data(call: nodes.Call, name: str, arg: nodes.Arg, value: Evaluated, context: Context) -> ArchError:
    written = arg.value
    fix = ""
    if isinstance(written, nodes.Call) and isinstance(context.scope.find(written.name), BlockValue):
        fix = f"{written.name} is a block; a function of numbers is written `let {written.name}(…) = …`"
    message = f"{name} of {call.name} is a number or word, not {shown(value)}"
    return context.error("argument", message, arg.span, help=fix)


def declared(
    call: nodes.Call,
    make: Callable[..., _Made],
    arguments: Mapping[str, Argument],
    context: Context,
    evaluate: Callable[[nodes.Expr, str], Evaluated],
) -> _Made:
    """Make an operation or a recipe term from a call: bind, evaluate, convert.

    Raises:
        ArchError: an argument is missing, unknown, or not what it may be.
    """
    names = list(arguments)
    given = assign(call, names, context)
    missing(call, (a.name for a in arguments.values() if a.required), given, names, context)

    def converted(name: str) -> Any:
        return _converted(call, name, given[name], arguments[name], context, evaluate)

    values = context.errors.every(converted, given)
    try:
        made = make(**dict(zip(given, values, strict=True)))
        if isinstance(made, Operation):
            check_arguments(made)
        else:
            made.check()
        return made
    except OpError as refused:
        place = given[refused.argument].span if refused.argument in given else call.span
        raise context.error("argument", refused.message, place, help=refused.help) from None


def _converted(
    call: nodes.Call,
    name: str,
    arg: nodes.Arg,
    argument: Argument,
    context: Context,
    evaluate: Callable[[nodes.Expr, str], Evaluated],
) -> Any:
    """The value of a written argument in the form that its declaration gives it."""
    tag = tag_of(arg)
    if tag and (context.scope.find(arg.span.text) is None):
        value: Evaluated = tag[1]
    else:
        value = evaluate(arg.value, name)
    if isinstance(value, Closure | Tensors):
        raise _no_data(call, name, arg, value, context)
    try:
        return argument.convert(value)
    except ValueError as refused:
        unknown = isinstance(arg.value, nodes.Path) and value == arg.value.span.text
        if unknown and context.errors.is_told(str(value)):
            raise already_told() from None
        known = context.scope.known()
        raise context.error(
            "argument",
            f"{name} of {call.name} {refused}, not {cut(str(value)) if unknown else shown(value)}",
            arg.value.span,
            help=size_in_brackets(str(value), context)
            or did_you_mean(str(value), known, f"no name {cut(str(value))} is bound here")
            if unknown
            else "",
        ) from None

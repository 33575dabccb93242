"""Names that stand for nothing, and what was meant by them."""

from __future__ import annotations

from blockdsl import ops
from blockdsl.diagnostics import ArchError, already_told, did_you_mean
from blockdsl.lowering import arithmetic
from blockdsl.lowering.binding import signature, size_in_brackets
from blockdsl.lowering.context import Context
from blockdsl.lowering.expression_kinds import AUX
from blockdsl.lowering.values import (
    BlockValue,
    Closure,
    Evaluated,
    Scope,
    SharedNetwork,
    Tensors,
    cut,
    fed,
    shown,
)
from blockdsl.ops import TAGS, foreign
from blockdsl.ops.registry import failures_of_packages
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes


def unknown(name: str, span: Span, context: Context, help: str = "", *, network: bool = False) -> ArchError:
    """The error for a name that nobody bound, with the nearest that somebody did.

    `span` begins with the name. `help` is said where no name is near. Where a `network` stands, no
    function of numbers is meant.
    """
    span = Span(span.source, span.start, span.start + len(name))
    if name == "in":
        return context.error(
            "name", "nothing flows in here", span,
            help="`in` is what flows into a block or the net: write this in a block, or after `net`",
        )  # fmt: skip
    if context.scope.is_coming(name):
        return context.error(
            "name", f"{name} is not bound yet", span, help="names are bound in the order of the lines"
        )
    if ops.find(name) is not None:
        return context.error("value", f"{name} is an operation; a value stands here", span)
    if context.errors.is_told(name):
        return already_told()
    what = "operation" if name.isupper() and len(name) > 1 else "name"
    help = _meant(name, context, network=network or name.isupper()) or help
    if what == "operation":
        own = "an operation of your own is imported first: --import MODULE, or import MODULE in Python"
        help = "; ".join([help or own, *failures_of_packages()])
    return context.error("name", f"unknown {what} {cut(name)}", span, help=help)


def _meant(name: str, context: Context, *, network: bool) -> str:
    """What an unknown name is here, where that can be told."""
    if meant := ops.find(foreign.counterpart(name)):
        return f"{name} is {meant.name} here: {signature(meant)}"
    if fix := foreign.remark(name) or size_in_brackets(name, context):
        return fix
    functions = () if network else arithmetic.FUNCTIONS
    known = [*context.scope.known(), *functions, *ops.all_operations(), AUX]
    return did_you_mean(name, known) if len(name) > 1 else ""


def refuse_unknown_word(expr: nodes.Expr, context: Context) -> None:
    """Refuse a lone word that names nothing where a value stands: a word is written in quotes."""
    if is_unknown_word(expr, context.scope) and not (name := expr.span.text).isupper():
        raise unknown(name, expr.span, context, f'a word stands in quotes here: "{cut(name)}"')


def is_unknown_word(expr: nodes.Expr, scope: Scope) -> bool:
    """Whether an expression is one word that names nothing."""
    if not isinstance(expr, nodes.Path) or not expr.is_name:
        return False
    name = expr.steps[0].name
    return scope.find(name) is None and ops.find(name) is None


def is_known_name(name: str, scope: Scope) -> bool:
    """Whether a name means anything here."""
    return name == AUX or scope.find(name) is not None or ops.find(name) is not None


def index_of_nothing(step: nodes.Step) -> str:
    """The help for `s[1]` where nothing is called s."""
    if not step.indices:
        return ""
    tag = f"; the tag is written {step.name}2, for {TAGS[step.name]}=2" if step.name in TAGS else ""
    return f"an index takes an item of a list: let {step.name} = [3, 4], then {step.name}[1]{tag}"


def no_index(name: str, value: Evaluated) -> str:
    """The help for an index after something that is no list."""
    if isinstance(value, Tensors) and len(value.values) > 1:
        networks = ", ".join("ABCDEFGH"[: len(value.values)])
        return f"a bundle has no index: each tensor flows into a network of its own, {name}-[{networks}]"
    if isinstance(value, Tensors):
        return f"a tensor has sizes, such as {name}.c; SPLIT parts its channels: {name}-SPLIT(2)-[A, B]"
    if fix := without_input(value):
        return f"{fix}; a repeated layer is named by `check shape(conv[2])` only"
    return f"an index takes an item of a list: let {name} = [3, 4], then {name}[1]"


def without_input(value: Evaluated) -> str:
    """The help for a network where the tensors that it yields are meant; nothing for what is none."""
    if not isinstance(value, Closure | BlockValue | SharedNetwork):
        return ""
    written = fed(shown(value), value.expr if isinstance(value, Closure) else None)
    return f"this network has no input yet: `{written}` is what it makes of what flows in here"

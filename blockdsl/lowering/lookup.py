"""What names stand for: values in sight, items of lists, sizes of tensors."""

from __future__ import annotations

from blockdsl import ops
from blockdsl.diagnostics import ArchError, already_told, did_you_mean
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph
from blockdsl.lowering import arithmetic
from blockdsl.lowering.binding import signature, size_in_brackets
from blockdsl.lowering.choices import Chooser
from blockdsl.lowering.context import Context
from blockdsl.lowering.deciding import Deciding
from blockdsl.lowering.kinds import AUX
from blockdsl.lowering.values import (
    BlockValue,
    Broken,
    Closure,
    Data,
    Evaluated,
    Tensors,
    cut,
    is_known,
    shown,
)
from blockdsl.ops import TAGS, foreign
from blockdsl.ops.registry import failures_of_packages
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

_AXES = {1: "c", 2: "lc", 3: "chw"}


class Lookup(Deciding):
    """Finds what a path such as `c`, `in.c` or `depths[i]` stands for."""

    def __init__(self, choose: Chooser) -> None:
        super().__init__(choose)
        self.graph = Graph()
        self.coming: set[str] = set()
        """Names that a later line of the file will bind."""

    def whole(self, expr: nodes.Expr, context: Context, what: str) -> int:
        """A whole number, or an error that says what should have been one."""
        raise AssertionError

    def path(self, path: nodes.Path, context: Context) -> Evaluated:
        """The value of a path."""
        step = path.steps[0]
        value = context.scope.find(step.name)
        if value is None:
            raise self.unknown(step.name, step.span, context, help=_index_of_nothing(step))
        if isinstance(value, Broken):
            raise already_told()
        if step.index is not None:
            value = self._item(value, step, context)
        for axis in path.steps[1:]:
            value = self._axis(value, axis, path, context)
        return value

    def unknown(
        self, name: str, span: Span, context: Context, help: str = "", *, network: bool = False
    ) -> ArchError:
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
        if name in self.coming:
            return context.error(
                "name", f"{name} is not bound yet", span, help="names are bound in the order of the lines"
            )
        if ops.find(name) is not None:
            return context.error("value", f"{name} is an operation; a value stands here", span)
        if context.errors.is_told(name):
            return already_told()
        what = "operation" if name.isupper() and len(name) > 1 else "name"
        help = self._meant(name, context, network=network or name.isupper()) or help
        if what == "operation":
            own = "an operation of your own is imported first: --import MODULE, or import MODULE in Python"
            help = "; ".join([help or own, *failures_of_packages()])
        return context.error("name", f"unknown {what} {cut(name)}", span, help=help)

    def _meant(self, name: str, context: Context, *, network: bool) -> str:
        """What an unknown name is here, where that can be told."""
        if meant := ops.find(foreign.counterpart(name)):
            return f"{name} is {meant.name} here: {signature(meant)}"
        if fix := foreign.remark(name) or size_in_brackets(name, context):
            return fix
        functions = () if network else arithmetic.FUNCTIONS
        known = [*context.scope.known(), *functions, *ops.all_operations(), AUX]
        return did_you_mean(name, known) if len(name) > 1 else ""

    def refuse_unknown_word(self, expr: nodes.Expr, context: Context) -> None:
        """Refuse a lone word that names nothing where a value stands: a word is written in quotes."""
        if self.is_unknown_word(expr, context) and not (name := expr.span.text).isupper():
            raise self.unknown(name, expr.span, context, f'a word stands in quotes here: "{cut(name)}"')

    def is_unknown_word(self, expr: nodes.Expr, context: Context) -> bool:
        """Whether an expression is one word that names nothing."""
        if not isinstance(expr, nodes.Path) or len(expr.steps) > 1 or expr.steps[0].index is not None:
            return False
        name = expr.steps[0].name
        return context.scope.find(name) is None and ops.find(name) is None

    def known(self, name: str, context: Context) -> bool:
        """Whether a name means anything here."""
        return name == AUX or context.scope.find(name) is not None or ops.find(name) is not None

    def _item(self, value: Evaluated, step: nodes.Step, context: Context) -> Evaluated:
        assert step.index is not None
        if not isinstance(value, tuple):
            raise context.error(
                "value", f"{step.name} is no list but {shown(value)}", step.span,
                help=_no_index(step.name, value),
            )  # fmt: skip
        index = self.whole(step.index, context, "an index")
        if not 1 <= index <= len(value):
            raise context.error(
                "value", f"{step.name} has the items 1 to {len(value)}, not {index}", step.index.span,
                help="lists count from 1, as instances do",
            )  # fmt: skip
        return value[index - 1]  # type: ignore[no-any-return]

    def _axis(self, value: Evaluated, axis: nodes.Step, path: nodes.Path, context: Context) -> Data:
        if not isinstance(value, Tensors) or len(value.values) != 1:
            raise context.error("value", f"{shown(value)} has no .{axis.name}", path.span)
        if not is_known(value):
            raise already_told()
        shape = self.graph.shape_of(value.values[0])
        axes = _AXES.get(len(shape), "")
        if axis.name not in axes or axis.index is not None:
            size = shape_text(shape)
            raise context.error(
                "value", f"a tensor of {size} has no .{axis.name}", axis.span,
                help="it has " + ", ".join(f".{a}" for a in axes),
            )  # fmt: skip
        return shape[axes.index(axis.name)]


def _index_of_nothing(step: nodes.Step) -> str:
    """The help for `s[1]` where nothing is called s."""
    if step.index is None:
        return ""
    tag = f"; the tag is written {step.name}2, for {TAGS[step.name]}=2" if step.name in TAGS else ""
    return f"an index takes an item of a list: let {step.name} = [3, 4], then {step.name}[1]{tag}"


def _no_index(name: str, value: Evaluated) -> str:
    """The help for an index after something that is no list."""
    if isinstance(value, Tensors) and len(value.values) > 1:
        networks = ", ".join("ABCDEFGH"[: len(value.values)])
        return f"a bundle has no index: each tensor flows into a network of its own, {name}-[{networks}]"
    if isinstance(value, Tensors):
        return f"a tensor has sizes, such as {name}.c; SPLIT parts its channels: {name}-SPLIT(2)-[A, B]"
    if isinstance(value, Closure | BlockValue):
        return "an index takes an item of a list; a repeated layer is named by `check shape(conv[2])` only"
    return f"an index takes an item of a list: let {name} = [3, 4], then {name}[1]"

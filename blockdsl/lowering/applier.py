"""Networks applied to tensors: operations become layers of the graph, blocks unfold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blockdsl import ops
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Path, module_name
from blockdsl.lowering.auxiliary import AuxiliaryHeads
from blockdsl.lowering.blocks import BlockCalls
from blockdsl.lowering.budget import MAX_ITEMS, Budget
from blockdsl.lowering.builder import GraphBuilder
from blockdsl.lowering.bundles import Bundles
from blockdsl.lowering.calls import deeper, is_tag, no_branch, without_arguments
from blockdsl.lowering.choices import Chooser
from blockdsl.lowering.context import Context, Naming, label_path
from blockdsl.lowering.decisions import Decisions
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.expression_kinds import AUX
from blockdsl.lowering.lazy import LazyBuilds
from blockdsl.lowering.lets import LetBinder
from blockdsl.lowering.needs import Needs
from blockdsl.lowering.operations import OperationCalls
from blockdsl.lowering.recordings import Recordings
from blockdsl.lowering.sharing import SharedNetworks
from blockdsl.lowering.unknown_names import unknown
from blockdsl.lowering.values import (
    UNKNOWN_TENSOR,
    BlockValue,
    Closure,
    Evaluated,
    Kind,
    Networks,
    SharedNetwork,
    Tensors,
    place,
    shown,
)
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import used_name

_WITH_NUMBER: dict[type[nodes.Node], str] = {
    nodes.Product: "to repeat, write the network first: RELU * 3; SCALE(0.5) scales by a number",
    nodes.Sum: "SHIFT(1) adds a number: in-SHIFT(1)",
}
"""By join, what is meant by a number in it."""
_JOINS = {nodes.Sum: "SUM", nodes.Concat: "CAT", nodes.Product: "MUL"}


class Applier:
    """Lets tensors flow through networks.

    Args:
        choose: decides the choices.

    Attributes:
        builder: its graph grows in execution order.
        decisions: the choices that were made.
        budget: the steps that were taken.
        evaluator: evaluates what is no network.
        lets: binds names.
        lazy: builds tensors when they are needed.
        operations: applies operations.
        blocks: applies blocks.
        bundles: applies bundles.
        auxiliaries: applies auxiliary heads.
        shared: applies shared networks.
        recordings: what calls of blocks added, to be added again by calls that are alike.
    """

    def __init__(self, choose: Chooser) -> None:
        self.builder, self.decisions, self.budget = GraphBuilder(), Decisions(choose), Budget()
        self.evaluator = ExpressionEvaluator(self.builder.graph, self.decisions, self.budget, self.apply)
        self.lazy = LazyBuilds(self.builder.graph, self.evaluator.kind, Needs())
        self.lets = LetBinder(self.evaluator, self.lazy)
        self.operations = OperationCalls(self.builder, self.evaluator, self.lazy)
        self.recordings = Recordings(self.builder, self.decisions, self.budget, self.lazy)
        self.blocks = BlockCalls(self.builder, self.evaluator, self.recordings, self.lazy, self.body)
        self.bundles = Bundles(self.evaluator, self.apply, self._applied)
        self.auxiliaries = AuxiliaryHeads(self.builder, self.evaluator, self.apply)
        self.shared = SharedNetworks(self.builder, self.apply, self._named, self._path)

    def apply(self, expr: nodes.Expr, stream: Tensors, context: Context) -> Tensors:
        """Let tensors flow through a network, or take the tensors that an expression already is.

        Of what is refused nothing is known but that something flows out of it.
        """
        try:
            self.budget.spend(1, expr, context)
            if expr.__class__ not in _MAY_BE_CHOICE and context.at is not None:
                context = context.but(at=None)  # a path meant for a choice serves nobody inside it
            rule = _RULES.get(expr.__class__)
            if rule is None:
                raise self.evaluator.no_network(expr, context)
            return rule(self, expr, stream, context)
        except ArchError as wrong:
            context.errors.tell(wrong)
            return UNKNOWN_TENSOR

    def body(self, body: nodes.Body, stream: Tensors, context: Context) -> Tensors:
        """Bind the `let`s of a body, then apply its result; `in` is in scope already."""
        if body.lets:
            needed = self.lazy.needs.of_body(body, context.scope)
            for let in body.lets:
                self.lets.bind(let, context, needed)
        if self._kind(body.result, context) is Kind.DATA and not self._has_network(body.result, context):
            raise self.evaluator.no_network(body.result, context)
        return self.apply(body.result, stream, context)

    def _kind(self, expr: nodes.Expr, context: Context) -> Kind:
        return self.evaluator.kind(expr, context)

    def _has_network(self, expr: nodes.Expr, context: Context) -> bool:
        """Whether an expression that begins with data is a chain of networks otherwise."""
        parts = expr.parts if isinstance(expr, nodes.Chain) else ()
        return any(self._kind(part, context) is Kind.NET for part in parts)

    # --- choices

    def choice(self, expr: nodes.Choice, stream: Tensors, context: Context) -> Tensors:
        """Apply the option that is chosen."""
        index, inner = self.decisions.option(expr.options, expr, context)
        return self._chosen(expr.options[index], stream, inner)

    def optional(self, expr: nodes.Optional, stream: Tensors, context: Context) -> Tensors:
        """Apply what is optional, if it is chosen."""
        index, inner = self.decisions.option((expr.body, "ID"), expr, context, "optional")
        return self._chosen(expr.body, stream, inner) if index == 0 else stream

    def _chosen(self, option: nodes.Expr, stream: Tensors, context: Context) -> Tensors:
        """Apply what a choice decided on. An option may be a tensor where the choice begins a chain."""
        if context.linked and stream.values and self.evaluator.takes_nothing(option, context):
            raise _loses_stream(option, context)
        return self.apply(option, stream, context)

    # --- composition

    def _chain(self, chain: nodes.Chain, stream: Tensors, context: Context) -> Tensors:
        parts = chain.parts
        context = context.but(within=parts[0].span.to(parts[-1].span))
        for index, part in enumerate(parts):
            if index:
                part = self.evaluator.without_ifs(part, context)
                context = context if context.linked else context.but(linked=True)
            kind = self._kind(part, context)
            if index > 0 and kind is Kind.TENSOR and self.evaluator.takes_nothing(part, context):
                context.errors.tell(_loses_stream(part, context))
                stream = UNKNOWN_TENSOR
            elif kind is Kind.DATA:
                stream = self._refused_part(part, context)
            else:
                stream = self.apply(part, stream, context)
        return stream

    def _refused_part(self, part: nodes.Expr, context: Context, help: str = "") -> Tensors:
        """Tell of data where a network should stand; what would flow out of it."""
        with context.errors.gathering():
            raise self.evaluator.no_network(part, context, help)
        return UNKNOWN_TENSOR

    def _product(self, expr: nodes.Product, stream: Tensors, context: Context) -> Tensors:
        """A repetition, or tensors multiplied."""
        repeats = self._kind(expr.parts[-1], context) is Kind.DATA
        return self._repeat(expr, stream, context) if repeats else self._join(expr, stream, context)

    def _repeat(self, expr: nodes.Product, stream: Tensors, context: Context) -> Tensors:
        *before, count = expr.parts
        span = before[0].span.to(before[-1].span)
        body = before[0] if len(before) == 1 else nodes.Product(span, tuple(before))
        times = self.evaluator.whole(count, context.hinted("repeat"), "a repetition")
        if self._kind(body, context) is Kind.DATA or self.evaluator.takes_nothing(body, context):
            raise context.error(
                "value", "what is repeated is a network, and no tensor", span,
                help="in-A-A-A is written in-A*3; in-SCALE(2) multiplies by 2",
            )  # fmt: skip
        if times < 0:
            raise context.error("value", f"nothing can be repeated {times} times", count.span)
        if times > MAX_ITEMS:
            raise context.error(
                "size", f"repeats {times:,} times; {MAX_ITEMS:,} at most", count.span,
                help="is the number larger than meant?",
            )  # fmt: skip
        self.budget.spend(2 * times, expr, context)
        frames = context.trace.begin_rounds(place(expr.span), [context.scope] * times, [0] * times)
        for frame in frames:
            stream = self.apply(body, stream, context.but(repeated=True, hint="", trace=frame))
        return stream

    def _loop(self, expr: nodes.For, stream: Tensors, context: Context) -> Tensors:
        for inner in self.evaluator.loops.rounds(expr, context):
            stream = self.apply(expr.body, stream, inner)
        return stream

    def _join(
        self, expr: nodes.Sum | nodes.Concat | nodes.Product, stream: Tensors, context: Context
    ) -> Tensors:
        values = []
        context = context.but(linked=False) if context.linked else context
        for part in expr.parts:
            if self._kind(part, context) is Kind.DATA:
                help = _WITH_NUMBER.get(type(expr), "")
                branch = self._refused_part(part, context, help)
            else:
                branch = self.apply(part, stream, context)
            if len(branch.values) != 1:
                wrong = context.error(
                    "shape", f"each side of a join is one tensor, this is {shown(branch)}", part.span,
                    help="join the bundle first: …-SUM, …-CAT, …-MEAN",
                )  # fmt: skip
                context.errors.tell(wrong)
                branch = UNKNOWN_TENSOR
            values.append(branch.values[0])
        operation = ops.find(_JOINS[type(expr)])
        assert operation is not None
        spans = [part.span for part in expr.parts]
        inside = context.but(within=expr.span)
        return self.builder.layer(operation(), tuple(values), expr.span, inside, spans)

    def _label(self, label: nodes.Label, stream: Tensors, context: Context) -> Tensors:
        body = label.body
        while isinstance(body, nodes.Group):
            body = body.body
        path = label_path(label, body, context)
        context.trace.add_label(place(label.span), path)
        if isinstance(body, nodes.Path) and self._is_part(body, context):
            result = self._path(body, stream, context, path)
        elif isinstance(body, nodes.Call) and self._is_part(body, context):
            result = self._named(body, stream, context, path)
        else:
            naming = choosing = Naming(path)
            if context.choosing is not context.naming:
                choosing = Naming(context.choosing.first_or_next(label.name))
            at = choosing.path if isinstance(body, nodes.Choice | nodes.Optional) else None
            inner = context.but(naming=naming, choosing=choosing, repeated=False, at=at)
            result = self.apply(body, stream, inner)
        if len(result.values) == 1:
            self.builder.point(module_name(path), result.values[0])
            result = Tensors(result.values, result.sides, (module_name(path[-1:]),))
        return result

    def _is_part(self, expr: nodes.Path | nodes.Call, context: Context) -> bool:
        """Whether an expression adds one part to the network, which can have a given name."""
        kind = self._kind(expr, context)
        value = context.scope.find(used_name(expr))
        return kind is Kind.NET or (kind is Kind.TENSOR and isinstance(value, BlockValue | None))

    # --- names

    def _path(self, expr: nodes.Path, stream: Tensors, context: Context, path: Path | None = None) -> Tensors:
        """Apply what a name is bound to, or an item of it."""
        if len(expr.steps) > 1:
            raise self.evaluator.no_network(expr, context)
        call = nodes.Call(expr.span, expr.steps[0].name, ())
        if expr.is_name:
            return self._named(call, stream, context, path)
        return self._applied(self.evaluator.evaluate(expr, context), call, stream, context, path)

    def _named(
        self,
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: Path | None,
    ) -> Tensors:
        """Apply a block, an operation, or a network that a name is bound to."""
        value = context.scope.find(call.name)
        if value is None:
            return self._operation(call, stream, context, path)
        return self._applied(value, call, stream, context, path)

    def _applied(
        self, value: Evaluated, call: nodes.Call, stream: Tensors, context: Context, path: Path | None
    ) -> Tensors:
        """Apply a value that `call` names."""
        value = self.evaluator.needed(value, call, context)
        if isinstance(value, BlockValue):
            if not stream.values:  # it is given tensors; what flows in tells it the size of the batch
                around = context.scope.find("in")
                stream = around if isinstance(around, Tensors) else stream
            return self.blocks.apply(value, call, stream, context, path)
        if isinstance(value, Closure):
            return self._closure(value, call, stream, context, path)
        if isinstance(value, SharedNetwork):
            return self.shared.apply(value, call, stream, context, path)
        if isinstance(value, Networks):
            return self.bundles.apply_list(value, call, stream, context, path)
        if isinstance(value, Tensors):
            without_arguments(call, "a tensor", context)
            return value
        raise context.error("value", f"a network stands here, not {shown(value)}", call.span)

    def _operation(self, call: nodes.Call, stream: Tensors, context: Context, path: Path | None) -> Tensors:
        if call.name == AUX:
            return self.auxiliaries.apply(call, stream, context)
        operation = ops.find(call.name)
        if operation is None:
            raise unknown(call.name, call.span, context, network=True)
        if operation.inputs == 0:
            raise context.error(
                "value", f"{call.name} stands at the beginning only", call.span,
                help="write it as a line of the file: input 3x224x224",
            )  # fmt: skip
        if operation.is_tensor:
            stream = self._batch(call, context)
        if operation.inputs is None:
            call, stream = self._branches(call, stream, context)
        if not stream.values:
            raise context.error(
                "value", f"nothing flows into {call.name} here", call.span, help=f"begin with in-{call.name}"
            )
        return self.operations.apply(operation, call, stream, context, path)

    def _batch(self, call: nodes.Call, context: Context) -> Tensors:
        """What tells an operation without an input how large the batch is: the first tensor that flows in."""
        around = context.scope.find("in")
        if not isinstance(around, Tensors):
            raise context.error(
                "value", f"{call.name} stands in the net or in a block", call.span,
                help="its layer needs a place in the network",
            )  # fmt: skip
        return around.part(0)

    def _branches(self, call: nodes.Call, stream: Tensors, context: Context) -> tuple[nodes.Call, Tensors]:
        """`MEAN(A, B, drop=0.15)` is `[A, B]-MEAN(drop=0.15)`."""
        networks = tuple(a for a in call.args if a.name is None and not is_tag(a, context))
        for arg in networks:
            if not isinstance(arg.value, nodes.For) and self._kind(arg.value, context) is Kind.DATA:
                value = self.evaluator.evaluate(arg.value, context)
                raise no_branch(call, arg, value, context)
        if not networks:
            return call, stream
        rest = tuple(a for a in call.args if a not in networks)
        bundle = nodes.ListOf(call.span, tuple(a.value for a in networks))
        return nodes.Call(call.span, call.name, rest), self.bundles.apply(bundle, stream, context, call.name)

    def _closure(
        self,
        closure: Closure,
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: Path | None,
    ) -> Tensors:
        without_arguments(call, f"the network {shown(closure)}", context)
        deeper(call, context)
        naming = Naming(path) if path else context.naming
        inner = context.but(
            scope=closure.scope, naming=naming, choosing=Naming(closure.path), at=closure.path,
            depth=context.depth + 1, hint="", trace=closure.trace,
            repeated=(context.repeated or closure.repeated) and path is None,
        )  # fmt: skip
        return self.apply(closure.expr, stream, inner)


_MAY_BE_CHOICE = (nodes.Choice, nodes.Optional, nodes.Group)

_RULES: dict[type, Callable[[Applier, Any, Tensors, Context], Tensors]] = {
    nodes.Call: lambda applier, expr, *rest: applier._named(expr, *rest, None),
    nodes.Path: Applier._path,
    nodes.Group: lambda applier, expr, *rest: applier.apply(expr.body, *rest),
    # Looked up on the applier, since a subclass may apply all options.
    nodes.Choice: lambda applier, *rest: applier.choice(*rest),
    nodes.Optional: lambda applier, *rest: applier.optional(*rest),
    nodes.Chain: Applier._chain,
    nodes.Product: Applier._product,
    nodes.Sum: Applier._join,
    nodes.Concat: Applier._join,
    nodes.ListOf: lambda applier, *rest: applier.bundles.apply(*rest),
    nodes.For: Applier._loop,
    nodes.If: lambda applier, expr, stream, context: applier.apply(
        applier.evaluator.branch(expr, context), stream, context
    ),
    nodes.Label: Applier._label,
}
"""Expressions of other classes are data."""


def _loses_stream(part: nodes.Expr, context: Context) -> ArchError:
    return context.error(
        "value", "a tensor can only begin a chain", part.span,
        help="what came before it would be lost; join them with +, | or [ , ]; a difference is SUB(a, b)",
    )  # fmt: skip

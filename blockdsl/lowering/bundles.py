"""Bundles: several networks side by side, `[A, B]`, or a list of networks that a name is bound to."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from blockdsl.ir import Path, Value
from blockdsl.lowering.calls import without_arguments
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.evaluator import Apply, ExpressionEvaluator
from blockdsl.lowering.values import (
    UNKNOWN_TENSOR,
    Evaluated,
    Kind,
    Networks,
    Tensors,
    Trace,
    is_known,
    place,
)
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

ApplyValue = Callable[[Evaluated, nodes.Call, Tensors, Context, Path | None], Tensors]


class _Branch(NamedTuple):
    """A branch of a bundle; `span` is where it is written.

    A network takes a tensor of what flows in; tensors that exist already, and what is refused, take nothing.
    A block that reads only its arguments `ignores_input`: it takes a tensor where there is one for it.
    """

    is_network: bool
    ignores_input: bool
    span: Span
    apply: Callable[[Tensors], Tensors]


class Bundles:
    """Lets tensors flow through bundles.

    Args:
        evaluator: tells tensors from networks, and goes through loops.
        network: lets tensors flow through a network.
        value: lets tensors flow through what a name is bound to.
    """

    def __init__(self, evaluator: ExpressionEvaluator, network: Apply, value: ApplyValue) -> None:
        self.evaluator, self.network, self.value = evaluator, network, value

    def apply(self, bundle: nodes.ListOf, stream: Tensors, context: Context, join: str = "") -> Tensors:
        """Let tensors flow through the networks of a bundle; what are tensors already join them.

        `join` is the operation in whose brackets the bundle is written, if it is.
        """
        branches: list[_Branch] = []
        context = context.but(linked=False) if context.linked else context
        for item in bundle.items:
            if isinstance(item, nodes.For):
                branches += [
                    self._branch(item.body, inner) for inner in self.evaluator.loops.rounds(item, context)
                ]
            else:
                branches.append(self._branch(item, context))
        return self._through(branches, stream, bundle.span, context, join)

    def _branch(self, expr: nodes.Expr, context: Context) -> _Branch:
        kind = self.evaluator.kind(expr, context)
        ignores_input = kind is Kind.TENSOR and not self.evaluator.takes_nothing(expr, context)
        return _Branch(
            kind is Kind.NET, ignores_input, expr.span, lambda stream: self.network(expr, stream, context)
        )

    def apply_list(
        self, networks: Networks, call: nodes.Call, stream: Tensors, context: Context, path: Path | None
    ) -> Tensors:
        """Let tensors flow through a list of networks that a name is bound to."""
        without_arguments(call, "a list of networks", context)
        inner = context.but(linked=False, naming=Naming(path) if path else context.naming)

        frames = inner.trace.begin_rounds(place(call.span), [context.scope] * len(networks), networks)

        def branch(value: Evaluated, frame: Trace) -> _Branch:
            return _Branch(
                not isinstance(value, Tensors), False, call.span,
                lambda stream: self.value(value, call, stream, inner.but(trace=frame), None),
            )  # fmt: skip

        return self._through(list(map(branch, networks, frames)), stream, call.span, context)

    def _through(
        self, branches: list[_Branch], stream: Tensors, span: Span, context: Context, join: str = ""
    ) -> Tensors:
        """Let tensors flow through the branches of a bundle."""
        incoming = stream.values
        takes = [branch.is_network or branch.ignores_input for branch in branches]
        if sum(takes) != len(incoming):
            takes = [branch.is_network for branch in branches]
        networks = sum(takes)
        if not is_known(stream):  # it may be one tensor, or as many as there are networks
            incoming = UNKNOWN_TENSOR.values
        if len(incoming) == 1 or not networks:
            incoming = incoming[:1] * networks
        if len(incoming) != networks:
            raise context.error(
                "shape",
                f"{len(stream.values)} tensors flow into "
                + (f"{join} with " if join else "a bundle of ")
                + ("one network" if networks == 1 else f"{networks} networks"),
                span,
                help=f"-{join} without networks joins the tensors that flow in"
                if join
                else "a bundle has one network for each tensor, or fans one tensor out",
            )
        outgoing: list[Value] = []
        sides: list[Span] = []
        labels: list[str] = []
        waiting = iter(incoming)
        for branch, is_taking in zip(branches, takes, strict=True):
            made = branch.apply(Tensors((next(waiting),) if is_taking else ()))
            outgoing += made.values
            alone = len(made.values) == 1 or not made.sides
            sides += [branch.span] * len(made.values) if alone else made.sides
            labels += made.labels or [""] * len(made.values)
        return Tensors(tuple(outgoing), tuple(sides), tuple(labels))

"""What an expression will be - data, a tensor, a network - told before it is evaluated."""

from __future__ import annotations

from blockdsl import ops
from blockdsl.lowering import arithmetic
from blockdsl.lowering.context import Context
from blockdsl.lowering.values import Broken, Function, Kind, kind_of_value
from blockdsl.syntax import tree as nodes

MAX_STEPS = 1_000_000
"""Expressions looked at for one network."""

AUX = "AUX"
"""The one network word that is no operation: it adds an output and lets the stream pass."""


class Kinds:
    """Tells kinds, and counts the steps that lowering takes."""

    def __init__(self) -> None:
        self.steps = 0

    def spend(self, steps: int, expr: nodes.Expr, context: Context) -> None:
        """Count steps; no file may take forever."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise context.error(
                "size", f"the network takes more than {MAX_STEPS:,} steps to unfold", expr.span,
                help="is a repetition or a recursion larger than meant?",
            )  # fmt: skip

    def kind(self, expr: nodes.Expr, context: Context) -> Kind:
        """What an expression will yield, told from its form and the names in it."""
        self.steps += 1
        match expr:
            case nodes.Path(steps=steps):
                return self._kind_of_path(steps, context)
            case nodes.Call(name=name):
                value = context.scope.find(name)
                if value is None and name in arithmetic.FUNCTIONS:
                    return Kind.DATA
                return Kind.DATA if isinstance(value, Function | Broken) or callable(value) else Kind.NET
            case nodes.Number():
                return Kind.DATA
            case nodes.Group(body=body) | nodes.Label(body=body):
                return self.kind(body, context)
            case nodes.Chain(parts=parts) | nodes.Choice(options=parts):
                return self.kind(parts[0], context)
            case nodes.Sum(parts=parts) | nodes.Concat(parts=parts) | nodes.Product(parts=parts):
                return self._strongest(parts, context)
            case nodes.ListOf(items=parts):
                return self._strongest(parts, context) if parts else Kind.DATA
            case nodes.If(then=then, otherwise=otherwise):
                return self._strongest((then, otherwise), context)
            case nodes.For(body=body, variable=variable):
                return self.kind(body, context.with_names(**{variable: 0}))
            case nodes.Optional():
                return Kind.NET
        return Kind.DATA

    def _strongest(self, parts: tuple[nodes.Expr, ...], context: Context) -> Kind:
        kinds = {self.kind(part, context) for part in parts}
        return next((k for k in (Kind.NET, Kind.TENSOR) if k in kinds), Kind.DATA)

    def _kind_of_path(self, steps: tuple[nodes.Step, ...], context: Context) -> Kind:
        name = steps[0].name
        if len(steps) > 1 or steps[0].index is not None:
            return Kind.DATA
        value = context.scope.find(name)
        if value is not None:
            return kind_of_value(value)
        return Kind.NET if name == AUX or ops.find(name) else Kind.DATA

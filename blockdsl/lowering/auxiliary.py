"""`AUX(name, head, weight=0.3)`: outputs that exist in training only."""

from __future__ import annotations

from collections.abc import Callable

from blockdsl.ir import module_name
from blockdsl.lowering.binding import assign, missing
from blockdsl.lowering.builder import GraphBuilder
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.values import Tensors, shown
from blockdsl.syntax import tree as nodes


class AuxiliaryHeads:
    """Applies auxiliary heads.

    Args:
        builder: gets the outputs.
        evaluator: evaluates the weight.
        network: lets tensors flow through the head.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        evaluator: ExpressionEvaluator,
        network: Callable[[nodes.Expr, Tensors, Context], Tensors],
    ) -> None:
        self.builder, self.evaluator, self.network = builder, evaluator, network

    def apply(self, call: nodes.Call, stream: Tensors, context: Context) -> Tensors:
        """Let the stream pass, and add an output that exists in training only."""
        given = assign(call, ["name", "head", "weight"], context, tags=False)
        missing(call, ("name", "head"), given, ["name", "head", "weight"], context)
        name, word = _head_name(given["name"], context), given["name"].value
        weight: int | float = 1.0
        if "weight" in given:
            weight = self.evaluator.number(given["weight"].value, context, "a weight")
        if weight < 0:
            raise context.error(
                "argument", f"weight of AUX takes a number, 0 or more, not {shown(weight)}",
                given["weight"].value.span,
            )  # fmt: skip
        path = context.naming.claim(name)
        if path is None or any(a.name == name for a in self.builder.graph.auxiliaries):
            raise context.error(
                "name", f"the name {name} is taken", word.span, help="each auxiliary output has its own name"
            )
        naming = Naming(path)
        inner = context.but(naming=naming, choosing=naming, training_only=True, repeated=False, linked=False)
        head = self.network(given["head"].value, stream, inner)
        if len(head.values) != 1:
            raise context.error("shape", f"a head yields one tensor, this yields {shown(head)}", call.span)
        self.builder.auxiliary(name, head.values[0], float(weight))
        self.builder.point(module_name(path), head.values[0])
        return stream


def _head_name(arg: nodes.Arg, context: Context) -> str:
    """The name of an auxiliary output (raises `ArchError` where it is no word)."""
    word = arg.value
    name: str = word.value if isinstance(word, nodes.String) else word.span.text
    if not name.isidentifier():
        raise context.error(
            "argument", f"the name of an auxiliary output is a word, not {name}", word.span,
            help="AUX(name, head, weight=0.3): the name is that of its module and of its output",
        )  # fmt: skip
    return name

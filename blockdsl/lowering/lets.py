"""Names that `let` and `shared` bind."""

from __future__ import annotations

from blockdsl.diagnostics import already_told
from blockdsl.ir import Segment
from blockdsl.lowering.calls import free_name
from blockdsl.lowering.context import Context
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.values import (
    BROKEN,
    UNKNOWN_TENSOR,
    BlockValue,
    Broken,
    Closure,
    Evaluated,
    Function,
    Kind,
    SharedNetwork,
    Tensors,
    count_of,
    is_known,
    items_of,
    shown,
)
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare


class LetBinder:
    """Evaluates what `let` and `shared` lines bind, once each, and puts the values in scope.

    Args:
        evaluator: evaluates the values.
    """

    def __init__(self, evaluator: ExpressionEvaluator) -> None:
        self.evaluator = evaluator

    def bind(self, let: nodes.Let, context: Context) -> None:
        """Bind the names of a line; those of a line that is refused are bound to what is not judged."""
        values: tuple[Evaluated, ...] = (BROKEN,) * len(let.names)
        with context.errors.gathering():
            for index, name in enumerate(let.names):
                if name in context.scope.names or name in let.names[:index]:
                    raise context.error("name", f"{name} is bound twice", let.span)
                free_name(name, let.span, context)
            if let.params is not None:
                values = (Function(let, context.scope),)
            elif let.shared:
                values = (self._shared(let, context),)
            elif len(let.names) == 1:
                values = (self.evaluator.word_or_value(let.value, context.hinted(let.name)),)
            else:
                values = self._several(let, context)
        for name, value in zip(let.names, values, strict=True):
            labelled = value.labelled(name) if isinstance(value, Tensors) else value
            context.scope.names[name] = labelled

    def _several(self, let: nodes.Let, context: Context) -> tuple[Evaluated, ...]:
        """The values of `let a, b = …`: the items of a list, or the tensors of a bundle."""
        names = let.names
        written, inner = self.evaluator.decided(let.value, context.hinted(names[0]))
        if (
            isinstance(written, nodes.ListOf)
            and len(written.items) == len(names)
            and not any(isinstance(item, nodes.For) for item in written.items)
        ):
            pairs = zip(written.items, names, strict=True)
            values = context.errors.every(
                lambda pair: self.evaluator.word_or_value(pair[0], inner.hinted(pair[1])), pairs
            )
            for value, item in zip(values, written.items, strict=True):
                if isinstance(value, Tensors) and is_known(value) and len(value.values) != 1:
                    raise context.error(
                        "value", f"each of the names {', '.join(names)} stands for one tensor, "
                        f"this is {shown(value)}", item.span,
                    )  # fmt: skip
            return tuple(values)
        value = self.evaluator.word_or_value(written, inner)
        if isinstance(value, Tensors) and not is_known(value):
            return (UNKNOWN_TENSOR,) * len(names)
        if isinstance(value, Broken):
            raise already_told()
        if not isinstance(value, tuple | Tensors):
            raise context.error(
                "value", f"{len(names)} names take a list or a bundle of {len(names)}, not {shown(value)}",
                let.value.span, help="a bundle comes of SPLIT(n), of [A, B], or of a block that ends in one",
            )  # fmt: skip
        if count_of(value) != len(names):
            what = shown(value) if isinstance(value, Tensors) else f"a list of {count_of(value)}"
            raise context.error(
                "value", f"`let {', '.join(names)}` binds {len(names)} names, here is {what}", let.value.span,
                help="bind it to one name, and take its items: let x = …, then x[1], x[2..]",
            )  # fmt: skip
        return items_of(value)

    def _shared(self, let: nodes.Let, context: Context) -> SharedNetwork:
        """The value of `shared head = …`."""
        name, kind = let.name, self.evaluator.kind(let.value, context)
        if kind is Kind.TENSOR:
            raise context.error(
                "value", "a tensor cannot be shared, and need not be: it is computed once", let.value.span,
                help=f"let {name} = … binds a tensor; `shared` takes a network that has no input yet",
            )  # fmt: skip
        value = self.evaluator.evaluate(let.value, context.hinted(name))
        if isinstance(value, SharedNetwork):
            raise context.error(
                "value", f"{value.name} is shared already", let.value.span, value.span,
                help=f"let {name} = {value.name} gives it another name",
            )  # fmt: skip
        if isinstance(value, BlockValue):  # what is open in the block is chosen once
            at = context.choosing.first_or_next(name)
            value = Closure(bare(let.value), context.scope, at, context.trace, context.repeated)
        if not isinstance(value, Closure):
            fix = "make the bundle a block: block heads = [A, B], then shared h = heads"
            raise context.error(
                "value", f"`shared` takes a network, not {shown(value)}", let.value.span,
                help=fix if isinstance(bare(let.value), nodes.ListOf) else f"write let {name} = …",
            )  # fmt: skip
        path = context.naming.claim(name)
        if value.path == (*context.naming.path, Segment(name)):
            path = value.path  # claimed for its choices
        if path is None:
            raise context.error(
                "name", f"the name {name} is taken here", let.span, help="give the shared network another one"
            )
        return SharedNetwork(name, value, self.evaluator.graph.path_in_modules(path), let.span)

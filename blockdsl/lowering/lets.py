"""Names that `let` and `shared` bind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

from blockdsl.diagnostics import already_told
from blockdsl.ir import Segment
from blockdsl.lowering.calls import free_name
from blockdsl.lowering.context import Context
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.lazy import LazyBuilds
from blockdsl.lowering.unknown_names import without_input
from blockdsl.lowering.values import (
    BROKEN,
    UNKNOWN_TENSOR,
    BlockValue,
    Broken,
    Closure,
    Evaluated,
    Function,
    Kind,
    LazyTensors,
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
        lazy: binds names to tensors that may not be needed.
    """

    def __init__(self, evaluator: ExpressionEvaluator, lazy: LazyBuilds) -> None:
        self.evaluator, self.lazy = evaluator, lazy

    def bind(self, let: nodes.Let, context: Context, needed: Collection[str] | None = None) -> None:
        """Bind the names of a line; those of a line that is refused are bound to what is not judged.

        Args:
            let: the line.
            context: where it stands.
            needed: the names that are certainly needed; all are where this is None.
        """
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
                values = (self._value(let.value, let.name, context, needed),)
            else:
                values = self._several(let, context, needed)
        context.scope.names.update(zip(let.names, values, strict=True))

    def _value(
        self,
        expr: nodes.Expr,
        name: str,
        context: Context,
        needed: Collection[str] | None,
        check: Callable[[Evaluated, Context], None] | None = None,
    ) -> Evaluated:
        """The value of one name, which `check` may refuse; tensors that may wait are built later."""

        def now(inside: Context) -> Evaluated:
            value = self.evaluator.word_or_value(expr, inside.hinted(name))
            if check:
                check(value, inside)
            return value.labelled(name) if isinstance(value, Tensors) else value

        if needed is not None and self.lazy.may_wait(expr, (name,), needed, context):
            return self.lazy.bind(expr, now, context)
        return now(context)

    def _several(
        self, let: nodes.Let, context: Context, needed: Collection[str] | None
    ) -> tuple[Evaluated, ...]:
        """The values of `let a, b = …`: the items of a list, or the tensors of a bundle."""
        if (items := _items(let.value, len(let.names))) is not None:
            return self._each(items, let.names, context, needed)
        if needed is not None and self.lazy.may_wait(let.value, let.names, needed, context):
            whole = self.lazy.bind(let.value, lambda inside: self._apart(let, inside), context)
            return tuple(LazyTensors(partial(_part, whole, at), (whole,)) for at in range(len(let.names)))
        return self._apart(let, context)

    def _each(
        self,
        items: Iterable[nodes.Expr],
        names: tuple[str, ...],
        context: Context,
        needed: Collection[str] | None,
    ) -> tuple[Evaluated, ...]:
        """The values of names that have an item of a list each."""

        def value(item: nodes.Expr, name: str) -> Evaluated:
            def check(made: Evaluated, inside: Context) -> None:
                if isinstance(made, Tensors) and is_known(made) and len(made.values) != 1:
                    raise inside.error(
                        "value",
                        f"each of the names {', '.join(names)} stands for one tensor, this is {shown(made)}",
                        item.span,
                    )

            return self._value(item, name, context, needed, check)

        return tuple(context.errors.every(lambda pair: value(*pair), zip(items, names, strict=True)))

    def _apart(self, let: nodes.Let, context: Context) -> tuple[Evaluated, ...]:
        """The items of a list or the tensors of a bundle that is evaluated first."""
        names = let.names
        written, inner = self.evaluator.decided(let.value, context.hinted(names[0]))
        if (items := _items(written, len(names))) is not None:
            return self._each(items, names, inner, None)
        value = self.evaluator.word_or_value(written, inner)
        if isinstance(value, Tensors) and not is_known(value):
            return (UNKNOWN_TENSOR,) * len(names)
        if isinstance(value, Broken):
            raise already_told()
        if not isinstance(value, tuple | Tensors):
            raise context.error(
                "value", f"{len(names)} names take a list or a bundle of {len(names)}, not {shown(value)}",
                let.value.span,
                help=without_input(value)
                or "a bundle comes of SPLIT(n), of [A, B], or of a block that ends in one",
            )  # fmt: skip
        if count_of(value) != len(names):
            what = shown(value) if isinstance(value, Tensors) else f"a list of {count_of(value)}"
            raise context.error(
                "value", f"`let {', '.join(names)}` binds {len(names)} names, here is {what}", let.value.span,
                help="bind it to one name, and take its items: let x = …, then x[1], x[2..]",
            )  # fmt: skip
        return tuple(
            item.labelled(name) if isinstance(item, Tensors) else item
            for item, name in zip(items_of(value), names, strict=True)
        )

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


def _items(expr: nodes.Expr, count: int) -> tuple[nodes.Expr, ...] | None:
    """The items of a list that is written out with so many; None for others."""
    written = bare(expr)
    if not isinstance(written, nodes.ListOf) or len(written.items) != count:
        return None
    return None if any(isinstance(item, nodes.For) for item in written.items) else written.items


def _part(whole: LazyTensors, index: int) -> Evaluated | None:
    """What one of several names stands for."""
    values = whole.value()
    return values[index] if isinstance(values, tuple) else values

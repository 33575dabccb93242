"""Which names a body certainly needs, told from its text before anything in it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator

from blockdsl.lowering.expression_kinds import AUX
from blockdsl.lowering.values import BlockValue, Closure, Evaluated, Networks, Scope
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import used_name
from blockdsl.syntax.traversal import children, walk


class Needs:
    """Tells what is needed. What is told of a body holds for all calls of its block.

    A name that stands in one side of an `if`, in an option of a choice, or where a block is given what it
    does not certainly need, may be needed.
    """

    def __init__(self) -> None:
        self._bodies: dict[int, frozenset[str]] = {}
        self._heads: dict[int, bool] = {}

    def of_body(self, body: nodes.Body, scope: Scope) -> frozenset[str]:
        """The names that a body certainly needs; `scope` has those that stand outside it."""
        found = self._bodies.get(id(body))
        if found is None:
            self._bodies[id(body)] = frozenset()  # what calls itself needs nothing for that
            names = set(self.of_expression(body.result, scope))
            for let in reversed(body.lets):
                if let.shared or not names.isdisjoint(let.names):
                    names.update(self.of_expression(let.value, scope))
            found = self._bodies[id(body)] = frozenset(names)
        return found

    def of_expression(self, expr: nodes.Node, scope: Scope) -> Iterator[str]:
        """The names that an expression certainly needs."""
        waiting = [expr]
        while waiting:
            node = waiting.pop()
            match node:
                case nodes.If(condition=condition):
                    waiting.append(condition)
                    continue
                case nodes.Choice() | nodes.Optional():
                    continue
                case nodes.Call(name=name):
                    yield name
                    value = scope.find(name)
                    if isinstance(value, BlockValue):
                        waiting += self._given(node, value)
                        continue
                case nodes.Path(steps=steps):
                    yield steps[0].name
            waiting += children(node)

    def _given(self, call: nodes.Call, value: BlockValue) -> list[nodes.Expr]:
        """The arguments of a block that it certainly needs."""
        params = [param.name for param in value.block.params]
        by_place = dict(zip(params, (arg for arg in call.args if arg.name is None), strict=False))
        by_name = {arg.name: arg for arg in call.args if arg.name is not None}
        certain = self.of_body(value.block.body, value.scope)
        return [arg.value for name, arg in (by_place | by_name).items() if name in certain]

    def has_head(self, expr: nodes.Expr, scope: Scope) -> bool:
        """Whether an expression may add an auxiliary output, which is needed for itself."""
        for node in walk(expr):
            if not isinstance(node, nodes.Call | nodes.Path):
                continue
            name = used_name(node)
            value = scope.find(name)
            if (name == AUX and value is None) or self._value_has_head(value):
                return True
        return False

    def _value_has_head(self, value: Evaluated | None) -> bool:
        if isinstance(value, BlockValue):
            return self._block_has_head(value)
        if isinstance(value, Closure):
            return self.has_head(value.expr, value.scope)
        return isinstance(value, Networks) and any(map(self._value_has_head, value))

    def _block_has_head(self, value: BlockValue) -> bool:
        key = id(value.block)
        if key not in self._heads:
            self._heads[key] = False  # what calls itself has no other heads for that
            body = value.block.body
            parts = [body.result, *(let.value for let in body.lets)]
            self._heads[key] = any(self.has_head(part, value.scope) for part in parts)
        return self._heads[key]

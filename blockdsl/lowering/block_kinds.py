"""Whether the call of a block is a tensor: it is given tensors, and reads nothing of what flows in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from blockdsl.lowering.values import (
    UNKNOWN_TENSOR,
    BlockValue,
    Evaluated,
    Kind,
    Networks,
    Scope,
)
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.traversal import walk

SOME: dict[Kind, Evaluated] = {Kind.DATA: 0, Kind.TENSOR: UNKNOWN_TENSOR, Kind.NET: Networks()}
"""A value of each kind, where only the kind matters."""

KindOf = Callable[[nodes.Expr, Scope], Kind]


class BlockKinds:
    """Tells whether calls of blocks are tensors, from the block's text and the kinds of the arguments.

    What was told is kept, and told again for each call with arguments of the same kinds.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Kind] = {}
        """The kinds of calls, by the `id` of the block: with tensors alone, and with kinds of arguments."""

    def of_call(self, value: BlockValue, call: nodes.Call, kind_of: KindOf, outside: Scope) -> Kind:
        """The kind of a call; `kind_of` tells that of an expression, `outside` is what the arguments see."""
        block = value.block
        if not call.args:
            return Kind.NET
        at_best = self._known.get((id(block),))
        if at_best is None:
            tensors = {param.name: Kind.TENSOR for param in block.params}
            at_best = self._found((id(block),), value, tensors, kind_of)
        if at_best is Kind.NET:  # most blocks; the arguments need not be looked at
            return Kind.NET
        given = {name: kind_of(arg, outside) for name, arg in _arguments(block, call)}
        if Kind.TENSOR not in given.values():
            return Kind.NET
        key = (id(block), *sorted(given.items(), key=lambda item: item[0]))
        return self._known.get(key) or self._found(key, value, given, kind_of)

    def _found(
        self, key: tuple[object, ...], value: BlockValue, given: Mapping[str, Kind], kind_of: KindOf
    ) -> Kind:
        before = set(self._known)
        self._known[key] = Kind.TENSOR  # what calls itself is no network for that
        kind = self._of_block(value, given, kind_of)
        if kind is Kind.NET:  # what was told in the meantime may rest on the other assumption
            self._known = {one: known for one, known in self._known.items() if one in before}
        self._known[key] = kind
        return kind

    def _of_block(self, value: BlockValue, given: Mapping[str, Kind], kind_of: KindOf) -> Kind:
        block, scope = value.block, Scope({"in": SOME[Kind.NET]}, value.scope)
        if any(isinstance(node, nodes.Path) and node.steps[0].name == "in" for node in walk(block)):
            return Kind.NET
        for param in block.params:
            kind = given.get(param.name)
            if kind is None:
                kind = Kind.DATA if param.default is None else kind_of(param.default, scope)
            scope.names[param.name] = SOME[kind]
        for let in block.body.lets:
            kind = Kind.DATA if let.params is not None else kind_of(let.value, scope)
            scope.names.update(dict.fromkeys(let.names, SOME[kind]))
        is_tensor = kind_of(block.body.result, scope) is Kind.TENSOR
        return Kind.TENSOR if is_tensor and not _may_be_network(block.body, scope, kind_of) else Kind.NET


def _arguments(block: nodes.Block, call: nodes.Call) -> Iterable[tuple[str, nodes.Expr]]:
    """The arguments of a call by the names of the parameters; tags, which are numbers, may be among them."""
    names = (param.name for param in block.params)
    yield from zip(names, (arg.value for arg in call.args if arg.name is None), strict=False)
    yield from ((arg.name, arg.value) for arg in call.args if arg.name is not None)


def _may_be_network(body: nodes.Body, scope: Scope, kind_of: KindOf) -> bool:
    """Whether a choice in a body may decide on a network where others of its options are tensors."""
    for node in walk(body):
        if isinstance(node, nodes.Choice):
            kinds = {kind_of(option, scope) for option in node.options}
        elif isinstance(node, nodes.Optional):
            kinds = {kind_of(node.body, scope), Kind.NET}
        else:
            continue
        if {Kind.TENSOR, Kind.NET} <= kinds:
            return True
    return False

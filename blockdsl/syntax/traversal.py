"""Going through a syntax tree, and rewriting it: what Python's `ast` module has for Python.

`children` and `walk` read a tree, `map_children` and `Rewriter` make another one. Trees are frozen, so
a rewrite never changes a node in place: it returns a new one, and the very same object where nothing
changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any, TypeVar

from blockdsl.syntax import tree as nodes

_N = TypeVar("_N", bound=nodes.Node)

Replacement = nodes.Node | tuple[nodes.Node, ...]
"""What stands in place of a node: another one, or several of them (or none) in a list of nodes."""


_PLAIN = {"str", "int", "float", "bool", "None", "tuple", "Span"}
"""The types of what is no node; a type with any other word in it is one of nodes."""


class _ChildFields(dict[type, tuple[str, ...]]):
    """By class of nodes, the fields that hold nodes, in the order in which these are written.

    The types are read as they are written: `typing.get_type_hints` takes milliseconds for all classes.
    """

    def __missing__(self, kind: type) -> tuple[str, ...]:
        self[kind] = tuple(
            f.name for f in fields(kind) if not _PLAIN.issuperset(re.findall(r"\w+", str(f.type)))
        )
        return self[kind]


_CHILD_FIELDS = _ChildFields()


def children(node: nodes.Node) -> list[nodes.Node]:
    """The nodes directly inside a node, in the order in which they are written.

    >>> from blockdsl.source import Source
    >>> from blockdsl.syntax.parser import parse
    >>> (net,) = parse(Source("example", "net CONV(64,3)-RELU")).statements
    >>> [child.span.text for child in children(net.body.result)]
    ['CONV(64,3)', 'RELU']
    """
    found: list[nodes.Node] = []
    for name in _CHILD_FIELDS[node.__class__]:
        value = getattr(node, name)
        if value.__class__ is tuple:
            found += value
        elif value is not None:
            found.append(value)
    return found


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    """A node and all nodes inside it, each before those inside it, in the order in which they are written.

    >>> from blockdsl.source import Source
    >>> from blockdsl.syntax.parser import parse
    >>> file = parse(Source("example", "net CONV(64,3)-FC(10)"))
    >>> [node.value for node in walk(file) if isinstance(node, nodes.Number)]
    [64, 3, 10]
    """
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children(node))


def map_children(node: _N, function: Callable[[nodes.Node], Replacement]) -> _N:
    """The node with `function` applied to each of its children; the same object where none changed.

    Where a field holds a list of nodes, `function` may return a tuple: its nodes take the child's place.

    Raises:
        TypeError: `function` returned several nodes, or none, where exactly one has to stand.

    >>> from blockdsl.source import Source
    >>> from blockdsl.syntax.parser import parse
    >>> from blockdsl.syntax.printer import format_expr
    >>> (net,) = parse(Source("example", "net CONV(64,3)-RELU")).statements
    >>> format_expr(map_children(net.body.result, lambda part: nodes.Group(part.span, part)))
    '(CONV(64,3))-(RELU)'
    """
    changes: dict[str, Any] = {}
    for name in _CHILD_FIELDS[node.__class__]:
        old = getattr(node, name)
        if old is None:
            continue
        new = _mapped(old, function) if old.__class__ is tuple else function(old)
        if new is old:
            continue
        if old.__class__ is not tuple and new.__class__ is tuple:
            raise TypeError(f"{type(node).__name__}.{name} holds one node, not {len(new)}")
        changes[name] = new
    return replace(node, **changes) if changes else node


def _mapped(old: tuple[nodes.Node, ...], function: Callable[[nodes.Node], Replacement]) -> Any:
    """A list of nodes with a function applied to each; the same object where none changed."""
    new: list[nodes.Node] = []
    changed = False
    for item in old:
        made = function(item)
        changed |= made is not item
        if isinstance(made, tuple):
            new += made
        else:
            new.append(made)
    return tuple(new) if changed else old


class Rewriter:
    """Makes another tree of one, with a method for each class of nodes that it changes.

    A subclass has methods named after classes of nodes, `rewrite_call` for `Call` and
    `rewrite_range_choice` for `RangeChoice`. Each gets a node and returns what stands in its place; for
    classes without a method the children are rewritten. A method that calls `rewrite_children` first
    works from the bottom up, one that does so last, or not at all, from the top down.

    >>> from blockdsl.source import Source
    >>> from blockdsl.syntax.parser import parse
    >>> from blockdsl.syntax.printer import format_file
    >>> class Doubled(Rewriter):
    ...     def rewrite_number(self, node):
    ...         return nodes.Number(node.span, 2 * node.value)
    >>> print(format_file(Doubled().rewrite(parse(Source("example", "CONV(64,3)-FC(10)")))), end="")
    CONV(128,6)-FC(20)
    """

    def rewrite(self, node: nodes.Node) -> Any:
        """What stands in place of a node; the same object where nothing in it changed.

        A method may return a tuple where a list of nodes holds the node: see `map_children`.
        """
        method = getattr(self, _method_name(node.__class__.__name__), self.rewrite_children)
        return method(node)

    def rewrite_children(self, node: _N) -> _N:
        """The node with its children rewritten; the same object where none changed."""
        return map_children(node, self.rewrite)


@cache
def _method_name(kind: str) -> str:
    """`rewrite_range_choice` for the class `RangeChoice`."""
    return "rewrite_" + re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()

"""Which names of a definition mean something of its module, and which something of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def module_names(node: ast.AST, hidden: frozenset[str] = frozenset()) -> Iterator[ast.Name]:
    """The mentions of names that are the module's: no parameter, variable or attribute hides them.

    `hidden` are names that what is around the node binds.
    """
    match node:
        case ast.Name(id=name):
            if name not in hidden:
                yield node
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            body = node.body if isinstance(node.body, list) else [node.body]
            yield from _all(_around(node), hidden)
            yield from _all(body, hidden | _bound_by(node, body))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            first = node.generators[0].iter  # is evaluated outside
            inner = hidden | {n for g in node.generators for n in _stored(g.target)}
            yield from module_names(first, hidden)
            yield from (name for name in _all(ast.iter_child_nodes(node), inner) if not _within(name, first))
        case ast.ClassDef():
            own = hidden | _bound(node.body)  # which the methods do not see
            yield from _all([*node.decorator_list, *node.bases, *node.keywords], hidden)
            for statement in node.body:
                is_method = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
                yield from module_names(statement, hidden if is_method else own)
        case _:
            yield from _all(ast.iter_child_nodes(node), hidden)


def _all(nodes: Iterable[ast.AST], hidden: frozenset[str]) -> Iterator[ast.Name]:
    for node in nodes:
        yield from module_names(node, hidden)


def _within(name: ast.Name, node: ast.AST) -> bool:
    return any(inner is name for inner in ast.walk(node))


def _around(node: _Function) -> Iterator[ast.AST]:
    """The parts of a function that are evaluated where it stands."""
    arguments = node.args
    yield from arguments.defaults
    yield from filter(None, arguments.kw_defaults)
    if isinstance(node, ast.Lambda):
        return
    yield from node.decorator_list
    yield from (a.annotation for a in _parameters(node) if a.annotation)
    if node.returns:
        yield node.returns


def _bound_by(node: _Function, body: list[ast.stmt] | list[ast.expr]) -> frozenset[str]:
    """Parameters and variables of a function."""
    return frozenset(a.arg for a in _parameters(node)) | _bound(body)


def _parameters(node: _Function) -> list[ast.arg]:
    given = node.args
    several = [arg for arg in (given.vararg, given.kwarg) if arg is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *several]


def _bound(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """What statements bind in their own scope, but for what they declare to be global."""
    found: set[str] = set()
    declared: set[str] = set()
    queue = list(nodes)
    while queue:
        node = queue.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
                continue
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                continue
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.Import() | ast.ImportFrom():
                found |= {a.asname or a.name.partition(".")[0] for a in node.names}
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                found.add(name)
            case ast.Global(names=names):
                declared |= set(names)
        queue += ast.iter_child_nodes(node)
    return frozenset(found - declared)


def _stored(target: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}

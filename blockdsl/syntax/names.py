"""What the names in a file mean, told from the tree alone: which definition each use of a name leads to.

The rules are those of lowering. Blocks and functions see all that stands at the top of the file, and the
blocks and functions of the files that it uses; so do all other statements, but `param`s, `let`s and the net
see only those `param`s and `let`s that stand above them. The net sees in addition its inputs, and a body its
parameters, what flows into it as `in`, and those of its `let`s that stand above; a function in it sees all of
them. The variables of a loop are seen in the loop's body.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeGuard

from blockdsl import ops
from blockdsl.ops import Operation
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import name_of, used_name
from blockdsl.syntax.traversal import children
from blockdsl.syntax.uses import uses


@dataclass(frozen=True, eq=False)
class Definition:
    """What a name is bound to.

    Attributes:
        node: the `Block`, `Let`, `Param` or `Input`; the `For` whose variable it is; for `in` the `Block` or
            `Net` that it flows into.
        owner: what the definition belongs to: the `File`, the `Net`, the `Block`, the `Let` of a function
            whose parameter it is, the `For`.
        name: the name; a `Let` and a `For` may bind several.
    """

    node: nodes.Block | nodes.Let | nodes.Param | nodes.For | nodes.Net | nodes.Input
    owner: nodes.File | nodes.Net | nodes.Block | nodes.Let | nodes.For
    name: str

    @property
    def is_stream(self) -> bool:
        """Whether it is `in`, what flows into a block or the net, or one of the net's inputs."""
        return self.name == "in" or isinstance(self.node, nodes.Input)

    @property
    def is_variable(self) -> bool:
        """Whether it is the variable of a loop."""
        return isinstance(self.node, nodes.For)

    @property
    def of_file(self) -> bool:
        """Whether it stands at the top of a file."""
        return isinstance(self.owner, nodes.File)

    @property
    def is_exported(self) -> bool:
        """Whether files that use this one see it: the blocks, functions and shared networks at its top."""
        if isinstance(self.node, nodes.Let):
            return self.of_file and (self.node.params is not None or self.node.shared)
        return self.of_file and isinstance(self.node, nodes.Block)


class Unresolved(NamedTuple):
    """A name that leads to no definition and no operation, in a network, a block or a `let`.

    It may be a built-in function, or one of the words or tags that an operation takes.

    Attributes:
        use: the `Path` that begins with it, or the `Call` of it.
        in_sight: the names that are bound there.
        of_file: the names that are bound at the top of the file.
        argument: the argument that it is, alone or as an option, and the call of that.
    """

    use: nodes.Path | nodes.Call
    in_sight: frozenset[str]
    of_file: Set[str]
    argument: tuple[nodes.Call, nodes.Arg] | None


class Names:
    """The names of a file and of the files that it uses.

    What cannot be found is `unresolved`: it is lowering that refuses it.

    >>> from blockdsl.source import Source
    >>> from blockdsl.syntax.parser import parse
    >>> file = parse(Source("example", "let c = 8 block wide(c) = CONV(c,3) net wide(c)-RELU"))
    >>> let, wide, net = file.statements
    >>> names = Names(file)
    >>> names.meaning(wide.body.result.args[0].value).node is wide.params[0]
    True
    >>> call, relu = net.body.result.parts
    >>> names.meaning(call).node is wide, names.meaning(call.args[0].value).node is let
    (True, True)
    >>> names.meaning(relu).name
    'RELU'

    Attributes:
        file: the file.
        uses: the names of the files that it uses, in the order of its `use` lines.
        defined: what is bound at its top, by name; blocks and functions of used files included.
        unresolved: the names that lead nowhere.

    Args:
        file: the file.
        own_networks: look only into the networks, blocks and `let`s of the file itself: not into its
            conditions and settings, nor into the files that it uses.
    """

    def __init__(
        self,
        file: nodes.File,
        *,
        own_networks: bool = False,
        _meanings: dict[int, Definition] | None = None,
    ) -> None:
        self.file, self.own_networks = file, own_networks
        self.uses: list[Names] = []
        self.defined: dict[str, Definition] = {}
        self.unresolved: list[Unresolved] = []
        self._meanings = {} if _meanings is None else _meanings
        self._included: list[nodes.Expr] = []
        """Kept, since what a name means is noted by the `id` of its node."""
        if _meanings is None:
            self._resolve({}, self)

    def _resolve(self, known: dict[Path, Names], top: Names) -> None:
        for path, used in uses(self.file):
            key = path.resolve()
            if key not in known:
                known[key] = Names(used, own_networks=self.own_networks, _meanings=self._meanings)
                known[key]._resolve(known, top)
            self.uses.append(known[key])
            self.defined |= {n: d for n, d in known[key].defined.items() if d.is_exported}
        resolver = _Resolver(self._meanings, self.defined, self.unresolved)
        if not self.own_networks:
            resolver.file(self.file)
        elif self is top:
            resolver.networks(self.file)
        else:
            resolver.exports(self.file)

    def meaning(self, use: nodes.Node) -> Definition | type[Operation] | None:
        """What the name means that a `Path` begins with, or that a `Call` calls.

        None for other nodes, and for names that are not bound: a built-in function, a word, a tag such as
        `s2`, a recipe's term, or a mistake.
        """
        found = self._meanings.get(id(use))
        return found if found is not None else ops.find(name_of(use))

    def definition(self, use: nodes.Node) -> Definition | None:
        """The definition of the name that a `Path` begins with, or that a `Call` calls; None as above."""
        return self._meanings.get(id(use))

    def include(self, expr: nodes.Expr) -> None:
        """Resolve an expression from elsewhere, such as a setting that was given, as at the file's top."""
        self._included.append(expr)
        _Resolver(self._meanings, self.defined, []).uses(expr)

    def used(self) -> list[Names]:
        """Those of all used files, each once, before those that use them."""
        found: dict[int, Names] = {id(self): self}
        self._gather(found)
        del found[id(self)]
        return list(found.values())

    def _gather(self, found: dict[int, Names]) -> None:
        for names in self.uses:
            if id(names) not in found:
                found[id(names)] = names
                names._gather(found)
                found[id(names)] = found.pop(id(names))


_Scope = ChainMap[str, Definition]
"""Names in sight, the innermost first."""


_LITERALS = (nodes.Number, nodes.String, nodes.Bool)


def _is_function(statement: nodes.Node) -> TypeGuard[nodes.Let]:
    return isinstance(statement, nodes.Let) and statement.params is not None


def _options(value: nodes.Expr) -> Iterator[nodes.Expr]:
    """What a value may be: of a choice its options, of an `if` its sides."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case nodes.Group(body=body):
                waiting.append(body)
            case nodes.Choice(options=options):
                waiting += options
            case nodes.If(then=then, otherwise=otherwise):
                waiting += (then, otherwise)
            case other:
                yield other


class _Resolver:
    """Goes through a file and notes the definition of each use of a name, by the `id` of its node."""

    def __init__(
        self, meanings: dict[int, Definition], names: dict[str, Definition], unresolved: list[Unresolved]
    ) -> None:
        self.meanings, self.unresolved = meanings, unresolved
        self.top: _Scope = ChainMap(names)

    def file(self, file: nodes.File) -> None:
        """Everything in a file."""
        self.networks(file)
        self.unresolved = []  # conditions and settings have words of their own
        for statement in file.statements:
            if not isinstance(statement, nodes.Let | nodes.Param | nodes.Net | nodes.Block):
                self._uses(statement, self.top)

    def exports(self, file: nodes.File) -> None:
        """What other files see, without a look into it."""
        for statement in file.statements:
            if isinstance(statement, nodes.Block | nodes.Let):
                definition = Definition(statement, file, statement.name)
                if definition.is_exported:
                    self.top[statement.name] = definition

    def networks(self, file: nodes.File) -> None:
        """The networks, blocks, parameters and `let`s of a file."""
        functions = [s for s in file.statements if isinstance(s, nodes.Block) or _is_function(s)]
        for function in functions:
            self.top[function.name] = Definition(function, file, function.name)
        for statement in file.statements:
            match statement:
                case nodes.Let(params=None):
                    self._uses(statement.value, self.top)
                    self.top.update({name: Definition(statement, file, name) for name in statement.names})
                case nodes.Param(name=name):
                    self._uses(statement, self.top)
                    self.top[name] = Definition(statement, file, name)
                case nodes.Net():
                    self._net(statement, file)
        for function in functions:
            if isinstance(function, nodes.Block):
                self._block(function)
            else:
                self._let(function, self.top)

    def uses(self, expr: nodes.Expr) -> None:
        self._uses(expr, self.top)

    def _net(self, net: nodes.Net, file: nodes.File) -> None:
        scope = self.top.new_child({"in": Definition(net, net, "in")})
        for statement in file.statements:
            if isinstance(statement, nodes.Input) and statement.name is not None:
                scope[statement.name] = Definition(statement, net, statement.name)
        self._body(net, scope)

    def _block(self, block: nodes.Block) -> None:
        scope = self.top.new_child({"in": Definition(block, block, "in")})
        self._params(block, scope)
        self._body(block, scope)

    def _body(self, owner: nodes.Block | nodes.Net, scope: _Scope) -> None:
        for let in owner.body.lets:
            if let.params is None:
                self._let(let, scope)
            scope.update({name: Definition(let, owner, name) for name in let.names})
        for let in owner.body.lets:
            if let.params is not None:
                self._let(let, scope)
        self._uses(owner.body.result, scope)

    def _let(self, let: nodes.Let, scope: _Scope) -> None:
        if let.params is not None:
            scope = scope.new_child()
            self._params(let, scope)
        self._uses(let.value, scope)

    def _params(self, owner: nodes.Block | nodes.Let, scope: _Scope) -> None:
        """The parameters of a block or a function; the default of each sees those before it."""
        for param in owner.params or ():
            if param.default is not None:
                self._uses(param.default, scope)
            scope[param.name] = Definition(param, owner, param.name)

    def _uses(self, node: nodes.Node, scope: _Scope) -> None:
        """Note the names that are used in a node in which nothing is defined but variables of loops."""
        waiting = [node]
        arguments: dict[int, tuple[nodes.Call, nodes.Arg]] = {}
        while waiting:
            node = waiting.pop()
            if isinstance(node, _LITERALS):
                continue
            if isinstance(node, nodes.For):
                inside = scope.new_child({name: Definition(node, node, name) for name in node.variables})
                self._uses(node.body, inside)
                waiting += [part for part in (node.first, node.last) if part is not None]
                continue
            if isinstance(node, nodes.Path | nodes.Call):
                name = used_name(node)
                if ops.find(name) is not None:  # nothing else has the name of an operation
                    pass
                elif (definition := scope.get(name)) is not None:
                    self.meanings[id(node)] = definition
                else:
                    argument = arguments.get(id(node))
                    self.unresolved.append(Unresolved(node, frozenset(scope), self.top.keys(), argument))
                if isinstance(node, nodes.Call):
                    for arg in node.args:
                        if not isinstance(arg.value, _LITERALS):
                            arguments.update({id(value): (node, arg) for value in _options(arg.value)})
            waiting += children(node)

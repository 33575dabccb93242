"""Through a network as it is written, call by call: what its layers take their numbers from."""

from __future__ import annotations

from dataclasses import dataclass, field

from blockdsl import ops
from blockdsl.lowering import Program
from blockdsl.lowering.binding import assign, tag_of
from blockdsl.lowering.values import Place, Scope, place
from blockdsl.passes.opening.demands import Demands, Role, Site, is_closed
from blockdsl.passes.opening.forms import definition, is_net, may_be_identity
from blockdsl.passes.opening.names import Defined, Names, Opaque, Thunk, Unit
from blockdsl.passes.opening.outputs import Chain, output_layers
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, name_of
from blockdsl.syntax.traversal import walk

MAX_DEPTH = 30
"""Calls inside calls that are gone into."""

MAX_AGAIN = 2
"""Times that a call inside itself is gone into: recursion shows all that it has then."""


@dataclass(frozen=True)
class Shortcut:
    """A sum with the input: `branch` are its other parts, `home` the body whose result it stands in."""

    expr: nodes.Expr
    total: nodes.Sum
    branch: tuple[nodes.Expr, ...]
    home: nodes.Body


@dataclass(frozen=True)
class Kernel:
    """A square kernel that is written with a pad of half its size, as a number each."""

    kernel: nodes.Arg
    pad: nodes.Arg
    size: int
    home: nodes.Body


@dataclass
class Found:
    """What a network has that can be opened, and what it has that cannot, each with the reason."""

    sites: dict[Place, Site] = field(default_factory=dict)
    outputs: list[Site] = field(default_factory=list)
    shortcuts: dict[Place, Shortcut] = field(default_factory=dict)
    kernels: dict[Place, Kernel] = field(default_factory=dict)
    kept: dict[Place, tuple[Role | None, Span, str]] = field(default_factory=dict)


class Visitor:
    """Goes through the network of a program."""

    def __init__(self, program: Program, unit: Unit) -> None:
        self.context = program.context
        self.found = Found()
        self.demands = Demands(self._bind)
        self.outputs = output_layers(program.graph)
        self.file = unit.file
        self.names = unit.names

    def visit_file(self) -> Found:
        """All that the `net` of the file leads to."""
        net = next(s for s in self.file.statements if isinstance(s, nodes.Net))
        self._body(net.body, Names({"in": Opaque()}, self.names), ())
        return self.found

    def _body(self, body: nodes.Body, names: Names, chain: Chain) -> None:
        for let in body.lets:
            value = Thunk(let.value, names) if let.params is None else Defined(let, names)
            names.bound[let.name] = value
        self._visit(body.result, names, chain, body)

    def _visit(self, expr: nodes.Expr, names: Names, chain: Chain, home: nodes.Body | None) -> None:
        """A network; `home` is the body in whose result it stands, if it does."""
        match expr:
            case nodes.Group(body=inner):
                if isinstance(bare(inner), nodes.Sum):
                    self._sum(bare(inner), expr, names, home)
                self._visit(inner, names, chain, home)
            case nodes.Product(parts=parts) if not is_net(parts[-1], names):
                self._demand(parts[-1], names, Role.DEPTH)
                for part in parts[:-1]:
                    self._visit(part, names, chain, home)
            case nodes.For(body=inner, variable=variable, first=first, last=last):
                is_counted = (
                    isinstance(first, nodes.Number) and first.value == 1 and not _picks(inner, variable)
                )
                if last is not None and (is_counted or not is_closed(last, names)):
                    self._demand(last, names, Role.DEPTH)
                self._visit(inner, Names({variable: Opaque()}, names), chain, None)
            case nodes.If(then=then, otherwise=otherwise):
                self._visit(then, names, chain, home)
                self._visit(otherwise, names, chain, home)
            case nodes.Sum(parts=parts):
                self._sum(expr, expr, names, home)
                self._all(parts, names, chain, home)
            case nodes.Chain(parts=parts) | nodes.Concat(parts=parts) | nodes.Product(parts=parts):
                self._all(parts, names, chain, home)
            case nodes.ListOf(items=parts) | nodes.Choice(options=parts):
                self._all(parts, names, chain, home)
            case nodes.Label(body=inner) | nodes.Optional(body=inner):
                self._visit(inner, names, chain, home)
            case nodes.Call():
                self._call(expr, names, chain, home)
            case nodes.Path(span=span) if name_of(expr):
                self._call(nodes.Call(span, name_of(expr), ()), names, chain, home)

    def _all(
        self, parts: tuple[nodes.Expr, ...], names: Names, chain: Chain, home: nodes.Body | None
    ) -> None:
        for part in parts:
            self._visit(part, names, chain, home)

    def _call(self, call: nodes.Call, names: Names, chain: Chain, home: nodes.Body | None) -> None:
        bound, _ = names.find(call.name)
        if isinstance(bound, Thunk) and (target := definition(bound)):
            bound = target
        if len(chain) > MAX_DEPTH or chain.count(place(call.span)) >= MAX_AGAIN:
            return
        match bound:
            case Defined(node=nodes.Block(body=body)):
                self._body(body, self._bind(call, bound, names), (*chain, place(call.span)))
            case Thunk(expr=expr, names=inner):
                self._visit(expr, inner, chain, None)
            case None if operation := ops.find(call.name):
                self._layer(call, operation, names, chain, home)
            case None:
                for arg in call.args:
                    if is_net(arg.value, names):
                        self._visit(arg.value, names, chain, None)

    def _layer(
        self,
        call: nodes.Call,
        operation: type[ops.Operation],
        names: Names,
        chain: Chain,
        home: nodes.Body | None,
    ) -> None:
        if operation.inputs is None:
            for arg in call.args:
                if arg.name is None and is_net(arg.value, names):
                    self._visit(arg.value, names, chain, None)
            return
        given = self._assigned(call, list(operation.arguments), names)
        is_output = (place(call.span), chain) in self.outputs
        for name in ("channels", "features"):
            if name in given and name in operation.arguments:
                self._demand(given[name].value, names, Role.OUTPUT if is_output else Role.WIDTH)
        if operation.kernel_can_grow and "kernel" in given and "pad" in given:
            self._kernel(given["kernel"], given["pad"], names, home)

    def _kernel(self, kernel: nodes.Arg, pad: nodes.Arg, names: Names, home: nodes.Body | None) -> None:
        half = bare(pad.value)
        follows = name_of(half) == "same" or (
            isinstance(half, nodes.Binary)
            and half.op == "//"
            and (half.left.span.text, half.right.span.text) == (kernel.value.span.text, "2")
            and not is_closed(half.left, names)
        )
        if follows:
            self._demand(kernel.value, names, Role.KERNEL)
            return
        size, tag, key = bare(kernel.value), tag_of(pad), place(kernel.value.span)
        if not isinstance(size, nodes.Number) or not isinstance(size.value, int) or size.value == 1:
            return
        half_size = tag[1] if tag else half.value if isinstance(half, nodes.Number) else None
        if half_size == size.value // 2 and home is not None:
            self.found.kernels[key] = Kernel(kernel, pad, size.value, home)
        else:
            self.found.kept[key] = (Role.KERNEL, kernel.value.span, "its pad is not half of it")

    def _demand(self, expr: nodes.Expr, names: Names, role: Role) -> None:
        for site in self.demands.sites(expr, names, role):
            if role is Role.OUTPUT:
                self.found.outputs.append(site)
            else:
                self.found.sites.setdefault(place(site.expr.span), site)

    def _sum(self, total: nodes.Sum, expr: nodes.Expr, names: Names, home: nodes.Body | None) -> None:
        key = place(total.span)
        rest = tuple(p for p in total.parts if not may_be_identity(p, names))
        if key in self.found.shortcuts or key in self.found.kept:
            return
        if 0 < len(rest) < len(total.parts) and home is not None:
            self.found.shortcuts[key] = Shortcut(expr, total, rest, home)
        elif rest:
            reason = "none of its parts can be the identity" if home else "it stands in a `let` or a loop"
            self.found.kept[key] = (None, total.span, reason)

    def _assigned(self, call: nodes.Call, params: list[str], names: Names) -> dict[str, nodes.Arg]:
        """The written arguments by parameter; a word that is bound, such as `c1`, is no tag."""
        words = {name_of(arg.value) for arg in call.args} - {""}
        seen = Scope({word: 0 for word in words if names.find(word)[0] is not None})
        return assign(call, params, self.context.but(scope=seen))

    def _bind(self, call: nodes.Call, defined: Defined, names: Names) -> Names:
        """The names that the body of a call sees."""
        params = defined.node.params or ()
        given = self._assigned(call, [p.name for p in params], names)
        inner = Names({"in": Opaque()}, defined.names)
        for param in params:
            if param.name in given:
                inner.bound[param.name] = Thunk(given[param.name].value, names)
            else:
                assert param.default is not None, "the file was lowered"
                inner.bound[param.name] = Thunk(param.default, inner)
        return inner


def _picks(body: nodes.Expr, variable: str) -> bool:
    """Whether a loop's variable says which item of a list is taken: there are no more rounds than items."""
    steps = [step for node in walk(body) if isinstance(node, nodes.Path) for step in node.steps]
    return any(step.index is not None and variable in step.index.span.text for step in steps)

"""Through a network as it is written, call by call: what its layers take their numbers from."""

from __future__ import annotations

from dataclasses import dataclass, field

from blockdsl import ops
from blockdsl.lowering import Program
from blockdsl.lowering.binding import tag_of
from blockdsl.lowering.values import Place, place
from blockdsl.passes.arguments import arguments
from blockdsl.passes.opening.forms import block_named, is_net, may_be_identity
from blockdsl.passes.opening.frames import TOP, Callee, Frame, Thunk, stands_for
from blockdsl.passes.opening.number_origins import Demands, Role, Site, is_closed
from blockdsl.passes.opening.outputs import Chain, output_layers
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, name_of
from blockdsl.syntax.names import Names
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

    def __init__(self, program: Program, names: Names) -> None:
        self.found = Found()
        self.demands = Demands(names, self._enter)
        self.outputs = output_layers(program.graph)
        self.names = names

    def visit_file(self) -> Found:
        """All that the `net` of the file leads to."""
        net = next(s for s in self.names.file.statements if isinstance(s, nodes.Net))
        self._visit(net.body.result, TOP, (), net.body)
        return self.found

    def _visit(self, expr: nodes.Expr, frame: Frame, chain: Chain, home: nodes.Body | None) -> None:
        """A network; `home` is the body in whose result it stands, if it does."""
        match expr:
            case nodes.Group(body=inner):
                if isinstance(bare(inner), nodes.Sum):
                    self._sum(bare(inner), expr, home)
                self._visit(inner, frame, chain, home)
            case nodes.Product(parts=parts) if not is_net(parts[-1], self.names, frame):
                self._demand(parts[-1], frame, Role.DEPTH)
                for part in parts[:-1]:
                    self._visit(part, frame, chain, home)
            case nodes.For(body=inner, first=first, last=last):
                is_counted = (
                    isinstance(first, nodes.Number) and first.value == 1 and not self._picks(inner, expr)
                )
                if last is not None and (is_counted or not is_closed(last, self.names)):
                    self._demand(last, frame, Role.DEPTH)
                self._visit(inner, frame, chain, None)
            case nodes.If(then=then, otherwise=otherwise):
                self._visit(then, frame, chain, home)
                self._visit(otherwise, frame, chain, home)
            case nodes.Sum(parts=parts):
                self._sum(expr, expr, home)
                self._all(parts, frame, chain, home)
            case nodes.Chain(parts=parts) | nodes.Concat(parts=parts) | nodes.Product(parts=parts):
                self._all(parts, frame, chain, home)
            case nodes.ListOf(items=parts) | nodes.Choice(options=parts):
                self._all(parts, frame, chain, home)
            case nodes.Label(body=inner) | nodes.Optional(body=inner):
                self._visit(inner, frame, chain, home)
            case nodes.Call():
                self._call(expr, frame, chain, home)
            case nodes.Path() if name_of(expr):
                self._call(expr, frame, chain, home)

    def _all(
        self, parts: tuple[nodes.Expr, ...], frame: Frame, chain: Chain, home: nodes.Body | None
    ) -> None:
        for part in parts:
            self._visit(part, frame, chain, home)

    def _call(
        self, use: nodes.Call | nodes.Path, frame: Frame, chain: Chain, home: nodes.Body | None
    ) -> None:
        found = stands_for(use, self.names, frame)
        if isinstance(found, Thunk) and (target := block_named(found, self.names)):
            found = target
        if len(chain) > MAX_DEPTH or chain.count(place(use.span)) >= MAX_AGAIN:
            return
        call = use if isinstance(use, nodes.Call) else nodes.Call(use.span, name_of(use), ())
        match found:
            case Callee(node=nodes.Block(body=body)):
                inner = self._enter(call, found, frame)
                self._visit(body.result, inner, (*chain, place(use.span)), body)
            case Thunk(expr=expr, frame=inner):
                self._visit(expr, inner, chain, None)
            case None if self.names.definition(use) is None:
                if operation := ops.find(call.name):
                    self._layer(call, operation, frame, chain, home)
                    return
                for arg in call.args:
                    if is_net(arg.value, self.names, frame):
                        self._visit(arg.value, frame, chain, None)

    def _layer(
        self,
        call: nodes.Call,
        operation: type[ops.Operation],
        frame: Frame,
        chain: Chain,
        home: nodes.Body | None,
    ) -> None:
        if operation.inputs is None:
            for arg in call.args:
                if arg.name is None and is_net(arg.value, self.names, frame):
                    self._visit(arg.value, frame, chain, None)
            return
        given = arguments(call, list(operation.arguments), self.names)
        is_output = (place(call.span), chain) in self.outputs
        for name in ("channels", "features"):
            if name in given and name in operation.arguments:
                self._demand(given[name].value, frame, Role.OUTPUT if is_output else Role.WIDTH)
        if operation.kernel_can_grow and "kernel" in given and "pad" in given:
            self._kernel(given["kernel"], given["pad"], frame, home)

    def _kernel(self, kernel: nodes.Arg, pad: nodes.Arg, frame: Frame, home: nodes.Body | None) -> None:
        half = bare(pad.value)
        follows = name_of(half) == "same" or (
            isinstance(half, nodes.Binary)
            and half.op == "//"
            and (half.left.span.text, half.right.span.text) == (kernel.value.span.text, "2")
            and not is_closed(half.left, self.names)
        )
        if follows:
            self._demand(kernel.value, frame, Role.KERNEL)
            return
        size, tag, key = bare(kernel.value), tag_of(pad), place(kernel.value.span)
        if not isinstance(size, nodes.Number) or not isinstance(size.value, int) or size.value == 1:
            return
        half_size = tag[1] if tag else half.value if isinstance(half, nodes.Number) else None
        if half_size == size.value // 2 and home is not None:
            self.found.kernels[key] = Kernel(kernel, pad, size.value, home)
        else:
            self.found.kept[key] = (Role.KERNEL, kernel.value.span, "its pad is not half of it")

    def _demand(self, expr: nodes.Expr, frame: Frame, role: Role) -> None:
        for site in self.demands.sites(expr, frame, role):
            if role is Role.OUTPUT:
                self.found.outputs.append(site)
            else:
                self.found.sites.setdefault(place(site.expr.span), site)

    def _sum(self, total: nodes.Sum, expr: nodes.Expr, home: nodes.Body | None) -> None:
        key = place(total.span)
        rest = tuple(p for p in total.parts if not may_be_identity(p, self.names))
        if key in self.found.shortcuts or key in self.found.kept:
            return
        if 0 < len(rest) < len(total.parts) and home is not None:
            self.found.shortcuts[key] = Shortcut(expr, total, rest, home)
        elif rest:
            reason = "none of its parts can be the identity" if home else "it stands in a `let` or a loop"
            self.found.kept[key] = (None, total.span, reason)

    def _enter(self, call: nodes.Call, callee: Callee, frame: Frame) -> Frame:
        """The frame of a call."""
        given = arguments(call, [p.name for p in callee.node.params or ()], self.names)
        values = {name: arg.value for name, arg in given.items()}
        return Frame(callee.node, values, frame, callee.frame)

    def _picks(self, body: nodes.Expr, loop: nodes.For) -> bool:
        """Whether a loop's variable says which item of a list is taken: no more rounds than items."""
        steps = [step for node in walk(body) if isinstance(node, nodes.Path) for step in node.steps]
        return any(
            (found := self.names.definition(node)) is not None and found.node is loop
            for step in steps
            for index in step.indices
            for node in walk(index)
        )

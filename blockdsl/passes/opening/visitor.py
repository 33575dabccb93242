"""Through a network as it is written, call by call: what its layers take their numbers from."""

from __future__ import annotations

from dataclasses import dataclass, field

from blockdsl import ops
from blockdsl.lowering import Program
from blockdsl.lowering.binding import tag_of
from blockdsl.lowering.values import Place, place
from blockdsl.passes.arguments import arguments
from blockdsl.passes.opening.forms import block_named, is_net, may_be_identity
from blockdsl.passes.opening.frames import TOP, Callee, Frame, Thunk, items, stands_for, values
from blockdsl.passes.opening.number_origins import Demands, Role, Site, is_closed, scaled_once
from blockdsl.passes.opening.outputs import Chain, output_layers
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, name_of
from blockdsl.syntax.names import Names
from blockdsl.syntax.traversal import walk

MAX_DEPTH = 30
"""Calls inside calls that are gone into."""

MAX_ROUNDS = 64
"""Rounds of a loop over a list that are gone into."""

Home = nodes.Body | nodes.Let
"""What a network stands in: the result of a body, or what a `let` binds."""

MAX_AGAIN = 2
"""Times that a call inside itself is gone into: recursion shows all that it has then."""


@dataclass(frozen=True)
class Shortcut:
    """A sum with the input: `branch` are its other parts, `home` is where it stands."""

    expr: nodes.Expr
    total: nodes.Sum
    branch: tuple[nodes.Expr, ...]
    home: Home


@dataclass(frozen=True)
class Kernel:
    """A square kernel that is written with a pad of half its size, as a number each."""

    kernel: nodes.Arg
    pad: nodes.Arg
    size: int
    home: Home


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
        self.found.sites = scaled_once(self.found.sites, self.names)
        return self.found

    def _visit(self, expr: nodes.Expr, frame: Frame, chain: Chain, home: Home | None) -> None:
        """A network; `home` is the body or the `let` in whose result or value it stands, if it does."""
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
                if last is None and is_net(first, self.names, frame):
                    self._visit(first, frame, chain, None)
                for round in self._rounds(expr, frame):
                    self._visit(inner, round, chain, None)
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
            case nodes.Path() if len(expr.steps) == 1:
                self._call(expr, frame, chain, home)

    def _all(self, parts: tuple[nodes.Expr, ...], frame: Frame, chain: Chain, home: Home | None) -> None:
        for part in parts:
            self._visit(part, frame, chain, home)

    def _call(self, use: nodes.Call | nodes.Path, frame: Frame, chain: Chain, home: Home | None) -> None:
        if len(chain) > MAX_DEPTH or chain.count(place(use.span)) >= MAX_AGAIN:
            return
        definition = self.names.definition(use)
        call = use if isinstance(use, nodes.Call) else nodes.Call(use.span, use.steps[0].name, ())
        if definition is None:
            self._operation(call, frame, chain, home)
            return
        found = stands_for(use, self.names, frame)
        let = definition.node if isinstance(definition.node, nodes.Let) else None
        if isinstance(found, Callee):
            self._found(call, found, frame, chain, None)
        elif isinstance(use, nodes.Path) and found is not None:
            for value in values(use, self.names, frame):
                self._found(call, value, frame, chain, let)
        elif isinstance(found, Thunk):
            self._found(call, found, frame, chain, let)
        if let is not None and len(let.names) > 1 and not isinstance(bare(let.value), nodes.ListOf):
            self._visit(let.value, frame.of(definition), chain, let)

    def _found(
        self, call: nodes.Call, found: Callee | Thunk, frame: Frame, chain: Chain, let: nodes.Let | None
    ) -> None:
        """What a name stands for: a block, a network that `let` binds, or each of a list of them."""
        target = found if isinstance(found, Callee) else block_named(found, self.names)
        if target is not None:
            if isinstance(target.node, nodes.Block):
                inner = self._enter(call, target, frame)
                body = target.node.body
                self._visit(body.result, inner, (*chain, place(call.span)), body)
            return
        assert isinstance(found, Thunk)
        expr = bare(found.expr)
        if isinstance(expr, nodes.ListOf):
            for item in expr.items:
                self._found(call, Thunk(item, found.frame), frame, chain, let)
            return
        if let is not None and let.shared and not isinstance(expr, nodes.Call | nodes.Path):
            chain = (*chain, place(call.span))  # an application of it is a block
        self._visit(expr, found.frame, chain, let)

    def _operation(self, call: nodes.Call, frame: Frame, chain: Chain, home: Home | None) -> None:
        if operation := ops.find(call.name):
            self._layer(call, operation, frame, chain, home)
            return
        for arg in call.args:
            if is_net(arg.value, self.names, frame):
                self._visit(arg.value, frame, chain, None)

    def _rounds(self, loop: nodes.For, frame: Frame) -> list[Frame]:
        """The frames of a loop's rounds: one for each item of a list that is written, else one in all."""
        found = [] if loop.last is not None else items(loop.first, self.names, frame)
        rounds = []
        for item in found[:MAX_ROUNDS]:
            parts = items(item.expr, self.names, item.frame) if len(loop.variables) > 1 else [item]
            if len(parts) != len(loop.variables):
                return [frame]
            given = dict(zip(loop.variables, (part.expr for part in parts), strict=True))
            rounds.append(Frame(loop, given, parts[0].frame, frame))
        return rounds or [frame]

    def _layer(
        self,
        call: nodes.Call,
        operation: type[ops.Operation],
        frame: Frame,
        chain: Chain,
        home: Home | None,
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
            if self._follows(given["pad"], given["kernel"], given.get("dilation"), frame):
                self._demand(given["kernel"].value, frame, Role.KERNEL)
            else:
                self._kernel(given["kernel"], given["pad"], home)

    def _follows(self, pad: nodes.Arg, kernel: nodes.Arg, dilation: nodes.Arg | None, frame: Frame) -> bool:
        """Whether a pad is half of a kernel that has a name, whatever that is; times the dilation if any."""
        half = bare(pad.value)
        while isinstance(found := self.demands.lone(half, frame), Thunk):
            half, frame = bare(found.expr), found.frame
        if name_of(half) == "same" or (isinstance(half, nodes.String) and half.value == "same"):
            return True
        if isinstance(half, nodes.Product) and dilation is not None and len(half.parts) == 2:
            factor, half = half.parts[0], bare(half.parts[1])
            if not self._same(factor, dilation.value):
                return False
        return (
            isinstance(half, nodes.Binary)
            and half.op == "//"
            and half.right.span.text == "2"
            and self._same(half.left, kernel.value)
        )

    def _same(self, one: nodes.Expr, other: nodes.Expr) -> bool:
        """Whether two names are of the same parameter."""
        definition = self.names.definition(one)
        is_parameter = definition is not None and not definition.of_file and not definition.is_variable
        return is_parameter and bool(name_of(one)) and definition is self.names.definition(other)

    def _kernel(self, kernel: nodes.Arg, pad: nodes.Arg, home: Home | None) -> None:
        half = bare(pad.value)
        size, tag, key = bare(kernel.value), tag_of(pad), place(kernel.value.span)
        if not isinstance(size, nodes.Number) or not isinstance(size.value, int) or size.value == 1:
            return
        half_size = tag[1] if tag else half.value if isinstance(half, nodes.Number) else None
        if half_size == size.value // 2 and home is not None:
            self.found.kernels[key] = Kernel(kernel, pad, size.value, home)
            self.found.kept.pop(key, None)
        elif key not in self.found.kernels:
            reason = "its pad is not half of it" if half_size != size.value // 2 else "it stands in a loop"
            self.found.kept[key] = (Role.KERNEL, kernel.value.span, reason)

    def _demand(self, expr: nodes.Expr, frame: Frame, role: Role) -> None:
        for site in self.demands.sites(expr, frame, role):
            if role is Role.OUTPUT:
                self.found.outputs.append(site)
            else:
                self.found.sites.setdefault(place(site.expr.span), site)

    def _sum(self, total: nodes.Sum, expr: nodes.Expr, home: Home | None) -> None:
        key = place(total.span)
        rest = tuple(p for p in total.parts if not may_be_identity(p, self.names))
        if key in self.found.shortcuts or key in self.found.kept:
            return
        if 0 < len(rest) < len(total.parts) and home is not None:
            self.found.shortcuts[key] = Shortcut(expr, total, rest, home)
        elif rest:
            reason = "none of its parts can be the identity" if home else "it stands in a loop"
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

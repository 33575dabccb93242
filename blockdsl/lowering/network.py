"""Networks applied to tensors: operations become nodes of the graph, blocks unfold."""

from __future__ import annotations

from blockdsl import ops
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Segment, Value, module_name
from blockdsl.lowering.calls import Calls
from blockdsl.lowering.choices import Chooser
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.evaluate import MAX_ITEMS
from blockdsl.lowering.values import (
    UNKNOWN_TENSOR,
    Closure,
    Kind,
    Scope,
    Tensors,
    Trace,
    is_known,
    place,
    shown,
)
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

_REPEATING = "to repeat, write the network first: RELU * 3; SCALE(0.5) scales by a number"
_JOINS = {nodes.Sum: "SUM", nodes.Concat: "CAT", nodes.Product: "MUL"}


class Lowering(Calls):
    """Applies networks; `self.graph` grows in execution order.

    `used` holds the names of the files brought in with `use`, each read once, by their full path.
    """

    def __init__(self, choose: Chooser) -> None:
        super().__init__(choose)
        self.used: dict[str, Scope] = {}

    def apply(self, expr: nodes.Expr, stream: Tensors, context: Context) -> Tensors:
        """Let tensors flow through a network, or take the tensors that an expression already is.

        Of what is refused nothing is known but that something flows out of it.
        """
        try:
            return self._applied(expr, stream, context)
        except ArchError as wrong:
            context.errors.tell(wrong)
            return UNKNOWN_TENSOR

    def _applied(self, expr: nodes.Expr, stream: Tensors, context: Context) -> Tensors:
        self.spend(1, expr, context)
        match expr:
            case nodes.Call():
                return self.named(expr, stream, _found(context))
            case nodes.Path(steps=(nodes.Step(name=name, index=None),)):
                return self.named(nodes.Call(expr.span, name, ()), stream, _found(context))
            case nodes.Group(body=body):
                return self.apply(body, stream, context)
            case nodes.Choice(options=options):
                index, inner = self.decide(options, expr, context)
                return self._chosen(options[index], stream, inner)
            case nodes.Optional(body=body):
                index, inner = self.decide((body, "ID"), expr, context, "optional")
                return self._chosen(body, stream, inner) if index == 0 else stream
        context = _found(context)
        match expr:
            case nodes.Chain(parts=parts):
                return self._chain(parts, stream, context)
            case nodes.Product(parts=parts) if self.kind(parts[-1], context) is Kind.DATA:
                return self._repeat(expr, stream, context)
            case nodes.Sum() | nodes.Concat() | nodes.Product():
                return self._join(expr, stream, context)
            case nodes.ListOf():
                return self.bundle(expr, stream, context)
            case nodes.For():
                for inner in self.rounds(expr, context):
                    stream = self.apply(expr.body, stream, inner)
                return stream
            case nodes.If():
                return self.apply(self.branch(expr, context), stream, context)
            case nodes.Label():
                return self._label(expr, stream, context)
        raise self.no_network(expr, context)

    # --- composition

    def _chain(self, parts: tuple[nodes.Expr, ...], stream: Tensors, context: Context) -> Tensors:
        context = context.but(within=parts[0].span.to(parts[-1].span))
        for index, part in enumerate(parts):
            if index:
                part = self._side(part, context)
                context = context if context.linked else context.but(linked=True)
            kind = self.kind(part, context)
            if kind is Kind.TENSOR and index > 0:
                context.errors.tell(_loses_stream(part, context))
                stream = UNKNOWN_TENSOR
            elif kind is Kind.DATA:
                stream = self._refused_part(part, context)
            else:
                stream = self.apply(part, stream, context)
        return stream

    def _refused_part(self, part: nodes.Expr, context: Context, help: str = "") -> Tensors:
        """Tell of data where a network should stand; what would flow out of it."""
        with context.errors.gathering():
            raise self.no_network(part, context, help)
        return UNKNOWN_TENSOR

    def _chosen(self, option: nodes.Expr, stream: Tensors, context: Context) -> Tensors:
        """Apply what a choice decided on. An option may be a tensor where the choice begins a chain."""
        if context.linked and stream.values and self.kind(option, context) is Kind.TENSOR:
            raise _loses_stream(option, context)
        return self.apply(option, stream, context)

    def _side(self, part: nodes.Expr, context: Context) -> nodes.Expr:
        """What a link of a chain is once its `if` has chosen."""
        while isinstance(part, nodes.Group | nodes.If):
            part = part.body if isinstance(part, nodes.Group) else self.branch(part, context)
        return part

    def _repeat(self, expr: nodes.Product, stream: Tensors, context: Context) -> Tensors:
        *before, count = expr.parts
        span = before[0].span.to(before[-1].span)
        body = before[0] if len(before) == 1 else nodes.Product(span, tuple(before))
        if self.kind(body, context) is not Kind.NET:
            raise context.error(
                "value", "what is repeated is a network, and no tensor", span,
                help="in-A-A-A is written in-A*3",
            )  # fmt: skip
        times = self.whole(count, context.hinted("repeat"), "a repetition")
        if times < 0:
            raise context.error("value", f"nothing can be repeated {times} times", count.span)
        if times > MAX_ITEMS:
            raise context.error(
                "size", f"repeats {times:,} times; {MAX_ITEMS:,} at most", count.span,
                help="is the number larger than meant?",
            )  # fmt: skip
        self.spend(2 * times, expr, context)
        frames = [Trace(context.scope) for _ in range(times)]
        context.trace.rounds[place(expr.span)] = [(frame, 0) for frame in frames]
        for frame in frames:
            stream = self.apply(body, stream, context.but(repeated=True, hint="", trace=frame))
        return stream

    def _join(
        self, expr: nodes.Sum | nodes.Concat | nodes.Product, stream: Tensors, context: Context
    ) -> Tensors:
        values = []
        context = context.but(linked=False) if context.linked else context
        for part in expr.parts:
            if self.kind(part, context) is Kind.DATA:
                help = _REPEATING if isinstance(expr, nodes.Product) else ""
                branch = self._refused_part(part, context, help)
            else:
                branch = self.apply(part, stream, context)
            if len(branch.values) != 1:
                wrong = context.error(
                    "shape", f"each side of a join is one tensor, this is {shown(branch)}", part.span,
                    help="join the bundle first: …-SUM, …-CAT, …-MEAN",
                )  # fmt: skip
                context.errors.tell(wrong)
                branch = UNKNOWN_TENSOR
            values.append(branch.values[0])
        operation = ops.find(_JOINS[type(expr)])
        assert operation is not None
        spans = [part.span for part in expr.parts]
        return self.layer(operation(), tuple(values), expr.span, context.but(within=expr.span), spans)

    def bundle(self, bundle: nodes.ListOf, stream: Tensors, context: Context, join: str = "") -> Tensors:
        """Let tensors flow through the networks of a bundle; what are tensors already join them.

        `join` is the operation in whose brackets the bundle is written, if it is.
        """
        branches: list[tuple[nodes.Expr, Context]] = []
        context = context.but(linked=False) if context.linked else context
        for item in bundle.items:
            if isinstance(item, nodes.For):
                branches += [(item.body, inner) for inner in self.rounds(item, context)]
            else:
                branches.append((item, context))
        incoming = stream.values
        networks = [b for b in branches if self.kind(b[0], b[1]) is not Kind.TENSOR]
        if not is_known(stream):  # it may be one tensor, or as many as there are networks
            incoming = UNKNOWN_TENSOR.values
        if len(incoming) == 1:
            incoming = incoming * len(networks)
        if len(incoming) != len(networks):
            raise context.error(
                "shape",
                f"{len(stream.values)} tensors flow into "
                + (f"{join} with " if join else "a bundle of ")
                + ("one network" if len(networks) == 1 else f"{len(networks)} networks"),
                bundle.span,
                help=f"-{join} without networks joins the tensors that flow in"
                if join
                else "a bundle has one network for each tensor, or fans one tensor out",
            )
        outgoing: list[Value] = []
        sides: list[Span] = []
        waiting = iter(incoming)
        for branch, inner in branches:
            if self.kind(branch, inner) is Kind.TENSOR:
                made = self.apply(branch, Tensors(()), inner)
            else:
                made = self.apply(branch, Tensors((next(waiting),)), inner)
            outgoing += made.values
            alone = len(made.values) == 1 or not made.sides
            sides += [branch.span] * len(made.values) if alone else made.sides
        return Tensors(tuple(outgoing), tuple(sides))

    def _label(self, label: nodes.Label, stream: Tensors, context: Context) -> Tensors:
        body = label.body
        while isinstance(body, nodes.Group):
            body = body.body
        path = self._path_of(label, body, context)
        context.trace.labels[place(label.span)] = module_name(path[-1:])
        if isinstance(body, nodes.Path) and len(body.steps) == 1 and body.steps[0].index is None:
            body = nodes.Call(body.span, body.steps[0].name, ())
        if isinstance(body, nodes.Call) and self.kind(body, context) is Kind.NET:
            result = self.named(body, stream, context, path)
        else:
            naming = choosing = Naming(path)
            if context.choosing is not context.naming:
                choosing = Naming(context.choosing.first_or_next(label.name))
            at = choosing.path if isinstance(body, nodes.Choice | nodes.Optional) else None
            inner = context.but(naming=naming, choosing=choosing, repeated=False, at=at)
            result = self.apply(body, stream, inner)
        if len(result.values) == 1:
            self.point(module_name(path), result.values[0])
        return result

    def _path_of(self, label: nodes.Label, body: nodes.Expr, context: Context) -> tuple[Segment, ...]:
        """The path of what a label names: numbered in a repetition, else the label as it is."""
        naming = context.naming
        if context.repeated:
            return naming.next(label.name)
        if path := naming.claim(label.name):
            return path
        if isinstance(body, nodes.Path):
            value = context.scope.find(body.steps[0].name)
            if isinstance(value, Closure) and naming.claim_value(label.name, value.path):
                return value.path
        raise context.error(
            "name", f"the name {label.name} is taken here",
            Span(label.span.source, label.span.start, label.span.start + len(label.name)),
            help="give it another one; layers without a label have numbers: conv1, conv2, …",
        )  # fmt: skip


def _loses_stream(part: nodes.Expr, context: Context) -> ArchError:
    return context.error(
        "value", "a tensor can only begin a chain", part.span,
        help="what came before it would be lost; join them with +, | or [ , ]",
    )  # fmt: skip


def _found(context: Context) -> Context:
    """The context of what is no choice itself: a path meant for one serves nobody inside it."""
    return context if context.at is None else context.but(at=None)

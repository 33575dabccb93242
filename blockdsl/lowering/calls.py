"""Names applied as networks: operations, blocks, and what a `let` or a parameter holds."""

from __future__ import annotations

from collections.abc import Mapping

from blockdsl import ops
from blockdsl.diagnostics import ArchError, already_told
from blockdsl.frozen import FrozenDict
from blockdsl.ir import Auxiliary, BlockCall, Segment, module_name
from blockdsl.lowering.binding import assign, declared, missing, tag_of
from blockdsl.lowering.choices import Chooser
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.kinds import AUX
from blockdsl.lowering.replay import Record, Replaying, key_of
from blockdsl.lowering.values import (
    BROKEN,
    BlockValue,
    Broken,
    Closure,
    Evaluated,
    Function,
    Kind,
    Scope,
    Tensors,
    Trace,
    argument_text,
    place,
    shown,
)
from blockdsl.ops import Argument, Operation
from blockdsl.ops.shape import Identity
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

MAX_DEPTH = 200
"""Blocks inside blocks."""


def _is_tag(arg: nodes.Arg, context: Context) -> bool:
    """Whether an argument such as `s2` is a tag, and no name that is bound."""
    return tag_of(arg) is not None and context.scope.find(arg.span.text) is None


def operation_arguments(call: nodes.Call) -> list[Argument]:
    """The arguments of the operation that is called."""
    operation = ops.find(call.name)
    return list(operation.arguments.values()) if operation else []


def _takes_value(argument: Argument, value: Evaluated) -> bool:
    try:
        argument.convert(value)
    except ValueError:
        return False
    return True


class Calls(Replaying):
    """Applies what has a name. `plain` keeps the operations that were written without arguments."""

    def __init__(self, choose: Chooser) -> None:
        super().__init__(choose)
        self.plain: dict[type[Operation], Operation] = {}

    def bundle(self, bundle: nodes.ListOf, stream: Tensors, context: Context, join: str = "") -> Tensors:
        """Let tensors flow through the networks of a bundle."""
        raise AssertionError

    def named(
        self,
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: tuple[Segment, ...] | None = None,
    ) -> Tensors:
        """Apply a block, an operation, or a network that a name is bound to."""
        value = context.scope.find(call.name)
        if isinstance(value, Broken):
            raise already_told()
        if isinstance(value, Tensors):
            self._without_arguments(call, "a tensor", context)
            return value
        if isinstance(value, Closure):
            return self._closure_applied(value, call, stream, context, path)
        if isinstance(value, BlockValue):
            return self._block(value, call, stream, context, path)
        if value is not None:
            raise context.error("value", f"a network stands here, not {shown(value)}", call.span)
        if call.name == AUX:
            return self._auxiliary(call, stream, context)
        operation = ops.find(call.name)
        if operation is None:
            raise self.unknown(call.name, call.span, context, network=True)
        if operation.inputs == 0:
            raise context.error(
                "value", f"{call.name} stands at the beginning only", call.span,
                help="write it as a line of the file: input 3x224x224",
            )  # fmt: skip
        if not stream.values:
            raise context.error(
                "value", f"nothing flows into {call.name} here", call.span, help=f"begin with in-{call.name}"
            )
        if operation.inputs is None:
            call, stream = self._branches(call, stream, context)
        if operation is Identity:
            assign(call, [], context)
            return stream
        path = path or context.naming.next(call.name.lower())
        if not call.args and operation in self.plain:
            made = self.plain[operation]
            return self.layer(made, stream.values, call.span, context, stream.sides, path, call)
        same = context.choosing is context.naming
        choices = Naming(path if same else context.choosing.next(call.name.lower()))
        arguments = context.but(choosing=choices, hint="", at=None)

        def evaluate(expr: nodes.Expr, name: str) -> Evaluated:
            return self.argument(expr, arguments.hinted(name))

        made = declared(call, operation, operation.arguments, context, evaluate)
        if not call.args:
            self.plain[operation] = made
        return self.layer(made, stream.values, call.span, context, stream.sides, path, call)

    def argument(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """The value of an operation's argument; a lone unknown word is that word (`pad=same`).

        So is one that is an option of a choice, or a side of an `if`.
        """
        match expr:
            case nodes.Path() if self.is_unknown_word(expr, context):
                return expr.steps[0].name
            case nodes.Group(body=body):
                return self.argument(body, context)
            case nodes.Choice(options=options) if self.kind(expr, context) is Kind.DATA:
                index, inner = self.decide(options, expr, context)
                return self.argument(options[index], inner)
            case nodes.If() if self.kind(expr, context) is Kind.DATA:
                return self.argument(self.branch(expr, context), context)
        return self.evaluate(expr, context)

    def _branches(self, call: nodes.Call, stream: Tensors, context: Context) -> tuple[nodes.Call, Tensors]:
        """`MEAN(A, B, drop=0.15)` is `[A, B]-MEAN(drop=0.15)`."""
        networks = tuple(a for a in call.args if a.name is None and not _is_tag(a, context))
        for arg in networks:
            if not isinstance(arg.value, nodes.For) and self.kind(arg.value, context) is Kind.DATA:
                raise self._no_branch(call, arg, context)
        if not networks:
            return call, stream
        rest = tuple(a for a in call.args if a not in networks)
        bundle = nodes.ListOf(call.span, tuple(a.value for a in networks))
        return nodes.Call(call.span, call.name, rest), self.bundle(bundle, stream, context, call.name)

    def _no_branch(self, call: nodes.Call, arg: nodes.Arg, context: Context) -> ArchError:
        """The error for `MEAN(0.1)`: what stands in a join's brackets without a name is a network."""
        value = self.evaluate(arg.value, context)
        fits = [a.name for a in operation_arguments(call) if _takes_value(a, value)]
        name = fits[0] if fits else ""
        return context.error(
            "argument", f"{call.name} joins networks, not {shown(value)}", arg.span,
            help=f"what else it takes stands by its name: {name}={arg.span.text}" if name else "",
        )  # fmt: skip

    def _closure_applied(
        self,
        closure: Closure,
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: tuple[Segment, ...] | None,
    ) -> Tensors:
        self._without_arguments(call, f"the network {shown(closure)}", context)
        self._deeper(call, context)
        naming = Naming(path) if path else context.naming
        inner = context.but(
            scope=closure.scope, naming=naming, choosing=Naming(closure.path), at=closure.path,
            depth=context.depth + 1, hint="", repeated=context.repeated and path is None,
            trace=closure.trace,
        )  # fmt: skip
        return self.apply(closure.expr, stream, inner)

    def _without_arguments(self, call: nodes.Call, what: str, context: Context) -> None:
        if call.args:
            raise context.error(
                "argument", f"{call.name} is {what}, and takes no arguments", call.args[0].span,
                help=f"a network that takes arguments is a block: `block {call.name}(…) = …`",
            )  # fmt: skip

    def _deeper(self, call: nodes.Call, context: Context) -> None:
        if context.depth >= MAX_DEPTH:
            raise context.error(
                "size", f"calls are nested more than {MAX_DEPTH} deep", call.span,
                help=f"does {call.name} ever stop calling itself?",
            )  # fmt: skip

    def _block(
        self,
        value: BlockValue,
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: tuple[Segment, ...] | None,
    ) -> Tensors:
        self._deeper(call, context)
        block = value.block
        naming = Naming(path or context.naming.next(call.name))
        same = context.choosing is context.naming
        choosing = naming if same else Naming(context.choosing.next(call.name))
        given = self._given(block.params, call, context)
        trace = context.trace.calls[place(call.span)] = Trace()
        asked = self.asked
        names = self._parameters(block.params, given, value.scope, {"in": stream}, context, choosing, trace)
        texts = FrozenDict({name: argument_text(names[name]) for name in given})
        block_call = BlockCall(block.name, texts, naming.path, call.span, context.call)
        name = module_name(naming.path)
        self.graph.blocks[name] = block_call
        self.calls.append(block_call)
        alike = same and asked == self.asked
        key = key_of(value, names, given, self.graph, context) if alike else None
        if record := self.recorded(key):
            context.trace.calls[place(call.span)] = record.trace
            result = self.replay(record, block_call, stream)
        else:
            trace.scope = Scope(names, value.scope)
            inner = Context(
                trace.scope, naming, choosing, trace, context.errors, block_call, context.depth + 1,
                training_only=context.training_only,
            )  # fmt: skip
            start = self.extent()
            result = self.body(block.body, stream, inner)
            record = Record(block_call, stream, result, trace, start, self.extent())
            if key and record.depends_on_arguments_alone(value):
                self.records[key] = record
        if len(result.values) == 1:
            self.point(name, result.values[0])
        return result

    def _given(
        self, params: tuple[nodes.Param, ...], call: nodes.Call, context: Context
    ) -> Mapping[str, nodes.Arg]:
        """The written arguments by parameter; what is wrong with them is told of."""
        names = [p.name for p in params]
        given: Mapping[str, nodes.Arg] = {}
        try:
            given = assign(call, names, context)
            missing(call, (p.name for p in params if p.default is None), given, names, context)
        except ArchError as wrong:
            context.errors.tell(wrong)
        return given

    def _parameters(
        self,
        params: tuple[nodes.Param, ...],
        given: Mapping[str, nodes.Arg],
        scope: Scope,
        values: dict[str, Evaluated],
        context: Context,
        choosing: Naming,
        trace: Trace,
    ) -> dict[str, Evaluated]:
        """`values` and those of the parameters: written ones, and defaults as the definition sees them."""
        outside = context.but(choosing=choosing, at=None)
        for param in params:
            arg = given.get(param.name)
            value: Evaluated = BROKEN
            try:
                if arg is None:
                    if param.default is None:
                        raise already_told()
                    trace.defaults.add(param.name)
                    inside = outside.but(scope=Scope(values, scope), hint=param.name, trace=trace)
                    value = self.evaluate(param.default, inside)
                elif (tag := tag_of(arg)) and _is_tag(arg, context):
                    value = tag[1]
                else:
                    value = self.word_or_value(arg.value, outside.hinted(param.name))
            except ArchError as wrong:
                context.errors.tell(wrong)
            values[param.name] = value
        return values

    def call_function(self, function: Function, call: nodes.Call, context: Context) -> Evaluated:
        """The value of `width(3)` for `let width(i) = …`."""
        self._deeper(call, context)
        let = function.let
        params = let.params or ()
        given = self._given(params, call, context)
        trace = context.trace.calls[place(call.span)] = Trace()
        values = self._parameters(params, given, function.scope, {}, context, context.choosing, trace)
        trace.scope = Scope(values, function.scope)
        inner = context.but(scope=trace.scope, depth=context.depth + 1, trace=trace)
        return self.evaluate(let.value, inner)

    def body(self, body: nodes.Body, stream: Tensors, context: Context) -> Tensors:
        """Bind the `let`s of a body, then apply its result; `in` is in scope already."""
        for let in body.lets:
            self.bind(let, context)
        if self.kind(body.result, context) is Kind.DATA and not self._has_network(body.result, context):
            raise self.no_network(body.result, context)
        return self.apply(body.result, stream, context)

    def _has_network(self, expr: nodes.Expr, context: Context) -> bool:
        """Whether an expression that begins with data is a chain of networks otherwise."""
        parts = expr.parts if isinstance(expr, nodes.Chain) else ()
        return any(self.kind(part, context) is Kind.NET for part in parts)

    def free_name(self, name: str, span: Span, context: Context) -> None:
        """Refuse to give something the name of an operation."""
        if name == AUX or ops.find(name):
            raise context.error(
                "name", f"{name} is an operation", span,
                help="operations are UPPERCASE; give it a name in lower case",
            )  # fmt: skip

    def bind(self, let: nodes.Let, context: Context) -> None:
        """Evaluate a `let` once and put its value in scope."""
        value: Evaluated = BROKEN
        with context.errors.gathering():
            if let.name in context.scope.names:
                raise context.error("name", f"{let.name} is bound twice", let.span)
            self.free_name(let.name, let.span, context)
            if let.params is not None:
                value = Function(let, context.scope)
            else:
                value = self.word_or_value(let.value, context.hinted(let.name))
        context.scope.names[let.name] = value

    def _auxiliary(self, call: nodes.Call, stream: Tensors, context: Context) -> Tensors:
        given = assign(call, ["name", "head", "weight"], context, tags=False)
        missing(call, ("name", "head"), given, ["name", "head", "weight"], context)
        word = given["name"].value
        name = word.value if isinstance(word, nodes.String) else word.span.text
        if not name.isidentifier():
            raise context.error(
                "argument", f"the name of an auxiliary output is a word, not {name}", word.span,
                help="AUX(name, head, weight=0.3): the name is that of its module and of its output",
            )  # fmt: skip
        weight = self.number(given["weight"].value, context, "a weight") if "weight" in given else 1.0
        if weight < 0:
            raise context.error(
                "argument", f"weight of AUX takes a number, 0 or more, not {shown(weight)}",
                given["weight"].value.span,
            )  # fmt: skip
        path = context.naming.claim(name)
        if path is None or any(a.name == name for a in self.graph.auxiliaries):
            raise context.error(
                "name", f"the name {name} is taken", word.span, help="each auxiliary output has its own name"
            )
        naming = Naming(path)
        inner = context.but(naming=naming, choosing=naming, training_only=True, repeated=False, linked=False)
        head = self.apply(given["head"].value, stream, inner)
        if len(head.values) != 1:
            raise context.error("shape", f"a head yields one tensor, this yields {shown(head)}", call.span)
        self.graph.auxiliaries.append(Auxiliary(name, head.values[0], float(weight)))
        self.point(module_name(path), head.values[0])
        return stream

"""The parts of lowering by themselves: a graph builder, decisions, a budget, an evaluator of values."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from blockdsl import ops
from blockdsl.diagnostics import ArchError, Errors
from blockdsl.ir import Graph, Port, Value
from blockdsl.lowering.budget import MAX_STEPS, Budget
from blockdsl.lowering.builder import GraphBuilder
from blockdsl.lowering.choices import ChoicePoint, refuse
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.decisions import Decisions
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.values import Function, Scope, Trace
from blockdsl.ops import Image
from blockdsl.ops.conv import Conv
from blockdsl.ops.shape import Input
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.verifier import verify
from tests.lowering.lowered import program


def context(**names: Any) -> Context:
    naming, scope = Naming(), Scope(names)
    return Context(scope, naming, naming, Trace(scope), Errors(first_only=True))


def expression(text: str) -> nodes.Expr:
    (net,) = parse(Source("t.arch", f"net {text}")).statements
    assert isinstance(net, nodes.Net)
    return net.body.result


def no_network(*_: object) -> NoReturn:
    raise AssertionError("here is no network")


def evaluator(choose: Any = refuse, budget: Budget | None = None) -> ExpressionEvaluator:
    return ExpressionEvaluator(Graph(), Decisions(choose), budget or Budget(), no_network)


def test_a_graph_is_built_without_a_text() -> None:
    builder, around, span = GraphBuilder(), context(), Span(Source("t", "x"), 0, 1)
    relu = ops.find("RELU")
    assert relu is not None
    stream = builder.layer(Input((3, 8, 8)), (), span, around)
    stream = builder.layer(Conv(4, (3, 3)), stream.values, span, around)
    stream = builder.layer(relu(), stream.values, span, around)
    builder.graph.inputs = (Port("x", Value(0)),)
    builder.graph.outputs = (Port("y", stream.values[0]),)
    verify(builder.graph)
    assert [layer.name for layer in builder.graph.layers()] == ["input1", "conv1", "relu1"]
    assert builder.graph.only_output("a test") == Image(4, 6, 6)
    with pytest.raises(ArchError, match="CONV takes one tensor, here comes a bundle of 2"):
        builder.layer(Conv(4, (3, 3)), (Value(0), Value(0)), span, around)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2*n - 1", 7), ("n ** 0.5", 2.0), ("sum([i*n for i in 1..3])", 24), ("max(n, 9) % 5 == 4", True)],
)
def test_numbers_are_evaluated_without_a_graph(text: str, value: Any) -> None:
    assert evaluator().data(expression(text), context(n=4)) == value


def test_decisions_are_asked_once_and_kept() -> None:
    asked: list[ChoicePoint] = []

    def second(point: ChoicePoint) -> int:
        asked.append(point)
        return 1

    made = evaluator(second)
    around = context().hinted("width")
    assert made.evaluate(expression("{4, 8}"), around) == 8
    assert [point.path for point in asked] == ["width"]
    assert made.decisions.made["width"][1] == 1


def test_a_budget_ends() -> None:
    budget = Budget(MAX_STEPS - 1)
    with pytest.raises(ArchError, match="takes more than 1,000,000 steps to unfold"):
        evaluator(budget=budget).data(expression("1 + 2 + 3"), context())


# --- values of functions, which are kept


def function(text: str, around: Context) -> Function:
    let = parse(Source("t.arch", f"{text}\nnet RELU")).statements[0]
    assert isinstance(let, nodes.Let)
    return Function(let, around.scope)


def test_a_function_of_the_same_numbers_is_evaluated_once() -> None:
    budget, around = Budget(), context()
    around.scope.names["fib"] = function("let fib(i) = if i < 2 then i else fib(i-1) + fib(i-2)", around)
    made = evaluator(budget=budget)
    calls = 0
    evaluate = made.evaluate

    def counted(expr: nodes.Expr, inside: Context) -> Any:
        nonlocal calls
        calls += isinstance(expr, nodes.If)
        return evaluate(expr, inside)

    made.functions.evaluate = counted
    assert made.data(expression("fib(12)"), around) == 144
    assert calls == 13
    assert budget.steps > 144  # as many steps are counted as if each call had been evaluated


FUNCTIONS = {
    "other numbers": ("let f(i) = 2*i\nnet CONV(f(1),1)-CONV(f(2),1)-CONV(f(1),1)", [2, 4, 2]),
    "numbers of other types": (
        "let f(i) = if i == 1 then 3 else 4\nlet t = 1 == 1\nnet CONV(f(1),1)-CONV(f(1.0),1)", [3, 3]
    ),
    "names of another block": (
        "block a(n) =\n let f(i) = i*n\n CONV(f(2),1)\nnet a(3)-a(4)-a(3)", [6, 8, 6]
    ),
    "a name bound between": (
        "block a =\n let f(i) = i*n\n let x = f(2)\n let n = 5\n CONV(x,1)-CONV(f(2),1)\nlet n = 3\nnet a",
        [6, 10],
    ),
    "a default": ("let f(i=4) = i\nnet CONV(f(4),1)-CONV(f(),1)-CONV(f(i=4),1)", [4, 4, 4]),
    "a size of a tensor": (
        "block a =\n let f(i) = i*in.c\n CONV(f(2),1)\nnet a-a", [6, 12]
    ),
    "lists": ("let f(i) = [i, 2*i]\nlet l = f(3)\nlet k = f(3)\nnet CONV(l[1],1)-CONV(k[2],1)", [3, 6]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "channels"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_values_that_are_kept_are_those_of_the_call(text: str, channels: list[int]) -> None:
    layers = [layer for layer in program(text).graph.layers() if layer.id]
    assert [layer.shape[0] for layer in layers] == channels


def test_each_call_of_a_function_chooses_by_itself() -> None:
    values = iter([0, 1, 1])
    found = program(
        "let f(i) = i*{1, 2}\nnet CONV(f(2),1)-CONV(f(2),1)-CONV(f(2),1)", choose=lambda _: next(values)
    )
    assert [layer.shape[0] for layer in found.graph.layers()] == [3, 2, 4, 4]


def test_a_choice_in_a_default_is_made_for_each_call() -> None:
    values = iter([0, 1])
    found = program("let f(i={4, 8}) = 2*i\nnet CONV(f(),1)-CONV(f(),1)", choose=lambda _: next(values))
    assert [layer.shape[0] for layer in found.graph.layers()] == [3, 8, 16]


@pytest.mark.parametrize("order", ["[f(150), f(300)]", "[f(300), f(150)]"])
def test_the_depth_of_calls_does_not_depend_on_what_is_kept(order: str) -> None:
    with pytest.raises(ArchError, match="calls are nested more than 200 deep"):
        program(f"let f(n) = if n == 0 then 0 else 1 + f(n-1)\nlet b = {order}\nnet CONV(b[1],1)")


def test_depth_counts_through_blocks_and_kept_values() -> None:
    block = "block b(k) = if k == 0 then CONV(f(120),1) else b(k-1)"
    text = f"let f(n) = if n == 0 then 1 else f(n-1)\n{block}\nnet "
    program(text + "CONV(f(120),1)-b(50)")
    for net in ("CONV(f(120),1)-b(100)", "b(100)-CONV(f(120),1)"):
        with pytest.raises(ArchError, match="calls are nested more than 200 deep"):
            program(text + net)


@pytest.mark.parametrize("times", [100, 101])
def test_the_limit_of_layers_is_the_same_for_copies(times: int) -> None:
    chain = "-".join(["RELU"] * 1000)
    text = f"block a = {chain}\nnet a*{times}"
    if times == 100:
        assert len(program(text).graph) == 100_001
    else:
        with pytest.raises(ArchError, match="the network has more than 100,000 layers"):
            program(text)

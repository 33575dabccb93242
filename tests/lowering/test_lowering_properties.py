"""What holds for every network: shapes as an independent oracle has them, linear cost, no other error."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import Options, lower
from blockdsl.lowering.applier import Applier
from blockdsl.lowering.budget import MAX_STEPS
from blockdsl.lowering.choices import refuse
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from blockdsl.verifier import verify
from tests.lowering.lowered import graph, program

SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- an oracle: what a network makes of channels and rows, without the code under test


@dataclass(frozen=True)
class Net:
    """A text of the language with what it makes of (channels, side), and how many layers it has."""

    text: str
    channels: int  # of the output; 0 when it keeps those of the input
    layers: int
    convolutions: int


ID = Net("ID", 0, 0, 0)


def conv(channels: int, kernel: int) -> Net:
    return Net(f"CONV({channels},{kernel},pad={kernel // 2})", channels, 1, 1)


def chain(nets: list[Net]) -> Net:
    channels = next((n.channels for n in reversed(nets) if n.channels), 0)
    text = "-".join(n.text for n in nets)
    return Net(f"({text})", channels, sum(n.layers for n in nets), sum(n.convolutions for n in nets))


def concat(nets: list[Net], given: int) -> Net:
    channels = sum(n.channels or given for n in nets)
    text = " | ".join(n.text for n in nets)
    return Net(f"({text})", channels, 1 + sum(n.layers for n in nets), sum(n.convolutions for n in nets))


def total(nets: list[Net], width: int) -> Net:
    """A sum whose sides are projected to one width."""
    sides = [f"{n.text}-CONV({width},1)" for n in nets]
    layers = 1 + sum(n.layers + 1 for n in nets)
    return Net(f"({' + '.join(sides)})", width, layers, sum(n.convolutions + 1 for n in nets))


def repeated(net: Net, times: int) -> Net:
    return Net(
        f"{net.text}*{times}", net.channels if times else 0, net.layers * times, net.convolutions * times
    )


@st.composite
def networks(draw: st.DrawFn, given: int = 3, depth: int = 3) -> Net:
    """Networks that fit an input of `given` channels and keep its rows and columns."""
    leaf = st.one_of(
        st.builds(conv, st.integers(1, 9), st.sampled_from([1, 3, 5])),
        st.just(Net("RELU", 0, 1, 0)),
        st.just(Net("BN", 0, 1, 0)),
        st.just(ID),
    )
    if depth == 0:
        return draw(leaf)
    kind = draw(st.sampled_from(["leaf", "chain", "concat", "sum", "repeat"]))
    if kind == "leaf":
        return draw(leaf)
    if kind == "repeat":
        return repeated(chain([draw(networks(given, 0)), Net("RELU", 0, 1, 0)]), draw(st.integers(0, 4)))
    if kind == "chain":
        parts, channels = [], given
        for _ in range(draw(st.integers(2, 4))):
            parts.append(draw(networks(channels, depth - 1)))
            channels = parts[-1].channels or channels
        return chain(parts)
    sides = [draw(networks(given, depth - 1)) for _ in range(draw(st.integers(2, 3)))]
    return concat(sides, given) if kind == "concat" else total(sides, draw(st.integers(1, 9)))


@SLOW
@given(networks())
def test_shapes_and_layers_are_those_of_the_oracle(net: Net):
    found = graph(f"net {net.text}")
    assert found.only_output("a test") == (net.channels or 3, 32, 32)
    assert len(found) == 1 + net.layers
    assert sum(layer.operation.name == "CONV" for layer in found.layers()) == net.convolutions
    verify(found)


@SLOW
@given(networks(), st.integers(1, 3))
def test_a_block_is_what_stands_in_it(net: Net, times: int):
    text = f"block unit = {net.text}\nnet unit-RELU"
    inline = f"net {net.text}-RELU"
    blocks, plain = graph(text), graph(inline)
    assert [str(a.operation) for a in blocks.layers()] == [str(a.operation) for a in plain.layers()]
    assert [a.inputs for a in blocks.layers()] == [a.inputs for a in plain.layers()]
    assert [a.shapes for a in blocks.layers()] == [a.shapes for a in plain.layers()]


@SLOW
@given(networks())
def test_lowering_is_deterministic(net: Net):
    file = parse(Source("t.arch", f"net {net.text}"))
    first, second = (lower(file, input=(3, 8, 8)).graph for _ in range(2))
    assert [repr(a) for a in first.layers()] == [repr(a) for a in second.layers()]
    assert first.points == second.points


# --- cost: steps are counted, not seconds


def steps(text: str) -> int:
    applier = Applier(refuse)
    program(text, applier=applier)
    return applier.budget.steps


def test_cost_is_linear_in_a_repetition():
    one, ten, hundred = (steps(f"net (CONV(16,3,p1)-RELU)*{n}") for n in (1, 10, 100))
    assert hundred - ten == 10 * (ten - one)


def test_cost_is_linear_in_the_length_of_a_chain():
    lengths = [steps("net " + "-".join(["CONV(16,3,p1)-RELU"] * n)) for n in (10, 20, 40)]
    assert lengths[2] - lengths[1] == 2 * (lengths[1] - lengths[0])


def test_cost_is_linear_in_the_calls_of_blocks():
    block = "block unit(c) = (CONV(c,3,p1)-BN-RELU + ID)-RELU\nblock stage(c, n) = unit(c)*n\n"
    costs = [steps(block + "net CONV(8,1)-stage(8,10)" + "-stage(8,10)" * n) for n in (0, 10, 20)]
    assert costs[2] - costs[1] == costs[1] - costs[0]


# --- nothing but ArchError comes out, and within bounds


NAMES = ["f", "g", "u", "x", "n", "in", "in.c", "x.c", "d[1]", "d", "s2", "nothing"]
NUMBERS = ["0", "1", "2", "3", "-1", "0.5", "1x3", "1e9", "100000", "yes", '"same"']
OPS = [
    "ID", "RELU", "CONV(4,3,p1)", "CONV(n,1)", "FC(3)", "GAP", "SPLIT(3)", "CAT", "SUM", "POOL(2)", "MUL",
    "TOKENS", "UPSAMPLE(1000)", "DECONV(2,2,s2)", "AUX(a, FC(2))", "CONV(4,3,q2)", "COVN(2)", "CONV",
]  # fmt: skip


def expressions() -> st.SearchStrategy[str]:
    """Random expressions, most of them wrong."""
    leaves = st.one_of(st.sampled_from(OPS), st.sampled_from(NAMES), st.sampled_from(NUMBERS))

    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        templates = [
            "({0}-{1})", "({0} + {1})", "({0} | {1})", "({0} * {1})", "({0} // {1})", "({0} ** {1})",
            "({0} == {1})", "({0} < {1})", "(if {0} then {1} else {2})", "[{0}, {1}]", "({0}, {1})",
            "[{0} for i in {1}]", "({0} for i in 1..{1})", "{{{0}, {1}}}", "{{{0}..{1}}}", "({0})?",
            "a:({0})",
            "f({0})", "g({0}, {1})", "u({0})", "MEAN({0}, {1})", "CONV({0}, {1})", "FC({0})", "min({0}, {1})",
            "len({0})", "sum({0})", "sqrt({0})", "(not {0})", "AUX(b, {0}, {1})", "i", "CONV(3,1,pad={0})",
        ]  # fmt: skip
        three = st.tuples(inner, inner, inner)
        return st.builds(lambda template, parts: template.format(*parts), st.sampled_from(templates), three)

    return st.recursive(leaves, extend, max_leaves=12)


def numbers() -> st.SearchStrategy[str]:
    """Numbers, most of them right inside a block with the parameters x and n."""
    leaves = st.sampled_from(["1", "2", "3", "8", "n", "in.c", "d[1]", "{1, 2}", "{1..3}", "0", "-1", "1.5"])
    templates = [
        "({0} + {1})", "({0}-{1})", "({0} * {1})", "({0} // {1})", "min({0}, {1})", "g({0})", "{{{0}, {1}}}",
        "(if {0} < {1} then {0} else {1})", "sum([{0}*i for i in 1..{1}])", "d[{0}]", "{{{0}..{1}}}",
    ]  # fmt: skip
    return _grown(leaves, templates, leaves)


def right_networks() -> st.SearchStrategy[str]:
    """Networks, most of them right where an image flows in."""
    leaves = st.sampled_from(
        ["ID", "RELU", "CONV(4,3,p1)", "u", "f(2)", "x", "in-BN", "CONV({4,8},1)", "RELU?"]
    )
    templates = [
        "({0}-{1})", "({0} + {1})", "({0} | {1})", "({0} * {1})", "[{0}, {1}]-CAT", "MEAN({0}, {1})",
        "({0}*{n})", "({0} for i in 1..{n})", "[CONV(i,1)-{0} for i in 1..{n}]-CAT", "a:({0})", "CONV({n},1)",
        "(if {n} > 2 then {0} else {1})", "{{{0}, {1}}}", "f({n})", "h({0})", "AUX(b, {0})", "{0}-POOL(2)",
        "SPLIT({n})-[{0}, {1}]-CAT", "({0})?",
        "CONV(4,1)-{0}-CONV(3,1)", "{0}-DECONV({n},2,s2)", "w(in, {0})",
    ]  # fmt: skip
    return _grown(leaves, templates, numbers())


def _grown(
    leaves: st.SearchStrategy[str], templates: list[str], inside: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    def fill(template: str, parts: tuple[str, str], number: str) -> str:
        return template.format(*parts, n=number)

    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.builds(fill, st.sampled_from(templates), st.tuples(inner, inner), inside)

    return st.recursive(leaves, extend, max_leaves=8)


@st.composite
def programs(draw: st.DrawFn) -> str:
    wild = expressions()
    right = draw(st.booleans())
    net, number = (right_networks(), numbers()) if right else (st.one_of(right_networks(), wild), wild)
    lines = [
        "param n = 3",
        "let d = [1, 2, 4]" if right else f"let d = {draw(number)}",
        f"let u = {draw(st.sampled_from(['RELU', 'CONV({4,8},1)-BN', 'CONV(4,1)?']))}",
        f"let g(x, y=2) = {draw(number)}",
        f"block f(n, x=RELU) = let y = {draw(number)} {draw(net).lstrip('-')}",
        f"block h(x) = {draw(net)}",
        f"block w(x, body) = let y = in-body {draw(net).lstrip('-')}",
        f"net let x = {draw(net)} {draw(net).lstrip('-')}",
        "" if right else f"train batch = {draw(wild)} optimizer = {draw(wild)}",
    ]
    return "\n".join(lines)


@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(programs(), st.randoms(use_true_random=False))
@example("block f(n) = f(n)-f(n)\nnet f(1)", None)
@example("let a = [0 for i in 1..100000]\nlet b = [a for i in 1..100000]\nnet FC(len(b))", None)
@example("let d = [[[[[[[[[1]]]]]]]]]\nnet FC(d)", None)
@example("net (UPSAMPLE(100000))*100000", None)
@example("net FC(1" + "0" * 17 + ")-FC(1" + "0" * 17 + ")", None)
@example("net CONV(8,1,s" + "9" * 5000 + ")", None)
@example('use "' + "x" * 5000 + '"\nnet RELU', None)
@example("net " + "x" * 100_000, None)
@example(
    "block f(n) = if n == 0 then ID else " + "(" * 150 + "f(n-1)-RELU" + ")" * 150 + "\nnet f(190)", None
)
@example("let f(n) = " + "[" * 150 + "f(n)" + "]" * 150 + "\nnet FC(f(1))", None)
def test_only_arch_errors_come_out_of_any_program(text: str, random: object):
    def choose(point: object) -> int | float:
        domain = point.domain
        if isinstance(domain, Options):
            return random.randrange(len(domain.texts))
        return random.choice([domain.low, domain.high])

    applier = Applier(refuse if random is None else choose)
    try:
        found = program(text, applier=applier)
    except ArchError as refused:
        assert len(str(refused)) < 5_000
    else:
        verify(found.graph)
        assert applier.budget.steps <= MAX_STEPS

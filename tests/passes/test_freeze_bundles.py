"""Frozen files with bundles, loops over tensors, shared networks, tables, several inputs and outputs."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.codegen import build
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph
from blockdsl.lowering import lower
from blockdsl.passes.freeze import freeze
from blockdsl.source import Source
from blockdsl.space import Candidate, Space
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file
from tests.passes.test_freeze import holds
from tests.random_nets import random_net

TABLE = """block s(c) = CONV(c,{1,3},pad=same)
block p(c) = POOL(3,s1,p1)-CONV(c,1)
"""

SPACES = {
    "a loop over a bundle": "net\n let x = in-CONV(8,1)-SPLIT(2)\n [t-{RELU,CONV(4,3,p1)} for t in x]-CAT",
    "a loop over what has no name": "net [t-{RELU,CONV(4,3,p1)} for t in in-CONV(8,1)-SPLIT(2)]-CAT",
    "a loop over a slice": "net\n let x = in-CONV(8,1)-SPLIT(4)\n"
    " [t-{RELU,CONV(4,3,p1)} for t in x[2..]]-CAT",
    "a loop over a choice": "net\n let x = in-SPLIT(3)\n [t-{RELU,CONV(4,1)} for t in {x[2..], [x[1]]}]-CAT",
    "a loop in a block": "block f(c) =\n let x = in-SPLIT(2)\n [t-{RELU,CONV(c,3,p1)} for t in x]-CAT\n"
    "net CONV(8,1)-f(4)-f(4)-f(8)",
    "loops by index": "net\n let x = in-CONV(8,1)-SPLIT(2)\n let y = [t-{RELU,CONV(4,1)} for t in x]\n"
    " [x[i]-CONV(4,1) + y[i]-{TANH,CONV(4,1)} for i in 1..len(x)]-CAT",
    "tensors that are written in the loop": "net [t-{RELU,CONV(3,3,p1)} + t for t in [in-CONV(3,1), in]]-CAT",
    "a loop in a loop": "net\n let x = in-CONV(8,1)-SPLIT(2)\n"
    " [[t-{RELU,CONV(u.c,1)} for t in x] for u in x]-CAT",
    "what flows in": "block f = [t-{RELU,TANH} for t in in]-CAT\nnet [CONV(4,1),CONV(4,1)]-f",
    "an argument": "block f(x) = [t-{RELU,TANH} for t in x]-CAT\nnet f([in, in-RELU])",
    "a chain of rounds": "net\n let x = in-CONV(6,1)-SPLIT(2)\n in-(ID + t-{RELU,CONV(3,1)} for t in x)",
    "sizes of a variable": "net\n let x = in-CONV({8,4},1)-SPLIT(2)\n"
    " [t-CONV(t.c,{1,3},pad=same) for t in x]-CAT",
    "a join of rounds": "net\n let x = in-CONV(8,1)-SPLIT(2)\n SUM([t-{RELU,CONV(4,1)} for t in x])",
    "a shared network": "shared h = {RELU,CONV(4,1)}-CONV({3,5},1)\nnet CONV(3,1)-[h,h]-CAT",
    "one that is repeated": "shared h = CONV(3,{1,3},pad=same)\nnet h*{1..3}-RELU",
    "a shared block": "block u = CONV(3,{1,3},pad=same)\nshared h = u\nnet h-h-u",
    "shared and handed on": "shared h = CONV(3,{1,3},pad=same)\nblock st(f, n) = (f-{RELU,TANH})*n\n"
    "net st(h,2)-st(h,{1,2})",
    "shared in a block": "block f(c) =\n shared h = CONV(c,{1,3},pad=same)-{RELU,TANH}\n h-h\n"
    "net CONV(4,1)-f(4)-f(4)",
    "a choice of bundles": "net\n let a, b = {in-CONV(4,1)-SPLIT(2), [in, in-RELU]}\n a-CONV(2,1) | b",
    "a choice for each name": "let a, b = [{1,2},{1,2}]\nnet CONV(a,1)-CONV(b,1)",
    "names in a block": "block f(c) =\n let a, b = {[in,in-TANH], in-CONV(2*c,1)-SPLIT(2)}\n"
    " a-CONV(c,1) | b-{RELU,CONV(c,1)}\nnet f(2)-f(4)",
    "a choice of tensors": "net\n let a = in-CONV(3,1)\n let b = in-RELU\n let c = {a, b}\n"
    " {a,b}-CONV(4,1) | c",
    "slices": "net\n let x = in-CONV(8,1)-SPLIT(4)\n CAT(x[1..{2,3}], x[{1,2}]-RELU, x[{1..2}..])",
    "slices of numbers": "let d = [1,2,{3,4}]\nnet (CONV(c,1) for c in d[{1,2}..])",
    "a table of networks": "let ops = [{RELU,TANH}, CONV(4,{1,3},pad=same), {ID,TANH}]\n"
    "net CONV(4,1)-ops[1]-ops[2]-ops[3]-ops[{1,3}]",
    "a table of blocks": TABLE + "let g = [[s,{1,2}],[p,{1,2}]]\n"
    "block node(x,c) = SUM([x[i]-op(c) for op, i in g])\nnet node([in,in-RELU],4)",
    "an item of a table": TABLE + "let g = [s,p]\nnet\n let op = g[{1,2}]\n in-op(4)-op(4)",
    "a chain of a table": TABLE + "let g = [s,p]\nnet (op(4) for op in g)",
    "a table in a bundle": "block u = CONV(4,{1,3},pad=same)\nlet g = [u, RELU, CONV(4,1)]\n"
    "net CONV(4,1)-(g-SUM)-g[1]-(g-SUM)",
    "a table that is handed on": "block u = CONV(4,{1,3},pad=same)\nlet g = [u, RELU]\n"
    "block f(n) = n-{SUM,MAX}\nnet CONV(4,1)-f(g)-f(g)",
    "networks of a loop": "let g = [CONV(4,{1,3},pad=same),{RELU,TANH}]\n"
    "net (op-{TANH,ID} for op in g)-[op-{RELU,CONV(4,1)} for op in g]-CAT",
    "several outputs": "net\n let p = in-CONV(4,1)-{RELU,TANH}\n let q = p-CONV(4,{1,3},pad=same)\n"
    " [p, q, s:(q-{GAP,ID}-FC(3))]",
    "a choice of outputs": "net\n let p = in-CONV(4,1)\n {[p, p-RELU], [p-TANH, p]}",
    "outputs of a loop": "net\n let x = in-CONV(8,1)-SPLIT(2)\n [o:(t-{RELU,CONV(4,1)}) for t in x]",
    "towers": "input a = 3x8x8\ninput b = 3x8x8\nshared t = CONV({4,8},{1,3},pad=same)-{RELU,TANH}\n"
    "net SUB(a-t,b-t)-GAP-FC(2)",
    "branches of several inputs": "input a = 3x8x8\ninput b = 5\nnet\n"
    " let c = a-CONV(4,{1,3},pad=same)-GAP-FLATTEN\n"
    " let d = b-FC({3,4})\n [c-FC(4), CAT(c,d)-FC(3)]",
    "a loop over the inputs": "input a = 3x8x8\ninput b = 3x8x8\nnet [t-{RELU,CONV(3,1)} for t in in]-CAT",
    "a choice of inputs": "input a = 3x8x8\ninput b = 3x8x8\n"
    "net {a,b}-CONV(4,1) + {b-CONV(4,{1,3},pad=same), a-CONV(4,1)}",
    "a signal": "input signal 1x32\nnet CONV({4,8},{3,5},pad=same)-GAP-FC(2)",
    "a volume": "input volume 1x4x8x8\nnet CONV({4,8},{3,1x3x3},pad=same)-GAP-FC(2)",
}  # fmt: skip


def _space(text: str) -> Space:
    return Space(Source("t.arch", text if text.startswith("input") else f"input 3x16x16\n{text}"))


@pytest.mark.parametrize("name", SPACES)
def test_any_assignment(name: str) -> None:
    space = _space(SPACES[name])
    for seed in range(12):
        candidate = space.sample(random.Random(seed))
        _same_outputs(candidate, holds(space, candidate))


def _same_outputs(candidate: Candidate, text: str) -> None:
    frozen = lower(parse(Source("frozen.arch", text))).graph
    assert [port.name for port in frozen.outputs] == [port.name for port in candidate.program.graph.outputs]


def _weights(graph: Graph) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(weight.shape)) for name, weight in build(graph).state_dict().items()]


def _called(file: nodes.File) -> set[str]:
    return {statement.name for statement in file.statements if isinstance(statement, nodes.Block)}


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_any_network(seed: int) -> None:
    generator = random.Random(seed)
    space = Space(Source("random.arch", random_net(generator, choices=True)))
    candidate = space.sample(generator)
    text = holds(space, candidate)
    _same_outputs(candidate, text)
    frozen = parse(Source("frozen.arch", text))
    ours, theirs = _weights(lower(frozen).graph), _weights(candidate.program.graph)
    assert sorted(shape for _, shape in ours) == sorted(shape for _, shape in theirs)
    # A block that became two has two names, and an item of a table is called by its own.
    if _called(frozen) <= _called(space.file) and "let ops" not in text and "let genes" not in text:
        assert ours == theirs


def _frozen(text: str, **chosen: int) -> str:
    space = _space(text)
    first = space.first().assignment
    return format_file(freeze(space.reach(lambda p: chosen.get(p.path, first.get(p.path, 0))).program))


@pytest.mark.parametrize(
    ("text", "chosen", "wanted"),
    [
        ("net\n let x = in-SPLIT(3)\n [t-{RELU,TANH} for t in x]-CAT", {}, "[t-RELU for t in x]-CAT"),
        (
            "net\n let x = in-SPLIT(3)\n [t-{RELU,TANH} for t in x]-CAT", {"choice[2]": 1},
            "[x[1]-RELU, x[2]-TANH, x[3]-RELU]-CAT",
        ),
        (
            "net\n let x = in-SPLIT(3)\n [t-{RELU,TANH} for t in x[2..]]-CAT", {"choice[2]": 1},
            "[x[2]-RELU, x[3]-TANH]-CAT",
        ),
        (
            "net [t-{RELU,TANH} for t in in-SPLIT(3)]-CAT", {"choice[2]": 1},
            "let t_2 = in-SPLIT(3)\n [t_2[1]-RELU, t_2[2]-TANH, t_2[3]-RELU]-CAT",
        ),
        (
            "let g = [RELU, CONV(3,1)]\nnet (op-{ID,TANH} for op in g)", {"choice[2]": 1},
            "g[1]-g[2]-TANH",
        ),
        (
            TABLE + "let g = [p, p]\nnet (op({4,8}) for op in g)", {"op[2].c": 1},
            "p(4)-p(8)",
        ),
        (
            "block u = {RELU,TANH}\nlet g = [u, CONV(3,1)]\nnet g-SUM", {},
            "[u, g[2]]-SUM",
        ),
        (
            "block u = {RELU,TANH}\nshared h = u\nnet h-CONV(3,1)-h", {"h.u[1].choice[1]": 1},
            "block u = TANH\nshared h = u\nnet h-CONV(3,1)-h",
        ),
    ],
)  # fmt: skip
def test_what_a_person_would_have_written(text: str, chosen: dict[str, int], wanted: str) -> None:
    assert _frozen(text, **chosen).split()[-len(wanted.split()) :] == wanted.split()


def test_a_loop_over_what_differs_in_each_round_of_another_one() -> None:
    space = _space("net\n let x = in-SPLIT(3)\n [[t-{RELU,TANH} for t in u-[ID, ABS]] for u in x]-CAT")
    with pytest.raises(ArchError, match="cannot write out the rounds of this loop") as refused:
        space.reach(lambda point: int(point.path == "choice[2]")).text()
    assert "t.arch:4:4" in str(refused.value)


def test_a_shared_block_chooses_once() -> None:
    space = _space("block u(c) = CONV(c,{1,3},pad=same)\nshared h = u(3)\nnet h-h-h")
    assert list(space.first().assignment) == ["h.u[1].conv[1].kernel"]
    space = _space("block u = CONV(3,{1,3},pad=same)\nshared h = u\nnet h-h-h")
    assert list(space.first().assignment) == ["h.u[1].conv[1].kernel"]

"""Frozen files: they format, check, have no choices, and are the same network and recipe."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.analysis import run_checks
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.diagnostics import ArchError
from blockdsl.lowering import Program, lower
from blockdsl.passes.freeze import freeze
from blockdsl.resources import find_source, names
from blockdsl.source import Source
from blockdsl.space import Candidate, Space
from blockdsl.space import frozen as checked
from blockdsl.syntax.forms import has_choice
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file
from tests.space.random_spaces import random_space
from tests.space.spaces import ENDLESS, SPACES, space


def holds(space: Space, candidate: Candidate) -> str:
    """Hold a candidate's frozen file to all that is promised of one; its text."""
    text = candidate.text()
    file = parse(Source("frozen.arch", text, space.source.folder))
    assert format_file(file) == text
    assert not has_choice(file)
    program = lower(file)
    assert canonical_hash(program.graph) == canonical_hash(candidate.program.graph)
    assert program.recipe == candidate.program.recipe
    assert run_checks(program) == 2
    return text


@pytest.mark.parametrize("name", [*SPACES, *ENDLESS])
def test_any_assignment(name: str) -> None:
    whole = space({**SPACES, **ENDLESS}[name])
    for seed in range(25):
        holds(whole, whole.sample(random.Random(seed)))


@pytest.mark.parametrize("name", names("search"))
def test_any_assignment_of_what_comes_along(name: str) -> None:
    whole = Space(find_source(name))
    found = 0
    for seed in range(30):
        try:
            candidate = whole.sample(random.Random(seed))
        except ArchError:
            continue
        holds(whole, candidate)
        found += 1
    assert found > 5


NAMED = {
    "a parameter hides an open block": (
        "block f = {RELU, TANH}\nblock g(f) = CONV(f,1)-RELU\nnet g(4)-f-g(2)", {},
    ),
    "a loop hides a choice": ("let i = {2,4}\nnet (CONV(4*i,1) for i in 1..2)-CONV(i,1)", {}),
    "a let hides a choice": (
        "let n = {2,4}\nblock b =\n    let n = n*2\n    CONV(n,1)-{RELU,ID}\nnet b-b", {},
    ),
    "another name of a block": (
        "block f = {RELU, TANH}\nlet v = f\nlet w = v\nblock h = w-SIGMOID\nnet h-w-h", {},
    ),
    "a parameter of the file": (
        "block f = {RELU, TANH}\nparam act = f\nblock h = act-SIGMOID\nnet h-act-h", {},
    ),
    "a block that is set": (
        "block f = {RELU, TANH}\nblock k = {ABS, ID}\nparam act = f\nblock h = act-SIGMOID\nnet h-act-h",
        {"act": "k"},
    ),
    "a call that is set": (
        "block k(c, s=1) = CONV(c,1,stride=s)-{ABS, ID}\nparam act = RELU\nnet act-act", {"act": "k(4,s2)"},
    ),
    "a function that is given": (
        "let f(i) = i*{1,2}\nblock b(w) = CONV(w(2),1)\nnet b(f)-RELU-b(f)", {},
    ),
    "a function of a block that is given": (
        "block b(w) = CONV(w(2),1)\nblock a =\n    let f(i) = i*{1,2}\n    b(f)-RELU-b(f)\nnet a-a", {},
    ),
    "a function of the net": ("net\n    let f(i) = i*{1,2}\n    CONV(f(2),1)-CONV(f(3),1)", {}),
    "a name of the net": ("block b(n) = CONV(n,1)-{RELU,ID}\nnet\n    let n = {2,4}\n    b(n)-b(n)", {}),
    "a block that is handed on": (
        "block f = {RELU, TANH}\nblock in1(x) = x-SIGMOID\nblock in2(y) = in1(y)-y\n"
        "net in2(f)-in2(RELU)-in1(f)", {},
    ),
    "a name that looks like a tag": (
        "let c4 = {1,2}\nblock b(c, s=1) = CONV(c,1,stride=s)-RELU?\nnet b(4,c4)-b(c2)", {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_what_names_stand_for(name: str) -> None:
    text, settings = NAMED[name]
    whole = space("input 4x8x8\n" + text, settings=settings)
    for seed in range(6):
        holds(whole, whole.sample(random.Random(seed)))


def test_a_definition_that_an_unchanged_one_uses_stays() -> None:
    whole = space(NAMED["a block that is handed on"][0])
    text = holds(whole, whole.sample(random.Random(0)))
    assert "block in1(x) = x-SIGMOID" in text and "block in2(y) = in1(y)-y" in text


ATOMS = st.sampled_from(
    ["RELU", "TANH", "CONV(4,1)", "CONV(4,{1,3},p1)-POOL(3,1,p1)", "f", "g(RELU)", "a:RELU", "ID", "u", "k*2"]
)


def wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "{" + ", ".join(parts) + "}"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + "-".join(parts) + ")"),
        st.tuples(inner, inner).map(lambda p: f"g({p[0]}, {p[1]})"),
        inner.map(lambda part: f"({part})?"),
        inner.map(lambda part: f"({part})*{{0..2}}"),
        inner.map(lambda part: f"({part} for i in 1..{{1..2}})"),
    )


@given(st.recursive(ATOMS, wider, max_leaves=6), st.randoms(use_true_random=False))
def test_any_text(net: str, generator: random.Random) -> None:
    text = f"""block f = {{RELU, TANH}}-SIGMOID?
    block g(v, w={{RELU, CONV(4,1)}}) = v-f-w-v
    let u = {{RELU, f}}-CONV({{2,4}},1)
    let k = f-{{TANH, RELU}}
    net CONV(4,1)-{net.replace("a:", "")}"""
    whole = space(text)
    holds(whole, whole.sample(generator))


def layers(program: Program) -> list[object]:
    """Every layer with what flows into it, in order, and what flows out of the network."""
    graph = program.graph
    listed = [(str(layer.operation), layer.inputs, layer.shapes) for layer in graph.layers()]
    return [*listed, graph.outputs, [(a.name, a.value, a.weight) for a in graph.auxiliaries]]


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_any_draw_of_any_space(seed: int) -> None:
    generator = random.Random(seed)
    whole = Space(Source("random.arch", random_space(generator)))
    try:
        candidate = whole.sample(generator)
    except ArchError:
        return  # what was drawn does not go together
    program = candidate.frozen_program()
    assert layers(program) == layers(candidate.program)
    assert program.recipe == candidate.program.recipe


@pytest.mark.parametrize(
    ("net", "path", "option"),
    [
        ("CONV(4,1)-(in-GAP)?", "optional[1]", 0),
        ("CONV(4,1)-{ID, in-GAP}", "choice[1]", 1),
        ("CONV(4,1)-((in-GAP)?-RELU)", "optional[1]", 0),
        ("CONV(4,1)-a:((in-GAP)?)", "a", 0),
        ("CONV(4,1)-(if in.c == 3 then (in-GAP)? else ID)", "optional[1]", 0),
        ("CONV(4,1)-((in-GAP)?)*2", "optional[2]", 0),
    ],
)
def test_a_tensor_that_is_chosen_only_begins_a_chain(net: str, path: str, option: int) -> None:
    whole = space("net " + net)
    first = dict.fromkeys(("optional[1]", "optional[2]", "a"), 1)
    holds(whole, whole.reach(lambda point: {**first, "choice[1]": 0}[point.path]))
    with pytest.raises(ArchError, match="a tensor can only begin a chain") as refused:
        whole.reach(lambda point: {**first, path: option}[point.path])
    assert "in-GAP" in str(refused.value).splitlines()[2]


@pytest.mark.parametrize(
    "net",
    [
        "(in-GAP)?-FC(10)",
        "CONV(3,1)-(ID + (in-RELU)?)",
        "CONV(4,1)-(ID | {in-RELU, TANH})-[(in-RELU)?, RELU]-CAT",
        "CONV(3,1)-MEAN((in-TANH)?, RELU)",
    ],
)
def test_a_tensor_that_is_chosen_may_begin_a_chain(net: str) -> None:
    whole = space(f"net {net}")
    for candidate in whole.enumerate():
        assert isinstance(candidate, Candidate), candidate
        holds(whole, candidate)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("net TANH", "another network"),
        ("net RELU-in", "refused"),
        ("net RELU train batch = 7", "another way"),
    ],
)
def test_a_wrong_file_is_never_returned(wrong: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = space("net {RELU, TANH}")
    bad = parse(Source("wrong", f"input 3x16x16\n{wrong}"))
    monkeypatch.setattr(checked, "freeze", lambda *args, **options: bad)
    with pytest.raises(ArchError, match=reason) as refused:
        whole.first().text()
    assert "t.arch:2:5" in str(refused.value)
    with pytest.raises(ArchError):
        whole.first().frozen_program()


def frozen(text: str, **chosen: int | float) -> str:
    """The frozen text of an assignment by path; the first options elsewhere."""
    whole = space(text)
    return format_file(freeze(_reach(whole, chosen)))


def _reach(whole: Space, chosen: dict[str, int | float]) -> Program:
    first = whole.first().assignment
    return whole.reach(lambda point: chosen.get(point.path, first.get(point.path, 0))).program


@pytest.mark.parametrize(
    ("text", "chosen", "wanted"),
    [
        ("net CONV({8,16},3)-RELU?", {"optional[1]": 1}, "net CONV(8,3)"),
        ("net {RELU,TANH}*2", {}, "net RELU*2"),
        ("net {RELU,TANH}*3", {"choice[3]": 1}, "net RELU*2-TANH"),
        ("net RELU-(TANH-GAP?)*{0..2}", {"repeat": 0}, "net RELU"),
        ("let w = {8,16}\nnet CONV(w,1)-CONV(w,1)", {"w": 1}, "let w = 16\nnet CONV(w,1)-CONV(w,1)"),
        (
            "block f(c) = CONV(c,{1,3})-RELU\nnet f(4)-f(8)",
            {},
            "block f(c) = CONV(c,1)-RELU\nnet f(4)-f(8)",
        ),
        (
            "block f(c) = CONV(c,{1,3})-RELU\nnet f(4)-f(8)",
            {"f[2].conv[1].kernel": 1},
            "block f(c) = CONV(c,1)-RELU\nblock f_2(c) = CONV(c,3)-RELU\nnet f(4)-f_2(8)",
        ),
        (
            "block u = {RELU,TANH}\nblock stage(unit, n) = unit*n\nnet stage(u,2)",
            {"stage[1].unit[2].choice[1]": 1},
            "block u = RELU\nblock u_2 = TANH\nblock stage_2(n) = u-u_2\nnet stage_2(2)",
        ),
        (
            "net RELU\nsearch\n maximize accuracy",
            {},
            "net RELU",
        ),
        (
            "net (CONV(i*{1,2},1)-l:RELU for i in 1..2)",
            {"conv[2].channels": 1},
            "net CONV(1*1,1)-l1:RELU-CONV(2*2,1)-l2:RELU",
        ),
        (  # a label that became several names keeps its own
            "let n = (l:RELU)*{1..3}\nblock x = n\nblock y = (l:TANH)*2-n\nnet y-x",
            {"n": 1},
            "let n = l:RELU\nblock x = n\nblock y = (l:TANH)*2-n\nnet y-x",
        ),
        (  # a network with a name is applied twice, to tensors that an `if` tells apart
            "block wide(c) = if in.c == 4 then CONV(c,{1,3},pad=same) else {RELU,TANH}\n"
            "block twice(net) = net-ABS-net\nnet CONV(4,1)-twice(wide(2))",
            {"twice[1].net.wide[1].conv[1].kernel": 1},
            "block wide(c) = if in.c == 4 then CONV(c,3,pad=same) else RELU\n"
            "block twice(net) = net-ABS-net\nnet CONV(4,1)-twice(wide(2))",
        ),
        (
            "net GAP\ntrain\n augment = crop? + flip?",
            {"train.augment": 1, "train.augment[2]": 1},
            "net GAP\n\ntrain\n    augment = no",
        ),
        (
            "net [p3:GAP, p4:GMP]\ntrain\n loss.p3 = {mse(weight={0.5,2.0}), bce()}\n loss = nll()",
            {"train.loss.p3": 0, "train.loss.p3.mse.weight": 1},
            "net [p3:GAP, p4:GMP]\n\ntrain\n    loss.p3 = mse(weight=2.0)\n    loss    = nll()",
        ),
    ],
)
def test_what_a_person_would_have_written(text: str, chosen: dict[str, int | float], wanted: str) -> None:
    assert frozen(text, **chosen).split() == f"input 3x16x16 {wanted}".split()


def test_what_the_command_line_gave_is_in_the_file() -> None:
    whole = space("param w = 8\nparam c = 2\nnet CONV(w,1)-GAP-FC(c)", settings={"w": "{16,32}", "c": 5})
    text = whole.bind({"w": 1}).text()
    assert "param w = 32\nparam c = 5\n" in text
    larger = space("net CONV({2,4},1)", input=(1, 8, 8))
    assert "input 1x8x8" in holds(larger, larger.first())


def test_a_file_beside_stays_in_reach_of_another_folder(tmp_path: Path) -> None:
    (tmp_path / "my.arch").write_text("block f = CONV({4,8},1)-g\nblock g = RELU\n")
    (tmp_path / "net.arch").write_text(
        'use "my.arch"\nuse "blocks/residual.arch"\ninput 3x8x8\nnet f-basic(8)'
    )
    whole = Space(find_source(tmp_path / "net.arch"))
    folder = tmp_path / "winners"
    folder.mkdir()
    text = whole.first().text(folder=folder)
    assert 'use "../my.arch"\nuse "blocks/residual.arch"\n' in text
    (folder / "one.arch").write_text(text)
    program = lower(parse(find_source(folder / "one.arch")))
    assert canonical_hash(program.graph) == canonical_hash(whole.first().program.graph)


def test_a_function_inside_a_block_that_chooses_is_written_out() -> None:
    text = "block f(c) = let w(i) = i*{1,2}\n CONV(w(c),1)-CONV(w(c+1),1)\nnet f(4)"
    whole = space(text)
    chosen = dict.fromkeys(whole.first().assignment, 1)
    wanted = "input 3x16x16 block f(c) = CONV(c*2,1)-CONV((c + 1)*2,1) net f(4)"
    assert frozen(text, **chosen).split() == wanted.split()


def test_choices_at_the_top_of_a_used_file(tmp_path: Path) -> None:
    (tmp_path / "my.arch").write_text(
        "let w = {4,8}\nlet act = {RELU,TANH}\nblock f(c) = CONV(c*w,1)-act  # twice\n"
        "block g = SIGMOID\nblock unused = ABS\n"
    )
    (tmp_path / "net.arch").write_text(
        'use "my.arch"\nuse "blocks/residual.arch"\ninput 3x8x8\nlet n = {1,2}\nnet f(1)*n-g-basic(8)'
    )
    whole = Space(find_source(tmp_path / "net.arch"))
    for seed in range(8):
        text = holds(whole, whole.sample(random.Random(seed)))
        assert "use " not in text
        assert "unused" not in text

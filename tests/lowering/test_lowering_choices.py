"""Choices: what is asked, under which path, how often; what is shared and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockdsl.lowering import ChoicePoint, FloatRange, IntRange, Options
from tests.lowering.lowered import Chooser, message, operations, program


def asked(text: str, **by_path: int | float) -> list[str]:
    chooser = Chooser(**by_path)
    program(text, choose=chooser)
    return chooser.asked


def test_a_name_is_evaluated_once_and_shares_one_width():
    text = "block conv(c,k) = CONV(c,k,pad=k//2)\nlet w = {32,64}\nnet conv(w,3)-conv(w,3)"
    assert asked(text) == ["w"]
    assert operations(text, choose=Chooser(w=1)) == ["CONV(64,3,pad=1)"] * 2


def test_a_choice_is_made_anew_each_time_it_is_evaluated():
    text = "block conv(c,k) = CONV(c,k,pad=k//2)\nnet conv({32,64},3)*2"
    assert asked(text) == ["conv[1].c", "conv[2].c"]
    assert operations(text, choose=Chooser(**{"conv[2].c": 1})) == ["CONV(32,3,pad=1)", "CONV(64,3,pad=1)"]


def test_the_path_of_the_language_page():
    text = """block unit(kind) = kind
    block stage(n) = unit({CONV(8,3,p1), CONV(8,5,p2), ID})*n
    net CONV(8,1)-stage(1)-stage(2)"""
    assert asked(text) == ["stage[1].unit[1].kind", "stage[2].unit[1].kind", "stage[2].unit[2].kind"]
    chosen = operations(text, choose=Chooser(**{"stage[2].unit[1].kind": 1, "stage[2].unit[2].kind": 2}))
    assert chosen == ["CONV(8,1)", "CONV(8,3,pad=1)", "CONV(8,5,pad=2)"]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("net CONV({8,16},{1,3})", ["conv[1].channels", "conv[1].kernel"]),
        ("net CONV({8,16},1)*2", ["conv[1].channels", "conv[2].channels"]),
        ("net (CONV({8,16},1) for i in 1..2)", ["conv[1].channels", "conv[2].channels"]),
        ("net a:CONV({8,16},1)", ["a.channels"]),
        ("net act:{RELU,TANH}", ["act"]),
        ("net act:(RELU?)", ["act"]),
        ("net (act:{RELU,TANH})*2", ["act[1]", "act[2]"]),
        ("net {RELU,TANH}-{RELU,TANH}", ["choice[1]", "choice[2]"]),
        ("net RELU?-TANH?", ["optional[1]", "optional[2]"]),
        ("net RELU*{1..3}", ["repeat"]),
        ("net CONV({8..16},1)", ["conv[1].channels"]),
        ("param w = {8,16}\nnet CONV(w,1)-CONV(w,1)", ["w"]),
        ("block f(c={8,16}) = CONV(c,1)\nnet f-f(3)-f", ["f[1].c", "f[3].c"]),
        ("block f = CONV({8,16},1)\nnet f-f", ["f[1].conv[1].channels", "f[2].conv[1].channels"]),
        ("block f = let w = {8,16} CONV(w,1)-CONV(w,1)\nnet f-f", ["f[1].w", "f[2].w"]),
        ("net AUX(h, FC({10,20}))-RELU", ["h.fc[1].features"]),
        ("let d = {1,2} + {3,4}\nnet CONV(d,1)", ["d", "d[2]"]),
        ("let f(x) = x*{1,2}\nnet CONV(f(8),1)-CONV(f(8),1)", ["conv[1].channels", "conv[2].channels"]),
        ("net [RELU,{TANH,ID}]-SUM", ["choice[1]"]),
    ],
)
def test_paths(text: str, paths: list[str]):
    assert asked(text) == paths


# --- networks that are chosen or have choices in them


def test_a_let_bound_network_shares_its_choices_among_its_uses():
    text = "let u = CONV({8,16},1)-{RELU,TANH}\nnet u-u"
    assert asked(text) == ["u.conv[1].channels", "u.choice[1]"]
    chosen = operations(text, choose=Chooser(**{"u.conv[1].channels": 1, "u.choice[1]": 1}))
    assert chosen == ["CONV(16,1)", "TANH"] * 2


def test_inside_one_use_a_choice_is_still_made_anew():
    assert asked("let u = CONV({8,16},1)*2\nnet u-u") == ["u.conv[1].channels", "u.conv[2].channels"]
    labelled = "let u = (a:CONV({8,16},1))*2\nnet u"
    assert len(asked(labelled)) == 2


def test_a_choice_between_networks_by_name_is_made_once():
    text = "let u = {CONV({8,16},1), RELU}\nnet u-u"
    assert asked(text) == ["u", "u.conv[1].channels"]
    assert operations(text, choose=Chooser(u=1)) == ["RELU", "RELU"]


def test_a_network_argument_is_chosen_once_a_call():
    text = "block twice(u) = u-u\nnet twice(CONV({8,16},1))-twice({RELU,TANH})"
    assert asked(text) == ["twice[1].u.conv[1].channels", "twice[2].u"]


def test_a_choice_that_is_not_reached_is_not_asked():
    text = "net {CONV({8,16},{1,3},pad=same)-RELU, POOL({2,3})}"
    assert asked(text) == ["choice[1]", "choice[1].conv[1].channels", "choice[1].conv[1].kernel"]
    assert asked(text, **{"choice[1]": 1}) == ["choice[1]", "choice[1].pool[1].kernel"]
    assert asked("let deep = {no, yes}\nnet if deep then CONV({1,2},1) else RELU") == ["deep"]
    assert asked("net CONV({1,2},1)*{0..2}") == ["repeat"]


def test_an_optional_network_is_it_or_the_identity():
    assert operations("net RELU?-TANH", choose=Chooser()) == ["RELU", "TANH"]
    assert operations("net RELU?-TANH", choose=Chooser(**{"optional[1]": 1})) == ["TANH"]


# --- what is asked


def points(text: str) -> list[ChoicePoint]:
    found: list[ChoicePoint] = []

    def choose(point: ChoicePoint) -> int | float:
        found.append(point)
        return 0 if isinstance(point.domain, Options) else point.domain.low

    program(text, choose=choose)
    return found


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("{32, 64, 96}", Options(("32", "64", "96"))),
        ("{2..6}", IntRange(2, 6)),
        ("{16..128 step 16}", IntRange(16, 128, 16)),
        ("{1..64 log}", IntRange(1, 64, 1, log=True)),
        ("{1.0..4.0}", FloatRange(1.0, 4.0)),
        ("{1.0..4.0 step 0.5}", FloatRange(1.0, 4.0, 0.5)),
    ],
)
def test_domains(written: str, domain: object):
    (point,) = points(f"let c = {written}\nnet FC(c)")
    assert (point.path, point.domain, point.span.text) == ("c", domain, written)


@given(low=st.integers(-1000, 1000), step=st.integers(1, 300), count=st.integers(1, 40), data=st.data())
def test_the_steps_of_a_range_are_decimal_numbers(low: int, step: int, count: int, data: st.DataObject):
    domain = FloatRange(low / 100, (low + count * step) / 100, step / 100)
    index = data.draw(st.integers(0, count))
    value = (low + index * step) / 100
    assert domain.at(index) == value
    added = domain.low + index * domain.step  # with the errors of binary numbers
    assert domain.allows(added) and domain.nearest(added) == value
    assert not domain.allows(value + domain.step / 2)
    assert not domain.allows(domain.low - domain.step) and not domain.allows(domain.at(count) + domain.step)
    text = f"net SCALE({{{domain.low}..{domain.high} step {domain.step}}})"
    assert operations(text, choose=lambda _: added) == operations(f"net SCALE({value})")


def test_the_options_of_a_network_are_told_as_they_are_written():
    (point,) = points("net {CONV(64, 3, p1),\n  ID}")
    assert point.domain == Options(("CONV(64, 3, p1)", "ID"))
    (point,) = points("net CONV(64,3,p1)?")
    assert point.domain == Options(("CONV(64,3,p1)", "ID"))


def test_decisions_are_kept_with_the_program():
    found = program("net CONV({8,16},{1..5 step 2})", choose=Chooser(**{"conv[1].kernel": 3}))
    assert {path: value for path, (_, value) in found.decisions.items()} == {
        "conv[1].channels": 0, "conv[1].kernel": 3,
    }  # fmt: skip


def test_choices_in_train():
    text = """net RELU
    train
        optimizer = {sgd(lr={1e-3..1e-1 log}), adam()}
        batch = {32, 64}
        augment = crop? + flip"""
    assert asked(text) == ["train.optimizer", "train.optimizer.sgd.lr", "train.batch", "train.augment"]
    recipe = program(
        text, choose=Chooser(**{"train.optimizer": 1, "train.batch": 1, "train.augment": 1})
    ).recipe
    assert (recipe.optimizer.name, recipe.batch) == ("adam", 64)
    assert [term.name for term in recipe.augment] == ["flip"]


# --- refusals


@pytest.mark.parametrize("value", [3, 10, 1.5, -1])
def test_a_decision_outside_its_range_is_refused(value: float):
    found = message("net CONV({1..9 step 4},1)", choose=lambda point: value)
    assert found.splitlines()[0] == f"error[choice]: conv[1].channels is one of {{1..9 step 4}}, not {value}"


@pytest.mark.parametrize("value", [2, -1, 0.5])
def test_a_decision_for_no_option_is_refused(value: float):
    found = message("net {RELU,TANH}", choose=lambda point: value)
    assert found.splitlines()[0] == f"error[choice]: choice[1] has no option {value}"


@pytest.mark.parametrize(
    ("text", "chosen", "wanted"),
    [
        ("net CONV(4,3,pad={same, 1})", {}, "CONV(4,3,pad=same)"),
        ("net CONV(4,3,pad={1, same})", {"conv[1].pad": 1}, "CONV(4,3,pad=same)"),
        (
            "net CONV(4,3,pad={1, {0, same}})",
            {"conv[1].pad": 1, "conv[1].pad.choice[1]": 1},
            "CONV(4,3,pad=same)",
        ),
        ("net CONV(4,3,pad=(if in.c == 3 then same else 1))", {}, "CONV(4,3,pad=same)"),
        ("let same = 2\nnet CONV(4,3,pad={same, 1})", {}, "CONV(4,3,pad=2)"),
    ],
)
def test_words_in_choices(text: str, chosen: dict[str, int], wanted: str) -> None:
    found = program("input 3x8x8\n" + text, choose=Chooser(**chosen)).graph
    assert str(found.layer(found.outputs[0].value.node).operation) == wanted


def test_a_word_where_none_is_meant_tells_the_fix() -> None:
    assert message("input 3x8x8\nlet kind = {plain, 2}\nnet RELU", choose=Chooser()) == (
        "error[name]: unknown name plain\n"
        "  --> t.arch:2:13\n"
        "     2 | let kind = {plain, 2}\n"
        "       |             ^^^^^\n"
        '  help: a word stands in quotes here: "plain"'
    )

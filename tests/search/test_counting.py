"""How many assignments a space has, against going through them all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.search.counting import Count, count
from tests.search.spaces import ENDLESS, SPACES, space

SMALL = [name for name in SPACES if name != "blocks handed on"]


@pytest.mark.parametrize("name", SMALL)
def test_against_enumeration(name: str) -> None:
    whole = space(SPACES[name])
    assert count(whole) == Count(sum(1 for _ in whole.enumerate()))


@pytest.mark.parametrize("name", ENDLESS)
def test_real_numbers_have_no_end(name: str) -> None:
    assert count(space(ENDLESS[name])).number is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("net RELU", 1),
        ("net {RELU,TANH}*10", 2**10),
        ("net {RELU,TANH}*{0..10}", 2**11 - 1),
        ("net CONV({1..1000},1)-CONV({8,16},{1,3})", 4_000),
        ("net {RELU, {RELU, {TANH, {RELU,TANH}}}}", 5),
        ("net {CONV({1..4},1), CONV({1..3},{1,3,5},pad=same)}*3", 13**3),
        # Of w = 1 two, of w = 2 twice two, and without the optional one each.
        ("let w = {1,2}\nnet CONV(w,1)-((if w == 2 then {RELU,TANH} else RELU)-{RELU,TANH})?", 3 + 5),
        ("let n = {1..3}\nnet CONV({2,4},1)*n-(RELU?)*n", 4 + 16 + 64),
    ],
)
def test_by_reasoning(text: str, number: int) -> None:
    assert count(space(text)) == Count(number)


NETS = st.recursive(
    st.sampled_from(["RELU", "CONV({2,4},1)", "f", "{RELU,TANH}"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda p: "{" + ", ".join(p) + "}"),
        st.tuples(inner, inner).map("-".join).map("({})".format),
        inner.map("({})?".format),
        inner.map("(if w == 2 then {} else RELU)".format),
        inner.map("({})*{{0..2}}".format),
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=60)
@given(NETS)
def test_any_space(net: str) -> None:
    whole = space(f"let w = {{1,2}}\nblock f = RELU-{{TANH,RELU}}\nnet CONV(w,1)-{net}")
    number = 0
    for _ in whole.enumerate():
        number += 1
        if number > 1_000:
            return
    assert count(whole) == Count(number)

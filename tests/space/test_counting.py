"""How many assignments a space has, against going through them all."""

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.space import Space
from blockdsl.space.counting import Count, count
from tests.space.spaces import ENDLESS, SPACES, space

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
        # Of each round 2 + 1 for w = 1 and 2 + 2 for w = 2: 1 + 3 + 9 and 1 + 4 + 16.
        (
            "let w = {1,2}\nnet CONV(w,1)-({CONV({2,4},1), (if w == 2 then CONV({2,4},1) else RELU)})*{0..2}",
            13 + 21,
        ),
        ("let w = {1..1000}\nnet CONV(w,1)-(if w == 77 then RELU? else RELU)", 1_001),
        # Ranges are counted and never listed.
        ("net CONV({4..1G},1)", 10**9 - 3),
        ("net RELU-SCALE({1..1e18 step 1})", 10**18),
        ("net CONV({1..1M},1)-CONV({1..1M},1)", 10**12),
        ("net DROPOUT({0..1 step 0.1})", 11),
    ],
)
def test_by_reasoning(text: str, number: int) -> None:
    assert count(space(text)) == Count(number)


TERMS = ["RELU", "CONV({2,4},1)", "f", "{RELU,TANH}", "CONV(w,1)", "g(w)", "CONV({1..w},1)"]
CONDITIONS = ["w == 2", "in.c == 4", "in.c < 3", "v == yes and w == 1", "n > 1"]
NETS = st.recursive(
    st.sampled_from(TERMS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda p: "{" + ", ".join(p) + "}"),
        st.tuples(inner, inner).map("-".join).map("({})".format),
        inner.map("({})?".format),
        st.tuples(st.sampled_from(CONDITIONS), inner, inner).map(
            lambda c: f"(if {c[0]} then {c[1]} else {c[2]})"
        ),
        st.tuples(inner, st.sampled_from(["{0..2}", "n", "2"])).map("({0[0]})*{0[1]}".format),
        st.tuples(inner, st.sampled_from(["1..n", "1..w"])).map("({0[0]} for i in {0[1]})".format),
    ),
    max_leaves=5,
)
HEAD = """
let w = {1,2}
let n = {1..2}
let v = {yes, no}
block f = RELU-{TANH,RELU}
block g(c) = if c == 1 then CONV({2,4},1) else RELU
"""


@settings(max_examples=60)
@given(NETS)
def test_any_space(net: str) -> None:
    """Against going through all assignments, which needs no idea of what depends on what."""
    whole = space(f"{HEAD}net CONV(w,1)-{net}")
    number = sum(1 for _ in islice(whole.enumerate(), 1_000))
    if number < 1_000:
        assert count(whole) == Count(number)


def test_very_large_numbers_are_words_too() -> None:
    assert str(Count(2**5000)) == "about 1.4e+1505 assignments"


def test_many_choices_that_are_alike_are_tried_together(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = space("net (CONV(4,{1,3},pad=same)-RELU)*200-{RELU,TANH}")
    reach, looks = Space.reach, []
    monkeypatch.setattr(Space, "reach", lambda s, choose: looks.append(0) or reach(s, choose))
    assert count(whole, probes=10) == Count(2**201)
    assert len(looks) < 20


def test_many_choices_that_make_a_difference_are_tried_one_by_one() -> None:
    assert count(space("net {RELU, {RELU,TANH}}*5-{RELU,TANH}*70"), probes=10) == Count(3**5 * 2**70)

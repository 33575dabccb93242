"""What does not go together with the rest of a network stays as it is, and is told."""

import pytest

from blockdsl.diagnostics import ArchError
from blockdsl.source import Source
from blockdsl.space.opened import DRAWS
from tests.passes.test_opening import opened, text

ENDS = "input 3x8x8\nnet CONV(16,3,p1)-RELU-CONV(8,3,p1){}-GAP-FC(10)-RELU-FC(2)"


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("layer", ["-RESHAPE([4,2,8,8],layout=volume)", "-(ID + WEIGHT([8,8,8]))"])
def test_a_width_that_another_layer_says_stays(layer: str, each: bool) -> None:
    tried = opened(Source("t.arch", ENDS.format(layer)), width="0.5..2", each=each)
    assert not tried.refused
    assert f"CONV(8,3,p1){layer}" in tried.opened.text
    assert [span.text for span, _ in tried.opened.kept] == ["8"]


def test_other_options_stay_open_where_no_width_can_be_scaled() -> None:
    lines = "input 3x8x8\nblock b = CONV(3,3,p1)-RELU\nnet (ID + b)*2-GAP-FC(2)"
    tried = opened(Source("t.arch", lines), width="0.5..2", depth="1..3")
    assert not tried.refused
    assert "net (ID + b)*{1..3}" in tried.opened.text
    assert "CONV(3,3,p1)" in tried.opened.text
    with pytest.raises(ArchError, match="yields no network but its own"):
        opened(Source("t.arch", lines), width="0.5..2")


def test_numbers_that_never_fit_are_left_out() -> None:
    # Three halvings lead to 3x3, whose half is 2x2, and twice that is not the whole.
    lines = (
        "input 3x24x24\nnet (CONV(4,3,s2,p1)-RELU)*2-[ID, CONV(4,3,s2,p1)-UPSAMPLE(2)]-SUM"
        "-(CONV(4,3,p1)-RELU)*2-GAP-FC(2)"
    )
    assert "(CONV(4,3,s2,p1)-RELU)*{1..2}" in text(lines, depth="1..3")
    assert "(CONV(4,3,p1)-RELU)*{1..3}" in text(lines, depth="1..3")
    ((span, reason),) = opened(Source("t.arch", lines), depth="1..3").opened.kept
    assert (span.text, reason) == ("2", "not 3: cannot add 4x3x3 and 4x4x4")


def test_choices_that_fit_only_together_stay_open() -> None:
    lines = "input 3x8x8\nblock u(a, b) = CONV(a,1) + CONV(b,1)\nnet u(8,4*2)-GAP-FC(2)"
    tried = opened(Source("t.arch", lines), width="1,2", each=True)
    assert 0 < len(tried.refused) < DRAWS
    assert tried.opened.kept == []

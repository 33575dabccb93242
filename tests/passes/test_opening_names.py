"""What `open` binds in a file: names that are free, and functions that the file leaves as they are."""

import pytest

from blockdsl.analysis.canonical import canonical_hash
from blockdsl.lowering import lower
from blockdsl.source import Source
from blockdsl.space.counting import count
from blockdsl.syntax.parser import parse
from tests.passes.test_opening import opened, text

SEVERAL = """input 3x16x16
shared tower = CONV(4,3,p1)-RELU-CONV(4,5,p2)
block head = CONV(4,3,p1)-GAP-FC(2)
net
    let a = in-CONV(4,3,p1)
    let b = in-CONV(4,5,p2)-tower
    let d = [a, b]-SUM
    d-CONV(4,3,p1)-head"""


def test_kernels_beside_lets_have_names_of_their_own() -> None:
    tried = opened(Source("t.arch", SEVERAL), kernel="3,5")
    assert not tried.refused
    assert count(tried.space).number == 2**6
    assert text(SEVERAL, kernel="3,5").count("let k") == 6


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(
    ("taken", "written"),
    [("max", "divisible("), ("round", "divisible("), ("max = RELU\nblock divisible", "0 - (0 - ")],
)
def test_functions_that_the_file_binds_are_not_used(taken: str, written: str, each: bool) -> None:
    lines = f"input 3x8x8\nblock {taken} = POOL(2)-RELU\nnet CONV(7,3,p1)-max-CONV(8,3)-GAP-FC(2)"
    source = Source("t.arch", lines.replace("-max", "-max" if "max" in taken else "-round"))
    tried = opened(source, width="0.3,0.5,1,1.5", each=each)
    assert written in tried.opened.text
    assert canonical_hash(tried.start.program.graph) == canonical_hash(lower(parse(source)).graph)
    assert not tried.refused


@pytest.mark.parametrize("each", [False, True])
def test_widths_stay_multiples_where_they_are(each: bool) -> None:
    # 8 channels are halved and joined again, 7 are not: neither may become what cannot be.
    lines = """input 3x8x8
        block halves(c) = ID + (CONV(c//2,1) | CONV(c//2,1))
        net CONV(7,1)-RELU-CONV(8,1)-halves(8)-GAP-FC(2)"""
    tried = opened(Source("t.arch", lines), width="0.6..1.4 step 0.2", each=each)
    assert not tried.refused
    assert count(tried.space).number == (25 if each else 5)

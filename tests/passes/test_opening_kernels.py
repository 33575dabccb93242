"""Kernels whose pad follows them: written out, as a default, through other blocks, times a dilation."""

import pytest

from tests.passes.test_opening import text

HEAD = "input 3x16x16\n"


@pytest.mark.parametrize(
    ("block", "net"),
    [
        # A pad that is a parameter, by its default; a call that says the pad itself stays.
        (
            "block f(c, k=1, pad=k//2) = CONV(c,k,pad=pad)",
            "f(4)-f(4,3)-f(4,5)-f(4,3,pad=0) -> f(4)-f(4,{3, 5})-f(4,{3, 5})-f(4,3,pad=0)",
        ),
        # Times the dilation, as it must be; times anything else it does not follow.
        (
            "block f(c, k, d=1, pad=d*(k//2)) = CONV(c,k,dilation=d,pad=pad)",
            "f(4,3)-f(4,5,2) -> f(4,{3, 5})-f(4,{3, 5},2)",
        ),
        (
            "block f(c, k, d, e) = CONV(c,k,dilation=d,pad=e*(k//2))\nblock g(k) = CONV(4,k,pad=k//2)",
            "f(4,3,2,1)-g(3) -> f(4,3,2,1)-g({3, 5})",
        ),
        # A word that is handed on.
        (
            "block f(c, k, pad) = CONV(c,k,pad=pad)\nblock g(c, k) = f(c,k,pad=\"same\")",
            "g(4,3)-g(4,7)-f(4,3,1) -> g(4,{3, 5})-g(4,7)-f(4,3,1)",
        ),
    ],
)  # fmt: skip
def test_pads_that_follow(block: str, net: str) -> None:
    before, after = net.split(" -> ")
    lines = f"{HEAD}{block}\nnet {before}-GAP-FC(2)"
    assert text(lines, kernel="3,5").endswith(f"net {after}-GAP-FC(2)")

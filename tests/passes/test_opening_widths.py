"""Which numbers `open` takes for widths, and where it scales them."""

import pytest

from blockdsl.source import Source
from tests.passes.test_opening import opened, text


@pytest.mark.parametrize(
    ("lines", "net"),
    [
        # A function's factor is scaled, wherever the function is called, and once.
        (
            "input 3x8x8\nparam base = 12\nlet size(i) = base*2**(i-1)\nblock b(i) = CONV(size(i),1)\n"
            "net b(1)-CONV(size(2),3)-(CONV(size(i),1) for i in 1..2)-GAP-FC(2)",
            "let size(i) = wide(base)*2**(i-1)\nblock b(i) = CONV(size(i),1)\n"
            "net b(1)-CONV(size(2),3)-(CONV(size(i),1) for i in 1..2)-GAP-FC(2)",
        ),
        # A product with the variable of a loop: the factor that is a width is scaled.
        (
            "input 3x8x8\nnet (CONV(16*2**i,1) for i in 0..2)-GAP-FC(2)",
            "net (CONV(wide(16)*2**i,1) for i in 0..2)-GAP-FC(2)",
        ),
        # A tensor's size follows what is before it; a tensor is no number.
        (
            "input 3x8x8\nblock join(y) = y + in-CONV(y.c,1)\nblock low = RELU\n"
            "net\n let x = [in-CONV(8,1), in-CONV(8,1)]\n let y = x[1]-(join(y) for y in x)\n"
            " let z = y-low-CONV(8,1)\n z-CONV(z.c,1)-GAP-FC(2)",
            "net\n    let x = [in-CONV(wide(8),1), in-CONV(wide(8),1)]\n"
            "    let y = x[1]-(join(y) for y in x)\n"
            "    let z = y-low-CONV(wide(8),1)\n    z-CONV(z.c,1)-GAP-FC(2)",
        ),
    ],
)
def test_which_numbers_are_scaled(lines: str, net: str) -> None:
    assert text(lines, width="1,2").endswith(net)
    assert not opened(Source("t.arch", lines), width="0.3..1.5 step 0.1").refused


def test_each_factor_of_a_loop_has_its_own() -> None:
    lines = "input 3x8x8\nnet (CONV(16*2**i,1) for i in 0..2)-CONV(24,1)-GAP-FC(2)"
    tried = opened(Source("t.arch", lines), width="1,2", each=True)
    assert tried.opened.kept == []
    assert [point.path for point in tried.start.points.values()] == ["width_16", "width_24"]

"""Numbers, lists, conditions, tags and sizes: what an argument comes out as."""

import math

import pytest

from blockdsl.lowering.arithmetic import divisible
from tests.lowering.lowered import graph, message, operations


def value(expression: str, before: str = "") -> int:
    """What an expression yields, as the features of an FC."""
    (flatten, fc) = operations(f"{before}\nnet FC({expression})")
    assert flatten == "FLATTEN"
    return int(fc.removeprefix("FC(").removesuffix(")"))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("20-3-4", 13),
        ("2**3**2", 512),
        ("2*3**2", 18),
        ("7//2", 3),
        ("7%4", 3),
        ("7/2*2", 7),
        ("10-2*-3", 16),
        ("100-2**-1*2", 99),
        ("500k", 500_000),
        ("1_000", 1000),
        ("2.5k", 2500),
        ("min(7, 3, 5)", 3),
        ("max([7, 3, 5])", 7),
        ("floor(3.9)", 3),
        ("ceil(3.1)", 4),
        ("round(3.6)", 4),
        ("round(2.5)", 2),
        ("log2(64)", 6),
        ("sqrt(49)", 7),
        ("abs(3-5)", 2),
        ("round(exp(log(20)))", 20),
        ("sum([1, 2, 3])", 6),
        ("len([5, 5, 5])", 3),
        ("if 3 > 2 and not 2 > 3 then 1 else 2", 1),
        ("if 1 == 1.0 or no then 1 else 2", 1),
        ("if 2 <= 2 then 1 else 2", 1),
        ("if true == yes and false != yes then 1 else 2", 1),
    ],
)
def test_arithmetic(expression: str, expected: int):
    assert value(expression) == expected


def test_division_gives_a_real_number_which_counts_where_it_is_whole():
    assert value("64/2") == 32
    assert "takes a whole number, 1 or more, not 3.5" in message("net FC(7/2)")


def test_an_unreached_side_of_and_or_if_is_not_evaluated():
    assert value("if no and 1/0 > 1 then 1 else 2") == 2
    assert value("if yes or 1/0 > 1 then 1 else 2") == 1
    assert value("if yes then 1 else 1/0") == 1


@pytest.mark.parametrize(
    ("width", "divisor", "expected"),
    # The roundings that the MobileNet code makes of its tables: nearest multiple, never below 90 %.
    [
        (32 * 1.4, 8, 48),
        (24 * 0.75, 8, 24),
        (16 * 0.35, 8, 8),
        (10, 8, 16),
        (8.8, 8, 8),
        (4, 8, 8),
        (33, 16, 32),
    ],
)
def test_divisible_is_the_channel_rule_of_the_mobilenets(width: float, divisor: int, expected: int):
    def reference(v: float, d: int) -> int:  # Sandler et al. 2018, the published `_make_divisible`
        new = max(d, int(v + d / 2) // d * d)
        return new + d if new < 0.9 * v else new

    assert divisible(width, divisor) == reference(width, divisor) == expected
    assert value(f"divisible({width!r}, {divisor})") == expected


def test_a_function_of_numbers_regnet_widths():
    before = """let w0 = 24
    let wa = 24.48
    let wm = 2.54
    let exponent(i) = round(log((w0 + wa*i)/w0) / log(wm))
    let width(i, q=8) = round(w0 * wm**exponent(i) / q) * q"""
    # Radosavovic et al. 2020, equations 2 to 4, for RegNetX-400MF: widths 32, 64, 160, 384 (table 5).
    # Its w0 is 24, wa 24.48, wm 2.54; each block's width by the same equations in Python:
    for i in range(22):
        s = round(math.log((24 + 24.48 * i) / 24) / math.log(2.54))
        assert value(f"width({i})", before) == round(24 * 2.54**s / 8) * 8


def test_functions_may_call_themselves_and_see_the_file_they_stand_in():
    assert value("fib(10)", "let fib(n) = if n < 2 then n else fib(n-1) + fib(n-2)") == 55
    assert value("f(2)", "let k = 5\nlet f(x, y=k) = x*y") == 10
    assert value("f(y=2, x=3)", "let f(x, y) = x-y") == 1


# --- lists


def test_lists_count_from_1():
    assert value("d[1]", "let d = [3, 4, 6, 3]") == 3
    assert value("d[len(d)]", "let d = [3, 4, 6, 5]") == 5
    assert value("t[2]", "let t = 1x7") == 7


def test_lists_can_be_comprehensions_of_comprehensions():
    assert value("sum([i*j for i in [1,2]])", "let j = 10") == 30
    assert operations("net CONV(2, 1, table=[[i, i+1] for i in 0..1])") == ["CONV(2,1,table=[[0,1],[1,2]])"]


def test_lenet5_connection_table_is_a_list_of_lists():
    # LeCun et al. 1998, table I: six rows of three in a row, six of four in a row, three of four in
    # two pairs, one of all six; the maps wrap around.
    table = """[
        [0,1,2], [1,2,3], [2,3,4], [3,4,5], [4,5,0], [5,0,1],
        [0,1,2,3], [1,2,3,4], [2,3,4,5], [3,4,5,0], [4,5,0,1], [5,0,1,2],
        [0,1,3,4], [1,2,4,5], [0,2,3,5], [0,1,2,3,4,5]]"""
    net = graph(f"input 6x14x14 let c3 = {table}\nnet CONV(16, 5, table=c3)")
    layer = net.layer(1)
    weights = layer.operation.weights(*net.input_shapes(layer))
    assert sum(math.prod(shape) for shape in weights.values()) == 1516  # the paper's trainable parameters


# --- arguments


@pytest.mark.parametrize(
    ("written", "same_as"),
    [
        ("CONV(8,3,s2)", "CONV(8,3,stride=2)"),
        ("CONV(9,3,p1,g3)", "CONV(9,3,pad=1,groups=3)"),
        ("CONV(8,3,d2)", "CONV(8,3,dilation=2)"),
        ("CONV(8,3,s1x2)", "CONV(8,3,stride=(1,2))"),
        ("CONV(8,1x7,p0x3)", "CONV(8,(1,7),pad=(0,3))"),
        ("CONV(8,3x3)", "CONV(8,3)"),
        ("CONV(8,1+2,pad=3//2)", "CONV(8,3,p1)"),
        ("CONV(kernel=3,channels=8)", "CONV(8,3)"),
        ("CONV(8,3,bias=false)", "CONV(8,3,bias=no)"),
        ('CONV(8,3,pad="same")', "CONV(8,3,pad=same)"),
        ("CONV(8,2*4-5,)", "CONV(8,3)"),
    ],
)
def test_ways_to_write_an_argument(written: str, same_as: str):
    assert operations(written) == operations(same_as)


def test_tags_are_read_by_blocks_as_by_operations():
    block = "block f(c, s=1, pad=0) = CONV(c,3,stride=s,pad=pad)\n"
    assert operations(block + "net f(8,s2,p1)") == ["CONV(8,3,stride=2,pad=1)"]


def test_a_bound_name_wins_over_a_tag_of_a_block():
    block = "block f(c, s=1) = CONV(c,1,stride=s)\nlet s2 = 4\n"
    assert operations(block + "net f(8, s2)") == ["CONV(8,1,stride=4)"]
    assert operations(block + "net CONV(8,1,stride=s2)") == ["CONV(8,1,stride=4)"]


def test_words_are_words_where_no_name_is_bound():
    assert operations("UPSAMPLE(2, mode=bilinear)") == ["UPSAMPLE(2,mode=bilinear)"]
    assert operations('block up(how) = UPSAMPLE(2, mode=how)\nnet up("bilinear")') == [
        "UPSAMPLE(2,mode=bilinear)"
    ]

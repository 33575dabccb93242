"""Networks opened to spaces: what is in them, what stays, and what is refused."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from blockdsl.analysis.canonical import canonical_hash
from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint, lower
from blockdsl.passes.opening import opening_of
from blockdsl.resources import find_source, names
from blockdsl.source import Source
from blockdsl.space import Space
from blockdsl.space.counting import count
from blockdsl.space.opened import OpenedSpace, open_network
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file
from tests.random_nets import random_net


def opened(
    name: str | Source,
    *,
    width: str = "",
    depth: str = "",
    kernel: str = "",
    shortcut: bool = False,
    each: bool = False,
) -> OpenedSpace:
    opening = opening_of(width=width, depth=depth, kernel=kernel, shortcut=shortcut, each=each)
    return open_network(name if isinstance(name, Source) else find_source(name), opening)


def text(lines: str, **options: str | bool) -> str:
    """The opened text without its first and last lines: the comment and the `search` section."""
    found = opened(Source("t.arch", lines), **options).opened.text  # type: ignore[arg-type]
    return found.split("\n", 1)[1].partition("\nsearch\n")[0].strip()


def zoo(name: str) -> str:
    return canonical_hash(lower(parse(find_source(name))).graph)


def reached(tried: OpenedSpace, choose: Callable[[ChoicePoint], int | float]) -> str:
    return canonical_hash(tried.space.reach(choose).program.graph)


FEW = [
    "lenet5", "lenet5_1998", "alexnet", "vgg16", "nin_cifar10", "googlenet", "resnet20", "resnet50",
    "wrn_28_10", "densenet_40_12", "mobilenet_v2", "squeezenet1_0", "resnext50_32x4d", "shufflenet_v1",
    "regnety_400mf", "efficientnet_b2", "unet", "vit_b_16", "fractalnet_20", "ciresan_mlp",
]  # fmt: skip


@pytest.mark.parametrize("name", FEW)
def test_a_network_is_in_its_space(name: str) -> None:
    tried = opened(name, width="0.5..2", depth="1..4", kernel="3,5", shortcut=True)
    assert canonical_hash(tried.start.program.graph) == zoo(name)
    assert format_file(parse(tried.space.source)) == tried.opened.text
    assert not tried.refused


@pytest.mark.long
@pytest.mark.parametrize("name", sorted({*names("zoo")} - {*FEW}))
def test_any_network_of_the_zoo_is_in_its_space(name: str) -> None:
    test_a_network_is_in_its_space(name)


@pytest.mark.parametrize(
    ("name", "other", "units"),
    [
        ("resnet20", "resnet56", [9, 9, 9]),
        ("resnet18", "resnet34", [3, 4, 6, 3]),
        ("resnet50", "resnet101", [3, 4, 23, 3]),
        ("vgg11", "vgg19", [2, 2, 4, 4, 4]),
        ("densenet_40_12", "densenet_100_12", [32, 32, 32]),
        ("preact_resnet164", "preact_resnet1001", [111, 111, 111]),
    ],
)
def test_depths_lead_to_the_deeper_sisters(name: str, other: str, units: list[int]) -> None:
    tried = opened(name, depth="1..120")
    depths = iter(units)
    assert reached(tried, lambda _: next(depths)) == zoo(other)


@pytest.mark.parametrize(
    ("name", "plain"), [("resnet20", "plain20"), ("resnet18", "plain18"), ("resnet34", "plain34")]
)
def test_without_shortcuts_a_network_is_the_plain_one(name: str, plain: str) -> None:
    tried = opened(name, shortcut=True)
    assert reached(tried, lambda _: 1) == zoo(plain)
    assert reached(tried, lambda _: 0) == zoo(name)


@pytest.mark.parametrize(
    ("name", "options", "number"),
    [
        # Seven widths; three stages of 1 to 5 units, each unit with or without its shortcut.
        pytest.param(
            "resnet20",
            {"width": "0.5..2", "depth": "1..5", "shortcut": True},
            7 * (2 + 4 + 8 + 16 + 32) ** 3,
            marks=pytest.mark.long,
        ),
        # 1 to 4 convolutions in five stages, each of them 3x3 or 5x5.
        ("vgg16", {"depth": "1..4", "kernel": "3,5"}, (2 + 4 + 8 + 16) ** 5),
        ("lenet5", {"width": "0.5,1,2"}, 3),
        # Four convolutions whose pad keeps the size: conv2 to conv5.
        ("alexnet", {"kernel": "3..7 step 2"}, 3**4),
        # Six units in a stage of resnet50 are more than 4: the range is widened.
        ("resnet50", {"depth": "1..4"}, 4 * 4 * 6 * 4),
    ],
)
def test_how_many(name: str, options: dict[str, str], number: int) -> None:
    assert count(opened(name, **options).space).number == number  # type: ignore[arg-type]


def test_twice_as_wide() -> None:
    # Widths 6, 16, 120, 84 become 12, 32, 240, 168; there are 5x5 kernels, 5x5 images and biases.
    tried = opened("lenet5", width="1,2")
    wide = tried.space.reach(lambda _: 1).summary
    assert wide.params == (
        (25 + 1) * 12 + (12 * 25 + 1) * 32 + (32 * 25 + 1) * 240 + (240 + 1) * 168 + (168 + 1) * 10
    )


def test_each_width_by_itself() -> None:
    tried = opened("lenet5", width="0.5,1,2", each=True)
    assert count(tried.space).number == 3**4
    # The second convolution with 32 maps in place of 16.
    wide = tried.space.reach(lambda point: 2 if point.path == "width_16" else 1).summary
    assert wide.params == (
        (25 + 1) * 6 + (6 * 25 + 1) * 32 + (32 * 25 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10
    )
    # Widths that a name of the file scales are bound behind it: the stem and three stages.
    assert count(opened("wrn_28_10", width="1,2", each=True).space).number == 2**4
    # The stem and the first stage have one width.
    assert count(opened("resnet18", width="1,2", each=True).space).number == 2**4


def test_groups_and_heads_stay_whole() -> None:
    tried = opened("resnext50_32x4d", width="0.5..2 step 0.25")
    assert not tried.refused
    assert opened("shufflenet_v1", width="0.5..2").refused == ()


def test_comments_and_layout_stay() -> None:
    before = find_source("resnet20").text
    after = opened("resnet20", width="0.5..2", depth="1..5", shortcut=True).opened.text
    for line in before.splitlines():
        if line.startswith(("#", "year", "authors", "input", "param", "    ")):
            assert line in after.splitlines()
    assert "check" not in after
    assert "\nerror" not in after


def test_what_is_opened_reads_as_if_written() -> None:
    assert text(
        "input 3x8x8\nblock unit(c) = (ID + CONV(c,3,p1)-BN)-RELU  # a unit\n"
        "net CONV(8,1)-unit(8)*2-GAP-FC(10)",
        width="0.5..2", depth="1..3", shortcut=True,
    ) == (
        "input 3x8x8\n\n"
        "let width   = {0.5..2 step 0.25}  # all widths times this\n"
        "let wide(c) = max(1, round(width*c))\n\n"
        "block unit(c) =\n"
        "    let body = CONV(c,3,p1)-BN\n"
        "    {ID + body, body}-RELU  # a unit\n"
        "net CONV(wide(8),1)-unit(wide(8))*{1..3}-GAP-FC(10)"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "options", "net"),
    [
        ("input 3x8x8\nCONV(8,3)*2-GAP-FC(10)", {"depth": "1..2"}, "net CONV(8,3)*{1..2}-GAP-FC(10)"),
        # The outputs' number stays, also where a param or a block says it.
        ("input 3x8x8\nparam n = 5\nnet CONV(8,3)-GAP-FC(n)", {"width": "1,2"},
         "net CONV(wide(8),3)-GAP-FC(n)"),
        # What another number follows is opened where it is written.
        ("input 3x8x8\nlet n = 2\nnet RELU*n-RELU*n", {"depth": "1..2"}, "let n = {1..2}\nnet RELU*n-RELU*n"),
        # A short branch is written twice.
        ("input 3x8x8\nnet ID + CONV(3,1)", {"shortcut": True}, "net {ID + CONV(3,1), CONV(3,1)}"),
        # A multiplier is opened itself.
        (
            "input 3x8x8\nparam w = 1.0\nnet CONV(w*8,3)-GAP-FC(2)", {"width": "1,2"},
            "param w = {1, 2}\n\nnet CONV(w*8,3)-GAP-FC(2)",
        ),
        # A list's items, one by one.
        (
            "input 3x8x8\nlet d = [1,2]\nnet (RELU*d[i] for i in 1..2)", {"depth": "1..3"},
            "let d = [{1..3},{1..3}]\nnet (RELU*d[i] for i in 1..2)",
        ),
        # A loop's variable is as good as a number.
        (
            "input 3x8x8\nnet (CONV(4*i,1) for i in 1..2)-FC(2)", {"width": "1,2"},
            "net (CONV(wide(4*i),1) for i in 1..2)-FC(2)",
        ),
        # An index of which the loop's variable is no part does not bind the rounds to a list.
        (
            "input 3x8x8\nlet size = [8,16]\nlet times = 3\n"
            "net (CONV(size[min(2,times)],1) for i in 1..times)-GAP-FC(2)", {"depth": "1..3"},
            "let times = {1..3}\nnet (CONV(size[min(2,times)],1) for i in 1..times)-GAP-FC(2)",
        ),
        # A number that the net binds is followed from the blocks that are given it.
        (
            "input 3x8x8\nblock b(c) = CONV(c,1)\nnet\n    let n = 8\n    b(n)-b(n)-GAP-FC(2)",
            {"width": "1,2"},
            "block b(c) = CONV(c,1)\nnet\n    let n = wide(8)\n    b(n)-b(n)-GAP-FC(2)",
        ),
        # A parameter hides the file's name.
        (
            "input 3x8x8\nlet c = 8\nblock b(c) = CONV(c,1)\nnet b(4)-CONV(c,1)-GAP-FC(2)", {"width": "1,2"},
            "let c = 8\nblock b(c) = CONV(c,1)\nnet b(wide(4))-CONV(wide(c),1)-GAP-FC(2)",
        ),
        (
            "input 3x8x8\nnet (x:CONV(4,5,p2)-RELU)", {"kernel": "3,5"},
            "net\n    let k = {3, 5}\n    (x:CONV(4,k,pad=k//2)-RELU)",
        ),
    ],
)  # fmt: skip
def test_where_numbers_are_written(lines: str, options: dict[str, str], net: str) -> None:
    assert text(lines, **options).endswith(net)


@pytest.mark.parametrize(
    ("given", "written", "reached"),
    [
        ("0.1..1.2 step 0.1", "{0.1..1.2 step 0.1}", [i / 10 for i in range(1, 13)]),
        ("0.1..1.3 step 0.15", "{0.1..1.3 step 0.15}", [0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1, 1.15, 1.3]),
        ("0.7..1.35 step 0.1", "{0.7..1.3 step 0.1}", [0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3]),
        ("0.00925926,1,1e-5", "{1e-05, 0.00925926, 1}", [0, 1, 2]),
        ("0.3333333333333333,1", "{0.3333333333333333, 1}", [0, 1]),
    ],
)
def test_factors_are_written_with_every_digit_and_no_more(
    given: str, written: str, reached: list[float]
) -> None:
    lines = "input 3x8x8\nnet CONV(1000,1)-GAP-FC(2)"
    assert f"let width   = {written}  #" in text(lines, width=given)
    space = opened(Source("t.arch", lines), width=given).space
    found = [candidate for candidate in space.enumerate() if not isinstance(candidate, ArchError)]
    assert [candidate.assignment["width"] for candidate in found] == reached


def test_what_stays_is_named_with_the_reason() -> None:
    kept = opened("resnet50", kernel="3,5", shortcut=True).opened.kept
    assert [(span.text, reason) for span, reason in kept] == [("7", "this kernel is none of {3, 5}")]
    kept = opened("wrn_28_10", shortcut=True).opened.kept
    assert kept[0][0].text == "branch + conv(c,1,s)"
    assert opened("vgg16", depth="1..4", shortcut=True).opened.none == {
        "shortcut": "no sum has the identity among its parts"
    }


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ("input 4\nnet FC({2,3})", {"width": "1,2"}, "is a space already"),
        ("input 4\nnet FC(3)", {"width": "1,2"}, "nothing of this kind to open in t.arch"),
        ("input 4\nnet RELU", {"width": "2..3"}, "1 is not among {2..3 step 0.25}"),
        ("input 4\nnet RELU", {"width": "0..3"}, "a width is above 0"),
        ("input 4\nnet RELU", {"depth": "x"}, "this is no range of numbers"),
        ("input 4\nnet RELU", {"depth": "4..1"}, "this is no range of numbers"),
        ("input 4\nnet RELU", {"depth": "0.5,1"}, "these are whole numbers from 1"),
        ("input 4\nnet RELU", {"kernel": "3..6"}, "an even kernel changes the size"),
    ],
)
def test_refused(lines: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(ArchError, match=message.replace("{", r"\{")):
        text(lines, **options)


def test_two_files_that_define_one_name_cannot_become_one(tmp_path: Path) -> None:
    (tmp_path / "mine.arch").write_text("let n = BN(eps=0.1)\nblock u(c) = ID + CONV(c,1)-n\n")
    (tmp_path / "net.arch").write_text('use "mine.arch"\ninput 4x8x8\nlet n = 2\nnet u(4)*n-GAP-FC(2)')
    with pytest.raises(ArchError, match="n is defined in two files"):
        opened(str(tmp_path / "net.arch"), shortcut=True)
    kept = opened(str(tmp_path / "net.arch"), depth="1..3")
    assert 'use "mine.arch"' in kept.opened.text


def test_what_the_network_does_not_lead_to_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "mine.arch").write_text("let n = 3\nlet c = 4\nblock u(n) = ID + CONV(n,1)-RELU*in.c\n")
    (tmp_path / "net.arch").write_text('use "mine.arch"\ninput 4x8x8\nlet n = 4\nnet u(n)-GAP-FC(2)')
    text = opened(str(tmp_path / "net.arch"), shortcut=True).opened.text
    assert "let n = 3" not in text and "let n = 4" in text
    assert "let c = 4" not in text and "block u(n)" in text


def test_an_opened_space_freezes_to_the_network_again() -> None:

    tried = opened("resnet20", width="0.5..2", depth="1..5", shortcut=True)
    frozen = Space(Source("f.arch", tried.start.text(), tried.space.source.folder))
    assert canonical_hash(frozen.first().program.graph) == zoo("resnet20")


SHARED = """input left  = 1x16x16
input right = 1x16x16
# the tower
shared tower = CONV(8,3,p1)-RELU-POOL(2)-CONV(16,5)-RELU-GAP-FC(4)
net SUB(left-tower, right-tower)-FC(1)"""


@pytest.mark.parametrize(
    ("lines", "options", "net"),
    [
        (
            SHARED, {"width": "1,2", "kernel": "3,5"},
            "let k = {3, 5}\n# the tower\nshared tower = CONV(wide(8),k,pad=k//2)-RELU-POOL(2)"
            "-CONV(wide(16),5)-RELU-GAP-FC(wide(4))\nnet SUB(left-tower, right-tower)-FC(1)",
        ),
        (  # what a shared network ends in is an output
            "input 3x16x16\nshared head = CONV(8,3,p1)-RELU-CONV(2,1)\n"
            "net\n let a = in-CONV(4,1)\n let b = a-POOL(2)\n [a-head, b-head]", {"width": "1,2"},
            "shared head = CONV(wide(8),3,p1)-RELU-CONV(2,1)\nnet let a = in-CONV(wide(4),1)\n"
            "let b = a-POOL(2)\n[a-head, b-head]",
        ),
        (
            "input 3x16x16\nshared head = GAP-FC(2)\nblock two(c) = [CONV(c,1), CONV(2*c,1)]\n"
            "net\n let a, b = in-two(4)\n [a-head, b-GAP-FC(3)]", {"width": "1,2"},
            "shared head = GAP-FC(2)\nblock two(c) = [CONV(c,1), CONV(2*c,1)]\n"
            "net let a, b = in-two(wide(4)) [a-head, b-GAP-FC(3)]",
        ),
        (
            "input 3x16x16\nnet\n let x = in-CONV(8,1)-SPLIT(2)\n"
            " CAT(x[1], [t-CONV(4,3,p1) for t in x])-GAP-FC(2)",
            {"width": "1,2", "kernel": "3,5"},
            "net let x = in-CONV(wide(8),1)-SPLIT(2)\nCAT(x[1], [t-CONV(wide(4),3,p1) for t in x])-GAP-FC(2)",
        ),
        (
            "input 3x16x16\nblock s(c) = CONV(c,3,p1)\nblock p(c) = POOL(3,s1,p1)-CONV(c,1)\n"
            "let g = [[s, 1], [p, 2]]\nblock node(x, c) = SUM([x[i]-op(c) for op, i in g])\n"
            "net node([in, in-RELU], 4)-GAP-FC(2)", {"width": "1,2", "kernel": "3,5"},
            "block s(c) = let k = {3, 5}\nCONV(c,k,pad=k//2)\nblock p(c) = POOL(3,s1,p1)-CONV(c,1)\n"
            "let g = [[s, 1], [p, 2]]\nblock node(x, c) = SUM([x[i]-op(c) for op, i in g])\n"
            "net node([in, in-RELU], wide(4))-GAP-FC(2)",
        ),
        (
            "input 3x16x16\nblock u(c, n) = (CONV(c,1)-RELU)*n\n"
            "net (u(c, n) for c, n in [[4, 1], [8, 2]])-GAP",
            {"depth": "1..3"},
            "block u(c, n) = (CONV(c,1)-RELU)*n\nnet (u(c, n) for c, n in [[4, {1..3}], [8, {1..3}]])-GAP",
        ),
        (
            "input 3x16x16\nblock f(c) =\n let z = in-CONV(c,1)-BN\n (in + z)-RELU\nnet f(3)-CONV(4,1)-f(4)",
            {"shortcut": True},
            "block f(c) = let z = in-CONV(c,1)-BN\n{in + z, z}-RELU\nnet f(3)-CONV(4,1)-f(4)",
        ),
        (
            "input signal 1x64\nnet CONV(8,3,p1)-RELU-GAP-FC(2)", {"width": "1,2", "kernel": "3,5"},
            "net let k = {3, 5} CONV(wide(8),k,pad=k//2)-RELU-GAP-FC(2)",
        ),
        (
            "input volume 1x4x8x8\nnet\n let a = in-CONV(8,3,pad=same)\n a-GAP-FC(2)",
            {"width": "1,2", "kernel": "3,5"}, "net let a = in-CONV(wide(8),{3, 5},pad=same) a-GAP-FC(2)",
        ),
    ],
)  # fmt: skip
def test_bundles_shared_networks_and_layouts(lines: str, options: dict[str, str], net: str) -> None:
    assert text(lines, **options).split()[-len(net.split()) :] == net.split()


@pytest.mark.parametrize(
    "options",
    [
        {"width": "0.5..2"},
        {"width": "1,2", "each": True},
        {"depth": "1..3", "kernel": "1,3", "shortcut": True},
    ],
)
def test_any_network_is_in_its_space_or_refused(options: dict[str, str]) -> None:
    """The widths of these networks are often tied to those of their inputs."""
    found = 0
    for seed in range(40 if "depth" in options else 5):
        source = Source("random.arch", random_net(random.Random(seed)))
        try:
            tried = opened(source, **options)  # type: ignore[arg-type]
        except ArchError as refused:
            assert str(refused).startswith("error[open]")
            continue
        found += 1
        assert canonical_hash(tried.start.program.graph) == canonical_hash(lower(parse(source)).graph)
        assert format_file(parse(tried.space.source)) == tried.opened.text
    assert found > (12 if "depth" in options else 0)

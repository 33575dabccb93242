"""Numbers that papers print, and texts of errors."""

from itertools import product
from math import prod

import pytest
import torch
from torch.nn.functional import max_pool2d

from blockdsl.ops import Image, OpError, Signal, Sizes, Volume, find
from blockdsl.ops.conv import Conv
from blockdsl.ops.infer import output_shapes
from blockdsl.ops.layouts import read_sizes
from blockdsl.ops.linear import FullyConnected
from blockdsl.ops.pool import AdaptiveAvgPool, MaxPool, Subsample

# LeCun et al. 1998, table I: the six contiguous triples, six contiguous and three broken quadruples, all.
C3 = (
    *(tuple(sorted((i + j) % 6 for j in range(3))) for i in range(6)),
    *(tuple(sorted((i + j) % 6 for j in range(4))) for i in range(6)),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


def parameters(weights: dict[str, Sizes]) -> int:
    """How many numbers the tensors hold."""
    return sum(map(prod, weights.values()))


def test_lenet5_layers_have_the_trainable_parameters_of_the_paper() -> None:
    """LeCun et al. 1998, section II.B: 156, 12, 1516, 32, 48120, 10164."""
    layers = [
        (Conv(6, (5, 5)), (1, 32, 32), (6, 28, 28), 156),
        (Subsample(), (6, 28, 28), (6, 14, 14), 12),
        (Conv(16, (5, 5), table=C3), (6, 14, 14), (16, 10, 10), 1516),
        (Subsample(), (16, 10, 10), (16, 5, 5), 32),
        (Conv(120, (5, 5)), (16, 5, 5), (120, 1, 1), 48120),
        (FullyConnected(84), (120,), (84,), 10164),
    ]
    for made, shape, output, count in layers:
        made.check()
        assert made.shape(read_sizes(shape)) == output
        assert parameters(made.weights(read_sizes(shape))) == count
    # 151,600 connections in C3, of which 16 x 100 are biases.
    assert Conv(16, (5, 5), table=C3).macs((6, 14, 14)) == 151_600 - 16 * 100


def test_alexnet_pools_overlap() -> None:
    assert MaxPool((3, 3), (2, 2)).shape(Image(96, 55, 55)) == (96, 27, 27)


def test_googlenet_pools_need_ceil() -> None:
    """Szegedy et al. 2015, table 1: 112 -> 56 -> 28 with 3x3/2 pools without padding."""
    assert MaxPool((3, 3), (2, 2), ceil=True).shape(Image(64, 112, 112)) == (64, 56, 56)
    assert MaxPool((3, 3), (2, 2), ceil=True).shape(Image(192, 56, 56)) == (192, 28, 28)


def refusal(name: str, arguments: dict[str, object], *inputs: Sizes) -> OpError:
    kind = find(name)
    assert kind is not None
    made = kind(**{key: kind.arguments[key].convert(value) for key, value in arguments.items()})
    with pytest.raises(OpError) as caught:
        made.check()
        output_shapes(made, *map(read_sizes, inputs))
    return caught.value


@pytest.mark.parametrize(
    ("name", "arguments", "inputs", "message", "help"),
    [
        (
            "SUM", {}, [(256, 56, 56), (64, 56, 56)],
            "cannot add 256x56x56 and 64x56x56", "project the shortcut: CONV(256,1)",
        ),
        (
            "SUM", {}, [(64, 56, 56), (128, 28, 28)],
            "cannot add 64x56x56 and 128x28x28", "project the shortcut: CONV(128,1,s2)",
        ),
        ("SUM", {}, [(10,), (20,)], "cannot add 10 and 20", "project the shortcut: FC(20)"),
        (
            "POOL", {"kernel": (2, 1), "stride": (1, 3), "pad": (1, 0), "dilation": (3, 1)}, [(2, 2, 2)],
            "a window of POOL sees only padding: with dilation=3x1 it steps over the input of 2x2",
            "dilate less, or leave out the pad",
        ),
        (
            "MAX", {}, [(8, 5, 5), (8, 3, 3)],
            "cannot take the maximum of 8x5x5 and 8x3x3",
            "the sides differ in rows and columns: check the pads and strides, or CROP or PAD one of them",
        ),
        (
            "CAT", {}, [(64, 28, 28), (64, 14, 14)],
            "cannot concatenate 64x28x28 and 64x14x14",
            "POOL(2) on the larger brings it to 14x14, or UPSAMPLE(2) enlarges the smaller",
        ),
        (
            "CAT", {}, [(64, 56, 56), (64, 52, 52)],
            "cannot concatenate 64x56x56 and 64x52x52",
            "bring both to the same rows and columns: check the pads, or CROP(52x52) the larger",
        ),
        (
            "MUL", {}, [(64, 28, 28), (64,)],
            "cannot multiply 64x28x28 and 64",
            "a gate of an image is 64x1x1: CONV(64,1) in place of FC(64) after GAP",
        ),
        (
            "CONV", {"channels": 8, "kernel": 7}, [(3, 4, 9)],
            "the 7x7 window of CONV is larger than its input of 4x9",
            "make the window smaller, pad more, or shrink the image less before it",
        ),
        (
            "CONV", {"channels": 8, "kernel": 3, "dilation": 4, "pad": 1}, [(3, 5, 9)],
            "the 9x9 window of CONV is larger than its input of 5x9 (padded to 7x11)",
            "make the window smaller, pad more, or shrink the image less before it",
        ),
        (
            "CONV", {"channels": 30, "kernel": 3, "groups": 3}, [(8, 9, 9)],
            "CONV cannot divide 8 channels into 3 groups", "8 = 2 x 4: groups=2 would do",
        ),
        (
            "CONV", {"channels": 8, "kernel": 3, "groups": 3}, [(9, 9, 9)],
            "CONV cannot make 8 channels in 3 equal groups",
            "both the input's and the output's channels are divided among the groups",
        ),
        (
            "CONV", {"channels": 8, "kernel": (3, 1, 1)}, [(9, 9, 9)],
            "kernel=3x1x1 of CONV has 3 numbers, but an image has 2 axes of positions",
            "write rows x columns, kernel=1x1, or one number for all axes: kernel=3",
        ),
        (
            "POOL", {"kernel": 3, "pad": (1, 2, 3)}, [Signal(9, 9)],
            "pad=1x2x3 of POOL has 3 numbers, but a signal has 1 axis of positions",
            "write one number: pad=3; two are (before, after)",
        ),
        (
            "CONV", {"channels": 8, "kernel": 3, "stride": (1, 2)}, [Volume(9, 9, 9, 9)],
            "stride=1x2 of CONV has 2 numbers, but a volume has 3 axes of positions",
            "write slices x rows x columns, stride=1x1x2, or one number for all axes: stride=2",
        ),
        (
            "CONV", {"channels": 8, "kernel": 12}, [Signal(9, 9)],
            "the 12-wide window of CONV is larger than its input of 9",
            "make the window smaller, pad more, or shrink the image less before it",
        ),
        (
            "POOL", {"kernel": 3, "pad": "same", "ceil": True}, [(9, 9, 9)],
            "pad=same of POOL yields ceil(size / stride) positions already", "leave out ceil",
        ),
        (
            "POOL", {"kernel": 3, "pad": (1, 0, 0, 0), "ceil": True}, [(9, 9, 9)],
            "POOL with ceil=yes pads as much before as after, not (1,0,0,0)",
            "leave out ceil, and pad more after",
        ),
        (
            "AVGPOOL", {"kernel": 3, "pad": (3, 0)}, [Signal(9, 9)],
            "AVGPOOL may pad less than its 3-wide window, not (3,0)",
            "pad=2 at most, or a window sees only padding",
        ),
        (
            "CONV", {"channels": 1, "kernel": 3, "stride": 2, "pad": "same", "table": ((0, 2),)}, [(3, 8, 8)],
            "CONV with a connection table pads as much before as after, not (0,1,0,1)",
            "PAD((0,1,0,1)) before it",
        ),
        (
            "CONV", {"channels": 1, "kernel": 3, "table": ((0, 2),)}, [Signal(3, 8)],
            "CONV with a connection table takes an image of channels x rows x columns, not a signal of 3x8",
            "IMAGE(rows x columns) before it makes a signal an image",
        ),
        (
            "LRN", {"size": 3, "within": True}, [Signal(3, 8)],
            "LRN(within=yes) takes an image of channels x rows x columns, not a signal of 3x8",
            "IMAGE(rows x columns) before it makes a signal an image",
        ),
        (
            "UPSAMPLE", {"factor": 2, "mode": "bilinear"}, [Volume(3, 8, 8, 8)],
            "UPSAMPLE with mode=bilinear does not take a volume", "mode=trilinear, or mode=nearest",
        ),
        (
            "SUBSAMPLE", {}, [Volume(3, 8, 8, 8)],
            "SUBSAMPLE takes an image of channels x rows x columns, not a volume of 3x8x8x8",
            "IMAGE(rows x columns) before it makes a volume an image",
        ),
        (
            "CONV", {"channels": 1, "kernel": 3, "table": ((0, 3),)}, [(3, 9, 9)],
            "row 0 of the connection table names an input outside 0..2",
            "the input has 3 channels, counted from 0",
        ),
        (
            "CONV", {"channels": 8, "kernel": 3}, [(512,)],
            "CONV takes a signal, an image or a volume, not a vector of 512 features",
            "put it before FLATTEN and FC, or IMAGE(rows x columns) before it makes a vector an image",
        ),
        (
            "POOL", {"kernel": 2, "pad": 2}, [(3, 9, 9)],
            "POOL may pad at most half its 2x2 window, not 2x2",
            "pad=1x1 at most, or a window sees only padding",
        ),
        (
            "FC", {"features": 10}, [(64, 7, 7)],
            "FC takes a vector or tokens, not an image of 64x7x7",
            "FLATTEN before it, or a CONV with a 1x1 kernel to apply it at each position",
        ),
        (
            "RBF", {}, [(120,)],
            "RBF compares with bitmaps of 7x12 pixels, so it takes a vector of 84 features, "
            "not a vector of 120 features",
            "FC(84) before it",
        ),
        (
            "BN", {}, [(196, 768)],
            "BN takes a signal, an image, a volume or a vector, not a sequence of 196x768",
"LN for tokens; IMAGE(rows x columns) before it makes tokens an image",
        ),
        (
            "SPLIT", {"parts": (3, 4)}, [(8, 2, 2)],
            "the parts of SPLIT add up to 7, the input has 8 channels",
            "sizes that add up to 8, or a number of equal parts",
        ),
        (
            "RESHAPE", {"dims": (8, 7, 7)}, [(400,)],
            "RESHAPE cannot make 8x7x7 of 400: 392 numbers out of 400", "the product of the list must be 400",
        ),
        (
            "ATTENTION", {"heads": 5}, [(49, 24)],
            "ATTENTION cannot divide 24 channels into 5 heads", "24 = 4 x 6: heads=4 would do",
        ),
        (
            "ATTENTION", {"heads": 4}, [(24, 7, 7)],
            "ATTENTION takes a sequence of tokens x features, not an image of 24x7x7",
            "TOKENS before it makes an image a sequence",
        ),
        (
            "MEAN", {"columns": 2}, [(8, 7, 7)] * 3,
            "MEAN joins 3 paths of a net of 2 columns", "columns=3 at least",
        ),
    ],
)  # fmt: skip
def test_refusals(
    name: str, arguments: dict[str, object], inputs: list[Sizes], message: str, help: str
) -> None:
    error = refusal(name, arguments, *inputs)
    assert (error.message, error.help) == (message, help)
    joins = find(name)
    assert joins is not None
    assert (error.sides is not None) == (joins.inputs is None and error.argument is None)
    assert error.argument is None or error.argument in joins.arguments


def test_a_join_names_the_first_side_that_disagrees() -> None:
    assert refusal("SUM", {}, (8, 7, 7), (8, 7, 7), (4, 7, 7)).sides == (0, 2)


def test_large_numbers_are_refused_at_once() -> None:
    """A file cannot hang the machine with a number."""
    huge = 10**18
    assert refusal("SPLIT", {"parts": huge}, (huge, 1, 1)).argument == "parts"
    assert "groups" in refusal("SHUFFLE", {"groups": huge - 1}, (huge, 1, 1)).help
    assert AdaptiveAvgPool((huge, huge)).window(Image(3, 7, 7)) is not None


def test_a_dilated_pool_is_refused_exactly_where_torch_yields_minus_infinity() -> None:
    """Forward passes alone: backward ones write out of bounds there."""
    refused = 0
    for kernel, stride, pad, dilation, size, ceil in product(
        range(1, 6), (1, 2), range(3), range(1, 5), range(1, 8), (False, True)
    ):
        made = MaxPool((kernel, 1), (stride, 1), (pad, 0), (dilation, 1), ceil)
        try:
            made.check()
            rows = made.shape(Image(1, size, 1))[1]
        except OpError as refusal:
            if "sees only padding:" not in refusal.message:
                continue
            rows = None
        found = max_pool2d(
            torch.zeros(1, 1, size, 1), (kernel, 1), (stride, 1), (pad, 0), (dilation, 1), ceil
        )
        assert (rows is None) == bool(found.isinf().any())
        assert rows in (None, found.shape[2])
        refused += rows is None
    assert refused

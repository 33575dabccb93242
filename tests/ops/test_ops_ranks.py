"""On signals and volumes, operations are PyTorch's modules of that rank: shapes, weights, MACs and values."""

from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812

from blockdsl.codegen import module_of
from blockdsl.ops import Image, Operation, OpError, Shape, Signal, Sizes, Tokens, Vector, Volume
from tests.graphs import op
from tests.ops.test_ops_against_torch import Call, agree

SIGNAL, VOLUME = Signal(6, 17), Volume(6, 5, 7, 6)


def same(operation: Operation, module: nn.Module, shape: Shape) -> None:
    """What `agree` says, and equal outputs with equal weights."""
    ours = module_of(operation, shape).eval()
    module.eval()
    ours.load_state_dict(module.state_dict())
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), module(x))
    agree(operation, module, shape)


def each(axes: int, low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * axes)


@st.composite
def windows(draw: st.DrawFn) -> tuple[Shape, Any, Any, Any, Any]:
    """A signal or a volume, with kernel, stride, pad and dilation along its axes."""
    axes = draw(st.sampled_from([1, 3]))
    layout = Signal if axes == 1 else Volume
    shape = layout(draw(st.integers(1, 4)), *draw(each(axes, 1, 9)))
    return (
        shape,
        draw(each(axes, 1, 4)),
        draw(each(axes, 1, 3)),
        draw(each(axes, 0, 2)),
        draw(each(axes, 1, 2)),
    )


def symmetric(pad: tuple[int, ...]) -> int | tuple[int, ...]:
    """A pad as written: on a signal two numbers are before and after."""
    return pad[0] if len(pad) == 1 else pad


@given(windows(), st.integers(1, 3), st.booleans())
def test_convolutions(case: Any, out: int, bias: bool) -> None:
    shape, k, s, p, d = case
    kind: Any = {1: nn.Conv1d, 3: nn.Conv3d}[len(k)]
    made = op("CONV", out, k, stride=s, pad=symmetric(p), dilation=d, bias=bias)
    agree(made, kind(shape[0], out, k, s, p, d, bias=bias), shape)
    made = op("DWCONV", k, stride=s, pad=symmetric(p), dilation=d, multiplier=out, bias=bias)
    agree(made, kind(shape[0], shape[0] * out, k, s, p, d, shape[0], bias), shape)


@given(windows(), st.integers(1, 3), st.integers(0, 2))
def test_transposed_convolutions(case: Any, out: int, extra: int) -> None:
    shape, k, s, p, d = case
    assume(all(extra < max(a, b) for a, b in zip(s, d, strict=True)))
    kind: Any = {1: nn.ConvTranspose1d, 3: nn.ConvTranspose3d}[len(k)]
    made = op("DECONV", out, k, stride=s, pad=symmetric(p), output_pad=extra, dilation=d)
    agree(made, kind(shape[0], out, k, s, p, extra, dilation=d), shape)
    agree(op("UP", s, out), kind(shape[0], out, s, s), shape)


@given(windows(), st.booleans(), st.booleans())
def test_pools(case: Any, ceil: bool, include: bool) -> None:
    shape, k, s, p, _ = case
    axes = len(k)
    assume(all(n + 2 * pad >= reach for n, reach, pad in zip(shape[1:], k, p, strict=True)))
    most: Any = {1: nn.MaxPool1d, 3: nn.MaxPool3d}[axes]
    mean: Any = {1: nn.AvgPool1d, 3: nn.AvgPool3d}[axes]
    norm: Any = {1: nn.LPPool1d, 3: nn.LPPool3d}[axes]
    agree(op("POOL", k, s, pad=symmetric(p), ceil=ceil), most(k, s, p, ceil_mode=ceil), shape)
    unpadded = all(reach <= n for reach, n in zip(k, shape[1:], strict=True))
    if unpadded or axes == 1:  # PyTorch's AvgPool3d wants a kernel that fits without the padding
        made = op("AVGPOOL", k, s, pad=symmetric(p), ceil=ceil, include_pad=include)
        agree(made, mean(k, s, p, ceil, include), shape)
    if unpadded:
        own = (k[0], s[0]) if axes == 1 else (k, s)
        agree(op("LPPOOL", 2, k, s, ceil=ceil), norm(2, *own, ceil_mode=ceil), shape)


@pytest.mark.parametrize("include", [True, False])
def test_an_average_of_a_volume_that_is_smaller_than_its_kernel(include: bool) -> None:
    shape = Volume(2, 2, 5, 5)
    made = op("AVGPOOL", 3, stride=1, pad=1, include_pad=include)
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    share = 1 if include else F.avg_pool3d(F.pad(torch.ones_like(x), [1] * 6), 3, 1)
    expected = F.avg_pool3d(F.pad(x, [1] * 6), 3, 1) / share
    torch.testing.assert_close(module_of(made, shape)(x), expected)
    with pytest.raises(OpError, match=r"^AVGPOOL with ceil=yes takes a volume of 2x5x5"):
        op("AVGPOOL", 3, stride=1, pad=1, ceil=True).shape(shape)


CASES: list[tuple[Operation, nn.Module, Shape]] = [
    (op("CONV", 4, 3, stride=2, pad=1, groups=2), nn.Conv1d(6, 4, 3, 2, 1, groups=2), SIGNAL),
    (op("CONV", 4, (3, 1, 1), pad=(1, 0, 0)), nn.Conv3d(6, 4, (3, 1, 1), padding=(1, 0, 0)), VOLUME),
    (op("CONV", 4, 3, pad="same"), nn.Conv3d(6, 4, 3, padding="same"), VOLUME),
    (op("DWCONV", 3), nn.Conv1d(6, 6, 3, groups=6), SIGNAL),
    (op("DECONV", 4, 3, stride=2), nn.ConvTranspose1d(6, 4, 3, 2), SIGNAL),
    (op("DECONV", 4, 3, stride=2, pad=1), nn.ConvTranspose3d(6, 4, 3, 2, 1), VOLUME),
    (op("UP", 2), nn.ConvTranspose3d(6, 6, 2, 2), VOLUME),
    (op("POOL", 3, stride=2, pad=1), nn.MaxPool1d(3, 2, 1), SIGNAL),
    (op("POOL", 2), nn.MaxPool3d(2), VOLUME),
    (op("AVGPOOL", 3, stride=2, pad=1), nn.AvgPool1d(3, 2, 1), SIGNAL),
    (op("AVGPOOL", (1, 2, 2)), nn.AvgPool3d((1, 2, 2)), VOLUME),
    (op("LPPOOL", 2, 3), nn.LPPool1d(2, 3), SIGNAL),
    (op("LPPOOL", 2, 2), nn.LPPool3d(2, 2), VOLUME),
    (op("GAP"), nn.AdaptiveAvgPool1d(1), SIGNAL),
    (op("GMP"), nn.AdaptiveMaxPool3d(1), VOLUME),
    (op("AAP", 5), nn.AdaptiveAvgPool1d(5), SIGNAL),
    (op("AAP", (2, 3, 4)), nn.AdaptiveAvgPool3d((2, 3, 4)), VOLUME),
    (op("AMP", 5), nn.AdaptiveMaxPool1d(5), SIGNAL),
    (op("AMP", 2), nn.AdaptiveMaxPool3d(2), VOLUME),
    (op("BN"), nn.BatchNorm1d(6), SIGNAL),
    (op("BN"), nn.BatchNorm3d(6), VOLUME),
    (op("GN", 3), nn.GroupNorm(3, 6), SIGNAL),
    (op("GN", 3), nn.GroupNorm(3, 6), VOLUME),
    (op("IN", affine=True), nn.InstanceNorm1d(6, affine=True), SIGNAL),
    (op("IN"), nn.InstanceNorm3d(6), VOLUME),
    (op("LRN", 3), nn.LocalResponseNorm(3), SIGNAL),
    (op("LRN", 3), nn.LocalResponseNorm(3), VOLUME),
    (op("PAD", 2, mode="reflect"), nn.ReflectionPad1d(2), SIGNAL),
    (op("PAD", 1, value=0.5), nn.ConstantPad3d(1, 0.5), VOLUME),
    (op("PAD", 1, mode="circular"), nn.CircularPad3d(1), VOLUME),
    (op("UPSAMPLE", 3, mode="linear"), nn.Upsample(scale_factor=3, mode="linear"), SIGNAL),
    (op("UPSAMPLE", 2, mode="trilinear"), nn.Upsample(scale_factor=2, mode="trilinear"), VOLUME),
    (op("RESIZE", 9), nn.Upsample(9), SIGNAL),
    (op("RESIZE", (3, 9, 2)), nn.Upsample((3, 9, 2)), VOLUME),
    (op("CROP", 7), Call(lambda x: x[:, :, 5:12]), SIGNAL),
    (op("CROP", (2, 3, 4), at=(1, 0, 2)), Call(lambda x: x[:, :, 1:3, 0:3, 2:6]), VOLUME),
    (op("CHANNELMEAN"), Call(lambda x: x.mean(1, keepdim=True)), SIGNAL),
    (op("CHANNELMAX"), Call(lambda x: x.amax(1, keepdim=True)), VOLUME),
]


@pytest.mark.parametrize(("operation", "module", "shape"), CASES, ids=lambda case: str(case)[:40])
def test_is_pytorchs_module_of_the_rank(operation: Operation, module: nn.Module, shape: Shape) -> None:
    same(operation, module, shape)


@pytest.mark.parametrize("shape", [SIGNAL, VOLUME], ids=str)
def test_norms_over_the_channels_at_each_position(shape: Shape) -> None:
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    last = x.movedim(1, -1)
    torch.testing.assert_close(module_of(op("LN"), shape)(x), F.layer_norm(last, (6,)).movedim(-1, 1))
    root = module_of(op("RMSNORM"), shape)(x)
    torch.testing.assert_close(root, F.rms_norm(last, (6,), eps=1e-6).movedim(-1, 1))


@pytest.mark.parametrize("shape", [SIGNAL, VOLUME], ids=str)
@pytest.mark.parametrize("rescale", ["train", "test"])
def test_whole_channels_drop(shape: Shape, rescale: str) -> None:
    torch.manual_seed(0)
    y = module_of(op("DROPOUT", 0.5, per="channel", rescale=rescale), shape).train()(torch.ones(20, *shape))
    values = y.flatten(2)
    assert (values == values[:, :, :1]).all()
    assert set(values.unique().tolist()) == {0.0, 2.0 if rescale == "train" else 1.0}


@pytest.mark.parametrize("name", ["CONV", "DWCONV", "POOL", "AVGPOOL"])
def test_one_number_stands_for_all_axes(name: str) -> None:
    first = (4,) if name == "CONV" else ()
    for shape, written in ((SIGNAL, (3,)), (Image(6, 7, 8), (3, 3)), (VOLUME, (3, 3, 3))):
        assert op(name, *first, 3).shape(shape) == op(name, *first, written).shape(shape)
        assert str(op(name, *first, 3)) == str(op(name, *first, written))
        for other in {(3, 3), (3, 3, 3)} - {written}:
            with pytest.raises(OpError, match=f"^kernel={'x'.join('3' * len(other))} of {name} has "):
                op(name, *first, other).shape(shape)


@pytest.mark.parametrize("shape", [SIGNAL, VOLUME])
def test_channels_are_shuffled_and_padded(shape: Shape) -> None:
    same(op("SHUFFLE", 3), nn.ChannelShuffle(3), shape)
    x = torch.randn(2, *shape)
    for where, before, after in (("end", 0, 5), ("both", 2, 3)):
        operation = op("PADCHANNELS", 11, where=where)
        zeros = [torch.zeros(2, count, *shape[1:]) for count in (before, after)]
        made = module_of(operation, shape)(x)
        assert torch.equal(made, torch.cat([zeros[0], x, zeros[1]], 1))
        assert operation.shapes(shape) == (type(shape)(11, *shape[1:]),)


@pytest.mark.parametrize(
    ("shape", "gates"),
    [
        (SIGNAL, [(6, 1), (1, 17)]),
        (VOLUME, [(6, 1, 1, 1), (1, 5, 7, 6), (6, 5, 1, 1)]),
        (Tokens(5, 6), [(5, 1), (1, 6)]),
        (Vector(6), [(1,)]),
    ],
)
def test_an_axis_of_1_is_repeated_in_a_product_of_any_layout(shape: Shape, gates: list[Sizes]) -> None:
    x = torch.randn(2, *shape)
    for sizes in gates:
        gate = type(shape)(*sizes)
        y = torch.randn(2, *sizes)
        for name in ("MUL", "SUM", "SUB", "DIV", "MIN", "MAX"):
            operation = op(name) if name == "MUL" else op(name, broadcast=True)
            plain = {
                "MUL": torch.mul, "SUM": torch.add, "SUB": torch.sub, "DIV": torch.div,
                "MIN": torch.minimum, "MAX": torch.maximum,
            }[name]  # fmt: skip
            assert operation.shapes(shape, gate) == operation.shapes(gate, shape) == (shape,)
            torch.testing.assert_close(module_of(operation, shape, gate)(x, y), plain(x, y))
            torch.testing.assert_close(module_of(operation, gate, shape)(y, x), plain(y, x))

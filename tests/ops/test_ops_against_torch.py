"""Shapes, weights and MACs equal those of PyTorch's own modules, over random arguments."""

from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from blockdsl.ops import Image, Operation, OpError, Sizes
from blockdsl.ops.attention import Attention
from blockdsl.ops.conv import Conv, DepthwiseConv, TransposedConv, UpConv
from blockdsl.ops.dropout import Dropout
from blockdsl.ops.join import Cat, Dot, MatMul, Mul
from blockdsl.ops.layouts import read_sizes
from blockdsl.ops.linear import FullyConnected
from blockdsl.ops.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from blockdsl.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, LPPool, MaxPool
from blockdsl.ops.shape import Split
from blockdsl.ops.spatial import Crop, DepthToSpace, Pad, Resize, SpaceToDepth, Upsample


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


SIDES = pairs(1, 17)
KERNEL, STRIDE, PADDING, DILATION = pairs(1, 5), pairs(1, 4), pairs(0, 3), pairs(1, 3)


def meta(*shape: int) -> Tensor:
    """A batch of one without data."""
    return torch.empty(1, *shape, device="meta")


def agree(made: Operation, module: nn.Module, *sizes: Sizes) -> None:
    """Our shape, weights, buffers and MACs are the module's; or both refuse.

    The meta device lets some empty outputs pass; they count as refused.
    """
    inputs = tuple(map(read_sizes, sizes))
    tensors = [meta(*shape) for shape in inputs]
    module = module.to("meta")
    with FlopCounterMode(display=False) as counter:
        try:
            expected = module(*tensors)
        except (RuntimeError, ValueError):
            expected = None
    if expected is None or 0 in expected.shape:
        with pytest.raises(OpError):
            made.check()
            made.shape(*inputs)
        return
    made.check()
    assert made.shape(*inputs) == tuple(expected.shape[1:])
    named = {name: tuple(p.shape) for name, p in module.named_parameters()}
    assert made.weights(*inputs) == named
    assert made.buffers(*inputs) == {name: tuple(b.shape) for name, b in module.named_buffers()}
    assert 2 * made.macs(*inputs) == counter.get_total_flops()


class Call(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Any, **arguments: object) -> None:
        super().__init__()
        self.function, self.arguments = function, arguments

    def forward(self, *tensors: Tensor) -> Any:
        return self.function(*tensors, **self.arguments)


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    SIDES,
    KERNEL,
    STRIDE,
    PADDING,
    DILATION,
    st.booleans(),
)
def test_conv(c: int, out: int, groups: int, size: Any, k: Any, s: Any, p: Any, d: Any, bias: bool) -> None:
    shape = (c * groups, *size)
    made = Conv(out * groups, k, s, p, groups, d, bias)
    agree(made, nn.Conv2d(c * groups, out * groups, k, s, p, d, groups, bias), shape)


@given(SIDES, KERNEL, DILATION)
def test_conv_same(size: Any, k: Any, d: Any) -> None:
    agree(Conv(5, k, (1, 1), "same", 1, d), nn.Conv2d(3, 5, k, 1, "same", d), (3, *size))


@given(st.integers(1, 5), st.integers(1, 3), SIDES, KERNEL, STRIDE, PADDING, DILATION)
def test_dwconv(c: int, times: int, size: Any, k: Any, s: Any, p: Any, d: Any) -> None:
    made = DepthwiseConv(k, s, p, d, times)
    agree(made, nn.Conv2d(c, c * times, k, s, p, d, groups=c), (c, *size))


@given(st.integers(1, 3), SIDES, KERNEL, STRIDE, PADDING, pairs(0, 3), DILATION, st.booleans())
def test_deconv(groups: int, size: Any, k: Any, s: Any, p: Any, o: Any, d: Any, bias: bool) -> None:
    assume(all(o[i] < max(s[i], d[i]) for i in (0, 1)))
    made = TransposedConv(4 * groups, k, s, p, o, groups, d, bias)
    module = nn.ConvTranspose2d(2 * groups, 4 * groups, k, s, p, o, groups, bias, d)
    agree(made, module, (2 * groups, *size))


@given(STRIDE, pairs(0, 4), DILATION)
def test_deconv_output_pad_is_smaller_than_the_stride_or_the_dilation(s: Any, o: Any, d: Any) -> None:
    """With real tensors, as the meta device does not look."""
    made = TransposedConv(1, (5, 5), s, (0, 0), o, 1, d)
    refused = False
    try:
        made.shape(Image(1, 2, 2))
    except OpError:
        refused = True
    module = nn.ConvTranspose2d(1, 1, 5, s, 0, o, dilation=d)
    if refused:
        with pytest.raises(RuntimeError, match="output padding must be smaller"):
            module(torch.zeros(1, 1, 2, 2))
    else:
        assert made.shape(Image(1, 2, 2)) == tuple(module(torch.zeros(1, 1, 2, 2)).shape[1:])


@given(SIDES, pairs(1, 4), st.none() | st.integers(1, 6))
def test_up(size: Any, factor: Any, channels: int | None) -> None:
    module = nn.ConvTranspose2d(4, channels or 4, factor, factor)
    agree(UpConv(factor, channels), module, (4, *size))


@given(SIDES, KERNEL, st.none() | STRIDE, PADDING, DILATION, st.booleans())
def test_max_pool(size: Any, k: Any, s: Any, p: Any, d: Any, ceil: bool) -> None:
    # With ceil PyTorch takes windows larger than the padded input; we never do.
    assume(all(d[i] * (k[i] - 1) < size[i] + 2 * p[i] for i in (0, 1)))
    made, module = MaxPool(k, s, p, d, ceil), nn.MaxPool2d(k, s, p, d, ceil_mode=ceil)
    padded_too_far = any(p[i] > k[i] // 2 for i in (0, 1))  # PyTorch refuses it
    if not padded_too_far and module(torch.zeros(1, 3, *size)).isinf().any():  # a window of padding alone
        with pytest.raises(OpError, match="sees only padding"):
            made.shape(Image(3, *size))
    else:
        agree(made, module, (3, *size))


@given(SIDES, KERNEL, st.none() | STRIDE, PADDING, st.booleans(), st.booleans())
def test_avg_pool(size: Any, k: Any, s: Any, p: Any, ceil: bool, include: bool) -> None:
    assume(all(k[i] <= size[i] + 2 * p[i] for i in (0, 1)))
    agree(AvgPool(k, s, p, ceil, include), nn.AvgPool2d(k, s, p, ceil, include), (3, *size))


@given(SIDES, KERNEL, STRIDE, st.booleans())
def test_lp_pool(size: Any, k: Any, s: Any, ceil: bool) -> None:
    assume(all(k[i] <= size[i] for i in (0, 1)))
    agree(LPPool(2.0, k, s, ceil), nn.LPPool2d(2, k, s, ceil), (3, *size))


@given(SIDES, SIDES)
def test_adaptive_pools(size: Any, to: Any) -> None:
    agree(AdaptiveAvgPool(to), nn.AdaptiveAvgPool2d(to), (3, *size))
    agree(AdaptiveMaxPool(to), nn.AdaptiveMaxPool2d(to), (3, *size))


@given(SIDES, SIDES)
def test_adaptive_window_is_the_widest_that_the_gradient_reaches(size: Any, to: Any) -> None:
    window = AdaptiveAvgPool(to).window((1, *size))
    assume(window is not None)
    widest = [0, 0]
    for axis in (0, 1):
        eye = torch.eye(size[axis])[:, None]
        touched = nn.functional.adaptive_avg_pool1d(eye, to[axis])[:, 0] > 0
        widest[axis] = int(touched.sum(0).max())
    assert window is not None
    assert window.size == tuple(widest)


PADS = st.tuples(*[st.integers(0, 6)] * 4)


@given(SIDES, PADS, st.sampled_from(["constant", "reflect", "replicate", "circular"]))
def test_pad(size: Any, edges: Any, mode: str) -> None:
    # PyTorch begins with the last axis.
    ours = (*edges[2:], *edges[:2])
    agree(Pad(ours, mode), Call(nn.functional.pad, pad=edges, mode=mode), (3, *size))


@given(pairs(1, 6), pairs(1, 3), st.sampled_from(["nearest", "bilinear", "bicubic"]))
def test_resampling(size: Any, factor: Any, mode: str) -> None:
    agree(Upsample(factor, mode), nn.Upsample(scale_factor=factor, mode=mode), (3, *size))
    agree(Resize(factor, mode), nn.Upsample(size=factor, mode=mode), (3, *size))


@given(st.integers(1, 20), pairs(1, 12), st.integers(1, 4))
def test_space_and_depth(c: int, size: Any, block: int) -> None:
    agree(SpaceToDepth(block), nn.PixelUnshuffle(block), (c, *size))
    agree(DepthToSpace(block), nn.PixelShuffle(block), (c, *size))


@given(SIDES, SIDES)
def test_centre_crop_leaves_equal_margins(size: Any, to: Any) -> None:
    assume(all(a <= b for a, b in zip(to, size, strict=True)))
    top, left = Crop(to).start((3, *size))
    rest = size[0] - to[0] - 2 * top, size[1] - to[1] - 2 * left
    assert set(rest) <= {0, 1}


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_fc(length: int, features: int, out: int, bias: bool) -> None:
    agree(FullyConnected(out, bias), nn.Linear(features, out, bias), (features,))
    agree(FullyConnected(out, bias), nn.Linear(features, out, bias), (length, features))


@given(st.integers(1, 4), st.integers(1, 8), st.integers(1, 9), st.booleans())
def test_attention(heads: int, each: int, length: int, bias: bool) -> None:
    class SelfAttention(nn.MultiheadAttention):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return super().forward(x, x, x, need_weights=False)[0]

    module = SelfAttention(heads * each, heads, bias=bias, batch_first=True)
    agree(Attention(heads, bias), module, (length, heads * each))


@given(st.integers(1, 4), st.integers(1, 6), st.one_of(st.just((1, 1)), pairs(1, 9)), st.booleans())
def test_norms(groups: int, each: int, size: Any, affine: bool) -> None:
    c = groups * each
    agree(BatchNorm(affine=affine), nn.BatchNorm2d(c, affine=affine).eval(), (c, *size))
    agree(BatchNorm(affine=affine), nn.BatchNorm1d(c, affine=affine).eval(), (c,))
    agree(GroupNorm(groups, affine=affine), nn.GroupNorm(groups, c, affine=affine), (c, *size))
    agree(GroupNorm(groups, affine=affine), nn.GroupNorm(groups, c, affine=affine), (c,))
    agree(LayerNorm(affine=affine), nn.LayerNorm(c, elementwise_affine=affine), (5, c))
    agree(RMSNorm(affine=affine), nn.RMSNorm(c, elementwise_affine=affine), (5, c))
    agree(InstanceNorm(affine=affine), nn.InstanceNorm2d(c, affine=affine).eval(), (c, *size))


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(1, 4))
def test_split_and_cat(sizes: list[int], n: int) -> None:
    shape = (sum(sizes), 4, 3)
    parts = Split(tuple(sizes)).shapes(Image(*shape))
    assert parts == tuple(tuple(t.shape[1:]) for t in torch.split(meta(*shape), sizes, 1))
    assert Cat().shape(*parts) == shape
    equal = Split(n + 1).shapes(Image(7 * (n + 1), 4, 3))
    assert equal == tuple(tuple(t.shape[1:]) for t in meta(7 * (n + 1), 4, 3).chunk(n + 1, 1))


ONE_OR = st.integers(1, 3)


@given(st.tuples(ONE_OR, ONE_OR, ONE_OR), st.tuples(ONE_OR, ONE_OR, ONE_OR))
def test_mul_broadcasts_as_torch(left: Sizes, right: Sizes) -> None:
    agree(Mul(), Call(torch.mul), left, right)


@given(pairs(1, 6), pairs(1, 6))
def test_matrix_products(left: Sizes, right: Sizes) -> None:
    agree(MatMul(), Call(torch.matmul), left, right)
    agree(Dot(), Call(lambda a, b: a @ b.transpose(1, 2)), left, right)


@given(SIDES)
def test_dropout_by_channel(size: Any) -> None:
    agree(Dropout(per="channel"), nn.Dropout2d(), (3, *size))

"""`pad=same` with a stride against TensorFlow's rule, and pads before and after against padded inputs."""

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from blockdsl.codegen import module_of
from blockdsl.ops import Image, Operation, OpError, Shape, Signal, Volume
from tests.graphs import op

LAYOUTS: tuple[type[Shape], ...] = (Signal, Image, Volume)


def tensorflow(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int, int]:
    """Positions, pad before and pad after along one axis, as tensorflow.org's `tf.nn` guide has them.

    There are two cases: the size is a multiple of the stride or is not.
    """
    reach = (kernel - 1) * dilation + 1
    if size % stride == 0:
        total = max(reach - stride, 0)
        positions = size // stride
    else:
        total = max(reach - size % stride, 0)
        positions = size // stride + 1
    return positions, total // 2, total - total // 2


def window(x: Tensor, corner: tuple[int, ...], kernel: Any, dilation: Any) -> list[tuple[int, ...]]:
    """The positions of the input under a kernel whose first tap is at `corner`."""
    taps = product(*(range(k) for k in kernel))
    places = [tuple(c + t * d for c, t, d in zip(corner, tap, dilation, strict=True)) for tap in taps]
    return [place for place in places if all(0 <= p < n for p, n in zip(place, x.shape[2:], strict=True))]


def by_hand(x: Tensor, kernel: Any, stride: Any, dilation: Any, what: str) -> Tensor:
    """The maximum or the mean of what lies inside the image under each window of TensorFlow's."""
    axes = [
        tensorflow(*each) for each in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]  # fmt: skip
    y = torch.empty(*x.shape[:2], *(positions for positions, _, _ in axes), dtype=x.dtype)
    for place in product(*(range(positions) for positions, _, _ in axes)):
        corner = tuple(i * s - before for i, s, (_, before, _) in zip(place, stride, axes, strict=True))
        values = torch.stack([x[(..., *p)] for p in window(x, corner, kernel, dilation)])
        y[(..., *place)] = values.amax(0) if what == "POOL" else values.mean(0)
    return y


@st.composite
def sliding(draw: st.DrawFn, dilates: bool = True) -> tuple[Shape, Any, Any, Any]:
    """A small input, and kernel, stride and dilation along its axes."""
    layout = draw(st.sampled_from(LAYOUTS))
    axes = len(layout.axes) - 1
    most = 9 if axes < 3 else 5

    def each(low: int, high: int) -> tuple[int, ...]:
        return draw(st.tuples(*[st.integers(low, high)] * axes))

    kernel, stride, dilation = each(1, 4), each(1, 4), each(1, 2) if dilates else (1,) * axes
    return layout(draw(st.integers(1, 3)), *each(1, most)), kernel, stride, dilation


def sides(shape: Shape, kernel: Any, stride: Any, dilation: Any) -> list[tuple[int, int, int]]:
    return [tensorflow(*each) for each in zip(shape[1:], kernel, stride, dilation, strict=True)]


def sample(shape: Shape) -> Tensor:
    return torch.randn(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def made(operation: Operation, shape: Shape) -> nn.Module:
    return module_of(operation, shape).double().eval()


@given(sliding())
def test_same_convolutions_are_tensorflows(case: tuple[Shape, Any, Any, Any]) -> None:
    shape, kernel, stride, dilation = case
    convolve = (F.conv1d, F.conv2d, F.conv3d)[len(kernel) - 1]
    axes = sides(shape, kernel, stride, dilation)
    x = sample(shape)
    padded = F.pad(x, [n for _, before, after in reversed(axes) for n in (before, after)])
    for operation, groups in (
        (op("CONV", 4, kernel, stride=stride, dilation=dilation, pad="same"), 1),
        (op("DWCONV", kernel, stride=stride, dilation=dilation, pad="same"), shape[0]),
    ):
        module = made(operation, shape)
        assert list(module.state_dict()) == ["weight", "bias"]
        expected = convolve(padded, module.weight, module.bias, stride, 0, dilation, groups)
        assert operation.shape(shape)[1:] == tuple(positions for positions, _, _ in axes)
        torch.testing.assert_close(module(x), expected)


@given(sliding())
def test_same_max_pools_are_tensorflows(case: tuple[Shape, Any, Any, Any]) -> None:
    shape, kernel, stride, dilation = case
    operation = op("POOL", kernel, stride=stride, dilation=dilation, pad="same")
    try:
        operation.shape(shape)
    except OpError as refused:
        assert "sees only padding" in refused.message
        assume(False)
    x = sample(shape)
    torch.testing.assert_close(made(operation, shape)(x), by_hand(x, kernel, stride, dilation, "POOL"))


@given(sliding(dilates=False), st.booleans())
def test_same_averages_leave_the_padding_out(case: tuple[Shape, Any, Any, Any], include: bool) -> None:
    shape, kernel, stride, dilation = case
    operation = op("AVGPOOL", kernel, stride=stride, pad="same", include_pad=include)
    x = sample(shape)
    torch.testing.assert_close(made(operation, shape)(x), by_hand(x, kernel, stride, dilation, "AVGPOOL"))


def test_same_is_what_tensorflow_documents() -> None:
    """Of 13 positions, a kernel of 6 and a stride of 5 make 3, padded by 1 and 2 (TensorFlow's example)."""
    assert tensorflow(13, 6, 5, 1) == (3, 1, 2)
    conv = op("CONV", 1, 6, stride=5, pad="same")
    assert conv.shape(Signal(1, 13)) == Signal(1, 3)
    assert module_of(conv, Signal(1, 13)).pads == (1, 2)


def test_pads_at_another_size_are_those_of_the_declared_one() -> None:
    module = made(op("CONV", 1, 3, stride=2, pad="same"), Image(1, 8, 8))  # by (0, 1) along each axis
    x = sample(Image(1, 9, 9))
    expected = F.conv2d(F.pad(x, (0, 1, 0, 1)), module.weight, module.bias, 2)
    torch.testing.assert_close(module(x), expected)


BEFORE_AND_AFTER = [
    (Signal(2, 9), (2, 0), [2, 0]),
    (Image(2, 9, 8), (0, 1, 2, 3), [2, 3, 0, 1]),  # PyTorch: left, right, top, bottom
    (Volume(2, 5, 6, 7), (0, 1, 2, 0, 1, 1), [1, 1, 2, 0, 0, 1]),
]


@pytest.mark.parametrize(("shape", "pad", "for_torch"), BEFORE_AND_AFTER, ids=str)
def test_pads_before_and_after(shape: Shape, pad: Any, for_torch: Any) -> None:
    x, bare = sample(shape), len(shape) - 2
    conv = made(op("CONV", 3, 4, stride=2, pad=pad), shape)
    expected = (F.conv1d, F.conv2d, F.conv3d)[bare](F.pad(x, for_torch), conv.weight, conv.bias, 2)
    torch.testing.assert_close(conv(x), expected)
    pool = made(op("POOL", 4, stride=2, pad=pad), shape)
    low = F.pad(x, for_torch, value=-1e9)
    torch.testing.assert_close(pool(x), (F.max_pool1d, F.max_pool2d, F.max_pool3d)[bare](low, 4, 2))
    average = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[bare]
    with_pads = average(F.pad(x, for_torch), 4, 2)
    torch.testing.assert_close(made(op("AVGPOOL", 4, stride=2, pad=pad), shape)(x), with_pads)
    share = average(F.pad(torch.ones_like(x), for_torch), 4, 2)
    without = made(op("AVGPOOL", 4, stride=2, pad=pad, include_pad=False), shape)(x)
    torch.testing.assert_close(without, with_pads / share)
    torch.testing.assert_close(made(op("PAD", pad), shape)(x), F.pad(x, for_torch))


def test_a_causal_convolution_sees_no_later_position() -> None:
    shape = Signal(1, 9)
    x = sample(shape).requires_grad_()
    y = made(op("CONV", 1, 3, pad=(4, 0), dilation=2), shape)(x)
    assert y.shape[2] == 9
    for position in range(9):
        (gradient,) = torch.autograd.grad(y[:, :, position].sum(), x, retain_graph=True)
        assert set(gradient[0, 0].nonzero()[:, 0].tolist()) == {
            position - back for back in (0, 2, 4) if position >= back
        }


@pytest.mark.parametrize("shape", [Signal(2, 7), Image(2, 5, 4), Volume(2, 4, 3, 5)], ids=str)
@pytest.mark.parametrize(
    "operation",
    [
        op("CONV", 2, 3, stride=2, pad="same"),
        op("DWCONV", 4, stride=3, pad="same"),
        op("POOL", 3, stride=2, pad="same"),
        op("AVGPOOL", 3, stride=2, pad="same"),
    ],
    ids=str,
)
def test_gradients(shape: Shape, operation: Operation) -> None:
    module = made(operation, shape)
    # Values far from each other: a maximum has no gradient where two are equal.
    count = 2 * shape[0] * int(torch.tensor(shape[1:]).prod())
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    x = order.double().reshape(2, *shape).requires_grad_()
    assert torch.autograd.gradcheck(module, (x,))

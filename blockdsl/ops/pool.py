"""Pooling: by windows, over everything, to a fixed size; LeNet-5's trainable subsampling."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

from blockdsl.formatting import shape_text
from blockdsl.ops.core import SAVES_INPUT, SAVES_NOTHING, Operation, OpError, Saved, Window
from blockdsl.ops.geometry import along, brief, fit, pointwise, pooled, slide, slide_ceil, step
from blockdsl.ops.layouts import GRIDS, Image, Shape, Sizes, Tokens, Vector
from blockdsl.ops.registry import operation
from blockdsl.ops.sliding import Frame, Sliding, for_torch, pads_text
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import NONE, ONE, Pad, Positive, Size, Uniform


class _Pooling(Sliding):
    """What the pools share: a window that slides, by its own size unless a stride is given."""

    takes_one: ClassVar[bool] = False
    """Whether a window of one position yields what stands there."""
    ceil: bool = False

    @property
    def step(self) -> Size:
        """The stride, which is the kernel when none is given."""
        return self.stride or self.kernel

    def is_identity(self, *inputs: Shape) -> bool:
        if not self.takes_one or max(self.kernel) > 1 or max(self.step) > 1:
            return False
        return self.pad == "same" or max(self.pad) == 0

    def _settings(self, frame: Frame) -> dict[str, Any]:
        """The arguments that the specs of PyTorch's pools share; it steps by the kernel unless told."""
        stride = None if frame.stride == frame.kernel else brief(frame.stride)
        return {"kernel_size": brief(frame.kernel), "stride": stride}

    def _padded(self, kind: str, frame: Frame, settings: dict[str, Any], *, by_torch: bool) -> ModuleSpec:
        """The spec of a pool that pads, as PyTorch does or by itself."""
        if not by_torch or frame.pad is None:
            target = f"blockdsl.layers.pool:Padded{kind}Pool"
            return ModuleSpec(target, pads=for_torch(frame.pads), **settings)
        axes = len(frame.kernel)
        settings |= {"padding": brief(frame.pad), "ceil_mode": self.ceil}
        return ModuleSpec(f"torch.nn:{kind}Pool{axes}d", f"F.{kind.lower()}_pool{axes}d", **settings)

    def check(self) -> None:
        if self.ceil and self.pad == "same":
            raise OpError(
                f"pad=same of {self.name} yields ceil(size / stride) positions already",
                argument="ceil",
                help="leave out ceil",
            )

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        size = shape[1:]
        frame = self.frame(shape)
        self._check_pads(frame)
        fit(self.name, size, frame.reach, frame.pads)
        count = slide_ceil if self.ceil else slide
        positions = tuple(map(count, size, frame.reach, frame.stride, map(sum, frame.pads)))
        self._see_the_input(frame, size, positions)
        return type(shape)(shape.channels, *positions)

    window = Sliding.window

    def _check_pads(self, frame: Frame) -> None:
        """Refuse windows of padding alone, and what PyTorch would refuse."""
        if self.pad == "same":
            return
        window = frame.kernel
        if frame.pad is None:
            if self.ceil:
                raise OpError(
                    f"{self.name} with ceil=yes pads as much before as after, not {pads_text(frame.pads)}",
                    argument="pad",
                    help="leave out ceil, and pad more after",
                )
            window, what = frame.reach, "less than"
            most = tuple(reach - 1 for reach in window)
        else:
            what, most = "at most half", tuple(kernel // 2 for kernel in window)
        if any(max(pads) > limit for pads, limit in zip(frame.pads, most, strict=True)):
            pad = pads_text(frame.pads) if frame.pad is None else shape_text(frame.pad)
            wide = "-wide" if len(window) == 1 else ""
            raise OpError(
                f"{self.name} may pad {what} its {shape_text(window)}{wide} window, not {pad}",
                argument="pad",
                help=f"pad={shape_text(most)} at most, or a window sees only padding",
            )

    def _see_the_input(self, frame: Frame, size: Sizes, positions: Sizes) -> None:
        """Refuse dilated windows that step from the padding before a small input to that behind it.

        PyTorch takes them, yields -inf, and sends their gradients out of bounds. Only a window that
        begins in the padding may miss the input; its first position that does not lies at
        `start % dilation`.
        """
        for axis, (before, _) in enumerate(frame.pads):
            starts = range(-before, 0, frame.stride[axis])[: positions[axis]]
            if any(start % frame.dilation[axis] >= size[axis] for start in starts):
                raise OpError(
                    f"a window of {self.name} sees only padding: with dilation={shape_text(frame.dilation)} "
                    f"it steps over the input of {shape_text(size)}",
                    argument="dilation",
                    help="dilate less, or leave out the pad",
                )


def _torch_can_pad(frame: Frame) -> bool:
    return frame.pad is not None and all(p <= k // 2 for p, k in zip(frame.pad, frame.kernel, strict=True))


def _average_fits(frame: Frame, shape: Shape) -> bool:
    """Whether PyTorch takes it: of volumes its average wants a kernel that fits without the padding."""
    return len(frame.kernel) < 3 or all(k <= n for k, n in zip(frame.kernel, shape[1:], strict=True))


@operation("POOL")
class MaxPool(_Pooling):
    """Max pooling: (C, H, W) -> (C, H', W'); the stride is the kernel unless given.

    Of a signal or a volume along its axes; sizes and `pad` as for CONV. `ceil=yes` rounds the number of
    windows up (Caffe); a window must begin inside the input or its left padding, which drops the last one
    where it would see padding alone.
    """

    word = "{kernel} max pool"
    aliases = ("maxpool", "maxpooling")
    takes_one = True
    saved_for_backward = Saved(inputs=True, output=False, extra=8)

    kernel: Size
    stride: Size | None = None
    pad: Pad = NONE
    dilation: Size = ONE
    ceil: bool = False

    def dilated(self, rate: Sizes, *inputs: Shape) -> Operation:
        return self.with_dilation(rate, inputs[0])

    def spec(self, *inputs: Shape) -> ModuleSpec:
        frame = self.frame(inputs[0])
        settings = self._settings(frame) | {"dilation": brief(frame.dilation)}
        return self._padded("Max", frame, settings, by_torch=_torch_can_pad(frame))


@operation("AVGPOOL")
class AvgPool(_Pooling):
    """Average pooling: (C, H, W) -> (C, H', W'); the stride is the kernel unless given.

    Of a signal or a volume along its axes; `ceil` as for POOL, sizes and `pad` as for CONV.
    `include_pad=no` averages over the input's positions alone (Inception v4), and so does `pad=same`.
    """

    word = "{kernel} avg pool"
    aliases = ("avgpool", "avgpooling", "averagepool", "averagepooling")
    takes_one = True
    saved_for_backward = SAVES_INPUT

    kernel: Size
    stride: Size | None = None
    pad: Pad = NONE
    ceil: bool = False
    include_pad: bool = True

    def shape(self, *inputs: Shape) -> Shape:
        made = super().shape(*inputs)
        if self.ceil and not _average_fits(self.frame(inputs[0]), inputs[0]):
            raise OpError(
                f"AVGPOOL with ceil=yes takes a volume of {shape_text(inputs[0][1:])} with a kernel of "
                "that size at most",
                argument="ceil",
                help="leave out ceil, and pad more after",
            )
        return made

    window = Sliding.window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        frame = self.frame(inputs[0])
        settings = self._settings(frame) | {"count_include_pad": self.include_pad and self.pad != "same"}
        by_torch = _torch_can_pad(frame) and _average_fits(frame, inputs[0])
        return self._padded("Avg", frame, settings, by_torch=by_torch)


@operation("LPPOOL")
class LPPool(_Pooling):
    """Power-average pooling: (C, H, W) -> (C, H', W'), (sum of x^norm)^(1/norm) over a window.

    As `torch.nn.LPPool2d` (Sermanet et al. 2012, "Convolutional neural networks applied to house
    numbers digit classification"); of a signal or a volume along its axes.
    """

    word = "{kernel} LP pool"
    aliases = ("lppool",)

    norm: Positive
    kernel: Size
    stride: Size | None = None
    ceil: bool = False

    def spec(self, *inputs: Shape) -> ModuleSpec:
        frame = self.frame(inputs[0])
        return ModuleSpec(
            f"torch.nn:LPPool{len(frame.kernel)}d",
            norm_type=self.norm,
            ceil_mode=self.ceil,
            **self._settings(frame),
        )


@operation("SUBSAMPLE")
class Subsample(_Pooling):
    """LeNet-5's subsampling: (C, H, W) -> (C, H', W'), weight_c * (sum over a window) + bias_c.

    LeCun et al. 1998, section II.B; a trainable coefficient and bias for each channel. The windows do
    not overlap unless a stride is given.
    """

    takes = (Image,)
    word = "{kernel} subsampling"
    saved_for_backward = Saved(inputs=True, output=False, extra=4)
    starts_constant = True

    kernel: Size = Uniform(2)
    stride: Size | None = None

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"weight": (inputs[0][0],), "bias": (inputs[0][0],)}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        frame = self.frame(inputs[0])
        return ModuleSpec(
            "blockdsl.layers.pool:Subsample2d",
            channels=inputs[0][0],
            kernel_size=frame.kernel,
            stride=frame.stride,
        )


def _adaptive(pools: str, shape: Shape, size: int | str | Sizes) -> ModuleSpec:
    axes = len(shape) - 1
    module, function = f"Adaptive{pools}Pool{axes}d", f"F.adaptive_{pools.lower()}_pool{axes}d"
    return ModuleSpec(f"torch.nn:{module}", function, output_size=size)


class _Global(Operation):
    """What GAP and GMP share: one number for each channel."""

    takes = (*GRIDS, Tokens)
    takes_help = {Vector: "a vector has no positions to pool over; leave it out"}
    pools: ClassVar[str]
    """`Avg` or `Max`."""
    over: ClassVar[str]
    """What pools tokens."""

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        c, axes = shape.channels, len(shape) - 1
        return Vector(c) if isinstance(shape, Tokens) else type(shape)(c, *(1,) * axes)

    def window(self, *inputs: Shape) -> Window | None:
        return None

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if isinstance(inputs[0], Tokens):
            return ModuleSpec(self.over, dim=1, keepdim=False)
        return _adaptive(self.pools, inputs[0], 1)


@operation("GAP")
class GlobalAvgPool(_Global):
    """Global average pooling: (C, H, W) -> (C, 1, 1) (Lin et al. 2013).

    The layout stays: signals become (C, 1), volumes (C, 1, 1, 1); but tokens (L, D) become a vector (D,).
    """

    word = "global avg pool"
    aliases = ("globalavgpool", "globalaveragepool", "globalaveragepooling")
    saved_for_backward = SAVES_NOTHING
    pools, over = "Avg", "blockdsl.layers.pool:MeanOver"

    def slid(self, *windows: Shape) -> Operation:
        return AvgPool(windows[0][1:], ONE) if isinstance(windows[0], GRIDS) else self


@operation("GMP")
class GlobalMaxPool(_Global):
    """Global max pooling: (C, H, W) -> (C, 1, 1); layouts as for GAP."""

    word = "global max pool"
    aliases = ("globalmaxpool", "globalmaxpooling")
    saved_for_backward = Saved(inputs=True, output=False, extra=8)
    pools, over = "Max", "blockdsl.layers.pool:MaxOver"

    def slid(self, *windows: Shape) -> Operation:
        return MaxPool(windows[0][1:], ONE) if isinstance(windows[0], GRIDS) else self


class _Adaptive(Operation):
    """What AAP and AMP share: row i pools the rows floor(i*H/rows) up to ceil((i+1)*H/rows)."""

    takes = GRIDS
    depends_on_size = "its windows grow with the image"
    size: Size
    pools: ClassVar[str]
    """`Avg` or `Max`."""

    def shape(self, *inputs: Shape) -> Shape:
        return type(inputs[0])(inputs[0].channels, *along(self, "size", inputs[0]))

    def window(self, *inputs: Shape) -> Window | None:
        """The largest of the windows, whose sizes may differ by one; None for one that sees all."""
        before, after = inputs[0][1:], along(self, "size", inputs[0])
        if max(after) == 1:
            return None
        return Window(
            tuple(map(_widest, before, after)),
            tuple(map(step, before, after)),
            reads=tuple(map(pooled, before, after)),
        )

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return _adaptive(self.pools, inputs[0], brief(along(self, "size", inputs[0])))


def _widest(size: int, windows: int) -> int:
    """The largest of ceil((i+1) * size / windows) - floor(i * size / windows), i < windows.

    With the ratio in lowest terms i * size runs through all residues, so the worst one occurs.
    """
    ratio = Fraction(size, windows)
    return 1 + -(-(ratio.numerator - 1) // ratio.denominator)


@operation("AAP")
class AdaptiveAvgPool(_Adaptive):
    """Adaptive average pooling: (C, H, W) -> (C, rows, columns), whatever H and W are.

    Of a signal or a volume along its axes.
    """

    word = "adaptive avg pool"
    aliases = ("adaptiveavgpool", "adaptiveaveragepooling")
    saved_for_backward = SAVES_INPUT
    pools = "Avg"

    size: Size


@operation("AMP")
class AdaptiveMaxPool(_Adaptive):
    """Adaptive max pooling: (C, H, W) -> (C, rows, columns); one level of SPP (He et al. 2014).

    Of a signal or a volume along its axes.
    """

    word = "adaptive max pool"
    aliases = ("adaptivemaxpool", "adaptivemaxpooling")
    saved_for_backward = Saved(inputs=True, output=False, extra=8)
    pools = "Max"

    size: Size


class _OverChannels(Operation):
    takes = GRIDS

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0].with_channels(1)

    window = pointwise


@operation("CHANNELMEAN")
class ChannelMean(_OverChannels):
    """Mean over the channels at each position: (C, H, W) -> (1, H, W) (CBAM, Woo et al. 2018)."""

    saved_for_backward = SAVES_NOTHING

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.pool:MeanOver", dim=1, keepdim=True)


@operation("CHANNELMAX")
class ChannelMax(_OverChannels):
    """Maximum over the channels at each position: (C, H, W) -> (1, H, W) (CBAM, Woo et al. 2018)."""

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.pool:MaxOver", dim=1, keepdim=True)

"""Windows that slide over signals, images and volumes: what convolutions and pools share."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from blockdsl.ops.core import Operation, OpError, Window
from blockdsl.ops.geometry import Pads, along, extent, pads_along, same_pads
from blockdsl.ops.layouts import GRIDS, Shape, Sizes
from blockdsl.ops.values import NONE, ONE, Pad, Size, Uniform


class Frame(NamedTuple):
    """A window along the axes of one input; `reach` is the extent of the kernel, dilation counted."""

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    reach: Sizes
    pads: Pads

    @property
    def pad(self) -> Sizes | None:
        """The pad along each axis, where it is the same before and after."""
        return tuple(b for b, _ in self.pads) if all(b == a for b, a in self.pads) else None


class Sliding(Operation):
    """A window that slides; one number stands for all axes of the layout that comes.

    `pad=same` gives ceil(size / stride) positions.
    """

    takes = GRIDS
    kernel: Size
    stride: Size | None
    pad: Pad = NONE
    dilation: Size = ONE

    def frame(self, shape: Shape) -> Frame:
        """The window on an input (raises `OpError`: a size has another number of axes)."""
        kernel, dilation = along(self, "kernel", shape), along(self, "dilation", shape)
        stride = along(self, "stride", shape) if self.stride else kernel
        if self.pad == "same":
            pads = same_pads(shape[1:], kernel, stride, dilation)
        else:
            pads = pads_along(self, shape)
        return Frame(kernel, stride, dilation, tuple(map(extent, kernel, dilation)), pads)

    def window(self, *inputs: Shape) -> Window:
        """The dilated kernel, which begins in the padding."""
        frame = self.frame(inputs[0])
        return Window(frame.reach, frame.stride, tuple(-before for before, _ in frame.pads))

    def with_dilation(self, rate: Sizes, shape: Shape) -> Operation:
        """`dilated`, where the window has a dilation and a pad (raises `OpError`: it has a stride)."""
        frame = self.frame(shape)
        if max(frame.stride) > 1:
            raise OpError("it has a stride itself")
        pads = tuple((b * r, a * r) for (b, a), r in zip(frame.pads, rate, strict=True))
        return replace(  # type: ignore[type-var]
            self,
            dilation=tuple(d * r for d, r in zip(frame.dilation, rate, strict=True)),
            pad=self.pad if self.pad == "same" and frame.pad else written(pads),
        )

    def pads_by_size(self, *inputs: Shape) -> Pads:
        """The pads where they depend on the size of the input, as those of `pad=same` with a stride do."""
        if self.pad != "same":
            return ()
        frame = self.frame(inputs[0])
        return frame.pads if max(frame.stride) > 1 else ()


def written(pads: Pads) -> Sizes:
    """Pads as the argument `pad`: one number for each axis, or two where before and after differ."""
    if all(before == after for before, after in pads):
        return tuple(before for before, _ in pads)
    return tuple(n for pair in pads for n in pair)


def pads_text(pads: Pads) -> str:
    """Pads as messages show them: `(0,1,2,3)`, before and after along each axis."""
    return f"({','.join(str(n) for pair in pads for n in pair)})"


def for_torch(pads: Pads) -> Sizes:
    """Pads as `torch.nn.functional.pad` takes them: the last axis first."""
    return tuple(n for pair in reversed(pads) for n in pair)


def strides_of(operation: Operation, shape: Shape) -> Sizes | None:
    """The stride of any operation that has one, on an input; a pool's is its kernel when none is given."""
    step: Sizes | None = getattr(operation, "step", getattr(operation, "stride", None))
    return step.along(len(shape) - 1) if isinstance(step, Uniform) else step


def with_strides(operation: Operation, stride: Sizes, shape: Shape) -> Operation:
    """An operation with another stride on an input of this shape; the pads stay those that it has there."""
    if isinstance(operation, Sliding) and (pads := operation.pads_by_size(shape)):
        return replace(operation, stride=stride, pad=written(pads))  # type: ignore[type-var]
    return replace(operation, stride=stride)  # type: ignore[type-var]

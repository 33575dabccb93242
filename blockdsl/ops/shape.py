"""The network's input, and operations that move channels and change shapes without weights."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from math import prod
from typing import Annotated

from blockdsl.formatting import listed, shape_text
from blockdsl.ops.core import SAVES_NOTHING, Operation, OpError, Window
from blockdsl.ops.geometry import divided, pointwise
from blockdsl.ops.layouts import GRIDS, LAYOUTS, VALUES, Ids, Shape, Sizes, Vector, read_sizes
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, Counts, Parts, one_of

_MOST_PARTS = 1024
Layout = Annotated[str, one_of(*LAYOUTS)]
Where = Annotated[str, one_of("end", "both")]


@operation("INPUT", inputs=0)
class Input(Operation):
    """An input of the network, without the batch axis. Without a layout, the number of sizes says which."""

    saved_for_backward = SAVES_NOTHING

    dims: Counts
    layout: Layout | None = None

    @classmethod
    def of(cls, shape: Shape) -> Input:
        """The input of a shape."""
        return cls(tuple(shape), shape.word or None)

    def shape(self, *inputs: Shape) -> Shape:
        return read_sizes(self.dims, self.layout or "")

    window = pointwise


@operation("ID", view=True)
class Identity(Operation):
    """The input itself: the shortcut of a residual unit."""

    aliases = ("identity",)
    saved_for_backward = SAVES_NOTHING

    def is_identity(self, *inputs: Shape) -> bool:
        return True

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Identity")


@operation("FLATTEN", view=True)
class Flatten(Operation):
    """All features in one vector: (C, H, W) -> (C * H * W,), the channel slowest."""

    word = "flatten"
    saved_for_backward = SAVES_NOTHING

    def shape(self, *inputs: Shape) -> Shape:
        return Vector(prod(inputs[0]))

    def window(self, *inputs: Shape) -> Window | None:
        """Pointwise where there is one position only."""
        return Window() if inputs[0].channels == prod(inputs[0]) else None

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Flatten", "torch.flatten({0}, 1)")


@operation("RESHAPE", view=True)
class Reshape(Operation):
    """The same numbers in another shape: RESHAPE([64,7,7]); the order in memory stays.

    Without a layout the number of sizes says which it is: a vector, tokens, an image, a volume.
    """

    saved_for_backward = SAVES_NOTHING

    dims: Counts
    layout: Layout | None = None

    def check(self) -> None:
        read_values(self.name, self.dims, self.layout)

    def shape(self, *inputs: Shape) -> Shape:
        have, want = prod(inputs[0]), prod(self.dims)
        if have != want:
            raise OpError(
                f"RESHAPE cannot make {shape_text(self.dims)} of {shape_text(inputs[0])}: "
                f"{want} numbers out of {have}",
                argument="dims",
                help=f"the product of the list must be {have}",
            )
        return read_values(self.name, self.dims, self.layout)

    def window(self, *inputs: Shape) -> Window | None:
        return None

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.shape:Reshape", shape=self.dims)


def read_values(name: str, dims: Sizes, layout: str | None) -> Shape:
    """The shape of these sizes, which an operation is to make (raises `OpError`: there is none)."""
    if layout == Ids.layout:
        raise OpError(f"{name} makes values, not ids", argument="layout", help="ids come in as an input")
    try:
        return read_sizes(dims, layout or "")
    except TypeError:
        layouts = [LAYOUTS[layout]] if layout else [cls for cls in VALUES if not cls.word]
        known = listed([f"{cls.layout} [{','.join(cls.axes)}]" for cls in layouts], "or")
        raise OpError(
            f"{name} makes {known}, not of the sizes {shape_text(dims)}",
            argument="dims",
            help="give as many numbers as the layout has axes",
        ) from None


@operation("SLICE", view=True)
class Slice(Operation):
    """A run of channels, or of the features of tokens: `count` of them from `first` on, counted from 1."""

    word = "slice, {count} from {first}"
    aliases = ("narrow",)
    saved_for_backward = SAVES_NOTHING

    first: Count
    count: Count

    def shape(self, *inputs: Shape) -> Shape:
        last, total = self.first + self.count - 1, inputs[0].channels
        if last > total:
            count = f"{self.count} channels from {self.first} on" if self.count > 1 else f"channel {last}"
            raise OpError(
                f"SLICE takes {count}, the input has {total}",
                argument="count" if self.first <= total else "first",
                help=f"SLICE({self.first},{total - self.first + 1}) takes the rest"
                if self.first <= total
                else f"channels count from 1 to {total}",
            )
        return inputs[0].with_channels(self.count)

    window = pointwise

    def is_identity(self, *inputs: Shape) -> bool:
        return self.count == inputs[0].channels

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "blockdsl.layers.shape:Slice", "{0}.narrow({dim}, {start}, {length})",
            dim=inputs[0].channel_dim, start=self.first - 1, length=self.count,
        )  # fmt: skip


@operation("SPLIT", view=True)
class Split(Operation):
    """Channels (features of tokens) in parts: n equal ones, or parts of the listed sizes.

    It has as many outputs as parts: `SPLIT(2)-[A, B]-CAT`.
    """

    word = "split"
    aliases = ("chunk",)
    saved_for_backward = SAVES_NOTHING

    parts: Parts

    def check(self) -> None:
        if isinstance(self.parts, int) and self.parts > _MOST_PARTS:
            raise OpError(
                f"SPLIT makes at most {_MOST_PARTS} parts, not {self.parts}",
                argument="parts",
                help="each part is a tensor of its own; groups= and DWCONV treat channels apart in one",
            )

    def shape(self, *inputs: Shape) -> Shape:
        return self.shapes(*inputs)[0]

    def shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        if isinstance(self.parts, int):
            each = divided(self.name, inputs[0], self.parts, "parts", "parts")
            return (inputs[0].with_channels(each),) * self.parts
        total = inputs[0].channels
        if sum(self.parts) != total:
            raise OpError(
                f"the parts of SPLIT add up to {sum(self.parts)}, the input has {total} channels",
                argument="parts",
                help=f"sizes that add up to {total}, or a number of equal parts",
            )
        return tuple(inputs[0].with_channels(part) for part in self.parts)

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        sizes = tuple(part.channels for part in self.shapes(*inputs))
        return ModuleSpec("blockdsl.layers.shape:Split", sizes=sizes, dim=inputs[0].channel_dim)


@operation("SHUFFLE")
class Shuffle(Operation):
    """Channel shuffle: channel i * (C / groups) + j goes to j * groups + i.

    ShuffleNet (Zhang et al. 2018), figure 1. Signals and volumes likewise.
    """

    word = "channel shuffle"
    takes = GRIDS
    aliases = ("channelshuffle",)
    saved_for_backward = SAVES_NOTHING

    groups: Count

    def shape(self, *inputs: Shape) -> Shape:
        divided(self.name, inputs[0], self.groups, "groups")
        return inputs[0]

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.shape:ChannelShuffle", groups=self.groups)


@operation("PADCHANNELS")
class PadChannels(Operation):
    """Zero channels up to a number: (C, H, W) -> (channels, H, W), ResNet's option A shortcut.

    After POOL(1,s2), which subsamples (He et al. 2015, section 3.3). The zeros come after the input's
    channels; `where=both` puts half of them before, as some implementations do. Signals and volumes likewise.
    """

    word = "pad channels"
    takes = GRIDS
    saved_for_backward = SAVES_NOTHING

    channels: Count
    where: Where = "end"

    def shape(self, *inputs: Shape) -> Shape:
        c = inputs[0].channels
        if self.channels < c:
            raise OpError(
                f"PADCHANNELS cannot make {self.channels} channels of {c}",
                argument="channels",
                help="it only adds; CONV(channels,1) makes fewer",
            )
        return inputs[0].with_channels(self.channels)

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        extra = self.channels - inputs[0][0]
        before = extra // 2 if self.where == "both" else 0
        return ModuleSpec("blockdsl.layers.shape:PadChannels", before=before, after=extra - before)

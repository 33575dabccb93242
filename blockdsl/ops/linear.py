"""Layers on vectors and tokens: fully connected, LeNet-5's Euclidean RBF output, maxout."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from math import prod

from blockdsl.ops.conv import Conv
from blockdsl.ops.core import SAVES_INPUT, Drawn, Operation, OpError
from blockdsl.ops.geometry import describe, divided, pointwise
from blockdsl.ops.layouts import GRIDS, Image, Shape, Sizes, Tokens, Vector
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.tie import Tie, drawn_or_tied
from blockdsl.ops.values import Count


@operation("FC")
class FullyConnected(Operation):
    """Fully connected layer: (F,) -> (features,); tokens (L, D) -> (L, features), each alone.

    An image is flattened first (lowering puts a FLATTEN before it). `tie=encoder` uses the weight of the
    earlier layer that is labelled or shared under that name, transposed where the shapes say so: of an FC
    from 784 to 32 features, one from 32 to 784. A square one is used as it is. The bias is its own.
    """

    word = "FC {features}"
    takes = (Vector, Tokens)
    takes_help = {Image: "FLATTEN before it, or a CONV with a 1x1 kernel to apply it at each position"}
    aliases = ("dense", "linear", "lazylinear", "fullyconnected", "innerproduct", "affinelayer")
    saved_for_backward = SAVES_INPUT
    fresh_output = True

    flattens = True
    features: Count
    bias: bool = True
    tie: Tie | None = None

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0].with_channels(self.features)

    window = pointwise

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        weight = {} if self.tie else {"weight": (self.features, inputs[0].channels)}
        return weight | ({"bias": (self.features,)} if self.bias else {})

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        weight = (self.features, inputs[0].channels)
        return drawn_or_tied((Drawn.of(weight, bias="bias" if self.bias else ""),), self.tie)

    def macs(self, *inputs: Shape) -> int:
        """Inputs x outputs, once for each token."""
        return prod(inputs[0]) * self.features

    def slid(self, *windows: Shape) -> Operation:
        if not isinstance(windows[0], GRIDS):
            return self
        return Conv(self.features, windows[0][1:], bias=self.bias)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if self.tie:
            return ModuleSpec(
                "blockdsl.layers.tied:TiedLinear",
                out_features=self.features, bias=self.bias, transposed=self.tie.transposed,
            )  # fmt: skip
        return ModuleSpec(
            "torch.nn:Linear", in_features=inputs[0].channels, out_features=self.features, bias=self.bias
        )


@operation("RBF")
class RBF(Operation):
    """LeNet-5's output: (84,) -> (classes,), y_i = sum_j (x_j - codes_ij)^2.

    LeCun et al. 1998, section II.B, equation 7. The codes are fixed: 7x12 pictures of the digits, -1
    and +1, row by row. The smallest output is the answer, so a loss takes the negated outputs.
    """

    takes = (Vector,)
    takes_help = {Tokens: "FLATTEN-FC(84) before it"}
    flattens = True
    depends_on_size = "it compares with bitmaps"
    classes: Count = 10

    def check(self) -> None:
        if self.classes > 10:
            raise OpError(
                f"RBF has the bitmaps of 10 digits, not of {self.classes} classes",
                argument="classes",
                help="FC for more classes",
            )

    def shape(self, *inputs: Shape) -> Shape:
        if inputs[0] != (84,):
            raise OpError(
                f"RBF compares with bitmaps of 7x12 pixels, so it takes a vector of 84 features, "
                f"not {describe(inputs[0])}",
                help="FC(84) before it",
            )
        return Vector(self.classes)

    window = pointwise

    def buffers(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"codes": (self.classes, 84)}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.linear:RBF", classes=self.classes)


@operation("MAXOUT")
class Maxout(Operation):
    """Maximum over groups of `pieces` neighbouring channels: C -> C / pieces (Goodfellow et al. 2013).

    On vectors, tokens (features) and images (channels); the linear map before it is an FC or a CONV.
    """

    pieces: Count = 2

    def shape(self, *inputs: Shape) -> Shape:
        each = divided(self.name, inputs[0], self.pieces, "pieces", "pieces")
        return inputs[0].with_channels(each)

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.linear:Maxout", pieces=self.pieces, dim=inputs[0].channel_dim)

"""Tokens: class tokens, positions, transposing."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from blockdsl.formatting import shape_text
from blockdsl.ops.core import SAVES_NOTHING, Operation, OpError, Window
from blockdsl.ops.geometry import pointwise
from blockdsl.ops.layouts import Image, Shape, Sizes, Tokens, Vector
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Whole


@operation("TRANSPOSE", view=True)
class Transpose(Operation):
    """Tokens become features and features tokens: (L, D) -> (D, L) (MLP-Mixer)."""

    takes = (Tokens,)
    saved_for_backward = SAVES_NOTHING

    def shape(self, *inputs: Shape) -> Shape:
        length, features = inputs[0]
        return Tokens(features, length)

    def window(self, *inputs: Shape) -> Window | None:
        return None

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.sequence:Transpose", "{0}.transpose(1, 2)")


@operation("CLSTOKEN")
class ClassToken(Operation):
    """Puts a learned token before all others: (L, D) -> (L + 1, D) (BERT, ViT)."""

    word = "class token"
    takes = (Tokens,)
    saved_for_backward = SAVES_NOTHING

    def shape(self, *inputs: Shape) -> Shape:
        length, features = inputs[0]
        return Tokens(length + 1, features)

    window = pointwise

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"token": (1, 1, inputs[0][1])}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.sequence:ClassToken", features=inputs[0][1])


@operation("POSITION")
class Position(Operation):
    """Adds a learned embedding of each position, to tokens (L, D), an image (C, H, W) or a vector (F,)."""

    word = "position"
    takes = (Tokens, Image, Vector)
    depends_on_size = "it has one weight for each position"
    saved_for_backward = SAVES_NOTHING

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"embedding": (1, *inputs[0])}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.sequence:Position", shape=tuple(inputs[0]))


@operation("TAKE", view=True)
class Take(Operation):
    """One token of a sequence: (L, D) -> (D,). The first is 0, the last -1."""

    word = "take"
    takes = (Tokens,)
    saved_for_backward = SAVES_NOTHING

    index: Whole = 0

    def shape(self, *inputs: Shape) -> Shape:
        length, features = inputs[0]
        if not -length <= self.index < length:
            raise OpError(
                f"TAKE({self.index}) finds no such token in {shape_text(inputs[0])}",
                argument="index",
                help=f"the tokens count from 0 to {length - 1}, or from -1 down from the end",
            )
        return Vector(features)

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.sequence:Take", "{0}[:, {index}]", index=self.index)

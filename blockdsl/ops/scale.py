"""Multiplication by constants and by learned weights."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.core import SAVES_INPUT, SAVES_NOTHING, Operation
from blockdsl.ops.layouts import Shape, Sizes
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import one_of

Per = Annotated[str, one_of("channel", "layer")]


@operation("SCALE")
class Scale(Operation):
    """Multiplies by a constant: the scaled residuals of Inception-ResNet (Szegedy et al. 2016)."""

    word = "scale {factor}"
    saved_for_backward = SAVES_NOTHING

    factor: float

    def is_identity(self, *inputs: Shape) -> bool:
        return self.factor == 1

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.scale:Scale", "{factor} * {0}", factor=self.factor)


@operation("LAYERSCALE")
class LayerScale(Operation):
    """Multiplies each channel by a learned weight that begins at `init` (Touvron et al. 2021).

    `per=layer` has one weight for all: SkipInit and ReZero with init=0 (De & Smith 2020).
    """

    word = "layer scale"
    saved_for_backward = SAVES_INPUT
    starts_constant = True

    init: float = 1e-6
    per: Per = "channel"

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"weight": (inputs[0].channels if self.per == "channel" else 1,)}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        count = inputs[0].channels if self.per == "channel" else 1
        return ModuleSpec(
            "blockdsl.layers.scale:LayerScale", channels=count, init=self.init, axes=inputs[0].trailing
        )


@operation("AFFINE")
class Affine(Operation):
    """Multiplies each channel by a learned weight and adds a learned bias (ResMLP, Touvron et al. 2021).

    They begin at 1 and 0.
    """

    saved_for_backward = SAVES_INPUT
    starts_constant = True

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        c = (inputs[0].channels,)
        return {"weight": c, "bias": c}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "blockdsl.layers.scale:Affine", channels=inputs[0].channels, axes=inputs[0].trailing
        )

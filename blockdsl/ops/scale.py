"""Arithmetic with constants, and multiplication by learned weights."""
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


@operation("SHIFT")
class Shift(Operation):
    """Adds a constant: SHIFT(-1), or SHIFT(1e-6) before a division."""

    word = "shift {by}"
    saved_for_backward = SAVES_NOTHING
    fresh_output = True

    by: float

    def is_identity(self, *inputs: Shape) -> bool:
        return self.by == 0

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.scale:Shift", "{0} + {by}", by=self.by)


@operation("POW")
class Power(Operation):
    """Raises to a constant power: POW(2), POW(-0.5). A negative number has whole powers only, others are nan.

    Derivatives at 0 are PyTorch's: infinite for powers below 1.
    """

    word = "power {exponent}"
    aliases = ("power",)
    saved_for_backward = SAVES_INPUT
    fresh_output = True

    exponent: float

    def is_identity(self, *inputs: Shape) -> bool:
        return self.exponent == 1

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.scale:Power", "{0} ** {exponent}", exponent=self.exponent)


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

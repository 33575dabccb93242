"""Activations that look at several channels: softmax, gates, and those that change their number."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.core import SAVES_INPUT, SAVES_OUTPUT, Operation, OpError, Shape
from blockdsl.ops.geometry import axis, channels, pointwise, with_channels
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import one_of

Gate = Annotated[str, one_of("sigmoid", "relu", "gelu", "silu", "tanh", "none")]


@operation("SOFTMAX")
class Softmax(Operation):
    """exp(x_i) / sum_j exp(x_j), over the features of a vector or token, the channels at a position."""

    word = "softmax"
    aliases = ("softmax2d",)
    saved_for_backward = SAVES_OUTPUT

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Softmax", dim=axis(inputs[0]))


@operation("LOGSOFTMAX")
class LogSoftmax(Operation):
    """The logarithm of SOFTMAX, over the same."""

    saved_for_backward = SAVES_OUTPUT

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:LogSoftmax", dim=axis(inputs[0]))


@operation("CRELU")
class CReLU(Operation):
    """[max(0, x), max(0, -x)]: twice the channels (Shang et al. 2016)."""

    saved_for_backward = SAVES_OUTPUT

    def shape(self, *inputs: Shape) -> Shape:
        return with_channels(inputs[0], 2 * channels(inputs[0]))

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:CReLU", dim=axis(inputs[0]))


@operation("GLU")
class GLU(Operation):
    """a * gate(b), a and b the two halves of the channels: half as many (Dauphin et al. 2017).

    gate=gelu is GEGLU, relu ReGLU, none the bilinear form (Shazeer 2020; NAFNet's SimpleGate).
    SwiGLU gates with silu.
    """

    saved_for_backward = SAVES_INPUT

    gate: Gate = "sigmoid"

    def shape(self, *inputs: Shape) -> Shape:
        c = channels(inputs[0])
        if c % 2:
            raise OpError(
                f"GLU takes an even number of channels, not {c}",
                help=f"make {c + 1} channels before it: one half gates the other",
            )
        return with_channels(inputs[0], c // 2)

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        dim = axis(inputs[0])
        if self.gate == "sigmoid":
            return ModuleSpec("torch.nn:GLU", dim=dim)
        return ModuleSpec("blockdsl.layers.activation:GatedUnit", gate=self.gate, dim=dim)

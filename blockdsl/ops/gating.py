"""Activations that look at several channels: softmax, gates, and those that change their number."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.core import SAVES_INPUT, SAVES_OUTPUT, Operation, OpError
from blockdsl.ops.geometry import pointwise
from blockdsl.ops.layouts import Shape
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
        return ModuleSpec("torch.nn:Softmax", dim=inputs[0].channel_dim)


@operation("LOGSOFTMAX")
class LogSoftmax(Operation):
    """The logarithm of SOFTMAX, over the same."""

    saved_for_backward = SAVES_OUTPUT

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:LogSoftmax", dim=inputs[0].channel_dim)


@operation("CRELU")
class CReLU(Operation):
    """[max(0, x), max(0, -x)]: twice the channels (Shang et al. 2016)."""

    saved_for_backward = SAVES_OUTPUT

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0].with_channels(2 * inputs[0].channels)

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:CReLU", dim=inputs[0].channel_dim)


@operation("GLU")
class GLU(Operation):
    """a * gate(b), a and b the two halves of the channels: half as many (Dauphin et al. 2017).

    gate=gelu is GEGLU, relu ReGLU, none the bilinear form (Shazeer 2020; NAFNet's SimpleGate).
    SwiGLU gates with silu.
    """

    saved_for_backward = SAVES_INPUT

    gate: Gate = "sigmoid"

    def shape(self, *inputs: Shape) -> Shape:
        c = inputs[0].channels
        if c % 2:
            raise OpError(
                f"GLU takes an even number of channels, not {c}",
                help=f"make {c + 1} channels before it: one half gates the other",
            )
        return inputs[0].with_channels(c // 2)

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        dim = inputs[0].channel_dim
        if self.gate == "sigmoid":
            return ModuleSpec("torch.nn:GLU", dim=dim)
        return ModuleSpec("blockdsl.layers.activation:GatedUnit", gate=self.gate, dim=dim)

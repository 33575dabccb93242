"""Activations that look at several channels: softmax, gates, and those that change their number."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.core import Operation, OpError, Shape, operation
from blockdsl.ops.geometry import channels, pointwise, with_channels
from blockdsl.ops.values import one_of

Gate = Annotated[str, one_of("sigmoid", "relu", "gelu", "silu", "tanh", "none")]


@operation("SOFTMAX")
class Softmax(Operation):
    """exp(x_i) / sum_j exp(x_j), over the features of a vector or token, the channels at a position."""


@operation("LOGSOFTMAX")
class LogSoftmax(Operation):
    """The logarithm of SOFTMAX, over the same."""


@operation("CRELU")
class CReLU(Operation):
    """[max(0, x), max(0, -x)]: twice the channels (Shang et al. 2016)."""

    def shape(self, *inputs: Shape) -> Shape:
        return with_channels(inputs[0], 2 * channels(inputs[0]))

    window = pointwise


@operation("GLU")
class GLU(Operation):
    """a * gate(b), a and b the two halves of the channels: half as many (Dauphin et al. 2017).

    gate=gelu is GEGLU, relu ReGLU, none the bilinear form (Shazeer 2020; NAFNet's SimpleGate).
    SwiGLU gates with silu.
    """

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

"""Attention over tokens."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from blockdsl.ops.core import Drawn, Operation, Saved, Window
from blockdsl.ops.geometry import divided
from blockdsl.ops.layouts import Shape, Sizes, Tokens
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, Probability


@operation("ATTENTION")
class Attention(Operation):
    """Multi-head self-attention: (L, D) -> (L, D), as `torch.nn.MultiheadAttention`.

    Vaswani et al. 2017, section 3.2: D / heads features each, scaled dot products, an output
    projection. `dropout` drops attention weights in training.
    """

    word = "attention · {heads} heads"
    takes = (Tokens,)
    aliases = ("multiheadattention", "selfattention")
    saved_for_backward = Saved(inputs=True, output=False, extra=16)

    heads: Count
    bias: bool = True
    dropout: Probability = 0.0

    def shape(self, *inputs: Shape) -> Shape:
        divided(self.name, inputs[0], self.heads, "heads", "heads")
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        d = inputs[0][1]
        weights: dict[str, Sizes] = {"in_proj_weight": (3 * d, d), "out_proj.weight": (d, d)}
        return weights | ({"in_proj_bias": (3 * d,), "out_proj.bias": (d,)} if self.bias else {})

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        names = (("in_proj_weight", "in_proj_bias"), ("out_proj.weight", "out_proj.bias"))
        shapes = self.weights(*inputs)
        return tuple(Drawn.of(shapes[w], weight=w, bias=b if self.bias else "") for w, b in names)

    def macs(self, *inputs: Shape) -> int:
        """Four projections, the products of queries with keys and of weights with values."""
        length, d = inputs[0]
        return 4 * length * d * d + 2 * length * length * d

    def window(self, *inputs: Shape) -> Window | None:
        return None

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "blockdsl.layers.sequence:SelfAttention",
            features=inputs[0][1],
            heads=self.heads,
            bias=self.bias,
            dropout=self.dropout,
        )

"""Trained tensors that are no weight of a layer: queries, prompts, fusion weights."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from dataclasses import replace

from blockdsl.ops.core import SAVES_NOTHING, Operation, Window
from blockdsl.ops.layouts import LAYOUTS, Shape, Sizes, Vector
from blockdsl.ops.registry import operation
from blockdsl.ops.shape import Layout, read_values
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Axes, NotNegative


@operation("WEIGHT", view=True)
class Weight(Operation):
    """A trained tensor, the same for all samples: WEIGHT(100x256) is 100 tokens of 256 features.

    It takes no input and stands where a tensor stands (DETR's queries, Carion et al. 2020; BiFPN's fusion
    weights, Tan et al. 2020). The number of sizes says which layout it has, or `layout=signal` does. It
    begins as N(mean, std), by default as class tokens and positions do; with `std=0` it is `mean`. `init`
    leaves it so.
    """

    word = "weight {dims}"
    aliases = ("parameter",)
    takes = tuple(LAYOUTS.values())
    saved_for_backward = SAVES_NOTHING
    reads_values = False
    is_tensor = True

    dims: Axes
    layout: Layout | None = None
    mean: float = 0.0
    std: NotNegative = 0.02

    def check(self) -> None:
        read_values(self.name, self.dims, self.layout)

    def shape(self, *inputs: Shape) -> Shape:
        return read_values(self.name, self.dims, self.layout)

    def window(self, *inputs: Shape) -> Window | None:
        return Window()

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"weight": self.dims}

    def slid(self, *windows: Shape) -> Operation:
        """A vector becomes an image of 1x1, as those vectors do that it is joined with."""
        if isinstance(self.shape(), Vector):
            return replace(self, dims=(*self.dims, 1, 1), layout=None)
        return self

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.weight:Weight", shape=self.dims, mean=self.mean, std=self.std)

"""What acts in training only: dropout of elements, channels, blocks and paths; noise.

In the language `p` is the probability to be dropped, everywhere.
"""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.core import SAVES_NOTHING, Operation, OpError, Saved
from blockdsl.ops.geometry import check_layout, pointwise
from blockdsl.ops.layouts import GRIDS, Image, Shape
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, NotNegative, Probability, one_of

Rescale = Annotated[str, one_of("train", "test")]
"""Where dropping is made up for: survivors divided by 1 - p in training, or all multiplied by 1 - p
in evaluation."""
DropUnit = Annotated[str, one_of("element", "channel")]
PathUnit = Annotated[str, one_of("sample", "batch")]


class _Dropping(Operation):
    """What drops with a probability."""

    p: Probability

    def is_identity(self, *inputs: Shape) -> bool:
        return self.p == 0


@operation("DROPOUT")
class Dropout(_Dropping):
    """Drops each element, or each whole channel of an image, a signal or a volume, with probability p.

    Srivastava et al. 2014; per=channel: Tompson et al. 2015. `rescale=test` multiplies by 1 - p in
    evaluation, as the AlexNet paper did, in place of dividing the survivors in training.
    """

    word = "dropout {p}"
    saved_for_backward = Saved(inputs=False, output=False, extra=4)

    p: Probability = 0.5
    per: DropUnit = "element"
    rescale: Rescale = "train"

    def shape(self, *inputs: Shape) -> Shape:
        if self.per == "channel":
            check_layout("DROPOUT(per=channel)", GRIDS, inputs[0])
        return inputs[0]

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if self.rescale == "test":
            plain = self.per == "element" or isinstance(inputs[0], Image)
            return ModuleSpec(
                f"blockdsl.layers.dropout:{'' if plain else 'Channel'}Dropout",
                p=self.p,
                per=self.per,
                rescale=self.rescale,
            )
        axes = "" if self.per == "element" else f"{len(inputs[0]) - 1}d"
        return ModuleSpec(f"torch.nn:Dropout{axes}", p=self.p)


@operation("ALPHADROPOUT")
class AlphaDropout(_Dropping):
    """Dropout that keeps mean and variance of SELU networks (Klambauer et al. 2017)."""

    saved_for_backward = Saved(inputs=False, output=False, extra=4)

    p: Probability = 0.5

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:AlphaDropout", p=self.p)


@operation("DROPPATH")
class DropPath(_Dropping):
    """Stochastic depth: drops the branch it ends with probability p (Huang et al. 2016).

    For each sample or for the whole mini-batch. The paper is per=batch, rescale=test; later networks
    are per=sample, rescale=train. A dropped branch is computed and multiplied by zero: it saves no
    time, and its batch norms see the batch, unlike in the authors' code, which leaves it out.
    """

    word = "drop path {p}"
    aliases = ("stochasticdepth",)
    saved_for_backward = SAVES_NOTHING

    p: Probability
    per: PathUnit = "sample"
    rescale: Rescale = "train"

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.dropout:DropPath", p=self.p, per=self.per, rescale=self.rescale)


@operation("DROPBLOCK")
class DropBlock(_Dropping):
    """Drops squares of size x size positions (DropBlock, Ghiasi et al. 2018).

    A square starts at each position where it fits with the probability gamma (equation 1 there) that
    makes about a share p of the elements drop; the survivors are scaled so that the mean stays.
    """

    takes = (Image,)
    aliases = ("dropblock2d",)
    saved_for_backward = Saved(inputs=False, output=False, extra=4)

    size: Count = 7
    p: Probability = 0.1

    def shape(self, *inputs: Shape) -> Shape:
        _, rows, columns = inputs[0]
        if self.size > min(rows, columns):
            raise OpError(
                f"the {self.size}x{self.size} blocks of DROPBLOCK are larger than {rows}x{columns}",
                argument="size",
                help=f"size={min(rows, columns)} at most",
            )
        return inputs[0]

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.dropout:DropBlock2d", size=self.size, p=self.p)


@operation("NOISE")
class Noise(Operation):
    """Adds Gaussian noise of mean 0 and the given standard deviation."""

    aliases = ("gaussiannoise",)
    saved_for_backward = SAVES_NOTHING

    std: NotNegative

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.dropout:GaussianNoise", std=self.std)

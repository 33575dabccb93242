"""Normalisation, within and across channels, positions and the batch.

For receptive fields a normalisation counts as pointwise although its statistics may span the image,
as is usual (Araujo et al. 2019, "Computing receptive fields of convolutional neural networks").
"""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from math import prod

from blockdsl.ops.core import SAVES_INPUT, Operation, OpError, Saved, Window
from blockdsl.ops.geometry import check_layout, describe, divided, pointwise
from blockdsl.ops.layouts import GRIDS, Image, Shape, Sizes, Tokens, Vector
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, NotNegative, Probability


def _refuse_single_values(name: str, shape: Shape, groups: int) -> None:
    """Refuse to normalise single values: each would become 0, and PyTorch's kernels refuse some of them."""
    if prod(shape) == groups:
        raise OpError(
            f"{name} would normalise each value of {describe(shape)} by itself, which makes all of them 0",
            help="fewer groups, or BN, which normalises over the batch" if name == "GN" else "BN or LN",
        )


def _affine(shape: Shape, wanted: bool = True) -> dict[str, Sizes]:
    c = (shape.channels,)
    return {"weight": c, "bias": c} if wanted else {}


def _over_channels(kind: str, shape: Shape) -> str:
    """The class that normalises over the channels at each position, wherever the axis of the channels is."""
    if shape.trailing:
        return f"blockdsl.layers.norm:{kind}{len(shape) - 1}d"
    return f"torch.nn:{kind}"


@operation("BN")
class BatchNorm(Operation):
    """Batch normalisation of each channel (Ioffe & Szegedy 2015), of signals, images, volumes and vectors.

    `momentum` is the weight of the new statistics (PyTorch's convention; Caffe's and TensorFlow's
    0.99 is 0.01 here). `frozen=yes` uses the running statistics in training too.
    """

    word = "BN"
    takes = (*GRIDS, Vector)
    takes_help = {Tokens: "LN for tokens"}
    aliases = ("batchnorm", "batchnormalization", "batchnormalisation", "syncbatchnorm")
    saved_for_backward = SAVES_INPUT
    fresh_output = True
    starts_constant = True

    eps: NotNegative = 1e-5
    momentum: Probability = 0.1
    affine: bool = True
    frozen: bool = False

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return _affine(inputs[0], self.affine)

    def buffers(self, *inputs: Shape) -> dict[str, Sizes]:
        c = (inputs[0][0],)
        return {"running_mean": c, "running_var": c, "num_batches_tracked": ()}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        frozen = "blockdsl.layers.norm:Frozen" if self.frozen else "torch.nn:"
        return ModuleSpec(
            f"{frozen}BatchNorm{max(len(inputs[0]) - 1, 1)}d",
            num_features=inputs[0][0],
            eps=self.eps,
            momentum=self.momentum,
            affine=self.affine,
        )


@operation("LN")
class LayerNorm(Operation):
    """Layer normalisation over the features of a vector or token (Ba et al. 2016).

    On an image, a signal or a volume over the channels at each position (ConvNeXt, Liu et al. 2022); over
    channels and positions together it is GN(1).
    """

    word = "LN"
    aliases = ("layernorm", "layernormalization", "layernormalisation")
    saved_for_backward = SAVES_INPUT
    starts_constant = True

    eps: NotNegative = 1e-5
    affine: bool = True

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return _affine(inputs[0], self.affine)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            _over_channels("LayerNorm", inputs[0]),
            normalized_shape=inputs[0].channels,
            eps=self.eps,
            elementwise_affine=self.affine,
        )


@operation("GN")
class GroupNorm(Operation):
    """Group normalisation: over the positions and channels of each group (Wu & He 2018).

    On images, signals, volumes and vectors.
    """

    takes = (*GRIDS, Vector)
    takes_help = {Tokens: "LN for tokens"}
    aliases = ("groupnorm", "groupnormalization", "groupnormalisation")
    depends_on_size = "its statistics span the image"
    saved_for_backward = SAVES_INPUT
    starts_constant = True

    groups: Count = 32
    eps: NotNegative = 1e-5
    affine: bool = True

    def shape(self, *inputs: Shape) -> Shape:
        divided(self.name, inputs[0], self.groups, "groups")
        _refuse_single_values(self.name, inputs[0], self.groups)
        return inputs[0]

    window = pointwise

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return _affine(inputs[0], self.affine)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "torch.nn:GroupNorm",
            num_groups=self.groups,
            num_channels=inputs[0].channels,
            eps=self.eps,
            affine=self.affine,
        )


@operation("IN")
class InstanceNorm(Operation):
    """Instance normalisation: each channel of each image, signal or volume by itself (Ulyanov et al. 2016).

    Without affine weights unless asked for, and without running statistics, as in PyTorch.
    """

    takes = GRIDS
    aliases = ("instancenorm", "instancenormalization")
    depends_on_size = "its statistics span the image"
    saved_for_backward = SAVES_INPUT
    starts_constant = True

    eps: NotNegative = 1e-5
    affine: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        _refuse_single_values(self.name, inputs[0], inputs[0].channels)
        return inputs[0]

    window = pointwise

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return _affine(inputs[0], self.affine)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            f"torch.nn:InstanceNorm{len(inputs[0]) - 1}d",
            num_features=inputs[0][0],
            eps=self.eps,
            affine=self.affine,
        )


@operation("LRN")
class LocalResponseNorm(Operation):
    """Local response normalisation: x / (k + alpha / n * sum of x^2 over n neighbours)^beta.

    The neighbours are `size` channels at the same position (Krizhevsky et al. 2012), n = size. The
    alpha is divided by n, as in Caffe and PyTorch; the paper's formula does not divide, so its
    alpha = 1e-4 is written alpha=5e-4 for size=5. `groups` keeps neighbours inside each of so many
    equal parts of the channels (AlexNet's two towers). `within=yes` sums over size x size positions
    of the same channel of an image in place of channels, n = size^2 (Caffe's WITHIN_CHANNEL).
    """

    word = "LRN"
    takes = GRIDS
    aliases = ("localresponsenorm", "localresponsenormalization", "crosschannelnorm")
    saved_for_backward = Saved(inputs=True, output=False, extra=12)

    size: Count = 5
    alpha: NotNegative = 1e-4
    beta: float = 0.75
    k: NotNegative = 1.0
    groups: Count = 1
    within: bool = False

    def check(self) -> None:
        if self.within and self.groups != 1:
            raise OpError(
                "LRN within channels has no use for groups",
                argument="groups",
                help="leave out groups, or within",
            )
        if self.within and self.size % 2 == 0:
            raise OpError(
                f"LRN within channels takes an odd size, not {self.size}",
                argument="size",
                help="the window has a position at its centre",
            )

    def shape(self, *inputs: Shape) -> Shape:
        if self.within:
            check_layout("LRN(within=yes)", (Image,), inputs[0])
        divided(self.name, inputs[0], self.groups, "groups")
        return inputs[0]

    def window(self, *inputs: Shape) -> Window:
        return Window((self.size, self.size)) if self.within else Window()

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "blockdsl.layers.norm:LocalResponseNorm2d",
            size=self.size,
            alpha=self.alpha,
            beta=self.beta,
            k=self.k,
            groups=self.groups,
            within=self.within,
        )


@operation("RMSNORM")
class RMSNorm(Operation):
    """Root mean square normalisation, over what LN runs over (Zhang & Sennrich 2019)."""

    aliases = ("rmsnormalization",)
    saved_for_backward = Saved(inputs=True, output=False, extra=4)
    starts_constant = True

    eps: NotNegative = 1e-6
    affine: bool = True

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"weight": (inputs[0].channels,)} if self.affine else {}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            _over_channels("RMSNorm", inputs[0]),
            normalized_shape=inputs[0].channels,
            eps=self.eps,
            elementwise_affine=self.affine,
        )


@operation("GRN")
class GlobalResponseNorm(Operation):
    """Global response normalisation: x + weight * (x * n) + bias (ConvNeXt V2, Woo et al. 2023).

    n is each channel's L2 norm over the positions, divided by its mean over the channels (+ eps). On
    images, signals and volumes, and on tokens.
    """

    takes = (*GRIDS, Tokens)
    takes_help = {Vector: "put it before the positions are pooled away"}
    depends_on_size = "its statistics span the image"
    saved_for_backward = Saved(inputs=True, output=False, extra=4)
    starts_constant = True

    eps: NotNegative = 1e-6

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return _affine(inputs[0])

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "blockdsl.layers.norm:GlobalResponseNorm",
            channels=inputs[0].channels,
            eps=self.eps,
            dim=inputs[0].channel_dim,
        )


@operation("L2NORM")
class L2Norm(Operation):
    """Divides by the L2 norm over the channels at each position (or a token's or vector's features).

    `scale` multiplies by a learned weight for each channel that begins there: 20 in SSD, 10 in
    ParseNet (Liu et al. 2015).
    """

    aliases = ("normalize", "unitnormalization")
    saved_for_backward = SAVES_INPUT
    starts_constant = True

    scale: float | None = None
    eps: NotNegative = 1e-12

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {} if self.scale is None else {"weight": (inputs[0].channels,)}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "blockdsl.layers.norm:L2Norm",
            channels=inputs[0].channels,
            scale=self.scale,
            eps=self.eps,
            dim=inputs[0].channel_dim,
            axes=inputs[0].trailing,
        )

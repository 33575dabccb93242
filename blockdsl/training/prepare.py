"""From stored images to the network's input: size, channels, augmentation, normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from blockdsl.diagnostics import error
from blockdsl.formatting import shape_text
from blockdsl.ops import Image, Signal, Sizes, Vector, Volume
from blockdsl.recipe import Term
from blockdsl.training.augment import Augment, make_augment
from blockdsl.training.data import Data, spread

_SAMPLE = 10_000
_PAD = 4


class Statistics(NamedTuple):
    """Mean (C,) and covariance (C, C) of the pixels of training images, or of vectors' features."""

    mean: Tensor
    covariance: Tensor


class Preparation:
    """Turns batches of a data set into inputs of a network, on the batch's device.

    Images are resized to the network's input (bilinear, antialiased), or padded with black where it
    is at most 4 pixels larger on each side (28x28 in LeNet-5's 32x32); one channel is repeated into
    several, several are averaged into one. For a flat input (F,) the image is flattened after that.
    Everything is normalised by the mean and deviation of (up to 10,000 of) the training inputs.

    Raises:
        ArchError: the data cannot be brought to the network's input.
    """

    def __init__(self, data: Data, augment: Sequence[Term] = ()) -> None:
        sample = _float(data.train.batch(spread(data.train, _SAMPLE)))
        self.flat = isinstance(data.input_shape, Vector)
        self.image = _image_shape(data.input_shape, tuple(sample.shape[1:]), data.name)
        self.resize = data.resize
        if self.image is not None:
            sample = _channels(sample, self.image[0])
        self.statistics = _statistics(sample)
        self.augment: Augment = make_augment(augment, self.image, self.statistics.covariance, data.classes)

    def __call__(self, x: Tensor, labels: Tensor, *, training: bool = False) -> tuple[Tensor, Tensor]:
        """Inputs (B, …) as stored and labels (B,) -> network inputs, labels (B,) or shares (B, K)."""
        x = _float(x)
        if self.image is not None:
            x = self._sized(_channels(x, self.image[0]))
        if training:
            x, labels = self.augment(x, labels)
        if self.image is not None:
            x = _centre(x, self.image[1:])
        x = self._normal(x)
        return (x.flatten(1) if self.flat else x), labels

    def _sized(self, x: Tensor) -> Tensor:
        assert self.image is not None
        side = self.resize
        size = self.image[1:] if side is None else (max(side, self.image[1]), max(side, self.image[2]))
        rows, columns = size[0] - x.shape[2], size[1] - x.shape[3]
        if rows == columns == 0:
            return x
        if 0 <= rows <= 2 * _PAD and 0 <= columns <= 2 * _PAD:
            top, left = rows // 2, columns // 2
            return F.pad(x, (left, columns - left, top, rows - top))
        return F.interpolate(x, size, mode="bilinear", antialias=True)

    def _normal(self, x: Tensor) -> Tensor:
        shape = (1, -1, *[1] * (x.ndim - 2))
        deviation = self.statistics.covariance.diagonal().sqrt()
        deviation = torch.where(deviation > 1e-6, deviation, torch.ones(()))  # a constant feature stays 0
        mean, deviation = (v.to(x.device).view(shape) for v in (self.statistics.mean, deviation))
        return (x - mean) / deviation


def _float(x: Tensor) -> Tensor:
    return x.float() / 255 if x.dtype == torch.uint8 else x


def _channels(x: Tensor, channels: int) -> Tensor:
    if x.shape[1] == channels:
        return x
    return x.mean(1, keepdim=True).expand(-1, channels, -1, -1)


def _centre(x: Tensor, size: tuple[int, ...]) -> Tensor:
    top, left = (x.shape[2] - size[0]) // 2, (x.shape[3] - size[1]) // 2
    return x[:, :, top : top + size[0], left : left + size[1]]


def _statistics(sample: Tensor) -> Statistics:
    """Statistics of channels (N, C, …) or vectors (N, F); of a vector's features only the variances."""
    values = sample.movedim(1, -1).flatten(0, -2).double()
    if sample.ndim == 2:
        return Statistics(values.mean(0).float(), torch.diag(values.var(0, correction=0)).float())
    covariance = torch.cov(values.T, correction=0).reshape(values.shape[1], values.shape[1])
    return Statistics(values.mean(0).float(), covariance.float())


def _image_shape(wanted: Sizes, stored: Sizes, name: str) -> tuple[int, int, int] | None:
    """The image (C, H, W) that the network sees before any flattening; None for what is no image."""
    shown = shape_text(stored)
    if len(stored) == 1:
        if wanted != stored:
            raise error("data", f"{name} has vectors of {shown}, the network takes {shape_text(wanted)}")
        return None
    if isinstance(wanted, Signal | Volume) and wanted == stored:
        return None
    if isinstance(wanted, Image):
        if wanted[0] != stored[0] and 1 not in (wanted[0], stored[0]):
            raise error("data", f"{name} has images of {shown}, the network takes {shape_text(wanted)}")
        return wanted[0], wanted[1], wanted[2]
    if not isinstance(wanted, Vector):
        raise error("data", f"{name} has images of {shown}, the network takes {shape_text(wanted)}")
    if wanted[0] == math.prod(stored):
        return stored[0], stored[1], stored[2]
    for channels in (stored[0], 1, 3):
        side = math.isqrt(wanted[0] // channels)
        if channels * side * side == wanted[0]:
            return channels, side, side
    raise error(
        "data",
        f"{name} has images of {shown}, which cannot become the network's {wanted[0]} inputs",
        help=f"write input {math.prod(stored)}",
    )

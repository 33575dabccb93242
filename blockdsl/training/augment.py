"""The recipe's augmentations as batched transforms on the batch's device, mostly kornia's.

Each takes images (B, C, H, W) of values 0…1 with labels (B,), or class shares (B, K) once a mix has
made them so, and returns the same. All draw from torch's global generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import kornia.augmentation as kornia
import torch
import torch.nn.functional as F  # noqa: N812
from kornia.geometry.transform import elastic_transform2d
from torch import Tensor

from blockdsl.diagnostics import error
from blockdsl.recipe import Term
from blockdsl.recipe import augment as declared

Augment = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Transform = Callable[[Tensor], Tensor]
Image = tuple[int, int, int]


def make_augment(terms: Sequence[Term], image: Image | None, covariance: Tensor, classes: int) -> Augment:
    """One function that applies the terms in order.

    Args:
        terms: of the role `augment`.
        image: the network's image (C, H, W); None for vectors, which only mixup takes.
        covariance: (C, C) of the training set's colours.
        classes: how many there are.

    Raises:
        ArchError: a term needs an image and there is none, or colours of another number.
    """
    steps = [_step(term, image, covariance, classes) for term in terms]

    def apply(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        for step in steps:
            x, labels = step(x, labels)
        return x, labels

    return apply


def _step(term: Term, image: Image | None, covariance: Tensor, classes: int) -> Augment:
    if isinstance(term, declared.Mixup):
        return lambda x, labels: _mixup(x, _shares(labels, classes), term.alpha)
    if image is None:
        raise error("train", f"{term.name} augments images, the data are vectors")
    if isinstance(term, declared.Cutmix):
        return lambda x, labels: _cutmix(x, _shares(labels, classes), term.alpha)
    transform = _transform(term, image, covariance)
    return lambda x, labels: (transform(x), labels)


def _transform(term: Term, image: Image, covariance: Tensor) -> Transform:
    size = image[1:]
    transform: Transform
    match term:
        case declared.Crop():
            transform = _crop(term, size)
        case declared.Flip(p=p, vertical=vertical):
            transform = kornia.RandomVerticalFlip(p=p) if vertical else kornia.RandomHorizontalFlip(p=p)
        case declared.Colour():
            transform = _colour(term, image[0])
        case declared.PcaColour(std=std):
            transform = _pca_colour(std, covariance)
        case declared.ScaleJitter(low=low, high=high):
            transform = _scale_jitter(low, high, size)
        case declared.RandomResizedCrop(low=low, high=high, aspect=aspect):
            transform = kornia.RandomResizedCrop(size, scale=(low, high), ratio=(1 / aspect, aspect))
        case declared.Rotate(degrees=degrees):
            transform = kornia.RandomAffine(degrees, p=1.0)
        case declared.Affine():
            transform = kornia.RandomAffine(
                term.rotate,
                translate=(term.shift, term.shift),
                scale=(1 - term.scale, 1 + term.scale),
                shear=term.shear or None,
                p=1.0,
            )
        case declared.Elastic(alpha=alpha, sigma=sigma):
            transform = _elastic(alpha, sigma)
        case declared.Cutout(size=side, p=p):
            transform = partial(_cutout, side=side, p=p)
        case _:
            raise LookupError(term.name)
    return transform


def _crop(term: declared.Crop, size: tuple[int, int]) -> Transform:
    mode = "reflect" if term.reflect else "constant"
    within = kornia.RandomCrop(size)
    padded = kornia.RandomCrop(size, padding=term.pad or None, padding_mode=mode)
    return lambda x: padded(x) if tuple(x.shape[2:]) == size else within(x)


def _colour(term: declared.Colour, channels: int) -> Transform:
    if channels not in (1, 3):
        raise error("train", f"colour takes images of 1 or 3 channels, these have {channels}")
    jitter = kornia.ColorJitter(term.brightness, term.contrast, term.saturation, p=1.0)

    def apply(x: Tensor) -> Tensor:
        jittered: Tensor = jitter(x.expand(-1, 3, -1, -1))
        return jittered[:, :channels]

    return apply


def _pca_colour(std: float, covariance: Tensor) -> Transform:
    """Krizhevsky et al. (2012), section 4.1, where "scaled by the eigenvalue" is read as in the
    later implementations: by the deviation along the component.
    """
    values, vectors = torch.linalg.eigh(covariance)
    spread = vectors * values.clamp(min=0).sqrt()

    def shift(x: Tensor) -> Tensor:
        share = torch.randn(len(x), len(covariance), device=x.device) * std
        moves: Tensor = share @ spread.to(x.device).T
        return x + moves[:, :, None, None]

    return shift


def _scale_jitter(low: int, high: int, size: tuple[int, int]) -> Transform:
    """Cutting `size` out of an image of side S is cutting a part (size / S)² of its area."""
    area = size[0] * size[1]
    if low < max(size):
        raise error("train", f"scale_jitter(low={low}) is below the network's input of {size[0]}x{size[1]}")
    ratio = size[1] / size[0]
    cut: Transform = kornia.RandomResizedCrop(
        size, scale=(area / high**2, area / low**2), ratio=(ratio, ratio)
    )
    return cut


def _elastic(alpha: float, sigma: float) -> Transform:
    kernel = 2 * round(3 * sigma) + 1

    def bend(x: Tensor) -> Tensor:
        field = torch.rand(len(x), 2, *x.shape[2:], device=x.device) * 2 - 1
        reach = (2 * alpha / x.shape[3], 2 * alpha / x.shape[2])  # the grid spans 2 along each side
        bent: Tensor = elastic_transform2d(
            x, field, kernel_size=(kernel, kernel), sigma=(sigma, sigma), alpha=reach, padding_mode="zeros"
        )
        return bent

    return bend


def _cutout(x: Tensor, side: int, p: float) -> Tensor:
    """Squares may reach over the edge, as in the paper."""
    height, width = x.shape[2:]
    row = torch.randint(height, (len(x), 1, 1, 1), device=x.device)
    column = torch.randint(width, (len(x), 1, 1, 1), device=x.device)
    first_row, first_column = row - side // 2, column - side // 2
    rows = torch.arange(height, device=x.device)[:, None]
    columns = torch.arange(width, device=x.device)
    hidden = (rows >= first_row) & (rows < first_row + side)
    hidden = hidden & (columns >= first_column) & (columns < first_column + side)
    return x.masked_fill(hidden & (torch.rand(len(x), 1, 1, 1, device=x.device) < p), 0)


def _shares(labels: Tensor, classes: int) -> Tensor:
    return F.one_hot(labels, classes).float() if labels.ndim == 1 else labels


def _mixup(x: Tensor, shares: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    part = torch.distributions.Beta(alpha, alpha).sample().item()
    other = torch.randperm(len(x), device=x.device)
    return x.lerp(x[other], part), shares.lerp(shares[other], part)


def _cutmix(x: Tensor, shares: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Equation 2 of Yun et al. (2019); a window over the edge is cut off and counted as it is."""
    height, width = x.shape[2:]
    side = (1 - torch.distributions.Beta(alpha, alpha).sample().item()) ** 0.5
    row, column = int(torch.randint(height, ())), int(torch.randint(width, ()))
    top, bottom = max(0, row - round(height * side / 2)), min(height, row + round(height * side / 2))
    left, right = max(0, column - round(width * side / 2)), min(width, column + round(width * side / 2))
    other = torch.randperm(len(x), device=x.device)
    x = x.clone()
    x[:, :, top:bottom, left:right] = x[other, :, top:bottom, left:right]
    return x, shares.lerp(shares[other], (bottom - top) * (right - left) / (height * width))

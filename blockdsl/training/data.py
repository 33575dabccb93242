"""Labelled images (or vectors) by name: `digits`, `mnist`, `cifar10`, `imagefolder:PATH`, `npz:PATH`, …"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import current_process
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from blockdsl.diagnostics import ArchError, did_you_mean, error
from blockdsl.formatting import shape_text
from blockdsl.ops import Sizes
from blockdsl.ops.layouts import read_sizes
from blockdsl.training.files import read_folder, read_npz, read_torchvision


class Split(Protocol):
    """A part of a data set. `labels` is (N,), int64; `batch` takes the images at some indices.

    Images come as (B, C, H, W), uint8 or float in 0…1; vectors as (B, F), float.
    """

    @property
    def labels(self) -> Tensor:
        """Labels (N,)."""

    @property
    def workers(self) -> int:
        """Processes that read ahead; 0 where the data is in memory."""

    def batch(self, index: Tensor) -> Tensor:
        """The inputs at the indices (B,)."""


@dataclass(frozen=True)
class InMemory:
    """A split whose images (N, C, H, W) or vectors (N, F) are held as one tensor."""

    images: Tensor
    labels: Tensor
    workers: int = 0

    def batch(self, index: Tensor) -> Tensor:
        """The inputs at the indices (B,)."""
        return self.images[index]


@dataclass(frozen=True)
class Part:
    """Some rows of another split."""

    whole: Split
    rows: Tensor

    @property
    def labels(self) -> Tensor:
        """Labels (N,) of the rows."""
        return self.whole.labels[self.rows]

    @property
    def workers(self) -> int:
        """Processes that read ahead."""
        return self.whole.workers

    def batch(self, index: Tensor) -> Tensor:
        """The inputs at the indices (B,)."""
        return self.whole.batch(self.rows[index])


@dataclass(frozen=True)
class Data:
    """A data set made ready for a network: its splits, and what images are brought to.

    `input_shape` is the network's, without the batch axis. It becomes a `Shape`: of a plain tuple the number
    of sizes says whether it is an image or a vector. `resize` is the side before crops.
    """

    name: str
    input_shape: Sizes
    train: Split
    validation: Split
    test: Split | None
    classes: int
    resize: int | None = None

    def __post_init__(self) -> None:
        try:
            shape = read_sizes(self.input_shape)
        except TypeError:
            shown = shape_text(self.input_shape) or "nothing"
            raise error("data", f"a network's input is an image or a vector, not {shown}") from None
        object.__setattr__(self, "input_shape", shape)

    def check_input(self, shape: Sizes) -> None:
        """Refuse a network whose input has another shape (raises `ArchError`)."""
        if self.input_shape != shape:
            sizes = shape_text(self.input_shape), shape_text(shape)
            raise error("data", f"{self.name} was loaded for {sizes[0]}, the network takes {sizes[1]}")

    def fingerprint(self) -> str:
        """A short text that tells whether another data set would train and validate in the same way.

        It is computed from the shapes, all labels, and the inputs: all that are in memory, and of files
        a thousand of each split.

        >>> data = load("digits", (1, 8, 8))
        >>> data.fingerprint() == load("digits", (1, 8, 8)).fingerprint()
        True
        >>> data.fingerprint() == load("digits", (1, 8, 8), share=0.5).fingerprint()
        False
        """
        seen = hashlib.sha256(f"{self.input_shape} {self.resize} {self.classes}".encode())
        for split in (self.train, self.validation):
            rows = torch.arange(len(split.labels)) if split.workers == 0 else spread(split, _LOOK)
            for tensor in (split.labels, *map(split.batch, torch.split(rows, _LOOK))):
                seen.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
                seen.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return seen.hexdigest()[:16]


_LOOK = 1_000
"""Inputs that a fingerprint looks at together, and in all where they are read from files."""


def spread(split: Split, most: int) -> Tensor:
    """Indices of so many of a split's rows, or of all if it has no more, evenly spread."""
    count = len(split.labels)
    return torch.linspace(0, count - 1, min(count, most)).round().long()


def load(
    name: str,
    input_shape: Sizes,
    *,
    validation: float = 0.1,
    resize: int | None = None,
    share: float = 1.0,
    fold: tuple[int, int] | None = None,
    folder: Path | None = None,
) -> Data:
    """Load a data set by name for a network with this input.

    The validation split is a fixed, stratified share of the training images: the same whatever the
    seed of a run, so that runs and ensemble members are compared on the same images.

    Args:
        name: one of `DATASETS`, `imagefolder:PATH` or `npz:PATH`.
        input_shape: `(C, H, W)` or `(F,)`.
        validation: share of the training images kept for validation.
        resize: side that images are brought to before crops (None: that of the input).
        share: part of the remaining training images that is used, for short trials: above 0.
        fold: `(i, k)` validates on the i-th (from 0) of k stratified parts of the training images, in
            place of the share, and trains on the others.
        folder: where downloaded data sets lie; `~/.cache/blockdsl/data` by default.

    Raises:
        ArchError: the name is unknown, the data is missing or malformed, or nothing is left to train on.
    """
    if not 0 < share <= 1:
        raise error(
            "data", f"a share of {share:g} is no part of the images", help="above 0, and 1 at the most"
        )
    kind, _, path = name.partition(":")
    train: Split
    test: Split | None
    if kind == "digits" and not path:
        train, test, classes = _digits(), None, 10
    elif kind == "npz" and path:
        train, test, classes = _pair(*read_npz(Path(path)))
    elif kind == "imagefolder" and path:
        train, test, classes = read_folder(Path(path), resize or max(input_shape[-2:]))
    elif kind in DATASETS and not path:
        where = folder or Path.home() / ".cache" / "blockdsl" / "data"
        train, test, classes = _pair(*read_torchvision(kind, where))
    else:
        known = [*DATASETS, "imagefolder:PATH", "npz:PATH"]
        raise error(
            "data",
            f"there is no data set named {name}",
            help=did_you_mean(kind, known, "data sets are " + ", ".join(known)),
        )
    labels = train.labels
    kept, held_out = _split(labels, validation, name) if fold is None else _fold(labels, *fold, name)
    kept = kept[: math.ceil(len(kept) * share)]
    return Data(name, input_shape, Part(train, kept), Part(train, held_out), test, classes, resize)


DATASETS = ("digits", "mnist", "fashion-mnist", "cifar10", "cifar100")
"""The data sets that have a name of their own."""


def _digits() -> InMemory:
    """scikit-learn's 1,797 handwritten digits of 8x8 (Alpaydin & Kaynak, 1998), values 0…16."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return InMemory(
        torch.from_numpy(bunch.images).float().div(16)[:, None], torch.from_numpy(bunch.target).long()
    )


def _pair(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray] | None
) -> tuple[InMemory, InMemory | None, int]:
    """Arrays as splits: NHW and NHWC become NCHW, floats are brought to 0…1 by the training range."""
    low, high = float(train[0].min()), float(train[0].max())

    def split(images: np.ndarray, labels: np.ndarray) -> InMemory:
        x = torch.from_numpy(np.ascontiguousarray(images))
        if x.ndim == 4:
            x = x.permute(0, 3, 1, 2).contiguous()
        elif x.ndim == 3:
            x = x[:, None]
        if x.dtype != torch.uint8:
            x = ((x.double() - low) / ((high - low) or 1.0)).float()
        return InMemory(x, torch.from_numpy(labels.astype(np.int64)).reshape(-1))

    classes = int(max(part[1].max() for part in (train, test) if part)) + 1
    return split(*train), split(*test) if test else None, classes


def _split(labels: Tensor, validation: float, name: str) -> tuple[Tensor, Tensor]:
    """Shuffled rows for training and validation, with every class in its proportion in both."""
    from sklearn.model_selection import train_test_split

    try:
        kept, held_out = train_test_split(
            np.arange(len(labels)), test_size=validation, random_state=0, stratify=labels.numpy()
        )
    except ValueError:
        raise _too_few(labels, validation, name) from None
    return torch.from_numpy(kept), torch.from_numpy(held_out)


def _fold(labels: Tensor, index: int, folds: int, name: str) -> tuple[Tensor, Tensor]:
    """Shuffled rows for training, of all parts but one, and that one for validation."""
    from sklearn.model_selection import StratifiedKFold

    fewest = min(Counter(labels.tolist()).values())
    if fewest < folds:
        raise error(
            "data", f"{name} has {fewest} images of a class, too few for {folds} folds",
            help="one of each class in each fold at least",
        )  # fmt: skip
    parts = StratifiedKFold(folds, shuffle=True, random_state=0).split(labels.numpy(), labels.numpy())
    kept, held_out = list(parts)[index]
    return torch.from_numpy(np.random.default_rng(0).permutation(kept)), torch.from_numpy(held_out)


def _too_few(labels: Tensor, validation: float, name: str) -> ArchError:
    """Why images cannot be split with every class in both parts."""
    classes, counts = np.unique(labels.numpy(), return_counts=True)
    if counts.min() < 2:
        return error(
            "data",
            f"{name} has one image of class {classes[counts.argmin()]}",
            help="two of each class at least: one to train and one to validate",
        )
    return error(
        "data",
        f"{name} has {len(labels)} images: {validation:.0%} of them are too few for {len(classes)} classes",
        help="take more images, or raise `validation` in the train section",
    )


class _Batches(Dataset[tuple[Tensor, Tensor]]):
    """Indexed by a tensor of indices, so that a loader fetches whole batches."""

    def __init__(self, split: Split) -> None:
        self.split, self.labels = split, split.labels

    def __getitem__(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return self.split.batch(index), self.labels[index]


def batches(split: Split, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches (inputs, labels) at each tensor of indices, read ahead where that helps.

    The workers of a search do not read ahead: they are daemons, which may not start processes.
    """
    workers = 0 if current_process().daemon else split.workers
    loader: DataLoader[Any] = DataLoader(_Batches(split), sampler=order, batch_size=None, num_workers=workers)
    return iter(loader)

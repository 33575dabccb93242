"""Data sets from files: numpy archives, folders of images, and those that torchvision downloads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from blockdsl.diagnostics import error
from blockdsl.extras import install_command, require

Arrays = tuple[np.ndarray, np.ndarray]


def read_npz(path: Path) -> tuple[Arrays, Arrays | None]:
    """`x_train`, `y_train` and, if they are there, `x_test`, `y_test` of a numpy archive.

    Images are NHW or NHWC, uint8 or float; vectors NF, float; labels N whole numbers from 0.

    Raises:
        ArchError: the file is missing, no archive, or its arrays do not fit each other.
    """
    try:
        # NumPy leaves a broken archive open if it opens it itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except FileNotFoundError:
        raise error("data", f"there is no file {path}") from None
    except (OSError, ValueError, EOFError, BadZipFile, TypeError):
        raise error("data", f"{path} is not a numpy archive of plain arrays", help=_NPZ) from None
    train = _arrays(path, arrays, "train")
    if train is None:
        raise error("data", f"{path} has no x_train and y_train", help=_NPZ)
    test = _arrays(path, arrays, "test")
    if test is not None and test[0].shape[1:] != train[0].shape[1:]:
        raise error("data", f"{path}: images of x_train and x_test differ in shape")
    return train, test


_NPZ = "write it with `numpy.savez(path, x_train=…, y_train=…, x_test=…, y_test=…)`"


def _arrays(path: Path, arrays: dict[str, np.ndarray], part: str) -> Arrays | None:
    x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise error("data", f"{path} has only one of x_{part} and y_{part}", help=_NPZ)
    y = y.reshape(-1)
    if x.ndim not in (2, 3, 4) or not (x.dtype == np.uint8 or np.issubdtype(x.dtype, np.floating)):
        raise error(
            "data",
            f"{path}: x_{part} is {x.dtype} of shape {x.shape}",
            help="images are NHW or NHWC, uint8 or float; vectors are NF, float",
        )
    if x.ndim == 4 and x.shape[3] > 4 and x.shape[1] <= 4:
        raise error(
            "data",
            f"{path}: x_{part} is of shape {x.shape}, with the channels first",
            help="images are NHWC: x.transpose(0, 2, 3, 1)",
        )
    if len(x) != len(y) or not len(x):
        raise error("data", f"{path}: {len(x)} inputs and {len(y)} labels in {part}")
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        raise error("data", f"{path}: y_{part} is {y.dtype}", help="labels are whole numbers from 0")
    if not np.isfinite(x).all():
        raise error("data", f"{path}: x_{part} has values that are not finite")
    return x, y


def read_torchvision(name: str, folder: Path) -> tuple[Arrays, Arrays]:
    """MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100, downloaded into `folder` on first use.

    Raises:
        ArchError: torchvision is missing, or the download fails.
    """
    known = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}
    dataset = getattr(_torchvision(name).datasets, known[name])
    try:
        parts = [dataset(root=str(folder), train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as problem:
        raise error("data", f"{name} could not be downloaded to {folder}: {problem}") from None
    train, test = ((np.asarray(part.data), np.asarray(part.targets)) for part in parts)
    return train, test


def _torchvision(name: str) -> ModuleType:
    require("vision", f"cannot read {name}")
    try:
        import torchvision
    except (ImportError, RuntimeError) as problem:  # its compiled operators were built for another torch
        raise error(
            "missing",
            f"cannot read {name}: the installed torchvision does not load with torch {torch.__version__}: "
            f"{problem}",
            help=f"`{install_command('vision', reinstall=True)}`",
        ) from None
    return torchvision  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Folder:
    """Images in one folder per class, decoded when they are asked for.

    The shorter side becomes `side`, then the square in the middle is cut out: (B, 3, side, side).
    """

    dataset: Any
    labels: Tensor
    side: int
    workers: int

    def batch(self, index: Tensor) -> Tensor:
        """The images at the indices (B,), uint8."""
        return torch.stack([self._image(int(i)) for i in index])

    def _image(self, index: int) -> Tensor:
        image = self.dataset.loader(self.dataset.samples[index][0])
        scale = self.side / min(image.size)
        image = image.resize([max(self.side, round(s * scale)) for s in image.size], resample=2)
        left, top = ((s - self.side) // 2 for s in image.size)
        image = image.crop((left, top, left + self.side, top + self.side))
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def read_folder(path: Path, side: int) -> tuple[Folder, Folder | None, int]:
    """One folder per class under `path/train` (and `path/test` or `path/val`), or under `path` itself.

    Raises:
        ArchError: torchvision is missing, or there are no images in such folders.
    """
    datasets = _torchvision(f"imagefolder:{path}").datasets

    def folder(where: Path) -> Folder:
        try:
            dataset = datasets.ImageFolder(str(where))
        except (OSError, RuntimeError) as problem:
            raise error(
                "data", f"{where}: {problem}", help="lay the images out as PATH/train/CLASS/image.png"
            ) from None
        return Folder(dataset, torch.tensor(dataset.targets), side, min(8, os.cpu_count() or 1))

    whole = folder(path / "train" if (path / "train").is_dir() else path)
    test = next((folder(path / n) for n in ("test", "val") if (path / n).is_dir() and path / "train"), None)
    if test is not None and test.dataset.classes != whole.dataset.classes:
        raise error("data", f"{path}: the folders of train and test name different classes")
    return whole, test, len(whole.dataset.classes)

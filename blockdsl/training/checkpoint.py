"""Checkpoints: written whole or not at all, read without unpickling code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from blockdsl.diagnostics import error
from blockdsl.output import Outputs, replacing

LAST = "last.pt"
BEST = "best.safetensors"


def save_state(path: Path, state: dict[str, Any], outputs: Outputs | None = None) -> None:
    """Write a checkpoint to resume from, completely or not at all; with `outputs` together with others.

    Raises:
        ArchError: the place cannot be written.
    """
    replace = outputs.replacing if outputs else replacing
    with replace(path, RuntimeError, part=_part(path)) as part, part.open("wb") as file:
        torch.save(state, file)


def save_weights(path: Path, weights: dict[str, Tensor], outputs: Outputs | None = None) -> None:
    """Write a `state_dict` as safetensors, in the same way (raises `ArchError`)."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    replace = outputs.replacing if outputs else replacing
    with replace(path, SafetensorError, part=_part(path)) as part:
        save_file(plain, part)


def _part(path: Path) -> Path:
    """Where a checkpoint is written first: always the same file, so that kills leave no more than one."""
    return path.with_name(path.name + ".part")


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint to resume from.

    Raises:
        ArchError: it is missing or damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise error("resume", f"there is no checkpoint {path}", help="train without resuming first") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, ValueError):
        raise error("resume", f"{path} is not a checkpoint of blockdsl") from None
    return state


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read the best epoch's weights (raises `ArchError` as `load_state`)."""
    try:
        return load_file(path)
    except (OSError, ValueError, SafetensorError) as problem:
        raise error("resume", f"cannot read {path}: {problem}") from None

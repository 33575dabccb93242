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

LAST = "last.pt"
BEST = "best.safetensors"


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint to resume from: to a file beside it first, which then takes its place.

    Raises:
        ArchError: the place cannot be written.
    """
    _replace(path, lambda temporary: torch.save(state, temporary))


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write a `state_dict` as safetensors, in the same way (raises `ArchError`)."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    _replace(path, lambda temporary: save_file(plain, temporary))


def make_folder(path: Path) -> None:
    """Make an output folder (raises `ArchError`)."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise error("output", f"cannot write to {path}: {problem.strerror}") from None


def _replace(path: Path, write: Any) -> None:
    temporary = path.with_name(path.name + ".part")
    try:
        write(temporary)
        temporary.replace(path)
    except (
        OSError,
        RuntimeError,
        SafetensorError,
    ) as problem:  # torch and safetensors have errors of their own
        temporary.unlink(missing_ok=True)
        reason = getattr(problem, "strerror", None) or str(problem).partition("\n")[0]
        raise error("output", f"cannot write {path}: {reason}") from None


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

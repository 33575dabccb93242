"""Reading state dicts and maps; nothing in a file is ever executed."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from blockdsl.diagnostics import error
from blockdsl.output import in_words
from blockdsl.resources import read_text
from blockdsl.transfer.tensors import State, plain_state

NESTED = ("state_dict", "model", "model_state_dict", "state_dict_ema")
"""Where a checkpoint of a training run keeps the weights, among other things."""

_DAMAGED = (
    *(RuntimeError, OSError, EOFError, ValueError, LookupError),
    *(AssertionError, AttributeError, TypeError, struct.error),
)
"""What torch's reader raises in front of files that were cut off or changed, found by changing some."""


def read_state(path: Path) -> State:
    """The state dict in a `.safetensors` or a torch file, which is read without running anything in it.

    A checkpoint may have it under `state_dict` or `model`, and `module.` before its names.

    What is returned has `ordered`: False for `.safetensors`, whose names are sorted.

    Raises:
        ArchError: the file is missing, of another kind, or holds more than dense tensors.
    """
    if not path.is_file():
        raise error("file", f"{path} does not exist")
    return _safe(path) if path.suffix == ".safetensors" else _tensors(path, _unpickled(path))


def _safe(path: Path) -> State:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = plain_state(load_file(path), str(path))
    except (SafetensorError, OSError) as failed:
        raise error("file", f"{path} is no safetensors file: {failed}") from None
    state.ordered = False
    return state


def _unpickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise error(
            "file",
            f"{path} is no state dict: it holds more than tensors, which is not run, or something else",
            help="save the `state_dict()` alone, best as .safetensors",
        ) from None
    except _DAMAGED as failed:
        reason = str(failed).partition("\n")[0]
        raise error("file", f"{path} cannot be read as weights: {reason}") from None


def _tensors(path: Path, loaded: Any) -> State:
    """The tensors of a checkpoint."""
    while isinstance(loaded, Mapping):
        inner = next((loaded[key] for key in NESTED if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    if not isinstance(loaded, Mapping) or not any(isinstance(value, Tensor) for value in loaded.values()):
        raise error("file", f"{path} holds no state dict")
    state = plain_state(loaded, str(path))
    while all(name.startswith("module.") for name in state):
        state = State((name.removeprefix("module."), value) for name, value in state.items())
    return state


def read_map(path: Path) -> dict[str, str]:
    """The pairs of a map file: lines `ours = theirs`, comments after #.

    Raises:
        ArchError: the file cannot be read, a line is no pair, or a layer stands there twice.
    """
    try:
        lines = read_text(path).splitlines()
    except OSError as reason:
        raise error("file", f"cannot read {path}: {in_words(reason)}") from None
    except UnicodeDecodeError:
        raise error("file", f"{path} is not a text file") from None
    pairs: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        own, _, other = (part.strip() for part in text.partition("="))
        if not (own and other):
            raise error("file", f"{path}:{number}: {text!r} is no pair", help="a line is `ours = theirs`")
        if own in pairs or other in pairs.values():
            raise error("file", f"{path}:{number}: {own if own in pairs else other} stands there twice")
        pairs[own] = other
    return pairs

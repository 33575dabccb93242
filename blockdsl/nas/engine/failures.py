"""Whose fault a failed measurement is: the network's or a user's function's, or this library's."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable

import torch
from torch import Tensor, nn

NO_MEMORY = ("can't allocate memory", "not enough memory")
"""How torch's allocator for CPUs says so, in a plain `RuntimeError`."""


def call(function: Callable[[nn.Module], float], module: nn.Module) -> float:
    """What a user's function says of a module. Whatever is raised here is the function's fault."""
    return float(function(module))


_USERS = call.__code__
_NETWORKS = frozenset(
    function.__code__
    for function in (
        nn.Module.__call__,
        Tensor.backward,
        torch.autograd.backward,
        torch.autograd.grad,
        copy.deepcopy,
    )
)
"""The functions that run a network's layers, forwards and backwards, or copy them."""
_LINEAR_ALGEBRA: type[Exception] = torch.linalg.LinAlgError  # type: ignore[attr-defined]
_NUMBERS = (_LINEAR_ALGEBRA, getattr(torch, "AcceleratorError", _LINEAR_ALGEBRA))  # the second since 2.8
"""What torch raises for numbers that it cannot work with, or long after the call that failed."""


def is_out_of_memory(reason: Exception) -> bool:
    """Whether a network did not fit into memory."""
    if isinstance(reason, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(reason, RuntimeError) and any(words in str(reason) for words in NO_MEMORY)


def is_defect(reason: Exception) -> bool:
    """Whether an exception that was caught while a network was measured is a defect of Blockdsl.

    It is the user's function's if it went through `call`, and the network's if it went through one of the
    functions that run layers. But our own layers raise nothing themselves: an exception from their lines
    is a defect, unless it is a `RuntimeError`, which is what torch raises in them. Whatever comes from
    anywhere else is a defect.
    """
    frames = [frame for frame, _ in traceback.walk_tb(reason.__traceback__)]
    codes = {frame.f_code for frame in frames}
    if _USERS in codes or isinstance(reason, _NUMBERS):
        return False
    if not codes & _NETWORKS:
        return True
    ours = str(frames[-1].f_globals.get("__name__", "")).startswith("blockdsl.")
    return ours and (not isinstance(reason, RuntimeError) or isinstance(reason, RecursionError))

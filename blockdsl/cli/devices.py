"""The words of `--device` and `--dtype`, and whether a network fits into the machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.formatting import bytes_text

if TYPE_CHECKING:
    from blockdsl.analysis import Summary

DTYPES = {
    "fp32": torch.float32,
    "float32": torch.float32,
    "bf16": torch.bfloat16,
    "bfloat16": torch.bfloat16,
    "fp16": torch.float16,
    "float16": torch.float16,
    "fp64": torch.float64,
    "float64": torch.float64,
}


def torch_dtype(name: str) -> torch.dtype:
    """The type of a name (raises `ArchError` with the known ones)."""
    if name not in DTYPES:
        raise error(
            "option",
            f"--dtype {name} is no type of weights",
            help=did_you_mean(name, DTYPES, "fp32, bf16, fp16 or fp64"),
        )
    return DTYPES[name]


def torch_device(name: str) -> torch.device:
    """The device of a name (raises `ArchError` where this machine has none such)."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise error(
            "option", f"--device {name} is no device", help="cpu, cuda, cuda:1, mps or meta"
        ) from None
    if device.type not in _devices() or (device.index or 0) >= max(1, _devices()[device.type]):
        here = ", ".join(_devices())
        raise error("option", f"--device {name} is not available here", help=f"this machine has {here}")
    return device


def _devices() -> dict[str, int]:
    found = {"cpu": 1, "meta": 1}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.device_count()
    if torch.backends.mps.is_available():
        found["mps"] = 1
    return found


def check_room(summary: Summary, device: torch.device) -> None:
    """Refuse, before anything is built, a network that one forward pass of does not fit.

    Raises:
        ArchError: the weights and the activations at the peak take more than the device has.
    """
    room = _memory(device)
    needed = summary.memory.inference
    if room is not None and needed > room:
        raise error(
            "memory",
            f"the network takes {bytes_text(needed)} for one sample, {device} has {bytes_text(room)}",
            help="`blockdsl summary` counts without building; --device meta builds without memory",
        )


def _memory(device: torch.device) -> int | None:
    """Bytes that a device has in all, where that is known."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "cpu" and hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None

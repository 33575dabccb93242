"""Devices, precision and randomness of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from blockdsl.diagnostics import error

_PRECISION: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed", "fp64": "32-true"}
"""Fabric's names. Its `64-true` rounds outputs to float32; its `32-true` leaves a float64 module alone."""


STRATEGIES = ("auto", "ddp")
"""Strategies that keep a whole network on each device, as the loop and its checkpoints expect."""


def make_fabric(device: str, devices: int, strategy: str, precision: str) -> Fabric:
    """Fabric on `auto`, `cpu`, `cuda`, `cuda:1` or `mps`, launched.

    Raises:
        ArchError: there is no such device here, or not so many, or the strategy is not known.
    """
    if strategy not in STRATEGIES:
        raise error(
            "device",
            f"there is no strategy {strategy}",
            help="auto and ddp train a copy of the network on each device; no strategy shards one",
        )
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (index and not index.isdecimal()):
        raise error("device", f"there is no device {device}", help="devices are auto, cpu, cuda, cuda:N, mps")
    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    needed = int(index) + 1 if index else devices
    if kind in there and there[kind] < needed:
        raise error("device", f"{device} was asked for, this machine has {there[kind]} {kind} devices")
    fabric = Fabric(
        accelerator=kind,
        devices=[int(index)] if index and kind == "cuda" else devices,
        strategy=strategy,
        precision=_PRECISION[precision],
    )
    fabric.launch()
    return fabric


def is_convolutional(module: nn.Module) -> bool:
    """Whether a network has 2-D convolutions, which run faster on `channels_last` tensors."""
    return any(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in module.modules())


def mixed_seed(*parts: int) -> int:
    """One seed from several numbers (a run's seed, the epoch, the rank), spread over 64 bits."""
    sequence = np.random.SeedSequence([part % 2**63 for part in parts])
    return int(sequence.generate_state(1, np.uint64)[0])


@contextmanager
def isolated(fabric: Fabric) -> Iterator[None]:
    """Deterministic algorithms where there are some, and torch's generators put back at the end."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it to be deterministic
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])

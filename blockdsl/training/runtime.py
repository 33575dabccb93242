"""Devices, precision and randomness of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from blockdsl.codegen import prefers_channels_last
from blockdsl.codegen.origin import Origin
from blockdsl.diagnostics import error

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_PRECISION: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed", "fp64": "32-true"}
"""Fabric's names. Its `64-true` rounds outputs to float32; its `32-true` leaves a float64 module alone."""


STRATEGIES = ("auto", "ddp")
"""Strategies that keep a whole network on each device, as the loop and its checkpoints expect."""


def check_device(device: str, devices: int = 1, strategy: str = "auto") -> None:
    """Refuse what this machine does not have.

    Args:
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        devices: how many of them; on a CPU so many processes, of which each takes a core at least.
        strategy: `ddp`, which `auto` is too.

    Raises:
        ArchError: there is no such device here, or not so many, or the strategy is not known.
    """
    if devices < 1:
        raise error("device", f"devices are 1 or more, not {devices}")
    if strategy not in STRATEGIES:
        raise error(
            "device",
            f"there is no strategy {strategy}",
            help="auto and ddp train a copy of the network on each device; no strategy shards one",
        )
    kind, _, index = device.partition(":")
    there = {
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
        "cpu": os.cpu_count() or 1,
    }
    if kind not in ("auto", *there) or (":" in device and not (kind == "cuda" and index.isdecimal())):
        raise error("device", f"there is no device {device}", help="devices are auto, cpu, cuda, cuda:N, mps")
    if index:
        if devices > 1:
            raise error("device", f"{device} is one device, {devices} are asked for", help=f"--device {kind}")
        devices = int(index) + 1
    kind = next(k for k in there if there[k]) if kind == "auto" else kind
    if there[kind] < devices:
        what = f"{device} was asked for" if index or devices == 1 else f"{devices} devices were asked for"
        have = f"{there[kind]} {'cores' if kind == 'cpu' else f'{kind} devices'}"
        raise error("device", f"{what}, this machine has {have}")


def make_fabric(device: str, devices: int, strategy: str, precision: str) -> Fabric:
    """Fabric on `auto`, `cpu`, `cuda`, `cuda:1` or `mps`, launched.

    Raises:
        ArchError: as `check_device`.
    """
    check_device(device, devices, strategy)
    kind, _, index = device.partition(":")
    # Half of what the start of a command costs, and not needed to refuse data that does not fit.
    from lightning_fabric import Fabric

    fabric = Fabric(
        accelerator=kind,
        devices=[int(index)] if index else devices,
        strategy=strategy,
        precision=_PRECISION[precision],
    )
    fabric.launch()
    return fabric


def choose_layout(module: nn.Module) -> None:
    """Lay weights out for `channels_last` images where a network's graph is faster, and right, with them."""
    origin = getattr(module, "origin", None)
    if isinstance(origin, Origin) and prefers_channels_last(origin.graph):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def arranged(x: Tensor, module: nn.Module) -> Tensor:
    """Images (N, C, H, W) in the layout of a network's weights; other tensors as they are.

    Images of one channel are in both layouts at once, and a convolution goes by their strides: cloned,
    they have those of the layout that is meant.
    """
    if x.ndim != 4:
        return x
    if any(w.ndim == 4 and not w.is_contiguous() for w in module.parameters()):
        return x.contiguous(memory_format=torch.channels_last)
    return x.clone(memory_format=torch.contiguous_format)


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

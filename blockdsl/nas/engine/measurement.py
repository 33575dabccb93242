"""How a candidate did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Measurement:
    """An outcome with what was measured, by name.

    `weights` are those of the best epoch; `traceback` is that of the exception in a crash.
    """

    outcome: str
    measured: dict[str, float]
    epochs: int = 0
    weights: dict[str, Tensor] | None = None
    why: str = ""
    traceback: str = ""

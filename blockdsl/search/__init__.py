"""Searching a space of networks with Optuna. Optuna itself is loaded when a sampler is."""

from typing import TYPE_CHECKING, Any

from blockdsl.search.space import Candidate, Space

if TYPE_CHECKING:
    from blockdsl.search.sampling.sampler import ArchSampler

__all__ = ["ArchSampler", "Candidate", "Space"]


def __getattr__(name: str) -> Any:
    if name == "ArchSampler":
        from blockdsl.search.sampling.sampler import ArchSampler

        return ArchSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

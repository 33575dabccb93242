"""What each way to propose networks has in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from blockdsl.nas.samplers.archive import Archive, Entry
from blockdsl.nas.samplers.goals import Goal, Measured
from blockdsl.nas.samplers.pool import Pool


class Method(Protocol):
    """A way to propose the next candidate, behind `ArchSampler`.

    Attributes:
        goals: what is optimised.
        archive: the candidates that it has met.
        pool: draws candidates into the archive.
    """

    goals: tuple[Goal, ...]
    archive: Archive
    pool: Pool

    def propose(self, records: Sequence[Measured]) -> Entry:
        """The next candidate: feasible, and not one that was measured, is running, or failed.

        Args:
            records: all measurements so far.

        Raises:
            ArchError: none is left, or none could be found.
        """

"""One network of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from blockdsl.analysis import Summary, summarise
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.analysis.checks import figures
from blockdsl.lowering import ChoicePoint, Program
from blockdsl.ops import InputSizes
from blockdsl.space.choosing import readable
from blockdsl.space.domains import Value
from blockdsl.space.frozen import frozen

Assignment = dict[str, Value]
"""The value of each choice, by its path."""


@dataclass(frozen=True)
class Candidate:
    """One network of a space, with the choices that lead to it.

    Attributes:
        program: the lowered file, with its decisions.
        input, settings: what was given in place of the file's.
    """

    program: Program
    input: InputSizes | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def assignment(self) -> Assignment:
        """The value of every choice that was reached, by its path, in the order reached; options from 0."""
        return {path: value for path, (_, value) in self.program.decisions.items()}

    @property
    def choices(self) -> dict[str, str]:
        """Every choice as a person writes it, by its path; `Space.choose` takes them."""
        return readable(self.points, self.assignment)

    @property
    def points(self) -> dict[str, ChoicePoint]:
        """The choices that were reached, by path."""
        return {path: point for path, (point, _) in self.program.decisions.items()}

    @cached_property
    def summary(self) -> Summary:
        """Shapes and costs."""
        return summarise(self.program.graph, self.program.meta.title)

    @cached_property
    def figures(self) -> Mapping[str, Any]:
        """The static figures that `require` and objectives may name."""
        return figures(self.program, self.summary)

    @cached_property
    def identity(self) -> str:
        """Equal for candidates that are the same network trained the same way."""
        return f"{canonical_hash(self.program.graph)}:{self.program.recipe}"

    def text(self, *, folder: str | Path | None = None, comments: Sequence[str] = ()) -> str:
        """The network as an `.arch` file: its choices bound, its parameters and MACs as checks.

        The text is lowered before it is returned: it is the same network, with the same recipe.

        Args:
            folder: where the file will lie; that of the space's file by default.
            comments: lines before the file, without their `#`.

        Raises:
            ArchError: the network cannot be written without a choice.
        """
        return self._frozen(folder, comments)[0]

    def frozen_program(self) -> Program:
        """The network's own file, lowered: what is trained, so that weights fit the file.

        Raises:
            ArchError: as `text`.
        """
        return self._frozen(None, ())[1]

    def _frozen(self, folder: str | Path | None, comments: Sequence[str]) -> tuple[str, Program]:
        checks = {"params": self.summary.params, "macs": self.summary.macs}
        where = None if folder is None else Path(folder)
        return frozen(
            self.program, checks, input=self.input, settings=self.settings, folder=where, comments=comments
        )

"""How much work one network may take to unfold."""

from __future__ import annotations

from dataclasses import dataclass, field

from blockdsl.lowering.block_kinds import BlockKinds
from blockdsl.lowering.context import Context
from blockdsl.syntax import tree as nodes

MAX_STEPS = 1_000_000
"""Expressions that are looked at for one network."""

MAX_ITEMS = 100_000
"""Items of a list, rounds of a loop, repetitions: more is a slip of the pen."""


@dataclass
class Budget:
    """Counts the steps that lowering takes; no file may take forever.

    Attributes:
        steps: those taken so far.
        block_kinds: which calls of blocks are tensors, as far as that is known.
    """

    steps: int = 0
    block_kinds: BlockKinds = field(default_factory=BlockKinds)

    def spend(self, steps: int, expr: nodes.Expr, context: Context) -> None:
        """Count steps (raises `ArchError` where there are too many)."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise context.error(
                "size", f"the network takes more than {MAX_STEPS:,} steps to unfold", expr.span,
                help="is a repetition or a recursion larger than meant?",
            )  # fmt: skip

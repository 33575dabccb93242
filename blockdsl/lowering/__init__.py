"""Syntax tree -> graph: blocks unfolded, names and choices resolved, shapes inferred."""

from blockdsl.lowering.choices import ChoicePoint, Chooser, FloatRange, IntRange, Options
from blockdsl.lowering.program import Meta, Program, lower
from blockdsl.lowering.unresolved import refuse_unresolved

__all__ = [
    "ChoicePoint", "Chooser", "FloatRange", "IntRange", "Meta", "Options", "Program", "lower",
    "refuse_unresolved",
]  # fmt: skip

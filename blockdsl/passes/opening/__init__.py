"""A network -> a space around it: its widths, depths, kernels and shortcuts become choices."""

from blockdsl.passes.opening.opened import Opened, open_choices
from blockdsl.passes.opening.options import Opening, opening_of, refuse_space
from blockdsl.passes.opening.ranges import Values

__all__ = ["Opened", "Opening", "Values", "open_choices", "opening_of", "refuse_space"]

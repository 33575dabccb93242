"""A network -> a space around it: its widths, depths, kernels and shortcuts become choices."""

from blockdsl.passes.opening.asked import Opening, refuse_space
from blockdsl.passes.opening.opened import Opened, open_choices
from blockdsl.passes.opening.ranges import Values, counts, kernels, multipliers

__all__ = ["Opened", "Opening", "Values", "counts", "kernels", "multipliers", "open_choices", "refuse_space"]

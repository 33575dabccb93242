"""Static analysis: what a network costs, counted on its graph alone. Loads no torch."""

from blockdsl.analysis.checks import run_checks
from blockdsl.analysis.folding import LayerCost, Row
from blockdsl.analysis.memory import Memory
from blockdsl.analysis.receptive import Field, receptive_fields
from blockdsl.analysis.summary import Summary, summarise
from blockdsl.analysis.warnings import warnings_of

__all__ = [
    "Field", "LayerCost", "Memory", "Row", "Summary", "receptive_fields", "run_checks", "summarise",
    "warnings_of",
]  # fmt: skip

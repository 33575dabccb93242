"""Every operation of the language, each declared once."""

from blockdsl.ops import (
    activation,
    attention,
    conv,
    conversion,
    dropout,
    gating,
    join,
    linear,
    norm,
    pool,
    scale,
    sequence,
    shape,
    spatial,
    weight,
)
from blockdsl.ops.core import TAGS, Argument, Operation, OpError, Window
from blockdsl.ops.layouts import Ids, Image, InputSizes, Shape, Signal, Sizes, Tokens, Vector, Volume
from blockdsl.ops.registry import all_operations, find, operation, unregister
from blockdsl.ops.spec import ModuleSpec

__all__ = [
    "TAGS", "Argument", "Ids", "Image", "InputSizes", "ModuleSpec", "OpError", "Operation", "Shape", "Signal",
    "Sizes", "Tokens", "Vector", "Volume", "Window", "activation", "all_operations", "attention",
    "conv", "conversion", "dropout", "find", "gating", "join", "linear", "norm", "operation", "pool",
    "scale", "sequence", "shape", "spatial", "unregister", "weight",
]  # fmt: skip

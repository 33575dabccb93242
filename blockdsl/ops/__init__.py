"""Every operation of the language, each declared once."""

from blockdsl.ops import (
    activation,
    attention,
    conv,
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
)
from blockdsl.ops.core import (
    TAGS,
    Argument,
    Operation,
    OpError,
    Shape,
    Window,
    all_operations,
    find,
    operation,
    unregister,
)

__all__ = [
    "TAGS", "Argument", "OpError", "Operation", "Shape", "Window", "activation", "all_operations",
    "attention", "conv", "dropout", "find", "gating", "join", "linear", "norm", "operation", "pool",
    "scale", "sequence", "shape", "spatial", "unregister",
]  # fmt: skip

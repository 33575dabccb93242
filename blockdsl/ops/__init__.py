"""Every operation of the language, each declared once."""

from blockdsl.ops import conv, join, linear, norm, pool, shape
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
    "TAGS", "Argument", "OpError", "Operation", "Shape", "Window", "all_operations", "conv", "find", "join",
    "linear", "norm", "operation", "pool", "shape", "unregister",
]  # fmt: skip

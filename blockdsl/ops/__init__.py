"""Every operation of the language, each declared once."""

from blockdsl.ops import conv
from blockdsl.ops.core import (
    TAGS,
    Argument,
    OpError,
    Operation,
    Shape,
    Window,
    all_operations,
    find,
    operation,
    unregister,
)

__all__ = [
    "TAGS", "Argument", "OpError", "Operation", "Shape", "Window", "all_operations", "conv", "find",
    "operation", "unregister",
]  # fmt: skip

"""A compact text language for neural-network architectures: text -> checked graph -> PyTorch module.

net = blockdsl.load("alexnet")      # or blockdsl.parse("CONV(96,11,s4)-RELU-…")
net.summary()
model = net.module()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blockdsl.version import __version__ as __version__

if TYPE_CHECKING:
    from blockdsl.api import Architecture, dense, load, parse
    from blockdsl.codegen import multiscale, place
    from blockdsl.comparison import Comparison, compare
    from blockdsl.diagnostics import ArchError
    from blockdsl.ops import ModuleSpec, Operation, operation

__all__ = [
    "ArchError",
    "Architecture",
    "Comparison",
    "ModuleSpec",
    "Operation",
    "compare",
    "dense",
    "load",
    "multiscale",
    "operation",
    "parse",
    "place",
]

_HOMES = {
    "ArchError": "blockdsl.diagnostics",
    "Architecture": "blockdsl.api",
    "Comparison": "blockdsl.comparison",
    "ModuleSpec": "blockdsl.ops",
    "Operation": "blockdsl.ops",
    "compare": "blockdsl.comparison",
    "dense": "blockdsl.api",
    "load": "blockdsl.api",
    "multiscale": "blockdsl.codegen",
    "operation": "blockdsl.ops",
    "parse": "blockdsl.api",
    "place": "blockdsl.codegen",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import blockdsl.source` loads no more than that."""
    if name not in _HOMES:
        raise AttributeError(f"module 'blockdsl' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, so that completion offers these alone."""
    return sorted(__all__)

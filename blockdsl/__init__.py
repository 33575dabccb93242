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
    from blockdsl.api import dense, format_text, load, parse
    from blockdsl.architecture import Architecture
    from blockdsl.catalogue import ZooEntry, zoo
    from blockdsl.codegen import multiscale, place
    from blockdsl.comparison import Comparison, compare
    from blockdsl.diagnostics import ArchError
    from blockdsl.nas.distributions import suggest
    from blockdsl.nas.result import StudyResult, load_study
    from blockdsl.nas.samplers.sampler import ArchSampler
    from blockdsl.nas.search import search
    from blockdsl.ops import (
        Ids,
        Image,
        ModuleSpec,
        Operation,
        Shape,
        Signal,
        Tokens,
        Vector,
        Volume,
        operation,
    )
    from blockdsl.space import Candidate, Space
    from blockdsl.space.counting import count
    from blockdsl.space.draws import survey

__all__ = [
    "ArchError",
    "ArchSampler",
    "Architecture",
    "Candidate",
    "Comparison",
    "Ids",
    "Image",
    "ModuleSpec",
    "Operation",
    "Shape",
    "Signal",
    "Space",
    "StudyResult",
    "Tokens",
    "Vector",
    "Volume",
    "ZooEntry",
    "compare",
    "count",
    "dense",
    "format_text",
    "load",
    "load_study",
    "multiscale",
    "operation",
    "parse",
    "place",
    "search",
    "suggest",
    "survey",
    "zoo",
]

_HOMES = {
    "ArchError": "blockdsl.diagnostics",
    "ArchSampler": "blockdsl.nas.samplers.sampler",
    "Architecture": "blockdsl.architecture",
    "Candidate": "blockdsl.space",
    "Comparison": "blockdsl.comparison",
    "Ids": "blockdsl.ops",
    "Image": "blockdsl.ops",
    "ModuleSpec": "blockdsl.ops",
    "Operation": "blockdsl.ops",
    "Shape": "blockdsl.ops",
    "Signal": "blockdsl.ops",
    "Space": "blockdsl.space",
    "StudyResult": "blockdsl.nas.result",
    "Tokens": "blockdsl.ops",
    "Vector": "blockdsl.ops",
    "Volume": "blockdsl.ops",
    "ZooEntry": "blockdsl.catalogue",
    "compare": "blockdsl.comparison",
    "count": "blockdsl.space.counting",
    "dense": "blockdsl.api",
    "format_text": "blockdsl.api",
    "load": "blockdsl.api",
    "load_study": "blockdsl.nas.result",
    "multiscale": "blockdsl.codegen",
    "operation": "blockdsl.ops",
    "parse": "blockdsl.api",
    "place": "blockdsl.codegen",
    "search": "blockdsl.nas.search",
    "suggest": "blockdsl.nas.distributions",
    "survey": "blockdsl.space.draws",
    "zoo": "blockdsl.catalogue",
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

"""What a built module came from."""

from __future__ import annotations

from typing import Any

from torch import nn

from blockdsl.diagnostics import error
from blockdsl.ir import Graph


class Origin:
    """The graph that a module was built from; copies of the module share it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __deepcopy__(self, memo: dict[int, Any]) -> Origin:
        return self


def graph_of(module: nn.Module) -> Graph:
    """The graph of a module that `build` made.

    Raises:
        ArchError: the module comes from elsewhere.
    """
    origin = getattr(module, "origin", None)
    if not isinstance(origin, Origin):
        raise error(
            "module",
            f"this {type(module).__name__} does not know its graph",
            help="take a module as Architecture.module() makes it, not a part of one or one from elsewhere",
        )
    return origin.graph

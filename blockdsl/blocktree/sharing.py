"""Where networks that share their weights are applied."""

from __future__ import annotations

from typing import NamedTuple

from blockdsl.ir import Graph, Path, module_name


class Application(NamedTuple):
    """A place where a shared network is applied.

    Attributes:
        path: where that is.
        module: the name of the module that all applications use.
        first: whether it is the first of them, where the weights are counted.
    """

    path: Path
    module: str
    first: bool


def applications(graph: Graph) -> dict[Path, Application]:
    """The applications of shared networks by their paths, in execution order."""
    found: dict[Path, Application] = {}
    met: set[Path] = set()
    for layer in graph.layers() if graph.shared else ():
        for length in range(1, len(layer.path) + 1):
            path = layer.path[:length]
            module = graph.shared.get(path)
            if module is not None and path not in found:
                found[path] = Application(path, module_name(module), module not in met)
                met.add(module)
    return found

"""The points `head[1]`, `head[2]` of a shared network whose applications have other names."""

from __future__ import annotations

from collections.abc import Mapping

from blockdsl.ir import Graph, Path, Segment, module_name


def number_applications(graph: Graph, numbers: Mapping[Path, Path]) -> None:
    """Let the points of applications that have other names have their numbers too.

    Args:
        graph: the graph, whose points are added to.
        numbers: by the path of an application that has a label, its number beside those without one. Where
            no application of a network has a number, as inside of other blocks, all are counted.
    """
    for path, number in numbers.items():
        _also_called(graph, path, number)
    numbered = [*(path for path in graph.shared if path[-1].index is not None), *numbers.values()]
    counted = {(*graph.path_in_modules(path[:-1]), Segment(path[-1].name)) for path in numbered}
    found: dict[Path, list[Path]] = {}
    for path in _in_order(graph):
        found.setdefault(graph.shared[path], []).append(path)
    for module, paths in found.items():
        if module not in counted:
            for index, path in enumerate(paths, 1):
                _also_called(graph, path, (*module[:-1], Segment(module[-1].name, index)))


def _in_order(graph: Graph) -> list[Path]:
    """The applications of shared networks, in the order in which they run."""
    layers = graph.layers() if graph.shared else ()
    return list(dict.fromkeys(path for layer in layers for path in graph.applications(layer.path)))


def _also_called(graph: Graph, path: Path, number: Path) -> None:
    """Let what a path names, and all points inside it, be found under another path too."""
    name, other = module_name(path), module_name(number)
    for point, value in list(graph.points.items()):
        if point == name or point.startswith(f"{name}."):
            graph.points.setdefault(other + point[len(name) :], value)

"""The parts of a container as a class would have them: what is called, on what, in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from blockdsl.codegen import module_path
from blockdsl.codegen.tree import DRAW, Node
from blockdsl.export.python.layers import Layers
from blockdsl.export.python.modules import Leaf, Name, leaf_of
from blockdsl.ir import BlockCall, Graph, Layer, Value
from blockdsl.ops import Shape

Ref = tuple[int, int]
"""A tensor within a container: (-1, i) is its i-th input, (k, p) output p of its part k."""

ACTIVATION = "activation"
"""The kind of every activation without settings: which one it is may be an argument of a class."""


@dataclass
class Part:
    """A child of a container, or a run of children with one name, one class, one after the other.

    `kind` is the constructor as it is written, `args` one dict for each child of a run.
    `training` marks what only runs in training mode.
    """

    name: str
    kind: str
    sources: tuple[Ref, ...]
    args: list[dict[str, Any]]
    defaults: dict[str, Any]
    state: bool
    shapes: tuple[Shape, ...]
    leaf: Leaf | None = None
    first: int | None = None
    training: bool = False
    inplace: bool = False
    each: list[Shape] = field(default_factory=list)

    @property
    def key(self) -> tuple[Any, ...]:
        """What parts of two containers must share to be one part of a class."""
        name = self.name if self.state else ""
        return name, self.kind, self.first, len(self.shapes), self.training


@dataclass
class Container:
    """A container of the network with its parts; `values` are its class's arguments, once known."""

    node: Node
    title: str
    call: BlockCall | None
    parts: list[Part]
    inputs: tuple[Value, ...]
    outputs: tuple[Ref, ...]
    heads: int
    input_shapes: tuple[Shape | None, ...]
    output_shapes: tuple[Shape, ...]
    cls: Any = None
    values: dict[str, Any] = field(default_factory=dict)


class Reader:
    """Reads containers off the tree of a graph. `known` are those that have their class already."""

    def __init__(self, graph: Graph, module: nn.Module, layers: Layers) -> None:
        self.graph, self.module, self.layers = graph, module, layers
        self.known: dict[tuple[str, ...], Container] = {}
        self.calls = {tuple(name.split(".")): call for name, call in graph.blocks.items()}

    def read(self, node: Node, title: str) -> Container:
        """A container whose children of their own class are known."""
        inputs = node.arguments()
        refs: dict[Value, Ref] = {value: (-1, i) for i, value in enumerate(inputs)}
        parts: list[Part] = []
        for child in map(self.unwrapped, node.children.values()):
            part = self._part(child, refs)
            part.training = child.optional and not node.optional
            last = parts[-1] if parts else None
            if last is not None and _continues(last, part, len(parts) - 1, child, self._readers(node)):
                last.args += part.args
                last.each += part.each
                last.shapes = part.shapes
            else:
                parts.append(part)
            for port, value in enumerate(child.all_outputs()):
                refs[value] = (len(parts) - 1, port)
        outputs = node.all_outputs()
        shape = self.graph.shape_of
        return Container(
            node, title, self.calls.get(node.names), parts, inputs,
            tuple(refs[v] for v in outputs), 0 if node.optional else len(outputs) - len(node.outputs),
            tuple(None if v == DRAW else shape(v) for v in inputs), tuple(map(shape, outputs)),
        )  # fmt: skip

    def unwrapped(self, node: Node) -> Node:
        """A block around a single layer without state is that layer: no key of `state_dict` names it."""
        if node.layer is None and len(node.children) == 1:
            child = self.unwrapped(next(iter(node.children.values())))
            if child.layer is not None and not self._has_state(child.layer):
                return replace(child, names=node.names)
        return node

    def _has_state(self, layer: Layer) -> bool:
        shapes = self.graph.input_shapes(layer)
        return bool(layer.operation.weights(*shapes) or layer.operation.buffers(*shapes))

    def _readers(self, node: Node) -> dict[Value, int]:
        counts: dict[Value, int] = dict.fromkeys(node.all_outputs(), 1)
        for child in node.children.values():
            for value in child.arguments():
                counts[value] = counts.get(value, 0) + 1
        return counts

    def _part(self, child: Node, refs: dict[Value, Ref]) -> Part:
        sources = tuple(refs[v] for v in child.arguments())
        name = child.names[-1]
        shapes = tuple(self.graph.shape_of(v) for v in child.all_outputs())
        if child.layer is None:
            inner = self.known[child.names]
            defaults = {p.name: p.default for p in inner.cls.params if p.has_default}
            return Part(
                name, inner.cls.name, sources, [inner.values], defaults, True, shapes, each=[shapes[0]]
            )
        module = self.module.get_submodule(module_path(self.graph, child.layer))
        leaf = leaf_of(self.graph, child.layer, module, self.layers.name_of(type(module)))
        inplace = bool(getattr(module, "inplace", False))
        if leaf.operation.family == "activation" and leaf.functional and leaf.is_plain and not leaf.state:
            kind = {"activation": Name(leaf.kind)}
            return Part(name, ACTIVATION, sources, [kind], {}, False, shapes, leaf, inplace=inplace)
        return Part(
            name, leaf.kind, sources, [leaf.args], leaf.defaults, leaf.state, shapes, leaf, inplace=inplace
        )


def _continues(last: Part, part: Part, index: int, child: Node, readers: dict[Value, int]) -> bool:
    """Make two children one run: `unit1`, `unit2` of one class, the second on what the first yields."""
    if part.leaf is not None or last.leaf is not None or last.kind != part.kind or part.training:
        return False
    stem, number = _numbered(part.name)
    previous = _numbered(last.name) if last.first is None else (last.name, last.first + len(last.args) - 1)
    if number is None or previous[1] is None or previous != (stem, number - 1):
        return False
    if part.sources != ((index, 0),) or len(part.shapes) != 1 or readers[child.arguments()[0]] != 1:
        return False
    last.name, last.first = stem, last.first if last.first is not None else number - 1
    return True


def as_runs(containers: list[Container]) -> None:
    """Count a single numbered child as a run of one where others have several, as stages of one unit do."""
    runs = {(p.name, p.kind, p.first) for c in containers for p in c.parts if p.first is not None}
    for part in (p for c in containers for p in c.parts):
        stem, number = _numbered(part.name)
        if (
            part.leaf is None
            and part.first is None
            and (stem, part.kind, number) in runs
            and not part.training
        ):
            part.name, part.first = stem, number


def _numbered(name: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(.*?)(\d+)", name)
    return (found[1], int(found[2])) if found else (name, None)

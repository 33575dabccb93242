"""The parts of a container as a class would have them: what is called, on what, in which order."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from blockdsl.codegen import module_path
from blockdsl.codegen.names import Names, block_calls
from blockdsl.codegen.tree import DRAW, Column, Held, ModuleCall, ModuleNode
from blockdsl.export.python.layers import Layers
from blockdsl.export.python.modules import Leaf, Name, leaf_of
from blockdsl.ir import BlockCall, Graph, Layer
from blockdsl.ops import Shape

Ref = tuple[int, int]
"""A tensor within a container: (-1, i) is its i-th input, (k, p) output p of its part k."""

ACTIVATION = "activation"
"""The kind of every activation without settings: which one it is may be an argument of a class."""


CALL = "call"
"""The kind of a call of a module that is held, or handed in."""


@dataclass
class Part:
    """A child of a container, or a run of children with one name, one class, one after the other.

    `kind` is the constructor as it is written, `args` one dict for each child of a run.
    `training` marks what only runs in training mode.

    A shared module is `held`: the part is the module itself, which other parts call or hand on; its kind may
    be what it is reached by, `self.stage1.head`. `modules` are such modules that a part is handed; of a
    `CALL` the first is the one that is called.
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
    held: bool = False
    modules: tuple[Ref, ...] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        """What parts of two containers must share to be one part of a class."""
        name = self.name if self.state else ""
        return name, self.kind, self.first, len(self.shapes), self.training, self.held


@dataclass
class Container:
    """A container of the network with its parts; `values` are its class's arguments, once known.

    The shapes are those of its first call; whether others have other ones says `varies`.
    """

    node: ModuleNode
    title: str
    call: BlockCall | None
    parts: list[Part]
    outputs: tuple[Ref, ...]
    heads: int
    input_shapes: tuple[Shape | None, ...]
    output_shapes: tuple[Shape, ...]
    varies: bool = False
    cls: Any = None
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[Held, ...]:
        """The tensors that it takes, and then the modules."""
        return (*self.node.inputs, *self.node.modules)


class Reader:
    """Reads containers off the tree of a graph. `known` are those that have their class already."""

    def __init__(self, graph: Graph, root: ModuleNode, module: nn.Module, layers: Layers) -> None:
        self.graph, self.module, self.layers = graph, module, layers
        self.known: dict[Names, Container] = {}
        self.calls = block_calls(graph)
        self.uses: Counter[Names] = Counter()
        nodes = [root]
        while nodes:
            node = nodes.pop()
            nodes += node.children.values()
            self.uses.update(names for call in node.calls for names in (call.node.names, *call.modules))

    def read(self, node: ModuleNode, title: str) -> Container:
        """A container whose children of their own class are known."""
        inputs: list[Held] = [*node.inputs, *node.modules]
        refs: dict[Held, Ref] = {held: (-1, i) for i, held in enumerate(inputs)}
        parts: list[Part] = []
        readers = _readers(node)
        for call in map(self.unwrapped, node.calls):
            is_own = node.is_child(call.node) and self.uses[call.node.names] == 1
            for names in (*call.modules, *(() if is_own else (call.node.names,))):
                if names not in refs:
                    refs[names] = len(parts), 0
                    parts.append(self._held(node, names))
            sources = tuple(refs[column] for column in call.arguments)
            part = self._part(call.node, sources) if is_own else _called(call.node, sources)
            part.shapes = tuple(map(self._shape, call.results))
            part.each = list(part.shapes[:1])
            part.modules = tuple(refs[n] for n in (*(() if is_own else (call.node.names,)), *call.modules))
            part.training = call.optional and not node.optional
            last = parts[-1] if parts else None
            if last is not None and _continues(last, part, len(parts) - 1, readers[call.arguments[0]]):
                last.args += part.args
                last.each += part.each
                last.shapes = part.shapes
            else:
                parts.append(part)
            for port, column in enumerate(call.results):
                refs[column] = (len(parts) - 1, port)
        used = {names for call in node.calls for names in (call.node.names, *call.modules)}
        parts += [
            self._held(node, child.names) for child in node.children.values() if child.names not in used
        ]
        return Container(
            node, title, self.calls.get(node.names), parts,
            tuple(refs[column] for column in node.outputs), len(node.outputs) - node.regular,
            tuple(None if DRAW in column else self._shape(column) for column in node.inputs),
            tuple(map(self._shape, node.outputs)),
            any(self.graph.shape_of(v) != self._shape(column) for column in node.outputs for v in column),
        )  # fmt: skip

    def unwrapped_node(self, node: ModuleNode) -> ModuleNode:
        """A block around a single layer without state is that layer: no key of `state_dict` names it."""
        if node.layer is None and len(node.calls) == 1:
            inner = node.calls[0].node
            if node.is_child(inner) and self.uses[inner.names] == 1:
                child = self.unwrapped_node(inner)
                if child.layer is not None and not self._has_state(child.layer):
                    return replace(child, names=node.names)
        return node

    def unwrapped(self, call: ModuleCall) -> ModuleCall:
        """A call of a block around a single layer without state as one of that layer."""
        node = self.unwrapped_node(call.node)
        while call.node.layer is not node.layer:
            (inner,) = call.node.calls
            outside = dict(zip(call.node.inputs, call.arguments, strict=True))
            outside |= zip(call.node.outputs, call.results, strict=True)
            arguments, results = (
                tuple([outside.get(column, column) for column in columns])
                for columns in (inner.arguments, inner.results)
            )
            call = ModuleCall(inner.node, arguments, results, call.optional)
        return replace(call, node=node)

    def _shape(self, column: Column) -> Shape:
        """The shape of a tensor in the first call of its container."""
        return self.graph.shape_of(column[0])

    def _has_state(self, layer: Layer) -> bool:
        shapes = self.graph.input_shapes(layer)
        return bool(layer.operation.weights(*shapes) or layer.operation.buffers(*shapes))

    def _held(self, node: ModuleNode, names: Names) -> Part:
        """A module within a container, as a value."""
        if names[:-1] != node.names:
            reached = f"self.{'.'.join(names[len(node.names) :])}"
            return Part(names[-1], reached, (), [{}], {}, False, (), held=True)
        part = self._part(self.unwrapped_node(node.children[names[-1]]), ())
        if part.leaf is not None:
            part.kind, part.args = part.leaf.kind, [part.leaf.args]
        part.held = part.state = True
        return part

    def _part(self, child: ModuleNode, sources: tuple[Ref, ...]) -> Part:
        name = child.names[-1]
        if child.layer is None:
            inner = self.known[child.names]
            defaults = {p.name: p.default for p in inner.cls.params if p.has_default}
            return Part(name, inner.cls.name, sources, [inner.values], defaults, True, ())
        module = self.module.get_submodule(module_path(self.graph, child.layer))
        leaf = leaf_of(self.graph, child.layer, module, self.layers.name_of(type(module)))
        inplace = bool(getattr(module, "inplace", False))
        if leaf.operation.family == "activation" and leaf.functional and leaf.is_plain and not leaf.state:
            kind = {"activation": Name(leaf.kind)}
            return Part(name, ACTIVATION, sources, [kind], {}, False, (), leaf, inplace=inplace)
        return Part(
            name, leaf.kind, sources, [leaf.args], leaf.defaults, leaf.state, (), leaf, inplace=inplace
        )


def _called(node: ModuleNode, sources: tuple[Ref, ...]) -> Part:
    return Part(node.names[-1], CALL, sources, [{}], {}, False, ())


def _readers(node: ModuleNode) -> Counter[Column]:
    """How often each tensor of a container is read."""
    return Counter([*node.outputs, *(column for call in node.calls for column in call.arguments)])


def _continues(last: Part, part: Part, index: int, readers: int) -> bool:
    """Make two children one run: `unit1`, `unit2` of one class, the second on what only it reads."""
    if part.leaf is not None or last.leaf is not None or last.kind != part.kind or part.training:
        return False
    if part.modules or last.modules or last.held:
        return False
    stem, number = _numbered(part.name)
    previous = _numbered(last.name) if last.first is None else (last.name, last.first + len(last.args) - 1)
    if number is None or previous[1] is None or previous != (stem, number - 1):
        return False
    if part.sources != ((index, 0),) or len(part.shapes) != 1 or readers != 1:
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
            and not (part.training or part.held or part.modules)
        ):
            part.name, part.first = stem, number


def _numbered(name: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(.*?)(\d+)", name)
    return (found[1], int(found[2])) if found else (name, None)

"""The graph as nested modules: which layer stands where, and what each container does with its slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from keyword import iskeyword
from unicodedata import normalize

from blockdsl.blocktree.nesting import Nest, fold, nest
from blockdsl.codegen.containers import Block, Chain, Network, Program, Step
from blockdsl.ir import Graph, Layer, Segment, Value

DRAW = Value(-1)
"""The tensor that global drop-path hands from the network to its joins; no layer makes it."""

MAX_DEPTH = 48
"""Deeper blocks become part of their ancestor: copying and pickling modules recurse over the depth."""

_EMPTY = Program((), 0, 0, (), 0)
_RESERVED = frozenset(dir(Chain())) | frozenset(dir(Block({}, _EMPTY))) | frozenset(dir(Network({}, _EMPTY)))


def attributes(path: tuple[Segment, ...]) -> tuple[str, ...]:
    """The attribute names that lead to a module: `stage1`, `unit1`, `conv1`.

    A name that modules have for themselves (`train`, `forward`) and a keyword of Python (`None`, `class`)
    get an underscore behind them. Python renames `__x` inside of classes, so that becomes `_dunder__x`.
    From the `MAX_DEPTH`-th on, names are joined by an underscore.
    """
    names = [f"{s.name}{'' if s.index is None else s.index}" for s in path]
    if len(names) > MAX_DEPTH:
        names[MAX_DEPTH - 1 :] = ["_".join(names[MAX_DEPTH - 1 :])]
    return tuple(map(_legal, names))


@cache
def _legal(name: str) -> str:
    """A name as an attribute of a module; different names stay different."""
    name = normalize("NFKC", name)  # as Python reads it
    if name.startswith(("__", "_dunder__")):
        name = f"_dunder{name}"
    stem = name.rstrip("_")
    return f"{name}_" if stem in _RESERVED or iskeyword(stem) else name


@dataclass
class Node:
    """A module to be: a leaf with its layer, or a container with its children.

    `inputs` and `outputs` are the tensors that cross its border, in the order in which they do;
    `heads` are the outputs that only training uses.
    """

    names: tuple[str, ...]
    layer: Layer | None = None
    children: dict[str, Node] = field(default_factory=dict)
    inputs: dict[Value, None] = field(default_factory=dict)
    outputs: dict[Value, None] = field(default_factory=dict)
    heads: dict[Value, None] = field(default_factory=dict)
    optional: bool = True

    def all_outputs(self) -> tuple[Value, ...]:
        """The regular outputs, then the heads."""
        if not self.heads:
            return tuple(self.outputs)
        return tuple(self.outputs | self.heads)

    @property
    def is_chain(self) -> bool:
        """Whether each child takes what the one before it yields, and the last one yields the output."""
        flow = self.arguments()
        if len(flow) != 1 or not (self.outputs or self.optional):
            return False
        for child in self.children.values():
            if child.arguments() != flow or (child.optional and not self.optional):
                return False
            flow = child.all_outputs()
            if len(flow) != 1:
                return False
        return flow == self.all_outputs()

    def program(self) -> Program:
        """The steps of a container, children in execution order."""
        outputs = dict.fromkeys(self.all_outputs())
        slots = {value: i for i, value in enumerate(self.arguments())}
        last: dict[Value, int] = {}
        for index, child in enumerate(self.children.values()):
            for value in (*child.inputs, *child.all_outputs()):
                last[value] = index
        ends: dict[int, list[Value]] = {}
        for value, index in last.items():
            if value not in outputs:
                ends.setdefault(index, []).append(value)
        steps = []
        for index, (name, child) in enumerate(self.children.items()):
            sources = tuple(slots[v] for v in child.arguments())
            targets = tuple(slots.setdefault(v, len(slots)) for v in child.all_outputs())
            freed = tuple(slots[v] for v in ends.get(index, ()))
            steps.append(Step(name, sources, targets, freed, child.optional and not self.optional))
        regular = len(outputs) if self.optional else len(self.outputs)
        return Program(tuple(steps), len(self.inputs), len(slots), tuple(slots[v] for v in outputs), regular)

    def arguments(self) -> tuple[Value, ...]:
        """What to hand over at a call: a layer may take one tensor twice, the draw comes last."""
        values = tuple(self.inputs) if self.layer is None else self.layer.inputs
        if DRAW not in self.inputs:
            return values
        return (*[v for v in values if v != DRAW], DRAW)


def tree(graph: Graph, joins: frozenset[int] = frozenset()) -> Node:
    """Arrange the layers of a graph (all but the input) by their paths; `joins` take the drop-path draw.

    Linear in the number of edges times the depth of the blocks.

    Raises:
        AssertionError: a block is not contiguous in execution order, or a name is taken twice, which is a
            defect of lowering.
    """
    layers = [layer for layer in graph.layers() if not layer.is_input]
    names = {layer.id: attributes(layer.path) for layer in layers}
    (root,) = fold(nest(layers, lambda layer: layer.path), lambda block, items: _placed(block, items, names))
    for layer in layers:
        draw = (DRAW,) if layer.id in joins else ()
        for value in dict.fromkeys((*layer.inputs, *draw)):
            _connect(root, value, names.get(value.node, ()), names[layer.id], layer.training_only)
    outputs = {port.value: None for port in graph.outputs}
    for value in dict.fromkeys(graph.results()):
        _connect(root, value, names.get(value.node, ()), (), value not in outputs)
    root.inputs = {port.value: None for port in graph.inputs} | ({DRAW: None} if joins else {})
    root.optional = False
    root.outputs, root.heads = outputs, {a.value: None for a in graph.auxiliaries}
    return root


def _placed(
    block: Nest[Layer], items: list[Layer | list[Node]], names: dict[int, tuple[str, ...]]
) -> list[Node]:
    """The container of a block; of one that is too deep what it holds."""
    node = Node(attributes(block.path))
    held: list[Node] = []
    for item in items:
        if isinstance(item, Layer):
            child = Node(names[item.id], item, optional=item.training_only)
            child.outputs = {Value(item.id, port): None for port in range(len(item.shapes))}
            held.append(child)
        else:
            held += item
    if len(block.path) >= MAX_DEPTH:
        return held
    for child in held:
        name = child.names[-1]
        if name in node.children:
            # Dicts keep their order, so a block that is left and entered again would move its layers.
            is_block = child.layer is None and node.children[name].layer is None
            what = "left and entered again" if is_block else "taken twice"
            raise AssertionError(f"the name {'.'.join(child.names)} is {what}")
        node.children[name] = child
        node.optional = node.optional and child.optional
    return [node]


def _connect(
    root: Node, value: Value, source: tuple[str, ...], target: tuple[str, ...], training_only: bool
) -> None:
    """Let a tensor out of the containers of its source and into those of its target."""
    shared = 0
    while shared < min(len(source), len(target)) and source[shared] == target[shared]:
        shared += 1
    for node in _below(root, source[:-1], shared):
        (node.heads if training_only else node.outputs)[value] = None
    for node in _below(root, target, shared):
        node.inputs[value] = None


def _below(root: Node, names: tuple[str, ...], depth: int) -> Iterator[Node]:
    """The nodes along a path that lie deeper than `depth`."""
    node = root
    for index, name in enumerate(names):
        node = node.children[name]
        if index >= depth:
            yield node

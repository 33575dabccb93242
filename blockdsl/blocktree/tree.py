"""A graph as the file's blocks have it: blocks inside blocks, and layers, or runs of layers, inside those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from blockdsl.blocktree.nesting import Nest, fold, nest
from blockdsl.blocktree.sharing import Application, applications
from blockdsl.ir import BlockCall, Graph, Layer, Segment, Value, module_name
from blockdsl.ops import Shape


class BlockCost(NamedTuple):
    """Parameters, multiply-accumulates and bytes of activations, for one sample."""

    params: int = 0
    macs: int = 0
    memory: int = 0

    def plus(self, other: BlockCost) -> BlockCost:
        """The sum of both."""
        return BlockCost(self.params + other.params, self.macs + other.macs, self.memory + other.memory)


NOTHING = BlockCost()
FOLLOWERS = {"norm", "activation", "gating", "dropout", "scale"}
"""Families of what is drawn with the layer before it."""


def role(layer: Layer) -> str:
    """`core` for what a run is built around, else the kind of follower; `lead` for a flattening."""
    if layer.operation.name == "FLATTEN":
        return "lead"
    family = layer.operation.family
    return family if family in FOLLOWERS else "core"


@dataclass(eq=False, slots=True)
class LayerNode:
    """A layer, or a run of layers that is drawn as one; `cost` is that of all `times` instances.

    `label` is that in the file, or the name of one of several inputs. `shared` is set where this applies a
    shared network.
    """

    layers: list[Layer]
    label: str = ""
    times: int = 1
    cost: BlockCost = NOTHING
    shared: Application | None = None

    @property
    def core(self) -> Layer:
        """The layer that the run is built around; the first where there is none."""
        return next((layer for layer in self.layers if role(layer) == "core"), self.layers[0])

    @property
    def name(self) -> str:
        """The module's name of the core."""
        return self.core.name

    @property
    def training_only(self) -> bool:
        """Whether it feeds auxiliary outputs alone."""
        return self.layers[0].training_only

    @property
    def shape(self) -> Shape:
        """What comes out, without the batch axis."""
        return self.layers[-1].shape


@dataclass(eq=False, slots=True)
class BlockNode:
    """A block or a labelled part with what is inside, in execution order.

    `call` is None for a label, and for a nameless box: around a repetition of several items, or around
    neighbours of which there are too many to be drawn one by one.
    `choice` says what is chosen where this holds the alternatives of a search space. `shared` is set where
    this applies a shared network.
    """

    path: tuple[Segment, ...]
    call: BlockCall | None = None
    items: list[BlockNode | LayerNode] = field(default_factory=list)
    times: int = 1
    cost: BlockCost = NOTHING
    choice: str = ""
    shared: Application | None = None

    @property
    def name(self) -> str:
        """The module's name; that of a nameless box is made from what it begins with."""
        return module_name(self.path) if self.path else f"{self.items[0].name}+"

    @property
    def label(self) -> str:
        """The label in the file, if it has one."""
        return self.path[-1].name if self.path and self.path[-1].index is None else ""

    @property
    def training_only(self) -> bool:
        """Whether it feeds auxiliary outputs alone."""
        return self.items[0].training_only

    @property
    def shape(self) -> Shape:
        """What comes out of its last layer."""
        return self.items[-1].shape

    def nodes(self) -> Iterator[LayerNode]:
        """All nodes inside, however deep."""
        for item in self.items:
            if isinstance(item, BlockNode):
                yield from item.nodes()
            else:
                yield item


def tree(graph: Graph, choices: Mapping[str, str]) -> BlockNode:
    """The boxes as the paths of the layers have them, every layer a node."""
    names = {port.value.node: port.name for port in graph.inputs} if len(graph.inputs) > 1 else {}
    shared = applications(graph)

    def node(layer: Layer) -> LayerNode:
        last = layer.path[-1]
        label = last.name if last.index is None and not layer.is_input else ""
        return LayerNode([layer], names.get(layer.id, label), shared=shared.get(layer.path))

    def block(around: Nest[Layer], items: list[Layer | BlockNode]) -> BlockNode:
        name = module_name(around.path)
        made = [node(item) if isinstance(item, Layer) else item for item in items]
        call, choice = graph.blocks.get(name), choices.get(name, "")
        return BlockNode(around.path, call, made, choice=choice, shared=shared.get(around.path))

    return fold(nest(graph.layers(), lambda layer: layer.path), block)


def outside_inputs(node: LayerNode) -> Iterator[Value]:
    """The tensors whose values flow into a run of layers, in order."""
    inside = {layer.id for layer in node.layers}
    for layer in node.layers:
        yield from (value for value in layer.sources if value.node not in inside)

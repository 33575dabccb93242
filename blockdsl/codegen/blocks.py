"""The layers of a graph in the blocks that their paths name, and the tensors that flow out of each block."""

from __future__ import annotations

from dataclasses import dataclass, field

from blockdsl.codegen.names import MAX_DEPTH, attributes
from blockdsl.ir import Graph, Layer, Path, Value


@dataclass(eq=False, slots=True)
class Block:
    """A block where the graph has it, with the blocks and layers in it by their paths.

    `outputs` and `heads` are the tensors that flow out of it, in the order in which they do, the latter for
    training only. It is `open` while the layers that are looked at stand in it.
    """

    path: Path
    around: Block | None = None
    inner: dict[Path, Place] = field(default_factory=dict)
    outputs: dict[Value, None] = field(default_factory=dict)
    heads: dict[Value, None] = field(default_factory=dict)
    training_only: bool = True
    open: bool = True

    def hold(self, place: Place) -> None:
        """Put in what comes next."""
        if place.path in self.inner:
            # Dicts keep their order, so a block that is left and entered again would move its layers.
            blocks = isinstance(place, Block) and isinstance(self.inner[place.path], Block)
            what = "left and entered again" if blocks else "taken twice"
            raise AssertionError(f"the name {'.'.join(attributes(place.path))} is {what}")
        self.inner[place.path] = place
        if not place.training_only:
            self.training_only = False

    def leave(self) -> Block:
        """The block around this one, into which no more layers come."""
        assert self.around is not None
        self.open = False
        if not self.training_only:
            self.around.training_only = False
        return self.around


Place = Block | Layer
"""Where a module is called."""


def blocks_of(graph: Graph) -> Block:
    """The layers in the blocks that their paths name; the outermost one stays open.

    A block whose module would be too deep is left out: what it would hold is in the one around it.
    """
    root = block = Block(())
    holder = dict.fromkeys([port.value.node for port in graph.inputs], root)

    def let_out(value: Value, training_only: bool) -> None:
        """Let a tensor out of the blocks that its reader is not in."""
        source = holder[value.node]
        while not source.open:
            (source.heads if training_only else source.outputs)[value] = None
            assert source.around is not None
            source = source.around

    for layer in graph.layers():
        if layer.is_input:
            continue
        path = layer.path
        while block.path != path[: len(block.path)]:
            block = block.leave()
        for length in range(len(block.path) + 1, len(path)):
            if len(graph.path_in_modules(path[:length])) < MAX_DEPTH:
                inner = Block(path[:length], block)
                block.hold(inner)
                block = inner
        block.hold(layer)
        holder[layer.id] = block
        for value in layer.inputs:
            let_out(value, layer.training_only)
    while block is not root:
        block = block.leave()
    root.training_only = False
    root.outputs = {port.value: None for port in graph.outputs}
    root.heads = {a.value: None for a in graph.auxiliaries}
    for value in graph.results():
        let_out(value, value not in root.outputs)
    return root

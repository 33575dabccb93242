"""The network as a graph, typed inside and networkx to its readers, and what must hold of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.formatting import rounded_text
from blockdsl.frozen import FrozenDict
from blockdsl.ops import Operation, Shape
from blockdsl.source import Span

if TYPE_CHECKING:
    import networkx as nx


class Value(NamedTuple):
    """A tensor: the node that makes it, and which of its outputs it is."""

    node: int
    port: int = 0


class Segment(NamedTuple):
    """One step of a path: `stage[2]` has the index 2, the label `stem` has none."""

    name: str
    index: int | None = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.name if self.index is None else f"{self.name}[{self.index}]"


def path_text(path: tuple[Segment, ...]) -> str:
    """`stage[2].unit[1]`, as in choices and checks."""
    return ".".join(map(str, path))


def module_name(path: tuple[Segment, ...]) -> str:
    """`stage2.unit1`, as in modules and `state_dict` keys."""
    return ".".join([s.name if s.index is None else f"{s.name}{s.index}" for s in path])


def find_part(name: str, names: Iterable[str]) -> str | None:
    """The module name of a layer or block: `stage2.unit1` for `stage[2].unit[1]`, `stem1` for `stem`.

    None where no layer has it or begins with it.

    Args:
        name: as it is written, with or without brackets.
        names: the module names of the layers to look among.
    """
    return _match(name, parts_of(names))


def parts_of(names: Iterable[str]) -> set[str]:
    """The module names of layers and of the blocks around them."""
    return {".".join(n.split(".")[:i]) for n in names for i in range(1, n.count(".") + 2)}


def _match(name: str, known: Collection[str]) -> str | None:
    plain = _without_brackets(name)
    if plain in known:
        return plain
    steps = [
        re.escape(_without_brackets(step)) + ("" if step.endswith("]") else "1?") for step in name.split(".")
    ]
    pattern = re.compile(r"\.".join(steps))
    found: list[str] = [one for one in known if pattern.fullmatch(one)]
    return min(found, key=len, default=None)


def _without_brackets(name: str) -> str:
    return name.replace("[", "").replace("]", "")


def find_path(
    name: str,
    known: Collection[str],
    what: str = "point of the network",
    place: Span | None = None,
    help: str = "",
) -> str:
    """The module name among `known` that a path names, in either spelling.

    `stage[2].unit[1]` and `stage2.unit1` are the same; an index that is left out is 1, at any step.

        >>> find_path("stage.unit", ["stage1.unit1", "stage1.unit2"])
        'stage1.unit1'

    Raises:
        ArchError: there is none; the message names the nearest ones.
    """
    found = _match(name, known)
    if found is None:
        advice = help or "a path joins labels, blocks and layers, such as stage[2].conv[1]"
        raise error(
            "name", f"no {what} is called {name}", *([place] if place else []),
            help=did_you_mean(_without_brackets(name), known, advice),
        )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class BlockCall:
    """An instance of a block: which block, its arguments as text, where it was called and from where."""

    block: str
    args: Mapping[str, str]
    path: tuple[Segment, ...]
    span: Span
    outer: BlockCall | None = None

    def chain(self) -> tuple[str, ...]:
        """This call and those around it, innermost first, as an error message tells them."""
        calls = []
        call: BlockCall | None = self
        while call is not None:
            calls.append(f"{rounded_text(str(call))} called at {call.span}")
            call = call.outer
        return tuple(calls)

    def __str__(self) -> str:
        args = ", ".join(f"{name}={value}" for name, value in self.args.items())
        return f"{self.block}({args})" if args else self.block


@dataclass(frozen=True, slots=True)
class Layer:
    """A node: an operation applied to tensors.

    `shapes` are those of its outputs, without the batch axis. `call` is the block call it stands in
    (None at the top). `training_only` marks what feeds auxiliary outputs alone.
    """

    id: int
    operation: Operation
    inputs: tuple[Value, ...]
    shapes: tuple[Shape, ...]
    path: tuple[Segment, ...]
    span: Span
    call: BlockCall | None = None
    training_only: bool = False
    name: str = field(init=False)
    """The module's name: `stage1.unit1.conv1`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", module_name(self.path))

    @property
    def shape(self) -> Shape:
        """Shape of the (first) output."""
        return self.shapes[0]


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """An output that exists in training only, with the weight of its loss."""

    name: str
    value: Value
    weight: float


@dataclass
class Graph:
    """A network. Node ids are whole numbers in execution order; node 0 is the input.

    `blocks` and `points` map module names to the block instances and to the tensors that blocks,
    labels and layers yield.
    """

    output: Value = field(default_factory=lambda: Value(0))
    auxiliaries: list[Auxiliary] = field(default_factory=list)
    blocks: dict[str, BlockCall] = field(default_factory=dict)
    points: dict[str, Value] = field(default_factory=dict)
    _layers: dict[int, Layer] = field(default_factory=dict)
    _nx: nx.MultiDiGraph | None = None

    @property
    def nx(self) -> nx.MultiDiGraph:
        """The graph as networkx has it, frozen (a `copy()` is not), made when it is first asked for.

        Each node carries `layer` and, for readers of plain networkx, `op`, `args`, `shape`, `path` and
        `span`; an edge carries `input` (which input it is) and `port` (which output of its source).
        """
        if self._nx is None:
            self._nx = _as_networkx(self)
        return self._nx

    def add(self, layer: Layer) -> Layer:
        """Add a node; its inputs must be there already."""
        self._layers[layer.id] = layer
        self._nx = None
        return layer

    def layer(self, node: int) -> Layer:
        """The layer of a node id."""
        return self._layers[node]

    def layers(self) -> Iterator[Layer]:
        """All layers in execution order, the input first."""
        return iter(self._layers.values())

    def shape_of(self, value: Value) -> Shape:
        """Shape of a tensor, without the batch axis."""
        return self.layer(value.node).shapes[value.port]

    def input_shapes(self, layer: Layer) -> tuple[Shape, ...]:
        """Shapes of the tensors that flow into a layer."""
        return tuple(self.shape_of(value) for value in layer.inputs)

    @property
    def input_shape(self) -> Shape:
        """Shape of the network's input, without the batch axis."""
        return self.layer(0).shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the network's output, without the batch axis."""
        return self.shape_of(self.output)

    def point(self, name: str, place: Span | None = None) -> Value:
        """The tensor that `conv1`, `stage[2].unit[1]` or `stage2.unit1` names; `stage` is the first one.

        `place` is where the name stands in a file.

        Raises:
            ArchError: there is no such point.
        """
        return self.points[find_path(name, self.points, place=place)]

    def __len__(self) -> int:
        return len(self._layers)


def _as_networkx(graph: Graph) -> nx.MultiDiGraph:
    """The graph for readers, frozen: its nodes, edges and all their attributes."""
    # networkx takes longer to load than most files take to be read, checked and counted.
    import networkx as nx

    made = nx.MultiDiGraph()
    for layer in graph.layers():
        operation = layer.operation
        made.add_node(layer.id)
        made._node[layer.id] = FrozenDict(
            layer=layer,
            op=operation.name,
            args=FrozenDict({name: getattr(operation, name) for name in operation.arguments}),
            shape=layer.shapes[0],
            path=path_text(layer.path),
            span=layer.span,
        )
        for index, value in enumerate(layer.inputs):
            key = made.add_edge(value.node, layer.id)
            # The same dict of edges stands under the source and under the target.
            made._adj[value.node][layer.id][key] = FrozenDict(input=index, port=value.port)
    made.graph = FrozenDict()
    return nx.freeze(made)


def verify(graph: Graph) -> None:
    """Hold a graph to its rules; run after lowering and after every pass.

    Raises:
        AssertionError: a rule is broken, which is a defect of ours and never of a user's file.
    """
    names: set[str] = set()
    for layer in graph.layers():
        known = all(value.node < layer.id for value in layer.inputs)
        assert known, f"{_where(layer)} comes before its input"
        assert layer.name not in names, f"the name {layer.name} is taken twice"
        names.add(layer.name)
        arity = layer.operation.inputs
        fits = arity is None or len(layer.inputs) == arity
        assert fits, f"{_where(layer)} has {len(layer.inputs)} inputs"
        shapes = layer.operation.shapes(*graph.input_shapes(layer))
        assert shapes == layer.shapes, f"{_where(layer)} yields {shapes}, the graph says {layer.shapes}"
    for value in [graph.output, *(a.value for a in graph.auxiliaries)]:
        assert value.port < len(graph.layer(value.node).shapes), f"there is no {value}"


def _where(layer: Layer) -> str:
    return f"{layer.name} ({layer.operation})"

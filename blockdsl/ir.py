"""The network as a graph, typed inside and networkx to its readers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.formatting import rounded_text
from blockdsl.frozen import FrozenDict
from blockdsl.ops import Operation, Shape
from blockdsl.ops.geometry import spelled
from blockdsl.ops.shape import Input
from blockdsl.source import Span

if TYPE_CHECKING:
    import networkx as nx


class Value(NamedTuple):
    """A tensor: the node that makes it, and which of its outputs it is."""

    node: int
    port: int = 0


class Port(NamedTuple):
    """A tensor that enters or leaves the network, and its name there."""

    name: str
    value: Value


class Segment(NamedTuple):
    """One step of a path: `stage[2]` has the index 2, the label `stem` has none."""

    name: str
    index: int | None = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.name if self.index is None else f"{self.name}[{self.index}]"


Path = tuple[Segment, ...]


def path_text(path: Path) -> str:
    """`stage[2].unit[1]`, as in choices and checks."""
    return ".".join(map(str, path))


def module_name(path: Path) -> str:
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
    """An instance of a block: which block, its arguments as text, where it was called and from where.

    `tensors` are the names of those arguments that flow into it.
    """

    block: str
    args: Mapping[str, str]
    path: Path
    span: Span
    outer: BlockCall | None = None
    tensors: frozenset[str] = frozenset()

    @property
    def settings(self) -> dict[str, str]:
        """The arguments that are no tensors."""
        return {name: value for name, value in self.args.items() if name not in self.tensors}

    def chain(self) -> tuple[str, ...]:
        """This call and those around it, innermost first, as an error message tells them."""
        calls = []
        call: BlockCall | None = self
        while call is not None:
            calls.append(f"{rounded_text(_called(call.block, call.args))} called at {call.span}")
            call = call.outer
        return tuple(calls)

    def __str__(self) -> str:
        return _called(self.block, self.settings)


def _called(block: str, args: Mapping[str, str]) -> str:
    given = ", ".join(f"{name}={value}" for name, value in args.items())
    return f"{block}({given})" if given else block


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
    path: Path
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

    @property
    def sources(self) -> tuple[Value, ...]:
        """The tensors whose values it depends on: its inputs, or none where it reads no values."""
        return self.inputs if self.operation.reads_values else ()

    @property
    def calls(self) -> tuple[str, ...]:
        """The block calls that it stands in, innermost first, as an error message tells them."""
        return self.call.chain() if self.call else ()

    @property
    def is_input(self) -> bool:
        """Whether it is an input of the network, which has no module."""
        return isinstance(self.operation, Input)


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """An output that exists in training only, with the weight of its loss."""

    name: str
    value: Value
    weight: float


@dataclass
class Graph:
    """A network. Node ids are whole numbers in execution order; the inputs come first.

    Attributes:
        inputs, outputs: in the order in which the module takes and returns them. An input or output without
            a name of its own is `x` or `y`.
        auxiliaries: outputs that exist in training only.
        blocks: the block instances by their module names.
        points: the tensors that blocks, labels and layers yield, by module names.
        shared: networks that are applied several times with one set of weights: the path of each application
            -> the path of the module that all of them use. A layer inside of an application, or one that is
            itself an application, has its weights in that module.
        ties: layers that use the weight of an earlier one: the path of the module of each -> the path of the
            module that has the weight, and is no tied one itself.
    """

    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    auxiliaries: list[Auxiliary] = field(default_factory=list)
    blocks: dict[str, BlockCall] = field(default_factory=dict)
    points: dict[str, Value] = field(default_factory=dict)
    shared: dict[Path, Path] = field(default_factory=dict)
    ties: dict[Path, Path] = field(default_factory=dict)
    _layers: dict[int, Layer] = field(default_factory=dict)
    _owners: dict[Path, Layer] | None = None
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
        self._nx = self._owners = None
        return layer

    def replace_layers(self, layers: dict[int, Layer]) -> None:
        """Have these layers, by their ids in execution order, in place of those that there are."""
        self._layers = layers
        self._nx = self._owners = None

    def layer(self, node: int) -> Layer:
        """The layer of a node id."""
        return self._layers[node]

    def layers(self) -> Iterator[Layer]:
        """All layers in execution order, the inputs first."""
        return iter(self._layers.values())

    def shape_of(self, value: Value) -> Shape:
        """Shape of a tensor, without the batch axis."""
        return self.layer(value.node).shapes[value.port]

    def input_shapes(self, layer: Layer) -> tuple[Shape, ...]:
        """Shapes of the tensors that flow into a layer."""
        layers = self._layers
        return tuple([layers[value.node].shapes[value.port] for value in layer.inputs])

    def results(self) -> list[Value]:
        """What the network yields in training: the outputs, then the auxiliary ones."""
        return [*(port.value for port in self.outputs), *(a.value for a in self.auxiliaries)]

    def shapes_of(self, ports: Iterable[Port]) -> dict[str, Shape]:
        """The shapes of inputs or outputs by their names, without the batch axis."""
        return {port.name: self.shape_of(port.value) for port in ports}

    def only_input(self, purpose: str) -> Shape:
        """Shape of the input of a network that has one.

        Raises:
            ArchError: it has several; the message says for which `purpose` there must be one: `training`.
        """
        return self.shape_of(self._only(self.inputs, "input", purpose))

    def only_output(self, purpose: str) -> Shape:
        """Shape of the output of a network that has one, as `only_input`."""
        return self.shape_of(self._only(self.outputs, "output", purpose))

    def _only(self, ports: tuple[Port, ...], what: str, purpose: str) -> Value:
        if len(ports) > 1:
            names = ", ".join(port.name for port in ports)
            raise error(
                what, f"{purpose} takes a network with one {what}; this one has {len(ports)}: {names}"
            )
        return ports[0].value

    def module_path(self, layer: Layer) -> Path:
        """The path of the module that computes a layer: its own, or that of the shared network it is in."""
        return self.path_in_modules(layer.path)

    def path_in_modules(self, path: Path) -> Path:
        """The path of the module of a layer or a block."""
        around = self.application(path)
        return path if around is None else self.shared[around] + path[len(around) :]

    def application(self, path: Path) -> Path | None:
        """The path of the innermost application of a shared network that a layer or a block is in, or is."""
        return next(reversed(self.applications(path)), None)

    def applications(self, path: Path) -> list[Path]:
        """The applications of shared networks that a layer or a block is in, or is, the outermost first."""
        if not self.shared:
            return []
        return [start for length in range(1, len(path) + 1) if (start := path[:length]) in self.shared]

    def owner(self, layer: Layer) -> Layer:
        """The first layer with the same module; the layer itself where its weights are not shared."""
        return self.layer_of(self.module_path(layer)) if self.shared else layer

    def layer_of(self, module: Path) -> Layer:
        """The first layer that the module with a path computes."""
        if self._owners is None:
            self._owners = {}
            for one in self.layers():
                self._owners.setdefault(self.module_path(one), one)
        return self._owners[module]

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
            args=FrozenDict(spelled(operation, layer.shape)),
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

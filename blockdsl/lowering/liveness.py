"""What feeds no output goes, and what was built late comes to its place: the last step of lowering."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from blockdsl.ir import Auxiliary, BlockCall, Graph, Layer, Path, Port, Segment, Value, module_name
from blockdsl.lowering.lazy import Key, LazyBuilds
from blockdsl.lowering.values import Evaluated, LazyTensors, Networks, Scope, Tensors, Trace


def settle(graph: Graph, lazy: LazyBuilds, trace: Trace, numbers: Mapping[Path, Path]) -> dict[Path, Path]:
    """Leave out what feeds no output, and bring layers and numbers into the order of the text.

    An auxiliary output is an output. Inputs stay, and what belongs to one application of a shared network
    stays or goes as a whole.

    Args:
        graph: the graph, changed in place.
        lazy: has built what was needed, and builds no more.
        trace: of the net; its names and labels follow.
        numbers: of applications with a label, as `GraphBuilder.numbers`.

    Returns:
        The numbers of those applications that stay, as they are then.
    """
    lazy.close()
    live = _live(graph)
    if len(live) == len(graph) and not lazy.layers:
        return dict(numbers)
    order = sorted(live, key=lambda node: lazy.layers.get(node, (node,)))
    if len(live) == len(graph) and order == list(range(len(graph))):
        return dict(numbers)
    settled = _Settled(graph, order, lazy.names, numbers)
    settled.apply(trace)
    return {settled.path(one): settled.path(number) for one, number in numbers.items() if one in settled.kept}


def _live(graph: Graph) -> set[int]:
    """The layers that an output depends on, those among them whose weight alone is used."""
    around, inside = _applications(graph)
    owners = _owners(graph)
    live = {port.value.node for port in graph.inputs}
    waiting = [value.node for value in graph.results()]
    while waiting:
        node = waiting.pop()
        if node in live:
            continue
        live.add(node)
        waiting += [value.node for value in graph.layer(node).inputs]
        waiting += inside.pop(around.get(node, ()), ())
        if node in owners:
            waiting.append(owners[node])
    return live


def _owners(graph: Graph) -> dict[int, int]:
    """For each tied layer, the layer whose weight it uses."""
    if not graph.ties:
        return {}
    paths = ((layer.id, graph.module_path(layer)) for layer in graph.layers())
    return {node: graph.layer_of(graph.ties[path]).id for node, path in paths if path in graph.ties}


def _applications(graph: Graph) -> tuple[dict[int, Path], dict[Path, list[int]]]:
    """By layer, the outermost application of a shared network around it; by application, its layers."""
    around: dict[int, Path] = {}
    inside: dict[Path, list[int]] = {}
    for layer in graph.layers() if graph.shared else ():
        for application in graph.applications(layer.path)[:1]:
            around[layer.id] = application
            inside.setdefault(application, []).append(layer.id)
    return around, inside


class _Settled:
    """A graph with its live layers in their order.

    Args:
        graph: the graph.
        order: the ids of the layers that stay.
        keys: where indices belong, as `LazyBuilds.names`.
        numbers: of applications with a label, as `GraphBuilder.numbers`.
    """

    def __init__(
        self,
        graph: Graph,
        order: list[int],
        keys: dict[tuple[Path, str, int], Key],
        numbers: Mapping[Path, Path],
    ) -> None:
        self.graph = graph
        self.layers = [graph.layer(node) for node in order]
        self.ids = {node: place for place, node in enumerate(order)}
        self.kept = self._kept()
        self.kept |= {number for path, number in numbers.items() if path in self.kept}
        self.indices = self._indices(keys)
        self.calls: dict[int, BlockCall] = {}

    def _kept(self) -> set[Path]:
        """The paths of what stays: of layers, of what is around them, and of blocks that never had layers."""
        kept = {layer.path[:n] for layer in self.layers for n in range(1, len(layer.path) + 1)}
        had = {layer.path[:n] for layer in self.graph.layers() for n in range(1, len(layer.path))}
        for call in self.graph.blocks.values():
            if call.path not in had and (call.path[:-1] in kept or len(call.path) == 1):
                kept.add(call.path)
        return kept

    def _indices(self, keys: dict[tuple[Path, str, int], Key]) -> dict[tuple[Path, str, int], int]:
        """The new index of each name that is counted, by the path around it, the name and the old index."""
        counted: dict[tuple[Path, str], list[int]] = {}
        numbered = {module_name(path) for path in self.kept if path[-1].index is not None}
        labels = {module_name(path) for path in self.kept if path[-1].index is None}
        labels |= {n for n, value in self.graph.points.items() if value.node in self.ids} - numbered
        for path in self.kept:
            name, index = path[-1]
            if index is not None:
                counted.setdefault((path[:-1], name), []).append(index)
        found: dict[tuple[Path, str, int], int] = {}
        for (around, name), indices in counted.items():
            new = 0
            for index in sorted(indices, key=lambda i: keys.get((around, name, i), (i,))):
                new += 1
                while module_name((*around, Segment(f"{name}{new}"))) in labels:
                    new += 1
                found[around, name, index] = new
                found[self.graph.path_in_modules(around), name, index] = new
        return found

    def path(self, path: Path) -> Path:
        """The new path of what has this one."""
        return tuple(
            name if name.index is None else Segment(name.name, self.index(path[:n], name.name, name.index))
            for n, name in enumerate(path)
        )

    def index(self, around: Path, name: str, index: int) -> int:
        """The new index of a name."""
        return self.indices.get((around, name, index), index)

    def value(self, value: Value) -> Value:
        """The tensor under its new id."""
        return Value(self.ids[value.node], value.port)

    def call(self, call: BlockCall | None) -> BlockCall | None:
        """The block call with its new path."""
        if call is None:
            return None
        if id(call) not in self.calls:
            self.calls[id(call)] = replace(call, path=self.path(call.path), outer=self.call(call.outer))
        return self.calls[id(call)]

    def apply(self, trace: Trace) -> None:
        """Change the graph, and what is known of the net's names."""
        graph = self.graph
        points = self._points()
        modules = {graph.module_path(layer) for layer in self.layers}
        graph.ties = {self.path(one): self.path(other) for one, other in graph.ties.items() if one in modules}
        layers = {self.ids[layer.id]: self._layer(layer) for layer in self.layers}
        graph.inputs, graph.outputs = self._ports(graph.inputs), self._ports(graph.outputs)
        graph.auxiliaries = [Auxiliary(a.name, self.value(a.value), a.weight) for a in graph.auxiliaries]
        calls = [self.call(call) for call in graph.blocks.values() if call.path in self.kept]
        graph.blocks = {module_name(call.path): call for call in calls if call}
        graph.points = points
        graph.shared = {
            self.path(path): self.path(module) for path, module in graph.shared.items() if path in self.kept
        }
        graph.replace_layers(layers)
        _follow(trace, self.path, set())
        _rebind(trace.scope, self._renamed)

    def _layer(self, layer: Layer) -> Layer:
        return replace(
            layer,
            id=self.ids[layer.id],
            inputs=tuple(map(self.value, layer.inputs)),
            path=self.path(layer.path),
            call=self.call(layer.call),
        )

    def _ports(self, ports: Iterable[Port]) -> tuple[Port, ...]:
        return tuple(Port(port.name, self.value(port.value)) for port in ports)

    def _points(self) -> dict[str, Value]:
        """The points that stay, by their new names."""
        names = {module_name(path): module_name(self.path(path)) for path in self.kept}
        found: dict[str, Value] = {}
        for name, value in self.graph.points.items():
            if value.node not in self.ids:
                continue
            steps = name.split(".")
            heads = (".".join(steps[:n]) for n in range(len(steps), 0, -1))
            head = next((one for one in heads if one in names), "")
            found[names.get(head, "") + name[len(head) :]] = self.value(value)
        return found

    def _renamed(self, value: Evaluated) -> Evaluated:
        """What a name is bound to, under its new ids; tensors that went are not built."""
        if isinstance(value, Networks):
            return Networks(map(self._renamed, value))
        if isinstance(value, Tensors):
            if any(one.node not in self.ids for one in value.values):
                return LazyTensors(None)
            return Tensors(tuple(map(self.value, value.values)), value.sides, value.labels)
        return value


def _follow(trace: Trace, rename: Callable[[Path], Path], seen: set[int]) -> None:
    """Let the labels of a frame, and of all frames inside it, have their new names."""
    if id(trace) in seen:
        return
    seen.add(id(trace))
    for place, path in trace.labels.items():
        trace.labels[place] = path and rename(path)
    for frame in trace.calls.values():
        _follow(frame, rename, seen)
    for rounds in trace.rounds.values():
        for frame, _ in rounds:
            _follow(frame, rename, seen)


def _rebind(scope: Scope, rename: Callable[[Evaluated], Evaluated]) -> None:
    """Let the names of a scope stand for what they are now."""
    for name, value in scope.names.items():
        if isinstance(value, LazyTensors):
            value = value.value() or value
        scope.names[name] = rename(value)

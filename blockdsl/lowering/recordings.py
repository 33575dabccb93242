"""What a block added once it adds again under another name: each kind of unit is unfolded once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from blockdsl.ir import BlockCall, Graph, Layer, Path, Value, module_name
from blockdsl.lowering.budget import Budget
from blockdsl.lowering.builder import GraphBuilder
from blockdsl.lowering.context import Context
from blockdsl.lowering.decisions import Decisions
from blockdsl.lowering.lazy import LazyBuilds
from blockdsl.lowering.values import BlockValue, Broken, Evaluated, NoData, Tensors, Trace, is_known
from blockdsl.syntax import tree as nodes

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """How far lowering has come: how many layers, points, calls, steps, questions, … there are."""

    layers: int
    points: int
    calls: int
    steps: int
    asked: int
    heads: int
    built: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A call of a block: what flowed in and out, and what was there before and after it."""

    call: BlockCall
    stream: Tensors
    result: Tensors
    trace: Trace
    start: Extent
    end: Extent

    def depends_on_arguments_alone(self) -> bool:
        """Whether it was not refused, asked nothing, made no head, and has its layers in their order."""
        before, after = self.start, self.end
        alike = (before.asked, before.heads, before.built) == (after.asked, after.heads, after.built)
        return alike and is_known(self.result)


def key_of(
    value: BlockValue, names: Mapping[str, Evaluated], given: Iterable[str], graph: Graph, context: Context
) -> Key | None:
    """What two calls must share to add the same; None where a network or a tensor is an argument."""
    stream = names["in"]
    assert isinstance(stream, Tensors)
    if not is_known(stream):
        return None
    key: list[Any] = [id(value.block), len(value.scope.names), context.depth, context.training_only, *given]
    key += [graph.shape_of(tensor) for tensor in stream.values]
    for name, argument in names.items():
        if isinstance(argument, BlockValue):
            key.append(id(argument.block))
        elif isinstance(argument, NoData | Broken | tuple):
            if name != "in":
                return None
        else:
            key += [type(argument), argument]
    return tuple(key)


class Recordings:
    """Remembers what calls of blocks added, and adds it again."""

    def __init__(self, builder: GraphBuilder, decisions: Decisions, budget: Budget, lazy: LazyBuilds) -> None:
        self.builder, self.decisions, self.budget, self.lazy = builder, decisions, budget, lazy
        self.records: dict[Key, Recording] = {}

    def extent(self) -> Extent:
        """How far lowering has come."""
        built, graph = self.builder, self.builder.graph
        return Extent(
            len(graph), len(built.points), len(built.calls), self.budget.steps, self.decisions.asked,
            len(graph.auxiliaries), self.lazy.built,
        )  # fmt: skip

    def keep(self, key: Key, record: Recording) -> None:
        """Keep a record for later calls."""
        self.records[key] = record

    def find(self, key: Key | None) -> Recording | None:
        """The record of an earlier call, if there is one."""
        return self.records.get(key) if key else None

    def replay(
        self, record: Recording, call: BlockCall, stream: Tensors, written: nodes.Call, context: Context
    ) -> Tensors:
        """Add what a call added for another one, `call`; what flows out of it.

        Raises:
            ArchError: the network takes too many steps, or has too many layers. The place is the call's.
        """
        built, graph = self.builder, self.builder.graph
        self.budget.spend(record.end.steps - record.start.steps, written, context)
        built.check_room(record.end.layers - record.start.layers, written.span, context)
        copy = _Copy(record, call, stream, len(graph))
        for inner in built.calls[record.start.calls : record.end.calls]:
            built.block(copy.call(inner))
        for path, module in copy.applications(graph).items():
            graph.shared[path] = module
        built.numbers |= copy.numbers(built.numbers)
        graph.ties |= copy.ties(graph)
        for node in range(record.start.layers, record.end.layers):
            graph.add(copy.layer(graph.layer(node)))
        before, name = len(module_name(record.call.path)), module_name(call.path)
        for point in built.points[record.start.points : record.end.points]:
            built.point(name + point[before:], copy.value(graph.points[point]))
        return copy.tensors(record.result)


class _Copy:
    """What stands in one call for what stood in the one recorded."""

    def __init__(self, record: Recording, call: BlockCall, stream: Tensors, layers: int) -> None:
        self.path, self.old, self.before = call.path, record.call.path, len(record.call.path)
        self.calls = {id(record.call): call}
        self.first, self.shift = record.start.layers, layers - record.start.layers
        self.flow = dict(zip(record.stream.values, stream.values, strict=True))

    def value(self, value: Value) -> Value:
        if value.node >= self.first:
            return Value(value.node + self.shift, value.port)
        return self.flow.get(value, value)

    def tensors(self, tensors: Tensors) -> Tensors:
        values = tuple([self.value(value) for value in tensors.values])
        return Tensors(values, tensors.sides, tensors.labels)

    def call(self, call: BlockCall) -> BlockCall:
        path, outer = self.path + call.path[self.before :], self.calls[id(call.outer)]
        moved = self.calls[id(call)] = BlockCall(call.block, call.args, path, call.span, outer, call.tensors)
        return moved

    def applications(self, graph: Graph) -> dict[Path, Path]:
        """The applications of shared networks inside the call, and the modules that they use."""
        return {
            self.path + path[self.before :]: self.module(module, graph)
            for path, module in graph.shared.items()
            if len(path) > self.before and path[: self.before] == self.old
        }

    def numbers(self, numbers: Mapping[Path, Path]) -> dict[Path, Path]:
        """The numbers of applications inside the call that have a label."""
        return {
            self.path + path[self.before :]: self.path + number[self.before :]
            for path, number in numbers.items()
            if len(path) > self.before and path[: self.before] == self.old
        }

    def ties(self, graph: Graph) -> dict[Path, Path]:
        """The tied layers inside the call, and the modules that have their weights."""
        ties = {self.module(path, graph): self.module(owner, graph) for path, owner in graph.ties.items()}
        return ties if ties != graph.ties else {}

    def module(self, module: Path, graph: Graph) -> Path:
        """A module inside the recorded call is one of this call too; one outside is the same for both."""
        old, new = graph.path_in_modules(self.old), graph.path_in_modules(self.path)
        return new + module[len(old) :] if module[: len(old)] == old else module

    def layer(self, layer: Layer) -> Layer:
        inputs = tuple([self.value(value) for value in layer.inputs])
        path, call = self.path + layer.path[self.before :], self.calls[id(layer.call)]
        return Layer(
            layer.id + self.shift, layer.operation, inputs, layer.shapes, path, layer.span, call,
            layer.training_only,
        )  # fmt: skip

"""The graph as nested modules: which module stands where, and what each container does with its slots.

A block or a layer of the graph is a place where a module is called. Places of one module (the applications
of a shared network) are read together: a tensor in a module is a `Column`, which says what it is in each of
the module's calls. Two reads are one argument of a module only if they are one tensor in every call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from blockdsl.codegen.blocks import Block, Place, blocks_of
from blockdsl.codegen.containers import CallPlan, Step
from blockdsl.codegen.names import Names, attributes
from blockdsl.ir import Graph, Layer, Path, Value

_T = TypeVar("_T")

DRAW = Value(-1)
"""The tensor that global drop-path hands from the network to its joins; no layer makes it."""

Column = tuple[Value, ...]
"""A tensor in a module: the tensor of the graph that it is in each of the module's calls."""

Held = Column | Names
"""What a slot holds: a tensor, or a module."""


@dataclass(eq=False, slots=True)
class ModuleCall:
    """A call in a container: the module, what it takes and yields there, as columns of the container.

    `modules` are the shared ones that it is handed; an `optional` call is made in training only.
    """

    node: ModuleNode
    arguments: tuple[Column, ...]
    results: tuple[Column, ...]
    optional: bool

    @property
    def modules(self) -> tuple[Names, ...]:
        """The shared modules that it is handed."""
        return self.node.modules


@dataclass(eq=False, slots=True)
class ModuleNode:
    """A module to be: a leaf with its (first) layer, or a container.

    Attributes:
        names: where it stands.
        inputs, outputs: the tensors that cross its border, in the order in which they do; the draw of global
            drop-path comes last. After the first `regular` outputs come those that only training uses.
        modules: the modules that it is handed, after the tensors, because they stand elsewhere: shared ones,
            and those whose weights tied layers use.
        optional: whether it is called in training only.
        calls: what a container does.
        children: the modules that stand in a container; a shared one before the first call that uses it.
    """

    names: Names
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    regular: int
    optional: bool
    layer: Layer | None = None
    calls: list[ModuleCall] = field(default_factory=list)
    modules: tuple[Names, ...] = ()
    children: dict[str, ModuleNode] = field(default_factory=dict)

    @property
    def is_chain(self) -> bool:
        """Whether each child takes what the one before it yields, and the last one yields the output."""
        flow = self.inputs
        if len(flow) != 1 or self.modules or not self.regular:
            return False
        for call in self.calls:
            if call.arguments != flow or call.modules or (call.optional and not self.optional):
                return False
            flow = call.results
            if len(flow) != 1:
                return False
        return flow == self.outputs and [call.node for call in self.calls] == list(self.children.values())

    def holds(self, names: Names) -> bool:
        """Whether a module stands in this one, at any depth."""
        return len(names) > len(self.names) and names[: len(self.names)] == self.names

    def is_child(self, node: ModuleNode) -> bool:
        """Whether a module stands in this one itself."""
        return node.names[:-1] == self.names

    def program(self) -> CallPlan:
        """The steps of a container, in execution order.

        What it calls by name are its children. Other modules have slots, as tensors do: those that it is
        handed, and those that it reaches within itself.
        """
        reached = self.reached()
        first: list[Held] = [*self.inputs, *self.modules, *reached]
        slots = {held: slot for slot, held in enumerate(first)}
        outputs, last = set(self.outputs), dict[Column, int]()
        for index, call in enumerate(self.calls):
            for column in (*call.arguments, *call.results):
                last[column] = index
        ends: dict[int, list[Column]] = {}
        for column, index in last.items():
            if column not in outputs:
                ends.setdefault(index, []).append(column)
        steps = []
        for index, call in enumerate(self.calls):
            node = call.node
            given: list[Held] = [*call.arguments, *call.modules]
            sources = tuple([slots[held] for held in given])
            targets = tuple([slots.setdefault(column, len(slots)) for column in call.results])
            freed = tuple([slots[column] for column in ends.get(index, ())])
            child = node.names[-1] if self.is_child(node) else slots[node.names]
            steps.append(Step(child, sources, targets, freed, call.optional and not self.optional))
        within = tuple([names[len(self.names) :] for names in reached])
        inputs = len(self.inputs) + len(self.modules)
        returned = tuple([slots[column] for column in self.outputs])
        return CallPlan(tuple(steps), inputs, within, len(slots), returned, self.regular)

    def reached(self) -> tuple[Names, ...]:
        """The modules within a container that it hands to others, or calls though they are no children."""
        found: dict[Names, None] = {}
        for call in self.calls:
            called = () if self.is_child(call.node) else (call.node.names,)
            found.update({names: None for names in (*call.modules, *called) if self.holds(names)})
        return tuple(found)


def tree(graph: Graph, joins: frozenset[int] = frozenset()) -> ModuleNode:
    """Arrange the layers of a graph (all but the inputs) by their paths; `joins` take the drop-path draw.

    Linear in the number of edges times the depth of the blocks.

    Raises:
        AssertionError: a block is not contiguous in execution order, or a name is taken twice, which is a
            defect of lowering.
    """
    modules = _Modules(graph, blocks_of(graph), joins)
    draw = (DRAW,) if joins else ()
    modules.root.inputs = tuple([(value,) for value in (*(port.value for port in graph.inputs), *draw)])
    return modules.root


class _Modules:
    """Makes the modules of places; all places of a module are its calls.

    Where no network is shared, each module has one place, and `calls`, `nodes` and `which` stay empty.
    """

    def __init__(self, graph: Graph, root: Block, joins: frozenset[int]) -> None:
        self.graph, self.joins = graph, joins
        self.made: dict[Names, ModuleNode] = {}
        self.calls: dict[Path, list[Place]] = {}
        self.nodes: dict[Path, ModuleNode] = {}
        self.which: dict[Path, int] = {}
        if graph.shared:
            self._find_calls(root)
        self.root = self.node(root)
        if graph.shared:
            self._stand()

    def _find_calls(self, root: Block) -> None:
        """The places of each module, and which of its calls each place is."""
        places: list[Place] = [root]
        while places:
            place = places.pop()
            calls = self.calls.setdefault(self._module(place), [])
            self.which[place.path] = len(calls)
            calls.append(place)
            if isinstance(place, Block):
                places += reversed(place.inner.values())

    def _module(self, place: Place) -> Path:
        """The path of the module of a place."""
        return self.graph.path_in_modules(place.path)

    def node(self, place: Place) -> ModuleNode:
        """The module of a place; those that it calls are made before it."""
        if not self.calls:
            return self._made(place.path, [place])
        path = self._module(place)
        if path not in self.nodes:
            self.nodes[path] = self._made(path, self.calls[path])
        return self.nodes[path]

    def _made(self, path: Path, calls: list[Place]) -> ModuleNode:
        """The module of some calls, which are all layers or all blocks."""
        names = attributes(path)
        make = self._leaf if isinstance(calls[0], Layer) else self._container
        node = make(names, calls)  # type: ignore[arg-type]
        if self.made.setdefault(names, node) is not node:
            raise AssertionError(f"the name {'.'.join(names)} is taken twice")
        return node

    def _stand(self) -> None:
        """Let the modules stand in their containers that these do not use themselves."""
        for names, node in self.made.items():
            if names:
                self.made[names[:-1]].children.setdefault(names[-1], node)

    def _leaf(self, names: Names, calls: list[Layer]) -> ModuleNode:
        """A layer; it may take one tensor twice."""
        first = calls[0]
        inputs = _columns([layer.inputs for layer in calls])
        if first.id in self.joins:
            inputs = (*inputs, (DRAW,) * len(calls))
        ports = range(len(first.shapes))
        outputs = _columns([tuple([Value(layer.id, port) for port in ports]) for layer in calls])
        owner = self.graph.ties.get(self.graph.module_path(first)) if self.graph.ties else None
        modules = () if owner is None else (attributes(owner),)
        return ModuleNode(names, inputs, outputs, len(outputs), _all_optional(calls), first, modules=modules)

    def _container(self, names: Names, calls: list[Block]) -> ModuleNode:
        node = ModuleNode(names, (), (), 0, _all_optional(calls))
        inputs: dict[Column, None] = {}
        made: dict[Column, None] = {}
        modules: dict[Names, None] = {}
        for places in _columns([tuple(block.inner.values()) for block in calls]):
            call = self._call(self.node(places[0]), places)
            node.calls.append(call)
            for column in call.arguments:
                if column not in made:
                    inputs[column] = None
            for column in call.results:
                made[column] = None
            inner = call.node
            if inner.names[:-1] == names and not inner.modules:
                node.children.setdefault(inner.names[-1], inner)
                continue
            for needed in (*inner.modules, inner.names):
                if needed[:-1] == names:
                    node.children.setdefault(needed[-1], self.made[needed])
                elif not node.holds(needed):
                    modules[needed] = None
        node.inputs = tuple(sorted(inputs, key=lambda column: DRAW in column) if self.joins else inputs)
        node.modules = tuple(modules)
        outputs = _flow([block.outputs for block in calls], made)
        node.outputs = tuple(outputs | _flow([block.heads for block in calls], made))
        node.regular = len(node.outputs) if node.optional else len(outputs)
        return node

    def _call(self, node: ModuleNode, places: tuple[Place, ...]) -> ModuleCall:
        """The call of a module in a container: its `places` in the container's calls, of all that it has."""
        if not self.calls or len(places) == len(self.calls[self._module(places[0])]):
            return ModuleCall(node, node.inputs, node.outputs, node.optional)
        which = [self.which[place.path] for place in places]
        arguments, results = (
            tuple([tuple([column[index] for index in which]) for column in columns])
            for columns in (node.inputs, node.outputs)
        )
        return ModuleCall(node, arguments, results, _all_optional(places))


def _all_optional(places: Sequence[Place]) -> bool:
    return all(place.training_only for place in places) if len(places) > 1 else places[0].training_only


def _columns(rows: list[tuple[_T, ...]]) -> tuple[tuple[_T, ...], ...]:
    """What stands in the same place of each row."""
    if len(rows) == 1:
        return tuple([(one,) for one in rows[0]])
    return tuple(zip(*rows, strict=True))


def _flow(flows: list[dict[Value, None]], made: Iterable[Column]) -> dict[Column, None]:
    """The columns of what flows out in any of the calls, which are `made` in them."""
    if len(flows) == 1:
        return {(value,): None for value in flows[0]}
    found: dict[Column, None] = {}
    for index, flow in enumerate(flows):
        columns = {column[index]: column for column in made} if flow else {}
        found |= dict.fromkeys([columns[value] for value in flow])
    return found

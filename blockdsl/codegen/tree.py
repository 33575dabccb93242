"""The graph as nested modules: which module stands where, and what each container does with its slots.

A block or a layer of the graph is a place where a module is called. Places of one module (the applications
of a shared network) are read together: a tensor in a module is a `Column`, which says what it is in each of
the module's calls. Two reads are one argument of a module only if they are one tensor in every call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from keyword import iskeyword
from typing import TypeVar
from unicodedata import normalize

from blockdsl.blocktree.nesting import fold, nest
from blockdsl.codegen.containers import CallPlan, Chain, NamedNetwork, Step, WiredBlock
from blockdsl.ir import BlockCall, Graph, Layer, Path, Value, module_name

_T = TypeVar("_T")

DRAW = Value(-1)
"""The tensor that global drop-path hands from the network to its joins; no layer makes it."""

MAX_DEPTH = 48
"""Deeper blocks become part of their ancestor: copying and pickling modules recurse over the depth."""

_EMPTY = CallPlan((), 0, (), 0, (), 0)
_RESERVED = frozenset(
    name for m in (Chain(), WiredBlock({}, _EMPTY), NamedNetwork({}, _EMPTY)) for name in dir(m)
)

Column = tuple[Value, ...]
"""A tensor in a module: the tensor of the graph that it is in each of the module's calls."""

Names = tuple[str, ...]
"""The attributes that lead to a module: `("stage1", "unit1")`."""

Held = Column | Names
"""What a slot holds: a tensor, or a module."""


def module_path(graph: Graph, layer: Layer) -> str:
    """Where a layer's module stands in the built one, for `nn.Module.get_submodule`."""
    return ".".join(attributes(graph.module_path(layer)))


def modules_by_name(graph: Graph) -> dict[str, str]:
    """The names of all layers and blocks, and what those of their modules are: `head1.conv1`, `head.conv1`.

    Only parts of shared networks have another module name than their own; it is a name of theirs, too.
    """
    found: dict[str, str] = {}
    for layer in graph.layers():
        for path in (layer.path, graph.module_path(layer)):
            for length in range(len(path), 0, -1):
                name = module_name(path[:length])
                if name in found:
                    break
                found[name] = module_name(graph.path_in_modules(path[:length]))
    return found


def block_calls(graph: Graph) -> dict[Names, BlockCall]:
    """The calls of blocks by where their modules stand; of a shared one the first."""
    calls: dict[Names, BlockCall] = {}
    for call in graph.blocks.values():
        calls.setdefault(attributes(graph.path_in_modules(call.path)), call)
    return calls


def attributes(path: Path) -> Names:
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
        modules: the shared modules that it is handed, after the tensors, because they stand elsewhere.
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
        if [call.node for call in self.calls] != list(self.children.values()):
            return False
        flow = self.inputs
        if len(flow) != 1 or self.modules or not self.regular:
            return False
        for call in self.calls:
            if call.arguments != flow or call.modules or (call.optional and not self.optional):
                return False
            flow = call.results
            if len(flow) != 1:
                return False
        return flow == self.outputs

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
        first: list[Held] = [*self.inputs, *self.modules, *self.reached()]
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
        reached = tuple([names[len(self.names) :] for names in self.reached()])
        inputs = len(self.inputs) + len(self.modules)
        returned = tuple([slots[column] for column in self.outputs])
        return CallPlan(tuple(steps), inputs, reached, len(slots), returned, self.regular)

    def reached(self) -> tuple[Names, ...]:
        """The modules within a container that it hands to others, or calls though they are no children."""
        found: dict[Names, None] = {}
        for call in self.calls:
            called = () if self.is_child(call.node) else (call.node.names,)
            found |= dict.fromkeys(names for names in (*call.modules, *called) if self.holds(names))
        return tuple(found)


def tree(graph: Graph, joins: frozenset[int] = frozenset()) -> ModuleNode:
    """Arrange the layers of a graph (all but the inputs) by their paths; `joins` take the drop-path draw.

    Linear in the number of edges times the depth of the blocks.

    Raises:
        AssertionError: a block is not contiguous in execution order, or a name is taken twice, which is a
            defect of lowering.
    """
    modules = _Modules(_places(graph), joins)
    root = modules.node(())
    draw = (DRAW,) if joins else ()
    root.inputs = tuple([(value,) for value in (*(port.value for port in graph.inputs), *draw)])
    modules.stand()
    return root


@dataclass(eq=False, slots=True)
class _Place:
    """A layer or a block, where the graph has it; `module` is the path of its module.

    `outputs` and `heads` are the tensors that flow out of it, in the order in which they do, the latter for
    training only; `last` is the last layer in it. `arguments` and `results` are known with the module.
    """

    path: Path
    module: Path
    layer: Layer | None = None
    inner: dict[Path, _Place] = field(default_factory=dict)
    around: _Place | None = None
    last: float = -1
    outputs: dict[Value, None] = field(default_factory=dict)
    heads: dict[Value, None] = field(default_factory=dict)
    optional: bool = True
    arguments: Column = ()
    results: Column = ()


def _places(graph: Graph) -> _Place:
    """The places of layers inside of those of blocks, with the tensors that flow out of each."""
    leaves = {
        layer.id: _Place(
            layer.path, graph.module_path(layer), layer, last=layer.id, optional=layer.training_only
        )
        for layer in graph.layers()
        if not layer.is_input
    }

    def hold(path: Path, items: list[_Place | list[_Place]]) -> list[_Place]:
        """The place of a block; of one whose module would be too deep what it holds."""
        held = [place for item in items for place in (item if isinstance(item, list) else [item])]
        block = _Place(path, graph.path_in_modules(path))
        if len(block.module) >= MAX_DEPTH:
            return held
        for place in held:
            if place.path in block.inner:
                # Dicts keep their order, so a block that is left and entered again would move its layers.
                is_block = place.layer is None and block.inner[place.path].layer is None
                what = "left and entered again" if is_block else "taken twice"
                raise AssertionError(f"the name {'.'.join(attributes(place.path))} is {what}")
            block.inner[place.path], place.around = place, block
            block.last, block.optional = place.last, block.optional and place.optional
        return [block]

    (root,) = fold(nest(leaves.values(), lambda place: place.path), lambda b, items: hold(b.path, items))
    root.last, root.optional = float("inf"), False
    for place in leaves.values():
        assert place.layer is not None
        for value in dict.fromkeys(place.layer.inputs):
            _let_out(leaves, value, place.layer.id, place.optional)
    outputs = {port.value: None for port in graph.outputs}
    for value in dict.fromkeys(graph.results()):
        _let_out(leaves, value, root.last, value not in outputs)
    root.outputs, root.heads = outputs, {a.value: None for a in graph.auxiliaries}
    return root


def _let_out(leaves: dict[int, _Place], value: Value, reader: float, training_only: bool) -> None:
    """Let a tensor out of the blocks that its reader is not in."""
    place = leaves[value.node].around if value.node in leaves else None
    while place is not None and place.last < reader:
        (place.heads if training_only else place.outputs)[value] = None
        place = place.around


class _Modules:
    """Makes the modules of places; all places of a module are its calls."""

    def __init__(self, root: _Place, joins: frozenset[int]) -> None:
        self.joins = joins
        self.calls: dict[Path, list[_Place]] = {}
        self.made: dict[Names, ModuleNode] = {}
        places = [root]
        while places:
            place = places.pop()
            self.calls.setdefault(place.module, []).append(place)
            places += reversed(place.inner.values())
        self.names = {path: attributes(path) for path in self.calls}
        assert len(set(self.names.values())) == len(self.names), "the name of a module is taken twice"

    def node(self, path: Path) -> ModuleNode:
        """The module of a path; those that it calls are made before it."""
        names = self.names[path]
        node = self.made.get(names)
        if node is None:
            calls = self.calls[path]
            node = self.made[names] = (self._leaf if calls[0].layer else self._container)(names, calls)
            for index, place in enumerate(calls):
                place.arguments = tuple([column[index] for column in node.inputs])
                place.results = tuple([column[index] for column in node.outputs])
        return node

    def stand(self) -> None:
        """Let the modules stand in their containers that these do not use themselves."""
        for names, node in self.made.items():
            if names:
                self.made[names[:-1]].children.setdefault(names[-1], node)

    def _leaf(self, names: Names, calls: list[_Place]) -> ModuleNode:
        """A layer; it may take one tensor twice."""
        first = calls[0].layer
        assert first is not None
        layers = [place.layer for place in calls if place.layer is not None] if len(calls) > 1 else [first]
        inputs: tuple[Column, ...] = _columns([layer.inputs for layer in layers])
        if first.id in self.joins:
            inputs = (*inputs, (DRAW,) * len(layers))
        ports = range(len(first.shapes))
        outputs = tuple([tuple([Value(layer.id, port) for layer in layers]) for port in ports])
        return ModuleNode(names, inputs, outputs, len(outputs), _all_optional(calls), first)

    def _container(self, names: Names, calls: list[_Place]) -> ModuleNode:
        node = ModuleNode(names, (), (), 0, _all_optional(calls))
        inputs: dict[Column, None] = {}
        made: dict[Column, None] = {}
        modules: dict[Names, None] = {}
        for places in _columns([tuple(place.inner.values()) for place in calls]):
            inner = self.node(places[0].module)
            arguments = _columns([place.arguments for place in places])
            results = _columns([place.results for place in places])
            node.calls.append(ModuleCall(inner, arguments, results, _all_optional(places)))
            for column in arguments:
                if column not in made:
                    inputs[column] = None
            for column in results:
                made[column] = None
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
        outputs = _flow([place.outputs for place in calls], made)
        node.outputs = tuple(outputs | _flow([place.heads for place in calls], made))
        node.regular = len(node.outputs) if node.optional else len(outputs)
        return node


def _all_optional(places: Sequence[_Place]) -> bool:
    return all(place.optional for place in places) if len(places) > 1 else places[0].optional


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

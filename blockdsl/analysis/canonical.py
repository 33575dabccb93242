"""The identity of a network: what two files share that build the same thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import blake2b

from blockdsl.ir import Graph, Path, Value
from blockdsl.ops import Operation, Shape
from blockdsl.ops.tie import tie_of, tied


def canonical_hash(graph: Graph) -> str:
    """A hash that is equal for equal networks, however they were written.

    Names of layers, blocks and the order of writing do not count; identities (a dropout of 0, a scale
    by 1, a join of one) are passed over, and so is what feeds no output. Operations, their arguments, all
    shapes, what is shared, the order of concatenation, and the auxiliary outputs count. So does the
    interface: the inputs and outputs in their order, and their names where there are several. A single one
    is the same under any name.

    Bottom-up over the graph, as a Merkle tree (Merkle 1987): a node's hash is that of its operation
    and its inputs' hashes. The multiset of all live nodes' hashes is added at the end, so that one
    layer used twice is told from two layers alike. Which layers share weights is added to their hashes, and
    told apart where these are equal.
    """
    live = _live(graph)
    modules = _modules(graph, live)
    hashes, counted = _hashes(graph, live, {})
    tensors = _tensors_alike(graph, live, hashes)
    # What is known of a module is its layers' hashes, into which it goes in turn, and of a trained tensor
    # those of the layers that read it: until nothing more is told apart (colour refinement, Weisfeiler &
    # Leman 1968).
    while modules or tensors:
        groups: dict[Path, list[bytes]] = {}
        for node, module in modules.items():
            groups.setdefault(module, []).append(hashes[node])
        marks = {node: _digest(*sorted(groups[module])) for node, module in modules.items()}
        for node, readers in tensors.items():
            marks[node] = _digest(marks.get(node, b""), *sorted(hashes[reader] for reader in readers))
        before = len(set(hashes.values()))
        hashes, counted = _hashes(graph, live, marks)
        if len(set(hashes.values())) == before:
            break
    outputs = [_of_value(hashes, port.value) for port in graph.outputs]
    for auxiliary in sorted(graph.auxiliaries, key=lambda a: a.name):
        outputs += [auxiliary.name.encode(), repr(auxiliary.weight).encode()]
        outputs.append(_of_value(hashes, auxiliary.value))
    for ports in (graph.inputs, graph.outputs):
        if len(ports) > 1:
            outputs.append(repr([port.name for port in ports]).encode())
    return _digest(*outputs, *sorted(counted), *_numbers(graph, hashes, modules)).hex()


def _hashes(graph: Graph, live: set[int], marks: Mapping[int, bytes]) -> tuple[dict[int, bytes], list[bytes]]:
    """The hashes of all live nodes, and those that count: of all but the identities.

    `marks` has what is known of the modules of layers that share their weights, and of tensors alike.
    """
    places = {port.value.node: place for place, port in enumerate(graph.inputs)}
    hashes: dict[int, bytes] = {}
    counted = []
    for layer in graph.layers():
        if layer.id not in live:
            continue
        given = graph.input_shapes(layer)
        if layer.operation.is_identity(*given):
            hashes[layer.id] = _of_value(hashes, layer.inputs[0])
            continue
        inputs = [_of_value(hashes, value) for value in layer.sources]
        if layer.operation.commutative:
            inputs.sort()
        # The first input is not marked: hashes are stored, also from when there was no other.
        if place := places.get(layer.id):
            inputs.append(str(place).encode())
        if layer.id in marks:
            inputs.append(marks[layer.id])
        # What a trained tensor is handed says the size of the batch, whatever its shape.
        shapes = repr(tuple(map(_sizes, given if layer.sources else layer.shapes)))
        hashes[layer.id] = _digest(_text(layer.operation).encode(), shapes.encode(), *inputs)
        counted.append(hashes[layer.id])
    return hashes, counted


def _text(operation: Operation) -> str:
    """An operation without the name of what it is tied to, which `_modules` tells."""
    tie = tie_of(operation)
    return str(tied(operation, replace(tie, name="^T" if tie.transposed else "^")) if tie else operation)


def _sizes(shape: Shape) -> tuple[object, ...]:
    """A shape with its layout where the sizes alone would be read as another one."""
    return (shape.word, *shape) if shape.word else tuple(shape)


def _modules(graph: Graph, live: set[int]) -> dict[int, Path]:
    """The modules of the layers whose weights or statistics another one has, or uses."""
    found: dict[int, Path] = {}
    for layer in graph.layers() if graph.shared or graph.ties else ():
        shapes, operation, module = graph.input_shapes(layer), layer.operation, graph.module_path(layer)
        if layer.id in live and (
            tie_of(operation) or operation.weights(*shapes) or operation.buffers(*shapes)
        ):
            found[layer.id] = graph.ties.get(module, module)
    count = Counter(found.values())
    return {node: module for node, module in found.items() if count[module] > 1}


def _tensors_alike(graph: Graph, live: set[int], hashes: Mapping[int, bytes]) -> dict[int, list[int]]:
    """The layers that read each trained tensor that nothing but these tells from another one."""
    tensors = [
        layer.id for layer in graph.layers() if layer.inputs and not layer.sources and layer.id in live
    ]
    count = Counter(hashes[node] for node in tensors)
    readers: dict[int, list[int]] = {node: [] for node in tensors if count[hashes[node]] > 1}
    for layer in graph.layers() if readers else ():
        for value in layer.sources:
            if value.node in readers and layer.id in live:
                readers[value.node].append(layer.id)
    return readers


def _numbers(graph: Graph, hashes: Mapping[int, bytes], modules: Mapping[int, Path]) -> Iterator[bytes]:
    """The layers that share weights, each with its hash and the number of its module.

    Modules are numbered as they are met on the way back from the outputs, so that it does not matter what
    they are called, and layers of equal hashes are told apart by what they share.
    """
    if not modules:
        return
    numbers: dict[Path, int] = {}
    met: set[int] = set()
    waiting = [value.node for value in reversed(graph.results())]
    while waiting:
        node = waiting.pop()
        if node in met:
            continue
        met.add(node)
        if node in modules:
            number = numbers.setdefault(modules[node], len(numbers))
            yield hashes[node] + str(number).encode()
        layer = graph.layer(node)
        sources = [value.node for value in layer.sources]
        if layer.operation.commutative:
            sources.sort(key=hashes.__getitem__)
        waiting += reversed(sources)


def _of_value(hashes: dict[int, bytes], value: Value) -> bytes:
    own = hashes[value.node]
    return _digest(own, str(value.port).encode()) if value.port else own


def _digest(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(4, "little") + part)
    return digest.digest()


def _live(graph: Graph) -> set[int]:
    """The nodes that an output depends on, and the inputs, which a caller gives in any case."""
    waiting = [value.node for value in (*graph.results(), *(port.value for port in graph.inputs))]
    live: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node not in live:
            live.add(node)
            waiting += [value.node for value in graph.layer(node).sources]
    return live

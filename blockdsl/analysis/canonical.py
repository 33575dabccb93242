"""The identity of a network: what two files share that build the same thing."""

from __future__ import annotations

from hashlib import blake2b

from blockdsl.ir import Graph, Value


def canonical_hash(graph: Graph) -> str:
    """A hash that is equal for equal networks, however they were written.

    Names, blocks and the order of writing do not count; identities (a dropout of 0, a scale by 1, a
    join of one) are passed over, and so is what feeds no output. Operations, their arguments, all
    shapes, what is shared, the order of concatenation, and the auxiliary outputs count.

    Bottom-up over the graph, as a Merkle tree (Merkle 1987): a node's hash is that of its operation
    and its inputs' hashes. The multiset of all live nodes' hashes is added at the end, so that one
    layer used twice is told from two layers alike.
    """
    live = _live(graph)
    hashes: dict[int, bytes] = {}
    counted = []
    for layer in graph.layers():
        if layer.id not in live:
            continue
        if layer.operation.is_identity(*graph.input_shapes(layer)):
            source = layer.inputs[0]
            hashes[layer.id] = _of_value(hashes, source) if source.port else hashes[source.node]
            continue
        inputs = [_of_value(hashes, value) for value in layer.inputs]
        if layer.operation.commutative:
            inputs.sort()
        hashes[layer.id] = _digest(
            str(layer.operation).encode(), repr(graph.input_shapes(layer) or layer.shapes).encode(), *inputs
        )
        counted.append(hashes[layer.id])
    outputs = [_of_value(hashes, port.value) for port in graph.outputs]
    for auxiliary in sorted(graph.auxiliaries, key=lambda a: a.name):
        outputs += [auxiliary.name.encode(), repr(auxiliary.weight).encode()]
        outputs.append(_of_value(hashes, auxiliary.value))
    return _digest(*outputs, *sorted(counted)).hex()


def _of_value(hashes: dict[int, bytes], value: Value) -> bytes:
    own = hashes[value.node]
    return _digest(own, str(value.port).encode()) if value.port else own


def _digest(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(4, "little") + part)
    return digest.digest()


def _live(graph: Graph) -> set[int]:
    """The nodes that an output depends on."""
    waiting = [value.node for value in graph.results()]
    live: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node not in live:
            live.add(node)
            waiting += [value.node for value in graph.layer(node).inputs]
    return live

"""From a graph to a `torch.nn.Module` whose modules follow the block structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

import torch
from torch import nn

from blockdsl.codegen.containers import Chain, NamedNetwork, Network, WiredBlock
from blockdsl.codegen.initial import located
from blockdsl.codegen.leaves import leaves_of
from blockdsl.codegen.names import block_calls
from blockdsl.codegen.origin import Origin
from blockdsl.codegen.tree import ModuleNode, tree
from blockdsl.diagnostics import error
from blockdsl.ir import Graph, Layer, Value
from blockdsl.layers.join import FractalMean
from blockdsl.recipe.initial import He, InitTerm
from blockdsl.speedups import collecting_later


@collecting_later()
def build(
    graph: Graph,
    *,
    init: InitTerm | Sequence[InitTerm] | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    seed: int | None = None,
) -> nn.Module:
    """Build the module of a graph: (N, *shape) of each input -> (N, *shape) of each output.

    It takes the inputs by position or by name, and returns a tensor, or a tuple of several; `input_names`
    and `output_names` are in this order. With auxiliary outputs it returns `(outputs, {name: tensor})` in
    training mode. A shared network is one module, which is called where the network is applied; a block
    that applies one from elsewhere is handed the module as an argument.

    Weights begin as `init` says (terms of `blockdsl.recipe.initial`, He by default). A seed gives the
    same weights on every device and leaves the global random state as it was; without one they come
    from the global state. On the device "meta" nothing is allocated or drawn.

    Raises:
        ArchError: an operation has no module, `init` names a layer that does not exist, or the seed
            has more than 64 bits.
    """
    if seed is not None and not -(2**63) <= seed < 2**64:
        raise error("option", f"a seed has 64 bits at most, {seed} has more")
    terms = located(graph, (init,) if isinstance(init, InitTerm) else init or (He(),))
    device = torch.get_default_device() if device is None else torch.device(device)
    first = device if device.type == "meta" else torch.device("cpu")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        leaves = leaves_of(graph, terms, first)
    _reuse_memory(graph, leaves)
    module = _assemble(graph, leaves)
    module.origin = Origin(graph)
    return module if dtype is None and device == first else module.to(device=device, dtype=dtype)


def _reuse_memory(graph: Graph, leaves: dict[int, nn.Module]) -> None:
    """Let layers that can (ReLUs, sums) write over an input that nothing else reads, as one does by hand.

    One that is called several times must be free to do so at each call.
    """
    readers = Counter(value for layer in graph.layers() for value in layer.inputs)
    readers.update(graph.results())
    free: dict[int, set[int]] = {}
    for layer in graph.layers():
        if layer.operation.overwrites_input:
            own = {i for i, v in enumerate(layer.inputs) if readers[v] == 1 and _fits(graph, v, layer)}
            first = graph.owner(layer).id
            free[first] = free.get(first, own) & own
    for node, inputs in free.items():
        if inputs and graph.layer(node).operation.inputs is None:
            leaves[node].into = min(inputs)  # type: ignore[assignment]
        elif inputs:
            leaves[node].inplace = True  # type: ignore[assignment]


def _fits(graph: Graph, value: Value, layer: Layer) -> bool:
    """Whether a tensor is new memory, as large as what the layer makes of it."""
    return graph.layer(value.node).operation.fresh_output and graph.shape_of(value) == layer.shape


def _assemble(graph: Graph, leaves: dict[int, nn.Module]) -> Chain | Network:
    """Nest the modules as their names say, children before their containers."""
    joins = frozenset(i for i, m in leaves.items() if isinstance(m, FractalMean) and m.columns)
    root = tree(graph, joins)
    calls = block_calls(graph)

    def module(node: ModuleNode) -> nn.Module:
        if node.layer is not None:
            return leaves[node.layer.id]
        call = calls.get(node.names)
        note = ", ".join([f"{name}={value}" for name, value in call.args.items()]) if call else ""
        if node.is_chain:
            return Chain(parts(node), title=_title(call.block) if call else "Sequential", note=note)
        title = _title(call.block if call else node.names[-1].rstrip("0123456789"))
        return WiredBlock(parts(node), node.program(), title=title, note=note)

    def parts(node: ModuleNode) -> dict[str, nn.Module]:
        return {name: module(child) for name, child in node.children.items()}

    inputs, outputs = ([port.name for port in ports] for ports in (graph.inputs, graph.outputs))
    if root.is_chain and inputs == ["x"] and len(outputs) == 1 and not graph.auxiliaries:
        chain = Chain(parts(root), title="Network")
        chain.output_names = tuple(outputs)
        return chain
    program = root.program()
    slot = {column[0]: slot for column, slot in zip(root.outputs, program.outputs, strict=True)}
    kind = Network if inputs == ["x"] else NamedNetwork
    return kind(
        parts(root),
        program,
        inputs=graph.shapes_of(graph.inputs),
        outputs={port.name: slot[port.value] for port in graph.outputs},
        auxiliaries={a.name: slot[a.value] for a in graph.auxiliaries},
        draws=bool(joins),
    )


@cache
def _title(name: str) -> str:
    """`dense_block` as `DenseBlock`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))

"""Where a run begins that does not begin at random: carried weights, frozen layers (transfer learning)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
from torch import Tensor, nn

from blockdsl.codegen import module_path
from blockdsl.diagnostics import error
from blockdsl.ir import Graph
from blockdsl.transfer import carry, check_values, read_state


@dataclass(frozen=True)
class Start:
    """Which layers took weights over, and which are new: the head for other classes, above all."""

    carried: tuple[str, ...]
    new: tuple[str, ...]


def carry_weights(module: nn.Module, graph: Graph, path: Path) -> Start:
    """Fill a built module with the weights of a file as far as they fit; the rest stays as it was.

    In a file with the module's own names, as `train` and `compile` write it, names decide; any other
    is matched by structure. A layer of another size is new, and not cut to size.

    Raises:
        ArchError: the file cannot be read, nothing fits, or it is not clear what belongs where.
    """
    state, own = read_state(path), module.state_dict()
    if state.keys() == own.keys():
        tensors = {name: tensor for name, tensor in state.items() if tensor.shape == own[name].shape}
        for name, tensor in tensors.items():
            check_values(name, tensor, counts=not own[name].is_floating_point())
    else:
        tensors, report = carry(state, graph, partial=True)
        cut = {name for name, _ in report.sliced}
        tensors = {name: tensor for name, tensor in tensors.items() if _owner(name) not in cut}
    layers = dict.fromkeys(map(_owner, own))
    whole = [layer for layer in layers if _is_whole(layer, tensors, own)]
    if not whole:
        raise error("weights", f"nothing in {path} fits the network")
    module.load_state_dict({n: t for n, t in tensors.items() if _owner(n) in whole}, strict=False)
    return Start(tuple(whole), tuple(layer for layer in layers if layer not in whole))


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _is_whole(layer: str, tensors: Collection[str], own: dict[str, Tensor]) -> bool:
    return all(name in tensors for name in own if _owner(name) == layer)


def layers_until(graph: Graph, name: str) -> tuple[str, ...]:
    """The modules that the tensor at a point depends on, its own layer included, in execution order.

    `name` is a label, block or layer, such as `pool5` or `stage[2].unit[1]`.

    Raises:
        ArchError: there is no such point.
    """
    node = graph.point(name).node
    before = nx.ancestors(graph.nx, node) | {node}
    layers = (layer for layer in graph.layers() if layer.id in before and not layer.is_input)
    return tuple(dict.fromkeys(module_path(graph, layer) for layer in layers))

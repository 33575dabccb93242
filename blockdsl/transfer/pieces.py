"""State dicts as sequences of pieces: the tensors that belong together, with what tells them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from blockdsl.ir import Graph
from blockdsl.ops import Shape

Key = tuple[tuple[str, tuple[int, ...]], ...]
"""What must be equal of two pieces: each tensor's role and size."""

_ROLES = ("running_mean", "running_var", "weight", "bias")
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Piece:
    """Tensors with one owner, such as a convolution's weight and bias.

    `path` is the owner's name in steps; `tensors` maps a role (`weight`, `bias`, …) to the full name
    of the tensor and its shape.
    """

    path: tuple[str, ...]
    tensors: Mapping[str, tuple[str, Shape]]

    @property
    def name(self) -> str:
        """The owner's name."""
        return ".".join(self.path)

    @property
    def key(self) -> Key:
        """Kind and size. A linear layer and a convolution that covers its whole input are alike."""
        return tuple(sorted((role, size_key(shape)) for role, (_, shape) in self.tensors.items()))

    def __str__(self) -> str:
        weight = self.tensors.get("weight") or next(iter(self.tensors.values()))
        return f"{self.name} ({'x'.join(map(str, weight[1])) or 'a number'})"


def size_key(shape: Shape) -> tuple[int, ...]:
    """A shape as (rows, everything else), without leading and trailing ones."""
    sizes = [n for n in shape if n != 1]
    if not sizes:
        return ()
    if shape[0] == 1:
        return (sizes[0], prod(sizes[1:])) if len(sizes) > 1 else (sizes[0],)
    rest = prod(shape[1:])
    return (shape[0], rest) if rest > 1 else (shape[0],)


def pieces(tensors: Iterable[tuple[str, Shape]]) -> list[Piece]:
    """The pieces of a state dict, in its order; counters of batches are no part of any."""
    found: dict[tuple[str, ...], dict[str, tuple[str, Shape]]] = {}
    for name, shape in tensors:
        *owner, last = name.split(".")
        if last == _COUNTER:
            continue
        role = next((r for r in _ROLES if last == r or last.endswith(f"_{r}")), None)
        stem = [last[: -len(role) - 1]] if role and last != role else [] if role else [last]
        found.setdefault((*owner, *stem), {})[role or "weight"] = (name, shape)
    return [Piece(path, roles) for path, roles in found.items()]


def own_pieces(graph: Graph) -> list[tuple[Piece, int]]:
    """The pieces of a graph's module in execution order, each with its layer."""
    result = []
    for layer in graph.layers():
        shapes = graph.input_shapes(layer)
        named = {**layer.operation.weights(*shapes), **layer.operation.buffers(*shapes)}
        full = [(f"{layer.name}.{name}", shape) for name, shape in named.items()]
        result += [(piece, layer.id) for piece in pieces(full)]
    return result

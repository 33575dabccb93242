"""State dicts as sequences of pieces: the tensors that belong together, with what tells them apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from blockdsl.codegen import attributes, module_path
from blockdsl.diagnostics import error
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph, Layer
from blockdsl.ops import Sizes

Key = tuple[tuple[str, Sizes], ...]
"""What must be equal of two pieces: each tensor's role and size."""

COUNTER = "num_batches_tracked"
"""How many batches a norm has seen: part of a state dict, but of no weight; old files are without."""

MAX_DEPTH = 64
_ROLES = ("running_mean", "running_var", "weight", "bias")


@dataclass(frozen=True)
class Piece:
    """Tensors with one owner, such as a convolution's weight and bias.

    `path` is the owner's name in steps; `tensors` maps a role (`weight`, `bias`, …) to the full name
    of the tensor and its shape; `place` is the piece's number in its state dict.
    """

    path: tuple[str, ...]
    tensors: Mapping[str, tuple[str, Sizes]]
    place: int = 0

    @property
    def name(self) -> str:
        """The owner's name."""
        return ".".join(self.path)

    @cached_property
    def key(self) -> Key:
        """Kind and size. A linear layer and a 1x1 convolution are alike."""
        return tuple(sorted((role, size(shape)) for role, (_, shape) in self.tensors.items()))

    @cached_property
    def flat_key(self) -> Key:
        """The key as if a kernel covered its whole input, and so were a linear layer's matrix."""
        return tuple(sorted((role, size(_flat(shape))) for role, (_, shape) in self.tensors.items()))

    def __str__(self) -> str:
        _, shape = self.tensors.get("weight") or next(iter(self.tensors.values()))
        return f"{self.name} ({shape_text(shape) or 'a number'})"


def size(shape: Sizes) -> Sizes:
    """A shape without the ones at its ends: (64, 32, 1, 1) is a matrix, (1, 1, 768) a vector."""
    first, last = 0, len(shape)
    while last > first and shape[last - 1] == 1:
        last -= 1
    while first < last and shape[first] == 1:
        first += 1
    return shape[first:last]


def same_layout(shape: Sizes, foreign: Sizes) -> bool:
    """Whether a reshape is exact: the same but for ones at the ends, or a matrix for a whole-image kernel."""
    if size(shape) == size(foreign):
        return True
    matrix = {len(shape), len(foreign)} == {2, 4}
    return matrix and shape[0] == foreign[0] and prod(shape) == prod(foreign)


def _flat(shape: Sizes) -> Sizes:
    return (shape[0], prod(shape[1:])) if len(shape) == 4 else shape


def pieces(tensors: Iterable[tuple[str, Sizes]]) -> list[Piece]:
    """The pieces of a state dict, in its order; counters of batches are no part of any.

    Raises:
        ArchError: a name is nested too deep.
    """
    found: dict[tuple[str, ...], dict[str, tuple[str, Sizes]]] = {}
    for name, shape in tensors:
        *owner, last = name.split(".")
        if len(owner) > MAX_DEPTH:
            raise error("weights", f"a name of the state dict has more than {MAX_DEPTH} steps")
        if last == COUNTER:
            continue
        role = next((r for r in _ROLES if last == r or last.endswith(f"_{r}")), None)
        stem = [last] if role is None else [last[: -len(role) - 1]] if last != role else []
        found.setdefault((*owner, *stem), {})[role or "weight"] = (name, shape)
    return [Piece(path, roles, place) for place, (path, roles) in enumerate(found.items())]


def in_natural_order(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces sorted by name, `layers.2` before `layers.10`: the places of those that have no order."""
    ordered = sorted(pieces, key=lambda p: [_natural(step) for step in p.path])
    return [replace(piece, place=place) for place, piece in enumerate(ordered)]


def _natural(step: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", step)]


def own_pieces(graph: Graph) -> list[tuple[Piece, Layer]]:
    """The pieces of a graph's module in execution order, each with its layer.

    A layer of a shared network comes once, at its first application, under the path of its module.
    """
    result = []
    for layer in graph.layers():
        if graph.owner(layer) is not layer:
            continue
        if graph.shared:
            layer = replace(layer, path=graph.module_path(layer))
        shapes = graph.input_shapes(layer)
        named = {**layer.operation.weights(*shapes), **layer.operation.buffers(*shapes)}
        owner = module_path(graph, layer)
        full = [(f"{owner}.{name}", shape) for name, shape in named.items()]
        result += [(piece, layer) for piece in pieces(full)]
    return result


def extra_steps(piece: Piece, layer: Layer) -> tuple[str, ...]:
    """What a piece's name adds to that of its layer: `out_proj` of an attention."""
    return piece.path[len(attributes(layer.path)) :]

"""Carrying a state dict over: fixed pairs first, the rest aligned, every pair checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from torch import Tensor

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.ir import Graph
from blockdsl.ops import Shape
from blockdsl.transfer.align import align
from blockdsl.transfer.partial import common, cuts
from blockdsl.transfer.pieces import COUNTER, Piece, own_pieces, pieces, size
from blockdsl.transfer.tensors import check_values, plain_state


@dataclass
class Report:
    """What was carried: pairs of names (ours, theirs), what was cut to size, what has no partner."""

    matched: list[tuple[str, str]] = field(default_factory=list)
    sliced: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def carry(
    state: Mapping[str, Tensor],
    graph: Graph,
    *,
    pairs: Mapping[str, str] | None = None,
    partial: bool = False,
) -> tuple[dict[str, Tensor], Report]:
    """The state dict of the graph's module, filled from a foreign one.

    Layers are matched by kind, size and order; names decide only where `pairs` says so. Its tensors
    share the memory of the foreign ones.

    Args:
        state: the foreign state dict, in its order of definition; sorted names mean no order.
        graph: the network that the weights are for.
        pairs: names of layers, ours -> theirs, that are settled from outside.
        partial: let what has no partner keep its initialisation (a new head), and cut a layer with
            more outputs than ours down to ours; both are reported.

    Raises:
        ArchError: the two are not the same network, or more than one assignment is possible; or a
            tensor is none that can be a weight: sparse, without data, integer, not finite.
    """
    state = plain_state(state)
    owned = own_pieces(graph)
    ours = [piece for piece, _ in owned]
    theirs = pieces((name, tuple(tensor.shape)) for name, tensor in state.items())
    assigned = _settled(ours, theirs, pairs or {})
    free = [p for p in ours if p.name not in assigned]
    other = _without(theirs, list(assigned.values()))
    report = Report()
    if partial and free and other:
        left, foreign = common(free, other)
        free, other = _without(free, left), _without(other, foreign)
        cut = cuts(left, foreign)
        assigned |= {own.name: piece for own, piece in cut}
        report.missing = [p.name for p in _without(left, [own for own, _ in cut])]
        report.unused = [p.name for p in _without(foreign, [piece for _, piece in cut])]
    layers = {piece.name: node for piece, node in owned}
    found = align([(p, layers[p.name]) for p in free], other, graph)
    assigned |= {own.name: piece for own, piece in zip(free, found, strict=True)}
    carried: dict[str, Tensor] = {}
    for own in ours:
        if own.name in assigned:
            _take(own, assigned[own.name], state, carried, report)
    return carried, report


def _without(every: Sequence[Piece], some: Sequence[Piece]) -> list[Piece]:
    left_out = {p.name for p in some}
    return [p for p in every if p.name not in left_out]


def _settled(ours: list[Piece], theirs: list[Piece], pairs: Mapping[str, str]) -> dict[str, Piece]:
    by_name, known = {p.name: p for p in theirs}, {p.name for p in ours}
    for own, other in pairs.items():
        if own not in known:
            raise error("weights", f"the network has no layer {own}", help=did_you_mean(own, known))
        if other not in by_name:
            raise error("weights", f"the state dict has no layer {other}", help=did_you_mean(other, by_name))
    return {own: by_name[other] for own, other in pairs.items()}


def _take(
    own: Piece, other: Piece, state: Mapping[str, Tensor], carried: dict[str, Tensor], report: Report
) -> None:
    """Fill the tensors of a piece."""
    if own.tensors.keys() != other.tensors.keys():
        kinds = " and ".join(own.tensors), " and ".join(other.tensors)
        raise error("weights", f"{own.name} has {kinds[0]}, {other.name} has {kinds[1]}")
    cut = False
    for role, (name, shape) in own.tensors.items():
        theirs, foreign = other.tensors[role]
        tensor = state[theirs]
        if not same_layout(shape, foreign):
            if not shape or foreign[1:] != shape[1:] or foreign[0] < shape[0]:
                raise error("weights", f"{own} and {other} have other sizes")
            tensor, cut = tensor[: shape[0]], True
        check_values(theirs, tensor)
        carried[name] = tensor.reshape(shape)
    if "running_mean" in own.tensors:
        # Files of before 2018 are without the counter.
        counter = ".".join([*other.path, COUNTER])
        seen = state.get(counter, torch.tensor(0))
        check_values(counter, seen, counts=True)
        carried[".".join([*own.path, COUNTER])] = seen.reshape(())
    (report.sliced if cut else report.matched).append((own.name, other.name))


def same_layout(shape: Shape, foreign: Shape) -> bool:
    """Whether a reshape is exact: the same but for ones at the ends, or a matrix for a whole-image kernel."""
    if size(shape) == size(foreign):
        return True
    matrix = {len(shape), len(foreign)} == {2, 4}
    return matrix and shape[0] == foreign[0] and prod(shape) == prod(foreign)

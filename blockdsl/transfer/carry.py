"""Carrying a state dict over: what a map pairs first, the rest aligned, every matching judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

import torch
from torch import Tensor, nn

from blockdsl.diagnostics import error
from blockdsl.ir import Graph
from blockdsl.transfer.match import Unclear, match, refusal
from blockdsl.transfer.partial import common, cuts
from blockdsl.transfer.parts import Part, parts
from blockdsl.transfer.pieces import COUNTER, Piece, in_natural_order, own_pieces, pieces, same_layout
from blockdsl.transfer.tensors import check_values, plain_state, without_repeats


@dataclass
class Report:
    """What was carried: pairs of names (ours, theirs), what was cut to size, what has no partner.

    `by_order` are those of the matched pairs that rest on the order of registration alone. `dtypes` are the
    floating point types of the foreign weights, `dtype` is one that holds them all.
    """

    matched: list[tuple[str, str]] = field(default_factory=list)
    by_order: list[tuple[str, str]] = field(default_factory=list)
    sliced: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    dtypes: set[torch.dtype] = field(default_factory=set)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights, or the wider of several; float32 in place of types of one byte."""
        wide = {dtype if dtype.itemsize > 1 else torch.float32 for dtype in self.dtypes}
        return reduce(torch.promote_types, wide or {torch.float32})

    def unusual_types(self) -> str:
        """The types of the weights as words, where not all are float32; else empty."""
        if self.dtypes <= {torch.float32}:
            return ""
        return " and ".join(sorted(map(str, self.dtypes)))


def carry(
    state: Mapping[str, Tensor],
    graph: Graph,
    *,
    pairs: Mapping[str, str] | None = None,
    partial: bool = False,
    trust_order: bool = False,
) -> tuple[dict[str, Tensor], Report]:
    """The state dict of the graph's module, filled from a foreign one.

    Layers are matched by kind and size; among equal ones names, numbers and structure decide. Its
    tensors share the memory of the foreign ones.

    Args:
        state: the foreign state dict, in its order of registration; one that `read_state` gave knows
            whether it has an order.
        graph: the network that the weights are for.
        pairs: layers or blocks, ours -> theirs, that are settled from outside, such as
            `{"stage[2].unit[1]": "layer2.0"}`.
        partial: let what has no partner keep its initialisation (a new head), and cut a layer with
            more outputs than ours down to ours; both are reported.
        trust_order: take the order of registration where nothing else decides; the report says where.

    Raises:
        ArchError: the two are not the same network, or more than one matching is possible; or a
            tensor is none that can be a weight: sparse, without data, integer, not finite.

    Example:
        >>> import blockdsl
        >>> from blockdsl.transfer import State
        >>> net = blockdsl.parse("input 4 net FC(2)")
        >>> theirs = {"head.weight": torch.zeros(2, 4), "head.bias": torch.ones(2)}
        >>> tensors, report = carry(State(theirs), net.ir)
        >>> report.matched
        [('fc1', 'head')]
        >>> net.module().load_state_dict(tensors)
        <All keys matched successfully>
    """
    state = plain_state(state)
    if graph.ties:
        state = without_repeats(state)
    theirs = pieces((name, tuple(tensor.shape)) for name, tensor in state.items())
    if not state.ordered:
        theirs = in_natural_order(theirs)
    ours = own_pieces(graph)
    report = Report()
    assigned: dict[str, Piece] = {}
    unclear: list[Unclear] = []
    for part in parts(ours, theirs, pairs or {}):
        if partial and part.ours and part.theirs:
            part, cut, missing, unused = _common(part)
            assigned |= cut
            report.missing += missing
            report.unused += unused
        found, open_ = match(part, graph, ordered=state.ordered, trust_order=trust_order)
        assigned |= {own.name: other for (own, _), other in zip(part.ours, found, strict=True)}
        unclear += open_
    if unclear and not (trust_order and state.ordered):
        raise refusal(unclear, state.ordered)
    by_order = {own.name for group in unclear for member in group.members for own, _ in member.ours}
    carried: dict[str, Tensor] = {}
    for own, _ in ours:
        if (other := assigned.get(own.name)) is None:
            continue
        _take(own, other, state, carried, report)
        if own.name in by_order:
            report.by_order.append((own.name, other.name))
    report.dtypes = {tensor.dtype for tensor in carried.values() if tensor.is_floating_point()}
    return carried, report


def fill(module: nn.Module, tensors: Mapping[str, Tensor], report: Report) -> nn.Module:
    """Give a module the weights that `carry` returned, and their floating point type."""
    module = module.to(report.dtype)
    module.load_state_dict(tensors, strict=not report.missing)
    return module


def _common(part: Part) -> tuple[Part, dict[str, Piece], list[str], list[str]]:
    """What both sides of a part have; what is cut to size; the names of what is missing and unused."""
    ours = [piece for piece, _ in part.ours]
    left, foreign = common(ours, part.theirs)
    cut = cuts(left, foreign)
    names = {p.name for p in left}, {p.name for p in foreign}
    rest = Part(
        [pair for pair in part.ours if pair[0].name not in names[0]],
        [p for p in part.theirs if p.name not in names[1]],
        part.own,
        part.other,
    )
    paired = {own.name for own, _ in cut}, {other.name for _, other in cut}
    missing = [p.name for p in left if p.name not in paired[0]]
    unused = [p.name for p in foreign if p.name not in paired[1]]
    return rest, {own.name: other for own, other in cut}, missing, unused


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

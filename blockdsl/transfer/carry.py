"""Carrying a state dict over: fixed pairs first, the rest aligned, every pair checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.ir import Graph
from blockdsl.ops import Shape
from blockdsl.transfer.align import align
from blockdsl.transfer.parallel import check_families
from blockdsl.transfer.pieces import Piece, own_pieces, pieces

if TYPE_CHECKING:
    from torch import Tensor


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

    Args:
        state: the foreign state dict, in its order of definition.
        graph: the network that the weights are for.
        pairs: names of ours -> theirs (layers or single tensors) that are settled from outside.
        partial: let what has no partner keep its initialisation (a new head), and cut a layer with
            more outputs than ours down to ours; both are reported.

    Raises:
        ArchError: the two are not the same network, or more than one assignment is possible.
    """
    owned = own_pieces(graph)
    ours = [piece for piece, _ in owned]
    theirs = pieces((name, tuple(tensor.shape)) for name, tensor in state.items())
    assigned = _settled(ours, theirs, pairs or {})
    free = [p for p in ours if p.name not in assigned]
    taken = {p.name for p in assigned.values()}
    other = [p for p in theirs if p.name not in taken]
    report = Report()
    if partial:
        free, other = _matching(free, other, assigned, report)
    assigned |= {own.name: piece for own, piece in zip(free, align(free, other), strict=True)}
    layer_of = {piece.name: node for piece, node in owned}
    check_families({layer_of[name]: piece for name, piece in assigned.items()}, graph, set(pairs or ()))
    carried: dict[str, Tensor] = {}
    for own in ours:
        if own.name in assigned:
            _take(own, assigned[own.name], state, carried, report)
    return carried, report


def _settled(ours: list[Piece], theirs: list[Piece], pairs: Mapping[str, str]) -> dict[str, Piece]:
    by_name, known = {p.name: p for p in theirs}, {p.name for p in ours}
    for own, other in pairs.items():
        if own not in known:
            raise error("weights", f"the network has no layer {own}", help=did_you_mean(own, known))
        if other not in by_name:
            raise error("weights", f"the state dict has no layer {other}", help=did_you_mean(other, by_name))
    return {own: by_name[other] for own, other in pairs.items()}


def _matching(
    ours: list[Piece], theirs: list[Piece], assigned: dict[str, Piece], report: Report
) -> tuple[list[Piece], list[Piece]]:
    """Set aside the ends that differ: the head (and what follows it) of either network."""
    length = 0
    while length < min(len(ours), len(theirs)) and ours[length].key == theirs[length].key:
        length += 1
    for own, other in zip(ours[length:], theirs[length:], strict=False):
        if _fits_cut(own, other):
            assigned[own.name] = other
        else:
            report.missing.append(own.name)
            report.unused.append(other.name)
    report.missing += [p.name for p in ours[max(length, len(theirs)) :]]
    report.unused += [p.name for p in theirs[max(length, len(ours)) :]]
    if length == 0:
        raise error("weights", f"nothing fits: {ours[0]} and {theirs[0]} differ already")
    return ours[:length], theirs[:length]


def _fits_cut(own: Piece, other: Piece) -> bool:
    """Whether the foreign piece has the same inputs and at least as many outputs."""
    return own.tensors.keys() == other.tensors.keys() and all(
        len(shape) == len(other.tensors[role][1])
        and shape[1:] == other.tensors[role][1][1:]
        and shape[0] <= other.tensors[role][1][0]
        for role, (_, shape) in own.tensors.items()
    )


def _take(
    own: Piece, other: Piece, state: Mapping[str, Tensor], carried: dict[str, Tensor], report: Report
) -> None:
    cut = False
    for role, (name, shape) in own.tensors.items():
        if role not in other.tensors:
            raise error("weights", f"{own.name} has a {role}, {other.name} has none")
        theirs, foreign = other.tensors[role]
        tensor = state[theirs]
        if not same_layout(shape, foreign):
            if foreign[1:] != shape[1:] or foreign[0] < shape[0]:
                raise error("weights", f"{own} and {other} have other sizes")
            tensor, cut = tensor[: shape[0]], True
        carried[name] = tensor.reshape(shape).clone()
    (report.sliced if cut else report.matched).append((own.name, other.name))


def same_layout(shape: Shape, foreign: Shape) -> bool:
    """Whether a reshape is exact: the same sizes but for ones, or a matrix for a whole-image kernel."""
    plain = [n for n in shape if n != 1], [n for n in foreign if n != 1]
    if plain[0] == plain[1]:
        return True
    matrix = {len(shape), len(foreign)} == {2, 4}
    total = shape[0] == foreign[0] and _count(shape) == _count(foreign)
    return matrix and total


def _count(shape: Shape) -> int:
    result = 1
    for size in shape:
        result *= size
    return result


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a `.safetensors` or a torch file, which is read without running anything in it.

    Raises:
        ArchError: the file is missing, of another kind, or holds more than tensors.
    """
    if not path.is_file():
        raise error("file", f"{path} does not exist")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as failed:
            raise error("file", f"{path} is no safetensors file: {failed}") from None
    return _tensors(path, _unpickled(path))


def _unpickled(path: Path) -> Any:
    from pickle import UnpicklingError

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise error(
            "file",
            f"{path} holds more than tensors, and what it holds is not run",
            help="save the `state_dict()` alone, best as .safetensors",
        ) from None
    except (RuntimeError, OSError, EOFError, ValueError) as failed:
        raise error("file", f"{path} cannot be read as weights: {failed}") from None


def _tensors(path: Path, loaded: Any) -> dict[str, Tensor]:
    """The tensors of a checkpoint: `state_dict` or `model` inside it, without a `module.` before them."""
    import torch

    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not any(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise error("file", f"{path} holds no state dict")
    state = {str(name): value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
    while all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return state


def read_map(path: Path) -> dict[str, str]:
    """The pairs of a map file: lines `ours = theirs`, comments after #.

    Raises:
        ArchError: the file cannot be read or a line is no pair.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise error("file", f"cannot read {path}") from None
    pairs: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        own, equals, other = (part.strip() for part in text.partition("="))
        if not (own and equals and other):
            raise error("file", f"{path}:{number}: a line is `ours = theirs`")
        pairs[own] = other
    return pairs

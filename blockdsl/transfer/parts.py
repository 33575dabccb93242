"""What the lines of a map pair: layers or blocks of ours with layers or prefixes of the foreign names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blockdsl.diagnostics import ArchError, did_you_mean, error
from blockdsl.ir import Layer, find_part, parts_of, path_text
from blockdsl.transfer.pieces import Piece, extra_steps, same_layout


@dataclass
class Part:
    """Pieces of both sides that belong together; a map's line makes one, what is left is another.

    `own` and `other` are what a message calls the two sides.
    """

    ours: list[tuple[Piece, Layer]]
    theirs: list[Piece]
    own: str = "the network"
    other: str = "the state dict"


def parts(
    ours: Sequence[tuple[Piece, Layer]], theirs: Sequence[Piece], pairs: Mapping[str, str]
) -> list[Part]:
    """What each line of a map pairs, the innermost first, then what no line names.

    Raises:
        ArchError: a line names what is not there, or two layers of other sizes.
    """
    rest = Part(list(ours), list(theirs))
    found = []
    for own, other in sorted(pairs.items(), key=lambda pair: -pair[0].count(".")):
        part, rest = _divided(rest, own, other)
        if not part.ours:
            message, names = "the network has no layer or block", [language_path(*pair) for pair in ours]
            raise _unknown(own, names, message, sample_line(ours, theirs))
        if not part.theirs:
            message, names = "the state dict has no layer or prefix", [piece.name for piece in theirs]
            raise _unknown(other, names, message, sample_line(ours, theirs))
        part.own, part.other = own, other
        if len(part.ours) == len(part.theirs) == 1:
            _check_sizes(part.ours[0][0], part.theirs[0])
        found.append(part)
    return [*found, rest]


def language_path(piece: Piece, layer: Layer) -> str:
    """Where a piece of ours stands, as the language writes it: `stage[2].attention[1].out_proj`."""
    return ".".join([path_text(layer.path), *extra_steps(piece, layer)])


def sample_line(ours: Sequence[tuple[Piece, Layer]], theirs: Sequence[Piece]) -> str:
    """A line of a map with names of both sides, of layers that fit where there are any."""
    fitting = (
        f"{language_path(*pair)} = {piece.name}"
        for pair in ours
        for piece in theirs
        if piece.key == pair[0].key
    )
    return next(
        fitting, f"{language_path(*ours[0])} = {theirs[0].name}" if ours and theirs else "ours = theirs"
    )


def _divided(part: Part, own: str, other: str) -> tuple[Part, Part]:
    """What a line names, and the rest."""
    names = [_plain(*pair) for pair in part.ours]
    wanted = find_part(own, names)
    mine = [_under(name, wanted) for name in names]
    foreign = [_under(piece.name, other) for piece in part.theirs]
    inside, outside = (
        Part(
            [pair for pair, named in zip(part.ours, mine, strict=True) if named == wanted],
            [piece for piece, named in zip(part.theirs, foreign, strict=True) if named == wanted],
        )
        for wanted in (True, False)
    )
    return inside, outside


def _plain(piece: Piece, layer: Layer) -> str:
    """The name of a piece of ours: `stage2.attention1.out_proj`."""
    return ".".join([layer.name, *extra_steps(piece, layer)])


def _under(name: str, prefix: str | None) -> bool:
    return prefix is not None and (name == prefix or name.startswith(f"{prefix}."))


def _unknown(name: str, names: Sequence[str], message: str, sample: str) -> ArchError:
    help_ = did_you_mean(name, parts_of(names), f"a line of a map is such as {sample}")
    return error("weights", f"{message} {name}", help=help_)


def _check_sizes(own: Piece, other: Piece) -> None:
    """Two layers that a map pairs must have the same tensors."""
    for role, (_, shape) in own.tensors.items():
        foreign = other.tensors.get(role)
        if foreign and not same_layout(shape, foreign[1]) and shape[1:] != foreign[1][1:]:
            raise error("weights", f"{own} and {other} have other sizes")

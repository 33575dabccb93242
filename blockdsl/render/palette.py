"""Colours by kind of layer: tints of Okabe and Ito's palette, which most colour-blind people tell apart.

Okabe & Ito, "Color Universal Design", 2008. Colour never stands alone: every box has words.
"""

from __future__ import annotations

from typing import NamedTuple

from blockdsl.blocktree.tree import BlockNode, LayerNode

_HUES = {
    "conv": "#56B4E9",
    "linear": "#CC79A7",
    "attention": "#D55E00",
    "pool": "#E69F00",
    "norm": "#009E73",
    "activation": "#E8D822",
    "gating": "#E8D822",
    "dropout": "#999999",
    "scale": "#999999",
    "join": "#DDDDDD",
    "block": "#7C90A6",
}
_OTHER = "#8FA8A0"
INK = "#1F2933"
QUIET = "#5B6672"
LINE = "#7B8794"
FRAME = "#C3CBD5"
FRAMES = ("#FAFBFC", "#F1F4F7", "#E8ECF1")
"""Fills of boxes inside boxes, the outermost first."""

TINT = 0.42
DARK, DARK_TINT = "#14181D", 0.3
"""The page's ground in dark mode, and how much of a hue is mixed into it."""


class Colour(NamedTuple):
    """Of a box: the inside and the border."""

    fill: str
    line: str


def family(item: BlockNode | LayerNode) -> str:
    """What a box is coloured by: the family of the core's operation, `block` for a closed block."""
    if isinstance(item, BlockNode):
        return "block"
    return "input" if item.core.is_input else item.core.operation.family


def colour(kind: str, share: float | None = None) -> Colour:
    """The colour of a kind of layer; with a `share` of 0 to 1, the deeper the larger it is."""
    if kind == "input":
        return Colour("#FFFFFF", LINE)
    hue = _HUES.get(kind, _OTHER)
    # The eye tells areas and tints apart by ratio: the root spreads the many small shares.
    strength = TINT if share is None else 0.06 + 0.84 * share**0.5
    return Colour(_mixed(hue, "#FFFFFF", strength), _mixed(hue, "#000000", 0.72))


def dark(kind: str) -> str:
    """The inside of a box in dark mode; its border is that of `colour`."""
    return DARK if kind == "input" else _mixed(_HUES.get(kind, _OTHER), DARK, DARK_TINT)


def _mixed(one: str, other: str, part: float) -> str:
    pairs = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * part + b * (1 - part)):02X}" for a, b in pairs)

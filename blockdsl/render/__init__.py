"""Pictures of networks: Graphviz files and a page to explore. Loads no torch, and Graphviz when it draws."""

from blockdsl.render.graphviz import can_draw
from blockdsl.render.picture import KINDS, Options, Picture, check_kind, draw

__all__ = ["KINDS", "Options", "Picture", "can_draw", "check_kind", "draw"]

"""A view as a Graphviz graph: blocks are clusters, boxes have words, arrows carry shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from blockdsl.blocktree.tree import BlockCost, BlockNode, LayerNode
from blockdsl.formatting import bytes_text, count_text, rounded_text, shape_text
from blockdsl.ops import Shape
from blockdsl.render import palette
from blockdsl.render.chains import Rows, is_chain, trunk
from blockdsl.render.inputs import Rows as InputRows
from blockdsl.render.inputs import crossed, hold
from blockdsl.render.palette import INK, LINE, QUIET
from blockdsl.render.scene import Scene
from blockdsl.render.titles import Corner, Corners, settled
from blockdsl.render.view import View
from blockdsl.render.words import Words, block_arguments, block_title, borrowed, node_words

if TYPE_CHECKING:
    import pygraphviz

COSTS = {
    "params": "parameters, their share of {}",
    "macs": "MACs of one sample, their share of {}",
    "memory": "activations of one sample in fp32, their share of {}",
}
"""The costs that boxes can be tinted by, and what the picture says of the figures in them."""

DIRECTIONS = ("auto", "down", "right")
FONT = "Helvetica,Arial,sans-serif"


@dataclass(frozen=True)
class Style:
    """How a view is drawn: `by` is one of `COSTS` that boxes are tinted by, `direction` of `DIRECTIONS`."""

    by: str | None = None
    direction: str = "auto"
    title: bool = True


def to_dot(view: View, style: Style) -> pygraphviz.AGraph:
    """Draw a view as a graph for Graphviz, which will lay it out."""
    right = style.direction == "right" or (style.direction == "auto" and is_chain(view))
    inputs = [item.name for item in view.boxes if palette.family(item) == "input"]
    rows = crossed(_painted(view, style, right, {}, ()), inputs, right) if len(inputs) > 1 else ()
    return settled(lambda corners: _painted(view, style, right, corners, rows))


def _painted(view: View, style: Style, right: bool, corners: Corners, rows: InputRows) -> pygraphviz.AGraph:
    import pygraphviz

    graph = pygraphviz.AGraph(directed=True, strict=False, name="network")
    painter = _Painter(graph, view, style, right, corners)
    _set_up(graph, right, view.scene.title or "network", _headline(view, style, painter.total))
    painter.paint()
    hold(graph, rows)
    return graph


def _set_up(graph: pygraphviz.AGraph, right: bool, tooltip: str, headline: str) -> None:
    graph.graph_attr.update(
        rankdir="LR" if right else "TB", fontname=FONT, fontcolor=INK, fontsize="12", bgcolor="white",
        nodesep="0.22", ranksep="0.32" if right else "0.3", pad="0.2", compound="true", labelloc="t",
        label=headline, tooltip=tooltip,
    )  # fmt: skip
    graph.node_attr.update(
        shape="box", style="filled,rounded", fontname=FONT, fontsize="12", fontcolor=INK,
        height="0.36", width="0.5", margin="0.11,0.05", penwidth="1.1",
    )  # fmt: skip
    graph.edge_attr.update(
        fontname=FONT, fontsize="9", fontcolor=QUIET, color=LINE, arrowsize="0.6", penwidth="1.1"
    )


def _headline(view: View, style: Style, total: int) -> str:
    """The title, the totals, and what is to be said of the picture: of its figures, whose sum is `total`."""
    scene = view.scene
    lines = []
    if style.title:
        lines = [f'<FONT POINT-SIZE="17"><B>{escape(scene.title)}</B></FONT>'] if scene.title else []
        lines.append(f'<FONT POINT-SIZE="11" COLOR="{QUIET}">{escape(totals(scene))}</FONT>')
    said = [*scene.notes, *([view.said] if view.said else [])]
    if style.by:
        said.append(f"in each box: {COSTS[style.by].format(_figure(total, style.by))}")
    lines += [f'<FONT POINT-SIZE="10" COLOR="{QUIET}"><I>{escape(line)}</I></FONT>' for line in said]
    return f"<{'<BR/>'.join(lines)}<BR/> >" if lines else ""


def totals(scene: Scene) -> str:
    """What a network costs in all; of a search space, how many choices it has."""
    if scene.choices:
        return f"a search space of {scene.choices} choice{'s' if scene.choices > 1 else ''}"
    running = sum(node.cost.macs for node in scene.root.nodes() if not node.training_only)
    return f"{count_text(scene.root.cost.params)} parameters · {count_text(running)} MACs"


def _figure(cost: int, by: str) -> str:
    return bytes_text(cost) if by == "memory" else count_text(cost)


class _Painter:
    """Adds boxes, clusters and arrows to a graph."""

    def __init__(
        self, graph: pygraphviz.AGraph, view: View, style: Style, right: bool, corners: Corners
    ) -> None:
        self.graph, self.view, self.style, self.right, self.corners = graph, view, style, right, corners
        costs = [self._cost(item.cost) for item in view.boxes]
        self.largest, self.total = max(costs, default=0), sum(costs)
        self.rows = Rows(len(view.boxes) + 1) if right and is_chain(view) else None
        self.placed = 0

    def paint(self) -> None:
        """Draw everything."""
        self._inside(self.view.scene.root, self.graph, 0)
        self._arrows()
        self._outputs()

    def _cost(self, cost: BlockCost) -> int:
        return int(getattr(cost, self.style.by)) if self.style.by else 0

    def _inside(self, block: BlockNode, graph: pygraphviz.AGraph, level: int) -> None:
        several = Counter(
            item.path[-1].name for item in block.items if isinstance(item, BlockNode) and item.path
        )
        for item in block.items:
            if isinstance(item, LayerNode):
                self._box(item, node_words(item), graph)
                continue
            numbered = bool(item.path) and several[item.path[-1].name] > 1
            title = block_title(item, numbered, block)
            if item in self.view.opened:
                self._inside(item, self._cluster(item, title, graph, level), level + 1)
            else:
                self._box(item, Words(title, block_arguments(item)), graph)

    def _cluster(
        self, block: BlockNode, title: str, graph: pygraphviz.AGraph, level: int
    ) -> pygraphviz.AGraph:
        fill = palette.FRAMES[min(level, len(palette.FRAMES) - 1)]
        style = "dashed,rounded" if block.choice else "filled,rounded"
        name = f"cluster_{block.name}"
        corner = self.corners.get(name, Corner())
        return graph.add_subgraph(
            name=name, fontsize="11", fontcolor=QUIET, margin="10", tooltip=_tip(block), penwidth="1",
            fillcolor=fill, style=style, color=LINE if block.choice else palette.FRAME,
            **corner.attributes([line.strip() for line in title.split("  ")]),
        )  # fmt: skip

    def _box(self, item: BlockNode | LayerNode, words: Words, graph: pygraphviz.AGraph) -> None:
        share = self._cost(item.cost) / self.largest if self.style.by and self.largest else None
        fill, line = palette.colour(palette.family(item), share if self.style.by else None)
        attributes = {
            "label": self._text(item, words),
            "fillcolor": fill,
            "color": line,
            "tooltip": _tip(item),
        }
        if isinstance(item, BlockNode):
            attributes |= {"peripheries": "2"} if item.times > 1 else {}
        elif len(item.core.operation.word) == 1 and not words.below:
            attributes |= {"shape": "circle", "width": "0.3", "height": "0.3", "fixedsize": "true"}
        elif item.core.is_input:
            attributes["style"] = "rounded"
        if item.training_only or (isinstance(item, LayerNode) and item.core.operation.name == "ONEOF"):
            attributes["style"] = "filled,rounded,dashed"
        graph.add_node(item.name, id=item.name, **attributes)

    def _text(self, item: BlockNode | LayerNode, words: Words) -> str:
        lines = [_label(words.label)] if words.label else []
        if words.above:
            lines.append(f'<FONT POINT-SIZE="10">{escape(words.above)}</FONT>')
        lines.append(f"<B>{escape(words.head)}</B>")
        if words.below:
            lines.append(f'<FONT POINT-SIZE="10">{escape(words.below)}</FONT>')
        if self.style.by and (cost := self._cost(item.cost)):
            share = f"{_figure(cost, self.style.by)} · {100 * cost / self.total:.1f} %"
            lines.append(f'<FONT POINT-SIZE="9">{share}</FONT>')
        return f"<{'<BR/>'.join(lines)}>"

    def _arrows(self) -> None:
        named = set()
        straight = trunk(self.view)
        for arrow in self.view.arrows:
            source, target, shape = arrow.source, arrow.target, arrow.shape
            attributes = {"style": "dashed"} if target.training_only else {}
            if arrow in straight:
                attributes["weight"] = "4"
            # A tensor is named once, where it is first used.
            if (source, shape) not in named and palette.family(source) != "input":
                attributes["label"] = self._shape(shape)
                named.add((source, shape))
            self._arrow(source.name, target.name, attributes)

    def _outputs(self) -> None:
        for source, shape, name, training in self.view.outputs:
            key = f"output {name}"
            head = f"<B>{escape(name or 'output')}</B>"
            if training:
                head += " (training)"
            elif name:
                head = f"{_label('output')}<BR/>{head}"
            label = f"<{head}<BR/>{shape_text(shape, '×')}>"
            self.graph.add_node(key, id=key, label=label, style="rounded", color=LINE, fontsize="11")
            self._arrow(source.name, key, {"style": "dashed"} if training else {"weight": "4"})

    def _arrow(self, source: str, target: str, attributes: dict[str, str]) -> None:
        """Add an arrow; in a chain set in rows those of every second row point to the left."""
        if self.rows is None:
            self.graph.add_edge(source, target, **attributes)
            return
        place = self.placed
        self.placed += 1
        if self.rows.turns(place):
            self.graph.add_subgraph([source, target], rank="same")
            self.graph.add_edge(source, target, **attributes)
        elif self.rows.back(place):
            self.graph.add_edge(target, source, dir="back", **attributes)
        else:
            self.graph.add_edge(source, target, **attributes)

    def _shape(self, shape: Shape) -> str:
        """A shape beside an arrow, on two lines where arrows lie flat."""
        if not self.right:
            return f" {shape_text(shape, '×')}"
        lines = filter(None, [shape.word, str(shape[0]), shape_text(shape[1:], "×")])
        return f'<{"<BR/>".join(lines)}<BR/><FONT POINT-SIZE="3"> </FONT>>'


def _label(text: str) -> str:
    """The small words above those of a box."""
    return f'<FONT POINT-SIZE="9" COLOR="{QUIET}">{escape(text)}</FONT>'


def _tip(item: BlockNode | LayerNode) -> str:
    """What a pointer over a box in an SVG tells."""
    return "\n".join(_facts(item))


def _facts(item: BlockNode | LayerNode) -> Iterator[str]:
    yield item.name
    if isinstance(item, BlockNode) and item.choice:
        yield item.choice
    if isinstance(item, BlockNode) and item.call:
        yield rounded_text(str(item.call))
    if isinstance(item, LayerNode):
        yield "-".join(rounded_text(str(layer.operation)) for layer in item.layers)
    yield f"output {shape_text(item.shape, '×')}"
    cost, shares = item.cost, borrowed(item)
    params = f"the parameters of {shares}" if shares else f"{cost.params:,} parameters"
    yield f"{params}, {cost.macs:,} MACs, {cost.memory:,} bytes"

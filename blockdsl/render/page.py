"""A page to explore a network in: one file that needs no network, the graph beside its source."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from blockdsl.analysis import receptive_fields
from blockdsl.analysis.receptive import seen_of_inputs
from blockdsl.analysis.table import seen_text
from blockdsl.blocktree.tree import BlockNode, LayerNode
from blockdsl.formatting import rounded_text, shape_text
from blockdsl.lowering import Program
from blockdsl.render import palette
from blockdsl.render.dot import totals
from blockdsl.render.scene import Edge
from blockdsl.render.view import View
from blockdsl.render.words import Words, block_arguments, block_title, borrowed, node_words
from blockdsl.source import Source, Span


def page(view: View, program: Program) -> str:
    """The page, the blocks of `view` open at first.

    dagre (MIT, its licence stands in the page) lays the graph out in the browser, anew after every click.
    """
    web = files("blockdsl.render") / "web"
    parts = {name: (web / name).read_text(encoding="utf-8") for name in _PARTS}
    title = escape(view.scene.title)
    data = json.dumps(page_data(view, program), ensure_ascii=False).replace("</", "<\\/")
    return (
        parts["page.html"]
        .replace("{{title}}", title)
        .replace("{{totals}}", escape(totals(view.scene)))
        .replace("{{style}}", parts["page.css"])
        .replace("{{data}}", data)
        .replace("{{licence}}", parts["dagre.LICENSE"])
        .replace("{{dagre}}", parts["dagre.min.js"])
        .replace("{{script}}", parts["page.js"])
    )


_PARTS = ("page.html", "page.css", "page.js", "dagre.min.js", "dagre.LICENSE")


def page_data(view: View, program: Program) -> dict[str, Any]:
    """What the page knows: boxes, arrows, outputs, sources, and the spans in them.

    A box has its parent's index (None at the top), words, colours, shape, costs (of all its instances),
    the module whose parameters it uses where they count in an earlier box, its receptive field, and the
    indices of its span and of those of the block calls around it. An output has the index of its box, its
    shape, its name, and whether it is there in training only.
    An arrow has the indices of its boxes, its shape, the tensor it carries, and which input of the target
    it is.
    """
    return _Data(view, program).collect()


class _Data:
    def __init__(self, view: View, program: Program) -> None:
        self.view, self.scene = view, view.scene
        self.index: dict[BlockNode | LayerNode, int] = {}
        self.boxes: list[dict[str, Any]] = []
        self.spans: dict[tuple[int, int, int], int] = {}
        self.sources: list[Source] = [program.file.span.source]
        graph = program.graph
        self.inputs = graph.shapes_of(graph.inputs)
        self.fields = {name: receptive_fields(graph, name) for name in self.inputs}

    def collect(self) -> dict[str, Any]:
        """Everything, in JSON's types."""
        self._inside(self.scene.root, None)
        return {
            "title": self.scene.title,
            "notes": list(self.scene.notes),
            "boxes": self.boxes,
            "arrows": [self._arrow(edge) for edge in self.scene.edges],
            "outputs": [
                [self.index[output.source], shape_text(output.shape, "×"), output.name, output.training]
                for output in self.scene.outputs
            ],
            "open": sorted(self.index[block] for block in self.view.opened),
            "sources": [{"name": source.name, "text": source.text} for source in self.sources],
            "spans": [list(span) for span in self.spans],
        }

    def _arrow(self, edge: Edge) -> list[Any]:
        source, target = self.index[edge.source], self.index[edge.target]
        tensor = f"{edge.tensor.node}.{edge.tensor.port}"
        return [source, target, shape_text(edge.shape, "×"), tensor, edge.input]

    def _inside(self, block: BlockNode, parent: int | None) -> None:
        several = Counter(
            item.path[-1].name for item in block.items if isinstance(item, BlockNode) and item.path
        )
        for item in block.items:
            self.index[item] = len(self.boxes)
            if isinstance(item, LayerNode):
                self.boxes.append(self._box(item, node_words(item), parent))
                continue
            numbered = bool(item.path) and several[item.path[-1].name] > 1
            words = Words(block_title(item, numbered, block), block_arguments(item))
            self.boxes.append(self._box(item, words, parent))
            self._inside(item, self.index[item])

    def _box(self, item: BlockNode | LayerNode, words: Words, parent: int | None) -> dict[str, Any]:
        kind = palette.family(item)
        fill, line = palette.colour(kind)
        last = list(item.nodes())[-1].layers[-1] if isinstance(item, BlockNode) else item.layers[-1]
        spans = [self._span(span) for span in _spans(item)]
        return {
            "name": item.name,
            "parent": parent,
            "block": isinstance(item, BlockNode),
            "choice": isinstance(item, BlockNode) and bool(item.choice),
            "words": words._asdict(),
            "fill": fill,
            "dark": palette.dark(kind),
            "line": line,
            "text": _text(item),
            "shape": shape_text(last.shape, "×"),
            "times": item.times,
            "instances": item.times * (1 if parent is None else self.boxes[parent]["instances"]),
            **item.cost._asdict(),
            "borrowed": borrowed(item),
            "field": seen_text(seen_of_inputs(self.fields, last), self.inputs, of=True),
            "training": item.training_only,
            "spans": spans,
        }

    def _span(self, span: Span) -> int:
        if span.source not in self.sources:
            self.sources.append(span.source)
        key = (self.sources.index(span.source), span.start, span.end)
        return self.spans.setdefault(key, len(self.spans))


def _text(item: BlockNode | LayerNode) -> str:
    """The box in the language's words."""
    if isinstance(item, LayerNode):
        return "-".join(rounded_text(str(layer.operation)) for layer in item.layers)
    return rounded_text(str(item.call)) if item.call and not item.choice else ""


def _spans(item: BlockNode | LayerNode) -> Iterator[Span]:
    """Where a box was written, innermost first, then the block calls that led there."""
    if isinstance(item, LayerNode):
        yield item.core.span
        call = item.core.call
    else:
        # A labelled part is no call; it is found where its first layer is.
        first = next(item.nodes()).core
        call = item.call
        if call is None:
            yield first.span
            call = first.call
    while call is not None:
        yield call.span
        call = call.outer

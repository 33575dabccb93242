"""The static analysis of a network as one value: every layer's costs, and the totals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from blockdsl.analysis.costs import costs_of, depth
from blockdsl.analysis.folding import LayerCost, Row, rows
from blockdsl.analysis.memory import Memory, memory_of
from blockdsl.analysis.receptive import Field, receptive_fields
from blockdsl.analysis.table import HEADER, aligned, cells, field_text, html_row
from blockdsl.formatting import bytes_text, shape_text
from blockdsl.ir import Graph
from blockdsl.ops import Shape


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """What a network costs, counted on its graph; `str()` is the table.

    Attributes:
        input, output: shapes without the batch axis.
        params: all parameters of the module; `params_aux` of them belong to auxiliary heads.
        macs: multiply-accumulates of convolutions and matrix products of inference, for one sample;
            auxiliary heads do not run then.
        memory: bytes, see `Memory`.
        depth: layers with a kernel or matrix on the longest path.
        receptive_field: rows and columns of the input that one position of the output sees, as if the
            input went on beyond its borders, so that they may exceed it; the input's own where all of
            it is seen for certain (tokens: their number and 1, a vector: its features and 1). None where
            an operation on the way does not say what it sees.
        layers: every layer in execution order.
    """

    title: str
    input: Shape
    output: Shape
    params: int
    params_aux: int
    macs: int
    memory: Memory
    depth: int
    receptive_field: tuple[int, int] | None
    layers: tuple[LayerCost, ...]

    def rows(self, *, expand: bool = False) -> Iterator[Row]:
        """The table's rows; repeated blocks are folded unless `expand`."""
        return rows(self.layers, expand=expand)

    def to_dict(self) -> dict[str, Any]:
        """As `blockdsl summary --json` prints it; shapes are lists, `layers` are never folded."""
        return {
            "title": self.title,
            "input": list(self.input),
            "output": list(self.output),
            "params": self.params,
            "params_aux": self.params_aux,
            "macs": self.macs,
            "depth": self.depth,
            "receptive_field": self.receptive_field and list(self.receptive_field),
            "memory": asdict(self.memory),
            "layers": [
                {
                    "name": layer.name,
                    "op": layer.op,
                    "text": layer.text,
                    "shape": list(layer.shape),
                    "params": layer.params,
                    "macs": layer.macs,
                    "memory": layer.memory,
                    "receptive_field": layer.receptive_field and list(layer.receptive_field),
                    "training_only": layer.training_only,
                    "line": layer.line,
                }
                for layer in self.layers
            ],
        }

    def __str__(self) -> str:
        return plain(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html(self)


def summarise(graph: Graph, title: str = "") -> Summary:
    """Analyse a graph; time and memory are linear in its layers, and no torch is loaded."""
    layers = list(graph.layers())
    costs = costs_of(graph)
    fields = receptive_fields(graph)
    texts = {operation: str(operation) for operation in {layer.operation for layer in layers}}
    counted = tuple(
        LayerCost(
            name=layer.name,
            path=layer.path,
            op=layer.operation.name,
            text=texts[layer.operation],
            shape=layer.shape,
            params=costs[layer.id].params,
            macs=costs[layer.id].macs,
            memory=costs[layer.id].activations,
            receptive_field=_size(fields[layer.id]),
            line=layer.span.line,
            training_only=layer.training_only,
            wiring=tuple(layer.id - value.node for value in layer.inputs),
        )
        for layer in layers
        if layer.inputs
    )
    return Summary(
        title=title,
        input=graph.only_input("a summary"),
        output=graph.only_output("a summary"),
        params=sum(layer.params for layer in counted),
        params_aux=sum(layer.params for layer in counted if layer.training_only),
        macs=sum(layer.macs for layer in counted if not layer.training_only),
        memory=memory_of(graph, costs),
        depth=depth(graph, costs),
        receptive_field=_size(fields[graph.outputs[0].value.node]),
        layers=counted,
    )


def _size(field: Field | None) -> tuple[int, int] | None:
    return field and field.size


def totals(summary: Summary) -> list[tuple[str, str]]:
    """What stands below the table: name and words of each figure."""
    memory = summary.memory
    aux = f" ({summary.params_aux:,} of them in auxiliary heads)" if summary.params_aux else ""
    field = field_text(summary.receptive_field, summary.input, of=True)
    unknown = "unknown: an operation on the way does not define `window`"
    return [
        ("parameters", f"{summary.params:,}{aux}"),
        ("MACs", f"{summary.macs:,} per sample"),
        ("depth", f"{summary.depth} layers with weights on the longest path"),
        ("sees", field if summary.receptive_field else unknown),
        ("weights", bytes_text(memory.weights)),
        ("activations", f"{bytes_text(memory.activations)} per sample"),
        ("inference", f"{bytes_text(memory.inference)} at the peak, for one sample"),
        ("training", f"{bytes_text(memory.training)} for one sample, optimizer's state not counted"),
    ]


def title_line(summary: Summary) -> str:
    """`AlexNet: 3x227x227 -> 1000`."""
    shapes = f"{shape_text(summary.input)} -> {shape_text(summary.output)}"
    return f"{summary.title}: {shapes}" if summary.title else shapes


def plain(summary: Summary, *, expand: bool = False) -> str:
    """The whole summary as text: no colours, as wide as its content needs."""
    lines = [HEADER, *map(cells, summary.rows(expand=expand))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    body = [aligned(line, widths) for line in lines]
    foot = [f"{name:<12}{words}" for name, words in totals(summary)]
    return "\n".join([title_line(summary), "", body[0], rule, *body[1:], rule, *foot])


def html(summary: Summary) -> str:
    """The summary as a table for notebooks."""
    head = "".join(f"<th>{name}</th>" for name in HEADER)
    body = "".join(html_row(cells(row)) for row in summary.rows())
    foot = "<br>".join(f"<b>{name}</b> {escape(words)}" for name, words in totals(summary))
    return (
        f"<p><b>{escape(title_line(summary))}</b></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{foot}</p>"
    )

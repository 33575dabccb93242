"""The static analysis of a network as one value: every layer's costs, and the totals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from blockdsl.analysis.costs import Cost, costs_of, depth
from blockdsl.analysis.folding import LayerCost, Row, rows
from blockdsl.analysis.memory import Memory, memory_of
from blockdsl.analysis.receptive import receptive_fields, seen_of_inputs
from blockdsl.analysis.table import HEADER, cells, html_row, line_form, seen_by_outputs
from blockdsl.blocktree.sharing import Application, applications
from blockdsl.formatting import bytes_text, ports_text
from blockdsl.ir import Graph, Path
from blockdsl.ops import Shape, Sizes


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """What a network costs, counted on its graph; `str()` is the table.

    Attributes:
        inputs, outputs: shapes without the batch axis, by the names of the inputs and outputs.
        params: all parameters of the module, shared ones once; `params_aux` of them belong to auxiliary heads
            alone.
        macs: multiply-accumulates of convolutions and matrix products of inference, for one sample;
            auxiliary heads do not run then.
        memory: bytes, see `Memory`.
        depth: layers with a kernel or matrix on the longest path.
        receptive_field: by the name of each output, how much of each input (by its name) one position sees:
            rows and columns of an image, positions of a signal or sequence, features of a vector. It is
            counted as if the input went on beyond its borders, so that it may exceed the input, and is the
            input's own size where all of it is seen for certain. Zeros where the output does not depend on
            the input; None where an operation on the way does not say what it sees.
        layers: every layer in execution order.
    """

    title: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    params: int
    params_aux: int
    macs: int
    memory: Memory
    depth: int
    receptive_field: Mapping[str, Mapping[str, Sizes | None]]
    layers: tuple[LayerCost, ...]

    def rows(self, *, expand: bool = False) -> Iterator[Row]:
        """The table's rows; repeated blocks are folded unless `expand`."""
        return rows(self.layers, expand=expand)

    def to_dict(self) -> dict[str, Any]:
        """As `blockdsl summary --json` prints it; shapes are lists, `layers` are never folded."""
        return {
            "title": self.title,
            "inputs": {name: _json(shape) for name, shape in self.inputs.items()},
            "outputs": {name: _json(shape) for name, shape in self.outputs.items()},
            "params": self.params,
            "params_aux": self.params_aux,
            "macs": self.macs,
            "depth": self.depth,
            "receptive_field": fields_dict(self.receptive_field),
            "memory": asdict(self.memory),
            "layers": [
                {
                    "name": layer.name,
                    "op": layer.op,
                    "text": layer.text,
                    **_json(layer.shape),
                    "params": layer.params,
                    "shares": layer.shares and layer.shares.module,
                    "macs": layer.macs,
                    "memory": layer.memory,
                    "receptive_field": _lists(layer.receptive_field),
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


def _json(shape: Shape) -> dict[str, Any]:
    return {"shape": list(shape), "layout": shape.layout}


def _lists(fields: Mapping[str, Sizes | None]) -> dict[str, list[int] | None]:
    return {name: None if size is None else list(size) for name, size in fields.items()}


def fields_dict(fields: Mapping[str, Mapping[str, Sizes | None]]) -> dict[str, dict[str, list[int] | None]]:
    """The receptive fields of the outputs in JSON's types."""
    return {name: _lists(seen) for name, seen in fields.items()}


def summarise(graph: Graph, title: str = "") -> Summary:
    """Analyse a graph; time and memory are linear in its layers and its inputs, and no torch is loaded."""
    layers = list(graph.layers())
    costs = costs_of(graph)
    fields = {port.name: receptive_fields(graph, port.name) for port in graph.inputs}
    seen = {layer.id: seen_of_inputs(fields, layer) for layer in layers}
    later = {path: one for path, one in applications(graph).items() if not one.first}
    counted = tuple(
        [
            LayerCost(
                name=layer.name,
                path=layer.path,
                op=layer.operation.name,
                text=str(layer.operation),
                shape=layer.shapes[0],
                params=(cost := costs[layer.id]).params,
                macs=cost.macs,
                memory=cost.activations,
                receptive_field=seen[layer.id],
                line=layer.span.line,
                training_only=layer.training_only,
                wiring=tuple([layer.id - value.node for value in layer.sources]),
                shares=_outermost(later, layer.path) if later else None,
            )
            for layer in layers
            if not layer.is_input
        ]
    )
    return Summary(
        title=title,
        inputs=graph.shapes_of(graph.inputs),
        outputs=graph.shapes_of(graph.outputs),
        params=sum(layer.params for layer in counted),
        params_aux=_of_heads(graph, costs) if graph.auxiliaries else 0,
        macs=sum(layer.macs for layer in counted if not layer.training_only),
        memory=memory_of(graph, costs),
        depth=depth(graph, costs),
        receptive_field={port.name: seen[port.value.node] for port in graph.outputs},
        layers=counted,
    )


def _of_heads(graph: Graph, costs: Mapping[int, Cost]) -> int:
    """The parameters that inference does not use."""
    used = {graph.owner(layer).id for layer in graph.layers() if not layer.training_only}
    return sum(cost.params for node, cost in costs.items() if node not in used)


def _outermost(found: Mapping[Path, Application], path: Path) -> Application | None:
    """The first application on the way to a layer."""
    steps = (path[:length] for length in range(1, len(path) + 1))
    return next((found[step] for step in steps if step in found), None)


def totals(summary: Summary) -> list[tuple[str, str]]:
    """What stands below the table: name and words of each figure; lines that go on have no name."""
    memory = summary.memory
    aux = f" ({summary.params_aux:,} of them in auxiliary heads)" if summary.params_aux else ""
    sees = seen_by_outputs(summary.receptive_field, summary.inputs, of=True)
    return [
        ("parameters", f"{summary.params:,}{aux}"),
        ("MACs", f"{summary.macs:,} per sample"),
        ("depth", f"{summary.depth} layers with weights on the longest path"),
        *zip(["sees", *[""] * (len(sees) - 1)], sees, strict=True),
        ("weights", bytes_text(memory.weights)),
        ("activations", f"{bytes_text(memory.activations)} per sample"),
        ("inference", f"{bytes_text(memory.inference)} at the peak, for one sample"),
        ("training", f"{bytes_text(memory.training)} for one sample, optimizer's state not counted"),
    ]


def title_line(summary: Summary) -> str:
    """`AlexNet: 3x227x227 -> 1000`; of several `image 3x64x64, time 1 -> p3 16x8x8, p4 16x4x4`."""
    shapes = f"{ports_text(summary.inputs)} -> {ports_text(summary.outputs)}"
    return f"{summary.title}: {shapes}" if summary.title else shapes


def plain(summary: Summary, *, expand: bool = False) -> str:
    """The whole summary as text: no colours, as wide as its content needs."""
    lines = [HEADER, *map(cells, summary.rows(expand=expand))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    form = line_form(widths)
    body = [form.format(*line).rstrip() for line in lines]
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

"""`net.json`: the graph as networkx's node-link data, for any program that reads JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx

from blockdsl.ir import Graph, Layer, Value


def write_json(graph: Graph, title: str, path: Path) -> None:
    """Write `node_link` as JSON."""
    path.write_text(
        json.dumps(node_link(graph, title), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def node_link(graph: Graph, title: str = "") -> dict[str, Any]:
    """The graph for `networkx.node_link_graph(data, edges="edges")`.

    Node ids are in execution order, 0 is the input; shapes are without the batch axis. A node has
    `op`, `args`, `shape` (of its first output), `shapes`, `path`, `name` (of its module), `file`,
    `line`, `column` and `training_only`; an edge says which `input` of its target it is, and which
    output of its source (`port`). The graph has `title`, `input`, `output` and `auxiliaries`.
    """
    plain = nx.MultiDiGraph(
        title=title,
        input=list(graph.only_input("JSON")),
        output=_value(graph.outputs[0].value) | {"shape": list(graph.only_output("JSON"))},
        auxiliaries=[{"name": a.name, "weight": a.weight} | _value(a.value) for a in graph.auxiliaries],
    )
    for layer in graph.layers():
        plain.add_node(layer.id, **_node(layer, graph.nx.nodes[layer.id]))
    for source, target, data in graph.nx.edges(data=True):
        plain.add_edge(source, target, input=data["input"], port=data["port"])
    result: dict[str, Any] = nx.node_link_data(plain, edges="edges")
    return result


def _node(layer: Layer, data: dict[str, Any]) -> dict[str, Any]:
    line, column = layer.span.source.position(layer.span.start)
    return {
        "op": data["op"],
        "args": data["args"],
        "shape": list(layer.shape),
        "shapes": [list(shape) for shape in layer.shapes],
        "path": data["path"],
        "name": layer.name,
        "file": layer.span.source.name,
        "line": line,
        "column": column,
        "training_only": layer.training_only,
    }


def _value(value: Value) -> dict[str, int]:
    return {"node": value.node, "port": value.port}
